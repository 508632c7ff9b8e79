#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: migration_plan
short_description: Plan a rollout that drains pools of virtual machines
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Plans the trigger of a migration, a MachineConfig for each pool, from facts and without touching the cluster. The
    id of the run stands in its one file, because an identical file would start no rollout.
  - Looks first at what stands against it - pools and nodes that are unwell, virtual machines that could not leave their
    node or would stay down, PodDisruptionBudgets, missing room, other migrations. Anything refused means that nothing
    is planned. Without V(virtual_machines) in the facts it does not look.
  - Pools are planned paused with this collection's mark, so that all of them are rendered before the first one rolls;
    M(virtscale.tuning.rollout) releases them.
  - A trigger whose rollout has not come to its end is continued, not replaced. All of that is in the cluster.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.plan
  - virtscale.tuning.plan.planned
options:
  state:
    description:
      - V(present) plans a migration.
      - V(absent) plans the removal of the triggers, which is another rollout, and of the policy after the last one.
    type: str
    choices: [present, absent]
    default: present
  pools:
    description:
      - The MachineConfigPools, in the order in which they roll.
      - If empty, the pools of all zones, or with O(state=absent) all that have a trigger.
    type: list
    elements: str
    default: []
  run_id:
    description:
      - The id of this run, letters, digits, dots, dashes and underscores. It must differ from run to run; let it begin
        with the moment.
      - If not given, the present moment.
    type: str
  drain_only:
    description:
      - Whether a node is drained and not rebooted, by a node disruption policy for the trigger's file. Refused where
        the cluster has no such policies.
    type: bool
    default: false
  max_disrupted_share:
    description: The share of all workers that may be out of service at a time, above 0 and at most 1.
    type: raw
    default: 0.1
  before:
    description:
      - The facts of before the migration. The rows then also compare nodes and virtual machines with them, and nothing
        is looked at that stands against a run.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Measure the cluster
  virtscale.tuning.ocp_info:
    gather_subset: [machines, hyperconverged, virtual_machines, triggers]
  register: measured

- name: Plan a migration of one zone
  virtscale.tuning.migration_plan:
    facts: "{{ measured.facts }}"
    pools: [zone-0]
    allow_disruption: true
  register: plan

- name: Show what is disrupted, or what stands against it
  ansible.builtin.debug:
    msg: "{{ plan.lines }}"

- name: Hold the pool and write the trigger
  kubernetes.core.k8s:
    resource_definition: "{{ plan.definitions }}"
    apply: true
    server_side_apply:
      field_manager: virtscale.tuning
      force_conflicts: "{{ plan.force_conflicts }}"

- name: Roll it
  virtscale.tuning.rollout:
    pools: "{{ plan.pools }}"
    expect: "{{ plan.expect }}"
"""

RETURN = r"""
migration_id:
  description: The id of the run, that of the earlier one where it is continued.
  returned: success
  type: str
  sample: 20260801T120000Z-migrate
continues:
  description: Whether an earlier run is continued.
  returned: success
  type: bool
refused:
  description: Whether something stands against the run, so that nothing is planned.
  returned: success
  type: bool
preflight:
  description: One row for each finding of the look before, V(refused) or a V(note) of what is going to happen.
  returned: success
  type: list
  elements: dict
rows:
  description: One row for each trigger and the policy; with O(before) also those of nodes and virtual machines.
  returned: success
  type: list
  elements: dict
lines:
  description: What somebody has to know before it begins, in words.
  returned: success
  type: list
  elements: str
reboots:
  description: Whether nodes reboot after they were drained.
  returned: success
  type: bool
pools:
  description: The pools that are to roll, in their order.
  returned: success
  type: list
  elements: str
rolling:
  description: Those of them that have nodes left to drain, as M(virtscale.tuning.rollout_forecast) takes them.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "zone-0", "left": ["worker01", "worker02"]}]
expect:
  description: For each pool, the MachineConfigs that must be rendered into it.
  returned: success
  type: dict
  sample: {"zone-0": ["99-zone-0-virtscale-migration"]}
policy:
  description: Definitions to apply first; wait until they are in effect.
  returned: success
  type: list
  elements: dict
policy_after:
  description: Definitions to apply when the rollout is over, which take the policy back.
  returned: success
  type: list
  elements: dict
planned:
  description:
    - What the writes of this plan and of earlier ones come to, for a preview of later steps - labels of nodes, merge
      patches of pools and the names of KubeletConfigs that go.
  returned: success
  type: dict
patches:
  description: Always empty.
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
"""

import datetime
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import PLANNED_SPEC, planned_together
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import PLAN_SPEC, confirmed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.plan import (
    MigrationWishes,
    plan_migration,
    planned_pools,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.proof import prove
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **PLAN_SPEC,
    **PLANNED_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "pools": {"type": "list", "elements": "str", "default": []},
    "run_id": {"type": "str"},
    "drain_only": {"type": "bool", "default": False},
    "max_disrupted_share": {"type": "raw", "default": 0.1},
    "before": {"type": "dict", "default": {}},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Return the plan; also for the action plugin of this name."""
    facts, before = params["facts"], params["before"]
    present = params["state"] == "present"
    wishes = MigrationWishes(
        pools=params["pools"],
        run_id=params["run_id"] or f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%dT%H%M%SZ}",
        present=present,
        drain_only=params["drain_only"],
        max_disrupted_share=parse_decimal("max_disrupted_share", params["max_disrupted_share"], above=0, maximum=1),
        allow_disruption=params["allow_disruption"],
        force_conflicts=params["force_conflicts"],
    )
    plan = plan_migration(facts, wishes, look="virtual_machines" in facts and not before)
    rows = confirmed(params["expected_rows"], plan.rows, check_mode, given_back=not present)
    if before and not check_mode:
        rows += prove(before, facts, planned_pools(params["expected_rows"]))
    return {**plan.as_result(), "rows": rows, "planned": planned_together(params["planned"], plan.planned)}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
