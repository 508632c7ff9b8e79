# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Rides along with a rollout and finds out what blocks its drains; nothing is read while no drain lasts."""

from __future__ import annotations

import threading
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.drain_pods import (
    Budget,
    Pod,
    parse_budget,
    parse_pod,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, KubeError, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.blocked import (
    Guest,
    GuestKey,
    Left,
    guest_of,
    parse_guest,
    parse_stranded,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Node, Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.since import Blockade, Blockades

PODS = Resource("v1", "pods")
BUDGETS = Resource("policy/v1", "poddisruptionbudgets")
GUESTS = Resource("kubevirt.io/v1", "virtualmachineinstances")

# The controller gives up no drain; after one hour the daemon reports its node as degraded. Half of that is time to act.
DEFAULT_DRAIN_LIMIT_S = 1800.0
# A drain that takes no longer than a pod's default grace period needs no explanation.
_LASTS_S = 30.0
# One look reads the pods of so many nodes at most, those first that were not looked at for longest.
_LOOK_EVERY_S = 15.0
_NODES_A_LOOK = 20
_LAUNCHERS = "kubevirt.io=virt-launcher"


@dataclass(frozen=True)
class _Drain:
    node: Node
    pool: str
    since: float


class DrainWatch:
    """A companion of a rollout: says which nodes are blocked by what, and ends the run when that lasts too long."""

    def __init__(
        self, client: KubeClient, limit_s: float = DEFAULT_DRAIN_LIMIT_S, clock: t.Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._limit_s = limit_s
        self._clock = clock
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._drains: dict[str, _Drain] = {}
        self._looked_at: dict[str, float] = {}
        self._left: dict[str, frozenset[str]] = {}
        self._ending_since: dict[str, float] = {}
        self._blockades = Blockades()
        self._pools: dict[str, str] = {}
        self._unread: str | None = None

    def follow(self) -> None:
        """Start the thread that looks."""
        threading.Thread(target=self._run, name="watch-drains", daemon=True).start()

    def stop(self) -> None:
        """End the thread after the look that it is in."""
        self._end.set()

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        """Note which nodes of these pools drain."""
        with self._lock:
            before = self._drains
            draining = [(node, name) for name in pools for node in snapshot.members(name) if node.draining]
            self._drains = {
                node.name: _Drain(node, pool, before[node.name].since if node.name in before else now)
                for node, pool in draining
            }
            self._pools.update({node.name: pool for node, pool in draining})

    def words(self, pool: str) -> str:
        """Return which node of the pool has been blocked for longest, by what, and how many others are."""
        with self._lock:
            found = self._blocked(pool)
            lasting = any(drain.pool == pool for drain in self._lasting(self._clock()))
            if not found:
                return f"what its drains wait for cannot be read ({self._unread})" if self._unread and lasting else ""
            others = len(found) - 1
            rest = f", {others} more {'nodes' if others > 1 else 'node'} blocked" if others else ""
            return describe_blockade(found[0]) + rest

    def progress(self) -> object:
        """Return which pods are left: a drain that gets rid of one is not stuck."""
        with self._lock:
            return dict(self._left)

    def obstacle(self) -> str | None:
        """Return what to do about the drain that has been blocked beyond the limit, or None."""
        with self._lock:
            beyond = [one for one in self._blocked() if one.seconds >= self._limit_s]
            if not beyond:
                return None
            first, blocker = beyond[0], beyond[0].blocker
            others = f" Blocked as long: {', '.join(one.node for one in beyond[1:])}." if len(beyond) > 1 else ""
            by = f" by pod {blocker.pod}" if blocker.pod else ""
            return (
                f"Pool {self._pools[first.node]}: the drain of node {first.node} has been blocked for "
                f"{describe_seconds(first.seconds)} (drain_limit_s = {self._limit_s:g} s){by}: {blocker.why}.{others} "
                f"{blocker.remedy}; the controller goes on by itself then, and so does the next run."
            )

    def lagging(self) -> str | None:
        """Return None: no drain outlasts its pool."""
        return None

    def holding(self) -> str | None:
        """Return nothing."""
        return None

    def seen(self) -> list[dict[str, t.Any]]:
        """Return what blocked which drain for how long, for the result."""
        with self._lock:
            return [
                {
                    "node": one.node,
                    "pool": self._pools[one.node],
                    "pod": one.blocker.pod or None,
                    "why": one.blocker.why,
                    "seconds": round(one.seconds, 1),
                }
                for _story, one in sorted(self._blockades.past.items())
            ]

    def look(self) -> None:
        """Read what is left on the nodes whose drain lasts.

        :raises KubeError: when the API does not answer or does not allow it.
        """
        now = self._clock()
        with self._lock:
            nodes = [drain.node for drain in self._lasting(now)]
            nodes = sorted(nodes, key=lambda node: self._looked_at.get(node.name, 0.0))[:_NODES_A_LOOK]
        lefts = self._read(nodes, now)
        with self._lock:
            self._unread = None
            self._looked_at.update({node.name: now for node in nodes})
            self._left = {name: uids for name, uids in self._left.items() if name in self._drains}
            self._left.update({left.node.name: left.uids for left in lefts})
            alive = frozenset().union(*self._left.values())
            self._ending_since = {uid: since for uid, since in self._ending_since.items() if uid in alive}
            looked = {left.node.name: (left.uids, left.blockers()) for left in lefts}
            self._blockades.observe(self._drains.keys(), looked, now)

    def try_look(self) -> None:
        """Look, and keep for :meth:`words` why that was refused; a restart of the API is the run's to tell."""
        try:
            self.look()
        except KubeError as error:
            with self._lock:
                self._unread = None if error.transient else str(error).rstrip(".")

    def _run(self) -> None:
        while not self._end.wait(_LOOK_EVERY_S):
            self.try_look()

    def _lasting(self, now: float) -> list[_Drain]:
        return [drain for drain in self._drains.values() if now - drain.since >= _LASTS_S]

    def _blocked(self, pool: str | None = None) -> list[Blockade]:
        drains = self._drains.values()
        return self._blockades.of({drain.node.name for drain in drains if pool in (None, drain.pool)})

    def _read(self, nodes: t.Sequence[Node], now: float) -> list[Left]:
        pods = {node.name: self._pods_on(node) for node in nodes if node.cordoned}
        everything = [pod for left in pods.values() for pod in left]
        self._note_ending(everything, now)
        budgets = self._budgets(everything)
        guests = self._guests(list(pods), everything)
        stranded = self._stranded(guests.values())
        return [
            Left(
                node=node,
                pods=pods.get(node.name, ()),
                budgets=budgets,
                guests=guests,
                stranded=stranded,
                ending_s={uid: now - since for uid, since in self._ending_since.items()},
            )
            for node in nodes
        ]

    def _pods_on(self, node: Node) -> list[Pod]:
        items = self._client.list(PODS, field_selector=f"spec.nodeName={node.name}").items
        return [pod for pod in map(parse_pod, items) if pod is not None]

    def _note_ending(self, pods: t.Sequence[Pod], now: float) -> None:
        """Note since when each pod is seen ending: the API's clock may differ from ours."""
        for pod in pods:
            if pod.ending:
                self._ending_since.setdefault(pod.uid, now)

    def _budgets(self, pods: t.Sequence[Pod]) -> list[Budget]:
        return [parse_budget(item) for item in self._client.list(BUDGETS).items] if pods else []

    def _guests(self, nodes: t.Sequence[str], pods: t.Sequence[Pod]) -> dict[GuestKey, Guest | None]:
        """Return the virtual machines of the pods: those on the nodes at once, the few others one by one."""
        keys = {key for key in map(guest_of, pods) if key is not None}
        if not keys:
            return {}
        on_nodes = self._client.list(GUESTS, label_selector=f"kubevirt.io/nodeName in ({','.join(sorted(nodes))})")
        guests: dict[GuestKey, Guest | None] = {
            (item["metadata"]["namespace"], item["metadata"]["name"]): parse_guest(item) for item in on_nodes.items
        }
        for namespace, name in sorted(keys - set(guests)):
            item = self._client.get(GUESTS, name, namespace)
            guests[namespace, name] = None if item is None else parse_guest(item)
        return guests

    def _stranded(self, guests: t.Iterable[Guest | None]) -> dict[str, str]:
        if not any(guest and guest.evacuating for guest in guests):
            return {}
        pending = self._client.list(PODS, label_selector=_LAUNCHERS, field_selector="status.phase=Pending")
        return parse_stranded(pending.items)


def describe_blockade(blockade: Blockade) -> str:
    """Return who is blocked, for how long and by what, as it stands in the line of a pool."""
    blocker, lasts = blockade.blocker, describe_seconds(blockade.seconds)
    if not blocker.pod:
        return f"{blockade.node} waits {lasts} for its drain ({blocker.why})"
    return f"{blockade.node} blocked {lasts} by pod {blocker.pod} ({blocker.why})"
