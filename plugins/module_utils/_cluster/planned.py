# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What plans make of nodes, pools and KubeletConfigs, for the steps that follow where they are only previewed.

``node_labels``: node to labels, None removes one. ``pools``: merge patches, in the order in which they are made.
``kubelet_configs_absent``: names.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, labels_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import KubePlan

# Mirrors the documentation fragment virtscale.tuning.plan.planned.
PLANNED_SPEC: dict[str, dict[str, t.Any]] = {"planned": {"type": "dict", "default": {}}}


@dataclass
class MachinePlan(KubePlan):
    """The writes, and what comes of them, allowed or not."""

    planned: Object = field(default_factory=dict)

    def foresee(self) -> None:
        """Note what the writes come to, before those that are not allowed are withheld."""
        writes = [*self.patches, *self.definitions]
        gone = [item["metadata"]["name"] for item in self.absent if item["kind"] == "KubeletConfig"]
        self.planned = {
            "node_labels": {item["metadata"]["name"]: labels_of(item) for item in writes if item["kind"] == "Node"},
            "pools": [item for item in writes if item["kind"] == "MachineConfigPool"],
            "kubelet_configs_absent": gone,
        }

    def as_result(self) -> dict[str, t.Any]:
        """Return the plan as return values of a module."""
        return {**super().as_result(), "planned": self.planned}


def planned_together(*parts: t.Mapping[str, t.Any]) -> Object:
    """Return what several plans, one after the other, come to."""
    labels: dict[str, dict[str, str | None]] = {}
    for part in parts:
        for node, changes in (part.get("node_labels") or {}).items():
            labels[node] = {**labels.get(node, {}), **changes}
    return {
        "node_labels": labels,
        "pools": [pool for part in parts for pool in part.get("pools") or []],
        "kubelet_configs_absent": [name for part in parts for name in part.get("kubelet_configs_absent") or []],
    }
