# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The pods of each node in sums, and the disruption budgets that would hold up a drain of it.

Pods pass by one by one and are forgotten: a cluster has tens of thousands.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.drain_pods import (
    Budget,
    Pod,
    covering,
    parse_budget,
    parse_pod,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import annotations_of, labels_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import Requests, requests_of_pod

Object = t.Mapping[str, t.Any]
Facts = t.Dict[str, t.Any]
# Namespace, name and node of an instance.
Place = t.Tuple[str, str, str]

_LAUNCHER = ("kubevirt.io", "virt-launcher")
_DOMAIN = "kubevirt.io/domain"
_DEFAULT_GRACE_S = 30


class PodTally:
    """Sums over all pods, by node."""

    def __init__(self, budgets: t.Iterable[Object]) -> None:
        self._budgets: dict[str, list[Budget]] = {}
        self._selectors: dict[str, t.Any] = {}
        for item in budgets:
            if not _of_machine(item):
                budget = parse_budget(item)
                self._budgets.setdefault(budget.namespace, []).append(budget)
                self._selectors[str(budget)] = (item.get("spec") or {}).get("selector")
        self._held: dict[tuple[Budget, str], dict[str, list[str]]] = {}
        self._nodes: dict[str, Facts] = {}
        # What the pod of each virtual machine asks of its node.
        self.launchers: dict[Place, Requests] = {}

    def see(self, pod: Object) -> None:
        """Take account of one pod; those without a node and those that have ended take no place."""
        spec = pod.get("spec") or {}
        node = spec.get("nodeName")
        if not node or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return
        asked = requests_of_pod(spec)
        sums = self._nodes.setdefault(node, _nothing())
        _add(sums, "", 1, asked)
        if labels_of(pod).get(_LAUNCHER[0]) == _LAUNCHER[1]:
            machine = annotations_of(pod).get(_DOMAIN, "")
            self.launchers[pod["metadata"]["namespace"], machine, node] = asked
            _add(sums, "moving_", 1, asked)
            return
        drained = parse_pod(pod)
        if drained is not None:
            _add(sums, "moving_", 1, asked)
            sums["count"] += 1
            # A string, as keys of JSON are.
            grace = str(spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_S))
            sums["graces"][grace] = sums["graces"].get(grace, 0) + 1
            self._see_budgets(drained, node)

    def nodes(self) -> dict[str, Facts]:
        """Return the sums of each node that has a pod."""
        for sums in self._nodes.values():
            for key in ("cpu_cores", "moving_cpu_cores"):
                sums[key] = round(sums[key], 3)
        return dict(sorted(self._nodes.items()))

    def budgets(self) -> list[Facts]:
        """Return the budgets that would hold up a drain, and the pods of each node that they keep."""
        return [
            {
                "name": budget.name,
                "namespace": budget.namespace,
                "selector": self._selectors[str(budget)],
                "why": why,
                "pods": pods,
            }
            for (budget, why), pods in self._held.items()
        ]

    def _see_budgets(self, pod: Pod, node: str) -> None:
        found = covering(self._budgets.get(pod.namespace, ()), pod)
        if len(found) > 1:
            # The eviction API refuses that whatever they allow.
            why = "several cover one pod: " + ", ".join(budget.name for budget in found)
            self._held.setdefault((found[0], why), {}).setdefault(node, []).append(pod.name)
        elif found and not found[0].lets_go(pod):
            self._held.setdefault((found[0], found[0].why), {}).setdefault(node, []).append(pod.name)


def _nothing() -> Facts:
    return {
        "count": 0,
        "graces": {},
        "pods": 0,
        "cpu_cores": 0.0,
        "memory_bytes": 0,
        "moving_pods": 0,
        "moving_cpu_cores": 0.0,
        "moving_memory_bytes": 0,
    }


def _add(sums: Facts, prefix: str, pods: int, asked: Requests) -> None:
    sums[f"{prefix}pods"] += pods
    sums[f"{prefix}cpu_cores"] += asked.cpu_cores
    sums[f"{prefix}memory_bytes"] += asked.memory_bytes


def _of_machine(budget: Object) -> bool:
    """Return whether older releases of KubeVirt made a budget for one virtual machine, which migrates all the same."""
    owners = budget["metadata"].get("ownerReferences") or []
    return any(owner.get("kind") == "VirtualMachineInstance" for owner in owners)
