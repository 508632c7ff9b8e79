#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_migrate
short_description: Do one step of a migration of etcd from the v2 to the v3 storage on one member
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Runs on the member, as root. The role etcd_host puts the steps in their order, with the starts and stops of the
    service between them; M(virtscale.tuning.etcd_migrate_plan) tells which of them are left.
  - Each step looks at what is there and does only what is left to do, so that a run which was killed is finished by
    running it again. Stores are moved by renames. The v2 store is kept as it was, in C(v2-migration) of the data
    directory, where backup and journal are too.
  - Values of keys are kept as their SHA-256 alone.
  - Needs C(etcd), and an C(etcdctl) that migrates, which are those before 3.5.
extends_documentation_fragment:
  - virtscale.tuning.attributes
attributes:
  check_mode:
    support: partial
    details:
      - V(survey) only looks. The others do nothing and say that something would change, because what they would find
        is not there yet.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - V(list_keys), V(backup) and V(adopt) do their work each time.
options:
  step:
    description:
      - V(survey) reads settings, stores, journal and what the member says. V(measure) watches disk, processor and
        memory of it.
      - V(list_keys) writes down every v2 key, and fails while somebody writes. V(backup) makes a backup and starts a
        throw-away member on loopback from a copy of it to compare all keys.
      - V(keep) moves the store of the stopped member aside. V(transform) puts a transformed copy of it to use.
      - V(force_new_cluster) and V(settle) make it a cluster of its own, V(add) lets that take another member and
        V(adopt) prepares that one. V(await) waits until a member is ready.
      - V(lease) gives keys the rest of their time to live, V(compare) compares every key of this member with the
        list, V(finish) writes down that it is over.
      - V(give_back), or V(use_backup) where a kept store is lost, puts the v2 store to use again, V(compare_back)
        compares every key and V(conclude_back) writes down that the migration is no more.
    type: str
    required: true
    choices:
      - survey
      - measure
      - list_keys
      - backup
      - keep
      - transform
      - force_new_cluster
      - settle
      - await
      - add
      - adopt
      - lease
      - compare
      - finish
      - give_back
      - use_backup
      - compare_back
      - conclude_back
  environment_file:
    description:
      - The file with the settings of the member, as C(ETCD_NAME) and so on.
      - By default C(/etc/etcd/etcd.conf), or C(/etc/default/etcd) where that is the one that is there.
    type: path
  etcd:
    description: The program etcd, for throw-away members.
    type: str
    default: etcd
  etcdctl:
    description: The program etcdctl.
    type: str
    default: etcdctl
  master_config:
    description: The configuration of a master of OpenShift 3 on this host, where there is one that may run etcd itself.
    type: path
    default: /etc/origin/master/master-config.yaml
  timeout_s:
    description: How many seconds V(settle) and V(await) wait.
    type: int
    default: 120
  back:
    description: Whether the step is one of the way back.
    type: bool
    default: false
  when:
    description: For V(measure), whether it is before or after the migration. Each is measured once.
    type: str
    choices: [before, after]
    default: before
  measure_s:
    description: For V(measure), how many seconds the member is watched at rest, and again under load.
    type: int
    default: 10
  load_puts_per_s:
    description: For V(measure), how many small values a second are written to the member meanwhile. With 0 none.
    type: int
    default: 0
  members:
    description: For V(await), how many members must have started.
    type: int
    default: 1
  peer_name:
    description: For V(add), the name of the member.
    type: str
    default: ""
  peer_urls:
    description: For V(add), where the others reach the member.
    type: list
    elements: str
    default: []
  initial_cluster:
    description: For V(adopt), what V(add) returned.
    type: str
    default: ""
seealso:
  - module: virtscale.tuning.etcd_migrate_plan
"""

EXAMPLES = r"""
- name: Look at the member
  virtscale.tuning.etcd_migrate:
    step: survey
  register: found

- name: Back it up, and see that the backup restores
  virtscale.tuning.etcd_migrate:
    step: backup
"""

RETURN = r"""
facts:
  description: What the member is found to be.
  returned: for V(survey)
  type: dict
figures:
  description:
    - For C(before) and C(after), as far as measured, the figures at C(rest) and under C(load).
    - C(write_iops), C(read_iops), C(write_kib) and C(read_kib) (a write's and a read's mean size) and the largest
      means of a second are the device's, C(cpu_percent), C(rss_mib) and C(process_write_kib_s) the process's.
  returned: for V(measure)
  type: dict
keys:
  description: How many v2 keys there are.
  returned: for V(list_keys)
  type: int
expiring:
  description: How many of them have a time to live.
  returned: for V(list_keys)
  type: int
expiring_by_prefix:
  description: How many of these are below each prefix to which the platform gives a time to live.
  returned: for V(list_keys) and V(lease)
  type: dict
digest:
  description: One digest of all keys that stay. It is the same on all members.
  returned: for V(list_keys)
  type: str
comparison:
  description: How many keys are the same, expired, missing, different, extra, or have another time to live.
  returned: for V(backup), V(compare) and V(compare_back), also when they differ
  type: dict
words:
  description: The same in words.
  returned: for V(backup), V(compare) and V(compare_back)
  type: str
revision:
  description: The revision at which the keys were compared.
  returned: for V(compare)
  type: int
leased:
  description: How many keys were given a lease.
  returned: for V(lease)
  type: int
members:
  description: The members that this one knows of.
  returned: for V(await)
  type: list
  elements: dict
initial_cluster:
  description: What the added member must be started with.
  returned: for V(add)
  type: str
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.steps import STEPS, look, run_step

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "step": {"type": "str", "required": True, "choices": ["survey", *STEPS]},
    "environment_file": {"type": "path"},
    "etcd": {"type": "str", "default": "etcd"},
    "etcdctl": {"type": "str", "default": "etcdctl"},
    "master_config": {"type": "path", "default": "/etc/origin/master/master-config.yaml"},
    "timeout_s": {"type": "int", "default": 120},
    "back": {"type": "bool", "default": False},
    "when": {"type": "str", "choices": ["before", "after"], "default": "before"},
    "measure_s": {"type": "int", "default": 10},
    "load_puts_per_s": {"type": "int", "default": 0},
    "members": {"type": "int", "default": 1},
    "peer_name": {"type": "str", "default": ""},
    "peer_urls": {"type": "list", "elements": "str", "default": []},
    "initial_cluster": {"type": "str", "default": ""},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    if params["step"] == "survey":
        return {"changed": False, "facts": look(params)}
    return {"changed": True} if check_mode else run_step(params)


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
