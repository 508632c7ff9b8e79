#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pool_pgs
version_added: 0.1.0
short_description: Bring Ceph pools to their planned number of placement groups
description:
  - Turns the autoscaler off for the named pools, and sets C(pg_num) and C(pgp_num).
  - Ceph only notes the new number and gets there in small steps, for hours or days. This module compares and sets the
    targets. Equal targets are done, whatever the steps or the cluster's health are doing, and it does not wait.
  - Before it changes a number it asks for a cluster that is well, with no full or nearly full OSD or pool, no flag
    C(nopgchange) on the pool, and for C(mon_max_pg_per_osd) to hold for every OSD, all pools counted, with any one
    host out. Else it fails with the reasons and changes nothing.
  - The autoscale mode that it found is kept in the cluster, as C(virtscale.tuning/pool/<name>) of C(ceph config-key).
extends_documentation_fragment:
  - virtscale.tuning.ceph
  - virtscale.tuning.ceph.benign_checks
  - virtscale.tuning.attributes
author: The virtscale.tuning maintainers (@virtscale)
attributes:
  check_mode:
    support: full
    details:
      - The gates are asked in check mode too, and refuse as they would without it.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) applies the plan.
      - V(absent) gives the autoscale mode back. A pool whose mode was V(on) gets it back only where the autoscaler
        would change nothing now; else its mode becomes V(warn). The number of placement groups is never given back.
    type: str
    choices: [present, absent]
    default: present
  pools:
    description:
      - The pools and their plan.
      - With O(state=absent) only the names matter; without any, all pools that this module has changed are given back.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the pool.
        type: str
        required: true
      pg_num:
        description: The number of placement groups, required by O(state=present).
        type: raw
      evidence:
        description: Why it is this number; it becomes part of RV(rows).
        type: str
        default: as planned
  allow_lower:
    description:
      - Whether a pool that has more placement groups than planned may be merged down. By default it keeps them.
    type: bool
    default: false
  wait_ramp_s:
    description:
      - Seconds to watch the pools on the way to their targets, ended early when they are there.
      - It gives RV(ramp[].eta_s) a rate to go by. It never fails.
    type: int
    default: 0
seealso:
  - module: virtscale.tuning.placement_groups
  - module: virtscale.tuning.ceph_pool_info
"""

EXAMPLES = r"""
- name: Give the pool the planned number of placement groups
  virtscale.tuning.ceph_pool_pgs:
    pools:
      - name: vms
        pg_num: 4096

- name: Give back the autoscale mode of all pools that were changed
  virtscale.tuning.ceph_pool_pgs:
    state: absent
"""

RETURN = r"""
rows:
  description: What was found, wanted and is effective now, for each value of each pool.
  returned: success and when a gate refuses
  type: list
  elements: dict
  sample:
    - where: pool vms
      what: pg_num
      before: "32"
      wanted: "4096"
      effective: "4096"
      status: changed
      why: 100 x 141 x 0.85 / 3 = 3995.0, nearest power of two 4096
ramp:
  description: How far each pool is on the way to its targets.
  returned: success, with O(state=present)
  type: list
  elements: dict
  contains:
    pool:
      description: Name of the pool.
      type: str
    pg_num:
      description: Placement groups now.
      type: int
    pg_num_target:
      description: Placement groups at the end.
      type: int
    pgp_num:
      description: Placement groups for placement now.
      type: int
    pgp_num_target:
      description: Placement groups for placement at the end.
      type: int
    settled:
      description: Whether the pool is at its targets.
      type: bool
    eta_s:
      description: Seconds left at the rate seen within O(wait_ramp_s); null when none was seen.
      type: int
via:
  description: The way to the cluster that was used.
  returned: success
  type: str
  sample: rados
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CEPH_ARGUMENTS, open_client
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import BENIGN_CHECKS
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_give_back import give_back
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_pgs import apply_plans, parse_plans
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_ramp import watch_ramp

ARGUMENT_SPEC = {
    **CEPH_ARGUMENTS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "pools": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "pg_num": {"type": "raw"},
            "evidence": {"type": "str", "default": "as planned"},
        },
    },
    "allow_lower": {"type": "bool", "default": False},
    "benign_checks": {"type": "list", "elements": "str", "default": list(BENIGN_CHECKS)},
    "wait_ramp_s": {"type": "int", "default": 0},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    pools = params["pools"]
    if params["state"] == "absent":
        with open_client(params) as client:
            names = None if pools is None else [pool["name"] for pool in pools]
            return {**give_back(client, names, check_mode), "via": client.via}
    plans = parse_plans(pools)
    with open_client(params) as client:
        result = apply_plans(
            client,
            plans,
            allow_lower=params["allow_lower"],
            benign_checks=params["benign_checks"],
            check_mode=check_mode,
        )
        wait_s = 0 if check_mode else params["wait_ramp_s"]
        return {**result, "ramp": watch_ramp(client, [plan.name for plan in plans], wait_s), "via": client.via}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC, required_if=[("state", "present", ("pools",))])


if __name__ == "__main__":
    main()
