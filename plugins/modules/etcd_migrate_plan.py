#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_migrate_plan
short_description: Plan what is left of a migration of etcd to the v3 storage, or of the way back
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Looks what stands against it, and plans from what the members are found to be, without touching them. A migration
    that was interrupted is continued; one that has ended needs nothing more.
  - It is refused when a member is not healthy, has no v2 snapshot, has v3 keys, has a raft index that is not near
    those of the others, runs within a master, or belongs to another cluster than the user names; and when a member of
    the cluster is not among the hosts.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  facts:
    description: For each host what the step V(survey) of M(virtscale.tuning.etcd_migrate) returned.
    type: dict
    required: true
  token:
    description: The C(ETCD_INITIAL_CLUSTER_TOKEN) of the cluster that is meant.
    type: str
    required: true
  state:
    description: V(present) plans the migration, V(absent) the way back.
    type: str
    choices: [present, absent]
    default: present
  discard:
    description: Whether the way back may lose keys that were written to the v3 storage since.
    type: bool
    default: false
  allow_disruption:
    description: Whether nobody may be served by the cluster for a while. Without it the plan is pending.
    type: bool
    default: false
  done:
    description: Whether a plan has just been carried out. What would still be to be done has failed.
    type: bool
    default: false
seealso:
  - module: virtscale.tuning.etcd_migrate
"""

EXAMPLES = r"""
- name: Plan the migration
  virtscale.tuning.etcd_migrate_plan:
    facts: "{{ facts }}"
    token: etcd-cluster-1
    allow_disruption: true
  delegate_to: localhost
  run_once: true
  register: plan
"""

RETURN = r"""
refused:
  description: Whether something stands against it, so that nothing is planned.
  returned: success
  type: bool
carry_out:
  description: Whether the plan may be carried out - it is allowed, not refused and no preview.
  returned: success
  type: bool
steps:
  description: What is left to do, in its order.
  returned: success
  type: list
  elements: str
  sample: [prepare, keep, transform, seed, join, compare, finish]
first:
  description: The host that all begin with.
  returned: success
  type: str
stop:
  description: The hosts whose members are stopped.
  returned: success
  type: list
  elements: str
start:
  description: The hosts whose members are started together.
  returned: success
  type: list
  elements: str
join:
  description: The hosts that are added one after the other.
  returned: success
  type: list
  elements: str
rows:
  description: One row for each finding, and one for the storage.
  returned: success
  type: list
  elements: dict
lines:
  description: The same in words.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.plan import plan_migration

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "facts": {"type": "dict", "required": True},
    "token": {"type": "str", "required": True, "no_log": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "discard": {"type": "bool", "default": False},
    "allow_disruption": {"type": "bool", "default": False},
    "done": {"type": "bool", "default": False},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    made = plan_migration(
        params["facts"],
        params["token"],
        back=params["state"] == "absent",
        discard=params["discard"],
        allowed=params["allow_disruption"],
        done=params["done"],
    )
    may = params["allow_disruption"] and not made.refused and not check_mode
    return {"changed": False, **made.as_result(), "carry_out": may}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
