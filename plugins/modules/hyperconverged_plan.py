#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: hyperconverged_plan
short_description: Plan the limits of live migrations and the replicas of virt-api
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Plans the writes to the HyperConverged object, in the API version that the cluster serves, from facts and without
    touching the cluster.
  - The rows show the limits as KubeVirt has them, and beside each wanted limit the default of the served version.
  - What was there before is kept in an annotation of the object, and returns with O(state=absent).
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.plan
options:
  state:
    description: V(present) plans the limits and replicas, V(absent) the way back.
    type: str
    choices: [present, absent]
    default: present
  limits:
    description: Fields of C(liveMigrationConfig) and their values; timeouts are in seconds.
    type: dict
    default:
      completionTimeoutPerGiB: 800
      parallelMigrationsPerCluster: 20
      parallelOutboundMigrationsPerNode: 4
      progressTimeout: 150
  planned_vms:
    description: How many virtual machines the cluster is to hold, at least 1.
    type: raw
    default: 3000
  vms_per_virt_api:
    description: How many virtual machines one replica of virt-api serves, at least 1; the quotient is rounded up.
    type: raw
    default: 750
  force_virt_api:
    description:
      - Set the replicas also where virt-operator scales virt-api by itself, which it does since KubeVirt 0.53.
      - There, the number of the reference architecture is fewer replicas than it gets without.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Measure the cluster
  virtscale.tuning.ocp_info:
    gather_subset: [machines, hyperconverged]
  register: measured

- name: Plan the limits of the reference architecture
  virtscale.tuning.hyperconverged_plan:
    facts: "{{ measured.facts }}"
    planned_vms: 3000
  register: plan
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
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.plan import (
    HyperConvergedWishes,
    plan_given_back,
    plan_hyperconverged,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import PLAN_SPEC, confirmed
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int

SPEC: dict[str, dict[str, t.Any]] = {
    **PLAN_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "limits": {
        "type": "dict",
        "default": {
            "completionTimeoutPerGiB": 800,
            "parallelMigrationsPerCluster": 20,
            "parallelOutboundMigrationsPerNode": 4,
            "progressTimeout": 150,
        },
    },
    "planned_vms": {"type": "raw", "default": 3000},
    "vms_per_virt_api": {"type": "raw", "default": 750},
    "force_virt_api": {"type": "bool", "default": False},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    if params["state"] == "absent":
        plan = plan_given_back(params["facts"])
    else:
        wishes = HyperConvergedWishes(
            limits=params["limits"],
            planned_vms=parse_int("planned_vms", params["planned_vms"]),
            vms_per_virt_api=parse_int("vms_per_virt_api", params["vms_per_virt_api"]),
            force_virt_api=params["force_virt_api"],
            force_conflicts=params["force_conflicts"],
        )
        plan = plan_hyperconverged(params["facts"], wishes)
    return {
        **plan.as_result(),
        "rows": confirmed(params["expected_rows"], plan.rows, check_mode, given_back=params["state"] == "absent"),
    }


def main() -> t.NoReturn:
    run_module(compute, SPEC)


if __name__ == "__main__":
    main()
