# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The pods of each node in sums, and the disruption budgets that would hold up a drain of it.

Pods pass by one by one and are forgotten: a cluster has tens of thousands. What a drain evicts, and what a budget
keeps it from, follows ``kubectl drain`` and the eviction API of Kubernetes.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._label_selector import Selector
from ansible_collections.virtscale.tuning.plugins.module_utils._objects import annotations_of, labels_of
from ansible_collections.virtscale.tuning.plugins.module_utils._quantities import Requests, requests_of_pod

Object = t.Mapping[str, t.Any]
Facts = t.Dict[str, t.Any]
# Namespace, name and node of an instance.
Place = t.Tuple[str, str, str]

_MIRROR = "kubernetes.io/config.mirror"
_LAUNCHER = ("kubevirt.io", "virt-launcher")
_DOMAIN = "kubevirt.io/domain"
_DEFAULT_GRACE_S = 30


class Budget:
    """A PodDisruptionBudget that allows no disruption now, and the pods that it covers."""

    def __init__(self, item: Object) -> None:
        self.name: str = item["metadata"]["name"]
        self.namespace: str = item["metadata"]["namespace"]
        spec = item.get("spec") or {}
        self._spec = spec.get("selector")
        self._selector = Selector.parse(self._spec)
        self._unready_may_go = spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        self._pods: dict[str, list[str]] = {}

    @staticmethod
    def stops(item: Object) -> bool:
        """Return whether a PodDisruptionBudget allows no disruption now; those of single VMs are KubeVirt's own."""
        owners = item["metadata"].get("ownerReferences") or []
        of_machine = any(owner.get("kind") == "VirtualMachineInstance" for owner in owners)
        return not of_machine and not (item.get("status") or {}).get("disruptionsAllowed")

    def see(self, pod: Object, node: str) -> None:
        """Note a pod that a drain would evict, if the budget keeps it."""
        matches = self._selector.matches(labels_of(pod)) or self._spec == {}
        status = pod.get("status") or {}
        # The API evicts pods that have not started without asking any budget.
        if not matches or pod["metadata"]["namespace"] != self.namespace or status.get("phase") == "Pending":
            return
        if self._unready_may_go and not _ready(status):
            return
        self._pods.setdefault(node, []).append(pod["metadata"]["name"])

    def as_facts(self) -> Facts | None:
        """Return what it keeps where, or None when it keeps nothing."""
        if not self._pods:
            return None
        return {"name": self.name, "namespace": self.namespace, "selector": self._spec, "pods": self._pods}


class PodTally:
    """Sums over all pods, by node."""

    def __init__(self, budgets: t.Iterable[Object]) -> None:
        self._budgets = [Budget(item) for item in budgets if Budget.stops(item)]
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
        elif not _stays(pod):
            _add(sums, "moving_", 1, asked)
            sums["count"] += 1
            sums["grace_s"] = max(sums["grace_s"], float(spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE_S)))
            for budget in self._budgets:
                budget.see(pod, node)

    def nodes(self) -> dict[str, Facts]:
        """Return the sums of each node that has a pod."""
        for sums in self._nodes.values():
            for key in ("cpu_cores", "moving_cpu_cores"):
                sums[key] = round(sums[key], 3)
        return dict(sorted(self._nodes.items()))

    def budgets(self) -> list[Facts]:
        """Return the budgets that would hold up a drain."""
        return [facts for facts in (budget.as_facts() for budget in self._budgets) if facts]


def _nothing() -> Facts:
    return {
        "count": 0,
        "grace_s": 0.0,
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


def _stays(pod: Object) -> bool:
    """Return whether a drain passes a pod by: one of a DaemonSet, or one that the kubelet runs by itself."""
    owners = pod["metadata"].get("ownerReferences") or []
    return _MIRROR in annotations_of(pod) or any(
        owner.get("controller") and owner.get("kind") == "DaemonSet" for owner in owners
    )


def _ready(status: Object) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or [])
