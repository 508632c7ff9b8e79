#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_info
version_added: 0.1.0
short_description: Tell what the cluster still knows of its live migrations
description:
  - Reads the VirtualMachineInstanceMigrations of the cluster and returns how long they waited and ran, by operating
    system, and the limits that hold, from the KubeVirt object.
  - KubeVirt keeps the five newest finished migrations of a virtual machine. To lose none, watch them with
    M(virtscale.tuning.migration_watch).
  - All times are those of the API, which have a resolution of one second. KubeVirt before 0.55 does not stamp the
    phases of a migration. Then only the seconds in which memory moved are known.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.kube
options:
  since:
    description:
      - Of the migrations that have ended, tell only of those that were created after this time, such as
        V(2026-08-01T12:00:00Z).
    type: str
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: See how long migrations take on this cluster
  virtscale.tuning.migration_info:
  register: found

- name: Show it
  ansible.builtin.debug:
    msg: "{{ found.lines }}"
"""

RETURN = r"""
migrations:
  description:
    - The statistics, as M(virtscale.tuning.migration_watch) returns them.
    - C(nodes), C(restarted) and C(not_running) are empty, since nothing was watched.
  returned: success
  type: dict
  sample:
    bin_s: 1
    by_os: {"rhel": {"count": 400, "vms": 400, "mean_s": 14.1, "p50_s": 13.0, "p99_s": 31.0, "share_within_7_s": 0.35}}
    limits: {"parallelMigrationsPerCluster": {"effective": 20, "max_seen": 20, "passed": false}}
lines:
  description: The same as one screen of text.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.survey import known_migrations
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import lines

SPEC: dict[str, dict[str, t.Any]] = {**AUTH_SPEC, "since": {"type": "str"}}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    found = known_migrations(KubeClient.connect(params), params["since"])
    return {"changed": False, "migrations": found, "lines": lines(found)}


def main() -> t.NoReturn:
    run_module(compute, SPEC)


if __name__ == "__main__":
    main()
