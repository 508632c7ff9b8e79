# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What keeps a drain from ending, pod by pod, and what would end it. No I/O, no clock.

A virtual machine that waits for its live migration, or is in the middle of it, keeps nobody: that passes by itself.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.drain_pods import Budget, Pod, covering
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import parse_machine
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Node

Object = t.Mapping[str, t.Any]
# A virtual machine instance by namespace and name; None where it was looked for and does not exist.
GuestKey = t.Tuple[str, str]

# A pod may take this much longer than its grace period before it counts as one that does not end.
_GRACE_SLACK_S = 30.0
# What passes by itself within this time is no blockade; the controller's few drain workers are shared by all nodes.
_PASSING_S = 15.0
_CORDON_PASSING_S = 120.0

_APP_LABEL = "kubevirt.io"
_DOMAIN = "kubevirt.io/domain"
_OWNER_LABEL = "kubevirt.io/created-by"


@dataclass(frozen=True)
class Blocker:
    """A pod that keeps its node's drain from ending; no ``pod``: the controller itself has not begun.

    ``key`` names the obstacle, which may be in the way of several pods; less than ``passing_s`` is not worth a word.
    """

    pod: str
    uid: str
    key: str
    why: str
    remedy: str
    passing_s: float = _PASSING_S


_NO_CORDON = Blocker(
    "",
    "",
    "cordon",
    "the machine-config-controller has not cordoned it",
    "Its drain workers are busy with other drains, or it lost track of this node: restart its pod",
    _CORDON_PASSING_S,
)


@dataclass(frozen=True)
class Guest:
    """The virtual machine instance that a virt-launcher pod runs."""

    uid: str
    node: str
    migratable: bool
    why_not: str
    strategy: str
    evacuating: bool
    target_pod: str
    failure: str


@dataclass(frozen=True)
class Left:
    """What is left on a draining node, and what is known of it; ``ending_s``: how long pods were seen ending, by uid.

    ``stranded`` says of virtual machines, by uid, why no node takes the target pod of their migration.
    """

    node: Node
    pods: t.Sequence[Pod]
    budgets: t.Sequence[Budget] = ()
    guests: t.Mapping[GuestKey, t.Optional[Guest]] = field(default_factory=dict)
    stranded: t.Mapping[str, str] = field(default_factory=dict)
    ending_s: t.Mapping[str, float] = field(default_factory=dict)

    @property
    def uids(self) -> frozenset[str]:
        """The uids of what is left, with that of a missing cordon's blocker."""
        return frozenset([pod.uid for pod in self.pods] + ([] if self.node.cordoned else [_NO_CORDON.uid]))

    def blockers(self) -> list[Blocker]:
        """Return what keeps this drain from ending, in the order of the pods."""
        if not self.node.cordoned:
            return [_NO_CORDON]
        found = [self._blocker(pod) for pod in self.pods]
        return [blocker for blocker in found if blocker is not None]

    def _blocker(self, pod: Pod) -> Blocker | None:
        if pod.ending:
            return self._ending(pod)
        guest_key = guest_of(pod)
        if guest_key is not None:
            held, blocker = self._held_by_guest(pod, guest_key)
            if held:
                return blocker
        return self._refused(pod)

    def _ending(self, pod: Pod) -> Blocker | None:
        if self.ending_s.get(pod.uid, 0.0) <= pod.grace_s + _GRACE_SLACK_S:
            return None
        if pod.finalizers:
            names = ", ".join(pod.finalizers)
            why, remedy = f"deleted, but it has the finalizer {names}", "Let the finalizer's owner finish, or remove it"
        elif not self.node.ready:
            why = "deleted, but its node is not Ready and cannot confirm that it ended"
            remedy = "Bring the node back, or power it off and taint it node.kubernetes.io/out-of-service"
        else:
            why = f"deleted, but the kubelet did not end it within its grace period of {pod.grace_s:g} s"
            remedy = "Look into the kubelet's log on that node"
        return _blocker(pod, f"ending {pod.uid}", why, remedy)

    def _refused(self, pod: Pod) -> Blocker | None:
        """Return the budget that refuses a pod's eviction; the API evicts no pod that two budgets cover."""
        budgets = covering(self.budgets, pod)
        if len(budgets) > 1:
            names = " and ".join(f"PodDisruptionBudget {budget}" for budget in budgets)
            return _blocker(
                pod,
                f"budgets {' '.join(map(str, budgets))}",
                f"{names} cover it, and the API evicts no pod that more than one covers",
                "Leave one budget for this pod",
            )
        if not budgets or budgets[0].lets_go(pod):
            return None
        return _blocker(
            pod,
            f"budget {budgets[0]}",
            f"PodDisruptionBudget {budgets[0]} allows 0 disruptions: {budgets[0].why}",
            "Make more of its pods healthy, relax the budget, or delete this pod",
        )

    def _held_by_guest(self, pod: Pod, key: GuestKey) -> tuple[bool, Blocker | None]:
        """Return whether virt-api's webhook decides on the eviction, and what then is in the way."""
        name, guest = "/".join(key), self.guests.get(key)
        if guest is None:
            return True, _blocker(
                pod, f"vm {name}", f"its VirtualMachineInstance {name} does not exist", "Delete this pod"
            )
        if guest.node != self.node.name:
            if guest.target_pod == pod.name:
                return True, None  # on its way here; it is asked to leave again as soon as it has arrived
            return True, _blocker(
                pod,
                f"vm {name}",
                f"virtual machine {name} is on {guest.node or 'no node'} now, but its old pod stays",
                "Delete this pod",
            )
        if guest.strategy == "External":
            return True, _blocker(
                pod,
                f"vm {name}",
                f"the eviction strategy External leaves virtual machine {name} to somebody else",
                "Let its own controller move it, or shut it down",
            )
        if guest.strategy == "None" or (not guest.migratable and guest.strategy == "LiveMigrateIfPossible"):
            return False, None
        if not guest.migratable:
            return True, _blocker(
                pod,
                f"vm {name}",
                f"virtual machine {name} cannot live-migrate: {guest.why_not}",
                "Shut it down, or set its evictionStrategy to None or LiveMigrateIfPossible",
            )
        trouble = self.stranded.get(guest.uid) or guest.failure
        if trouble:
            return True, _blocker(
                pod,
                f"vm {name}",
                f"the live migration of virtual machine {name} fails: {trouble}",
                "Give it a node that it can move to, or shut it down",
            )
        return guest.evacuating or bool(guest.strategy), None


def guest_of(pod: Pod) -> GuestKey | None:
    """Return the virtual machine instance that a running virt-launcher pod belongs to."""
    if pod.labels.get(_APP_LABEL) != "virt-launcher" or pod.phase in ("Succeeded", "Failed"):
        return None
    name = pod.annotations.get(_DOMAIN)
    return (pod.namespace, name) if name else None


def parse_guest(item: Object) -> Guest:
    """Return the facts of a VirtualMachineInstance; "" where it names no eviction strategy of its own."""
    machine, status = parse_machine(item, cluster_strategy=""), item.get("status") or {}
    migration = status.get("migrationState") or {}
    failed = migration.get("failed") and not migration.get("abortStatus")
    return Guest(
        uid=machine["uid"],
        node=machine["node"] or "",
        migratable=machine["live_migratable"],
        why_not=_words(machine["why_not"]),
        strategy=machine["eviction_strategy"],
        evacuating=bool(status.get("evacuationNodeName")),
        target_pod="" if migration.get("endTimestamp") else migration.get("targetPod", ""),
        failure=_words(migration.get("failureReason") or "no reason given") if failed else "",
    )


def parse_stranded(pods: t.Iterable[Object]) -> dict[str, str]:
    """Return, by the uid of the virtual machine, why no node takes its pending pod."""
    stranded: dict[str, str] = {}
    for item in pods:
        owner = (item["metadata"].get("labels") or {}).get(_OWNER_LABEL)
        for condition in (item.get("status") or {}).get("conditions") or []:
            if owner and condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
                # What preemption would bring is of no use: it moves no virtual machine.
                why = _words((condition.get("message") or "").partition(" preemption:")[0])
                stranded[owner] = f"no node takes its target pod ({why})"
    return stranded


def _blocker(pod: Pod, key: str, why: str, remedy: str) -> Blocker:
    return Blocker(str(pod), pod.uid, key, why, remedy)


def _words(message: str | None) -> str:
    return " ".join((message or "").split()).rstrip(".")
