#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: zone_plan
short_description: Plan zones of OpenShift workers that roll one after the other
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Spreads the workers over zones and plans a MachineConfigPool for each, from facts and without touching the cluster.
  - A node keeps its zone, because a move is a reboot; new nodes fill the smallest zone. Nodes in another custom pool
    are left alone and named; the control plane is never touched.
  - Pools are planned paused with this collection's mark, so that all changes of a run cost a node one reboot.
  - A custom pool drops the worker pool's KubeletConfig; where one of this collection selects the worker pool, the zones
    are labelled for it too.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.plan
  - virtscale.tuning.plan.estimate
  - virtscale.tuning.plan.planned
options:
  state:
    description:
      - V(present) plans the zones.
      - V(absent) plans what can be taken back now; run it again after the rollout for the rest.
    type: str
    choices: [present, absent]
    default: present
  zones:
    description: The number of zones, at least 1.
    type: raw
    default: 3
  prefix:
    description: Zones, their pools and roles are called I(prefix)C(-0), I(prefix)C(-1) and so on.
    type: str
    default: zone
  max_unavailable:
    description: How many nodes of a zone may be out of service at a time, at least 1; O(max_disrupted_share) caps it.
    type: raw
    default: 10
  max_disrupted_share:
    description:
      - The share of all workers that may be out of service at a time, above 0 and at most 1.
      - It is rounded down to whole nodes, at least one.
    type: raw
    default: 0.1
  rebalance:
    description:
      - Move nodes, which reboots them, until the sizes of the zones differ by at most one and none lies beyond
        O(zones).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Measure the cluster
  virtscale.tuning.ocp_info:
    gather_subset: [machines]
  register: measured

- name: Plan three zones
  virtscale.tuning.zone_plan:
    facts: "{{ measured.facts }}"
    zones: 3
    max_unavailable: 10
    allow_disruption: true
  register: plan

- name: Make them
  kubernetes.core.k8s:
    resource_definition: "{{ plan.definitions }}"
    server_side_apply:
      field_manager: virtscale.tuning
      force_conflicts: "{{ plan.force_conflicts }}"
"""

RETURN = r"""
patches:
  description: Merge patches to make first, with C(state=patched) of P(kubernetes.core.k8s#module).
  returned: success
  type: list
  elements: dict
definitions:
  description: Objects to apply then, in this order, on the server side with the field manager C(virtscale.tuning).
  returned: success
  type: list
  elements: dict
force_conflicts:
  description: Whether a definition takes over a field of another manager, and may.
  returned: success
  type: bool
absent:
  description: Objects to delete last.
  returned: success
  type: list
  elements: dict
rows:
  description: Each value with what was found, what is wanted, and why.
  returned: success
  type: list
  elements: dict
planned:
  description:
    - What the writes of this plan and of earlier ones come to, for a preview of later steps - labels of nodes, merge
      patches of pools and the names of KubeletConfigs that go.
  returned: success
  type: dict
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import PLANNED_SPEC, planned_together
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import (
    ESTIMATE_SPEC,
    PLAN_SPEC,
    confirmed,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.plan import ZoneWishes, plan_zones
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.rollback import plan_zones_given_back

SPEC: dict[str, dict[str, t.Any]] = {
    **PLAN_SPEC,
    **ESTIMATE_SPEC,
    **PLANNED_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "zones": {"type": "raw", "default": 3},
    "prefix": {"type": "str", "default": "zone"},
    "max_unavailable": {"type": "raw", "default": 10},
    "max_disrupted_share": {"type": "raw", "default": 0.1},
    "rebalance": {"type": "bool", "default": False},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    machines = Machines.from_facts(
        params["facts"], params["planned"], drain_s=params["drain_s"], reboot_s=params["reboot_s"]
    )
    share = parse_decimal("max_disrupted_share", params["max_disrupted_share"], above=0, maximum=1)
    if params["state"] == "absent":
        plan = plan_zones_given_back(machines, share, params["allow_disruption"])
    else:
        wishes = ZoneWishes(
            zones=parse_int("zones", params["zones"]),
            prefix=params["prefix"],
            max_unavailable=parse_int("max_unavailable", params["max_unavailable"]),
            max_disrupted_share=share,
            allow_disruption=params["allow_disruption"],
            force_conflicts=params["force_conflicts"],
            rebalance=params["rebalance"],
        )
        plan = plan_zones(machines, wishes)
    return {
        **plan.as_result(),
        "planned": planned_together(params["planned"], plan.planned),
        "rows": confirmed(params["expected_rows"], plan.rows, check_mode, given_back=params["state"] == "absent"),
    }


def main() -> t.NoReturn:
    run_module(compute, SPEC)


if __name__ == "__main__":
    main()
