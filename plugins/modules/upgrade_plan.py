#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade_plan
version_added: 0.1.0
short_description: Look what stands against an upgrade of an OpenShift cluster, and plan it
description:
  - Takes measured facts and says where the cluster stands, what an upgrade would do, and what stands against it. It
    reads and writes nothing by itself.
  - Refused, with the reason, is a target that the cluster is not offered, or only with known risks; a channel that the
    release is not in; a cluster that fails, or that updates already; an operator that is degraded; a minor upgrade
    while C(Upgradeable) is V(False) or an acknowledgement is not given; a pool that is degraded, paused by somebody or
    half updated; a node that is cordoned or not ready; virtual machines, budgets and a lack of room by which a drain
    would never end.
  - Acknowledgements are shown with the command that gives them, and are never given.
  - With several pools of workers, they are to be held until the control plane is done, and to roll then as
    M(virtscale.tuning.rollout) rolls pools.
  - An action plugin of the same name computes it on the controller.
options:
  facts:
    description:
      - RV(virtscale.tuning.ocp_info#module:facts), measured just before, of the subsets V(version), V(machines) and,
        for the look before, V(hyperconverged) and V(virtual_machines).
    type: dict
    required: true
  one_at_a_time:
    description: Whether pools roll one after the other.
    type: bool
    default: true
  max_disrupted_share:
    description: How much of all workers may be out of service at once. Above 0, at most 1.
    type: raw
    default: 0.1
  allow_disruption:
    description: Whether the cluster may be upgraded. Without it, rows are V(pending).
    type: bool
    default: false
  before:
    description:
      - The facts from before an upgrade. The rows then tell what came of it, for the version, nodes and virtual
        machines.
    type: dict
    default: {}
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.upgrade
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Measure
  virtscale.tuning.ocp_info:
    gather_subset: [version, machines, hyperconverged, virtual_machines]
  register: measured

- name: Look what stands against 4.10.9
  virtscale.tuning.upgrade_plan:
    facts: "{{ measured.facts }}"
    to: 4.10.9
    channel: candidate-4.10
  register: plan
"""

RETURN = r"""
before:
  description: The version that the upgrade comes from.
  returned: success
  type: str
  sample: 4.9.23
to:
  description: The version that it goes to, empty where only an image is known.
  returned: success
  type: str
  sample: 4.10.9
continues:
  description: Whether it has begun, and is only to be watched to its end.
  returned: success
  type: bool
done:
  description: Whether the control plane and every node have the version, and that was told.
  returned: success
  type: bool
refused:
  description: Whether something stands against it.
  returned: success
  type: bool
pools:
  description: The pools of workers, in the order in which they roll.
  returned: success
  type: list
  elements: str
hold:
  description: The pools that are to be paused until the control plane is done.
  returned: success
  type: list
  elements: str
preflight:
  description: One row for each finding of the look before, V(refused) or a V(note).
  returned: success
  type: list
  elements: dict
rows:
  description: Rows of the version and the channel; with O(before) also those of nodes and virtual machines.
  returned: success
  type: list
  elements: dict
lines:
  description: What somebody has to know before it begins, in words.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.plan import UpgradeWishes, plan_upgrade
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.proof import prove_upgrade
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import WANTED_SPEC, Wanted

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    **WANTED_SPEC,
    "facts": {"type": "dict", "required": True},
    "one_at_a_time": {"type": "bool", "default": True},
    "max_disrupted_share": {"type": "raw", "default": 0.1},
    "allow_disruption": {"type": "bool", "default": False},
    "before": {"type": "dict", "default": {}},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Return the plan; also for the action plugin of this name."""
    facts, before = params["facts"], params["before"]
    wishes = UpgradeWishes(
        wanted=Wanted.parse(params),
        one_at_a_time=params["one_at_a_time"],
        max_disrupted_share=parse_decimal("max_disrupted_share", params["max_disrupted_share"], above=0, maximum=1),
        allow_disruption=params["allow_disruption"],
    )
    plan = plan_upgrade(facts, wishes, look=not before)
    if before and not check_mode:
        plan.rows = prove_upgrade(before, facts, wishes)
    return plan.as_result()


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
