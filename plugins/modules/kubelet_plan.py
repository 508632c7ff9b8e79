#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: kubelet_plan
short_description: Plan one KubeletConfig for the pools that the workers are really in
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Plans a KubeletConfig and the labels by which it selects pools, from facts and without touching the cluster.
  - It selects the zones and pools of this collection and, while nodes remain there, the worker pool. Other custom pools
    are named and left as they are, unless they are asked for.
  - Fields and ranges are checked here, because the machine-config operator drops misspelt fields and takes any number.
  - Refused, with the reason in the rows, is what the cluster stands against - more pods than a node has addresses for,
    a failed KubeletConfig that stops all rendering, and settings of another KubeletConfig that would be lost, because
    KubeletConfigs on one pool override each other in full.
  - The rows of nodes prove the effect - capacity, and with the facts of kubelets their effective configuration.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.plan
  - virtscale.tuning.plan.estimate
  - virtscale.tuning.plan.planned
options:
  state:
    description:
      - V(present) plans the KubeletConfig.
      - V(absent) plans what can be taken back now; run it again once the object is gone for the rest.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: The name of the KubeletConfig.
    type: str
    default: virtscale-tuning
  settings:
    description:
      - Fields of C(KubeletConfiguration) v1beta1 and their values.
      - Zero, false and empty values are refused, because the operator takes them for not set.
    type: dict
    default:
      maxPods: 500
      kubeAPIBurst: 200
      kubeAPIQPS: 100
      nodeStatusMaxImages: -1
  pool_label:
    description: The label that pools get, and by which the KubeletConfig selects them.
    type: dict
    default:
      custom-kubelet: enabled
  pools:
    description: Custom pools to tune beside the worker pool and those of this collection.
    type: list
    elements: str
    default: []
  layout:
    description:
      - V(one) is one KubeletConfig.
      - V(seed) are the two of the reference architecture, C(set-max-pods) and C(custom-scheduling). It fails where the
        second would take the settings of the first away.
    type: str
    choices: [one, seed]
    default: one
"""

EXAMPLES = r"""
- name: Measure the cluster and every kubelet
  virtscale.tuning.ocp_info:
    gather_subset: [machines, network, kubelets]
  register: measured

- name: Plan 500 pods a node
  virtscale.tuning.kubelet_plan:
    facts: "{{ measured.facts }}"
    settings:
      maxPods: 500
    allow_disruption: true
  register: plan
"""

RETURN = r"""
planned:
  description:
    - What the writes of this plan and of earlier ones come to, for a preview of later steps - labels of nodes, merge
      patches of pools and the names of KubeletConfigs that go.
  returned: success
  type: dict
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
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.plan import KubeletWishes, plan_kubelet
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.rollback import plan_kubelet_given_back

SPEC: dict[str, dict[str, t.Any]] = {
    **PLAN_SPEC,
    **ESTIMATE_SPEC,
    **PLANNED_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "name": {"type": "str", "default": "virtscale-tuning"},
    "settings": {
        "type": "dict",
        "default": {"maxPods": 500, "kubeAPIBurst": 200, "kubeAPIQPS": 100, "nodeStatusMaxImages": -1},
    },
    "pool_label": {"type": "dict", "default": {"custom-kubelet": "enabled"}},
    "pools": {"type": "list", "elements": "str", "default": []},
    "layout": {"type": "str", "choices": ["one", "seed"], "default": "one"},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    machines = Machines.from_facts(
        params["facts"], params["planned"], drain_s=params["drain_s"], reboot_s=params["reboot_s"]
    )
    if params["state"] == "absent":
        plan = plan_kubelet_given_back(machines, params["name"], params["pool_label"], params["allow_disruption"])
    else:
        wishes = KubeletWishes(
            name=params["name"],
            settings=params["settings"],
            pool_label=params["pool_label"],
            pools=params["pools"],
            seed_layout=params["layout"] == "seed",
            allow_disruption=params["allow_disruption"],
            force_conflicts=params["force_conflicts"],
        )
        plan = plan_kubelet(machines, params["facts"], wishes)
    return {
        **plan.as_result(),
        "planned": planned_together(params["planned"], plan.planned),
        "rows": confirmed(params["expected_rows"], plan.rows, check_mode, given_back=params["state"] == "absent"),
    }


def main() -> t.NoReturn:
    run_module(compute, SPEC)


if __name__ == "__main__":
    main()
