# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which pods a drain evicts, and which of these the eviction API refuses to evict.

Both follow the code that decides: the filters of kubectl's drain, which the machine-config-controller uses with
force and without regard to DaemonSets, and the eviction subresource of the API server.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.label_selector import Selector

Object = t.Mapping[str, t.Any]

_FINISHED = ("Succeeded", "Failed")
_MIRROR = "kubernetes.io/config.mirror"


@dataclass(frozen=True)
class Pod:
    """A pod that a drain of its node evicts."""

    name: str
    namespace: str
    uid: str
    labels: t.Mapping[str, str]
    annotations: t.Mapping[str, str]
    phase: str
    ready: bool
    ending: bool
    grace_s: float
    finalizers: t.Tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget."""

    name: str
    namespace: str
    selector: Selector
    allowed: int
    healthy: int
    needed: int
    unready_may_go: bool
    trouble: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    def covers(self, pod: Pod) -> bool:
        """Return whether evicting ``pod`` is this budget's business."""
        return self.namespace == pod.namespace and self.selector.matches(pod.labels)

    def lets_go(self, pod: Pod) -> bool:
        """Return whether it allows the eviction of a pod that it covers, now."""
        if self.allowed > 0:
            return True
        return not pod.ready and (self.unready_may_go or self.healthy >= self.needed > 0)

    @property
    def why(self) -> str:
        """Why it allows no disruption."""
        return self.trouble or f"it needs {self.needed} healthy and has {self.healthy}"


def covering(budgets: t.Iterable[Budget], pod: Pod) -> list[Budget]:
    """Return the budgets that the API asks before it evicts a pod: none for one that runs not yet or no more."""
    if pod.ending or pod.phase in (*_FINISHED, "Pending"):
        return []
    return [budget for budget in budgets if budget.covers(pod)]


def parse_pod(item: Object) -> Pod | None:
    """Return the facts of a v1 Pod, or None when a drain leaves it: of a DaemonSet, or the mirror of a static pod."""
    meta, status = item["metadata"], item.get("status") or {}
    notes = meta.get("annotations") or {}
    phase = status.get("phase", "")
    owners = [owner for owner in meta.get("ownerReferences") or [] if owner.get("controller")]
    of_daemon_set = any(owner["kind"] == "DaemonSet" for owner in owners)
    if _MIRROR in notes or (of_daemon_set and phase not in _FINISHED):
        return None
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or []}
    return Pod(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta.get("uid", ""),
        labels=meta.get("labels") or {},
        annotations=notes,
        phase=phase,
        ready=conditions.get("Ready") == "True",
        ending="deletionTimestamp" in meta,
        grace_s=float(meta.get("deletionGracePeriodSeconds") or 0),
        finalizers=tuple(meta.get("finalizers") or ()),
    )


def parse_budget(item: Object) -> Budget:
    """Return the facts of a policy/v1 PodDisruptionBudget.

    A selector without requirements covers the whole namespace, no selector at all covers nothing.
    """
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    failed = [entry for entry in status.get("conditions") or [] if entry.get("reason") == "SyncFailed"]
    return Budget(
        name=meta["name"],
        namespace=meta["namespace"],
        selector=Selector.parse(spec.get("selector"), empty_matches_all=True),
        allowed=status.get("disruptionsAllowed", 0),
        healthy=status.get("currentHealthy", 0),
        needed=status.get("desiredHealthy", 0),
        unready_may_go=spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow",
        trouble=str(failed[0].get("message", "")).strip().rstrip(".") if failed else "",
    )
