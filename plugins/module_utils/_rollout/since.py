# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How long drains have been blocked, by what: a clock for each pod that keeps a node from being drained."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.blocked import Blocker

# An obstacle that was away for less than this is still the same one: a pod that crashes is healthy in between,
# and a failed migration is tried again.
_AWAY_S = 60.0


@dataclass(frozen=True)
class Blockade:
    """One pod's clock: first and last seen in the way, in seconds on one clock."""

    node: str
    blocker: Blocker
    since: float
    until: float

    @property
    def seconds(self) -> float:
        """Return how long the pod is known to block the drain."""
        return self.until - self.since

    @property
    def lasting(self) -> bool:
        """Whether it is more than what passes by itself."""
        return self.seconds >= self.blocker.passing_s


class Blockades:
    """All clocks of a run; ``past`` keeps what was blocked longest, for the record."""

    def __init__(self) -> None:
        self._now: dict[tuple[str, str], Blockade] = {}
        self.past: dict[tuple[str, str, str], Blockade] = {}

    def observe(
        self,
        draining: t.Collection[str],
        looked: t.Mapping[str, tuple[t.Collection[str], t.Sequence[Blocker]]],
        now: float,
    ) -> None:
        """Note what was found on the nodes that were looked at.

        When a pod gets away from an obstacle that is in the way of others too, such as a budget that lets one pod
        go after the other, the clocks of the others start again: that drain moves.

        :param draining: all nodes that drain; the clocks of others end.
        :param looked: for each node looked at, the uids of the pods left on it, and the blockers among them.
        """
        moved = set()
        for place, blockade in list(self._now.items()):
            node, uid = place
            left = looked[node][0] if node in looked else None
            if node not in draining or (left is not None and uid not in left):
                moved.add(blockade.blocker.key)
                del self._now[place]
        for node, (_left, blockers) in looked.items():
            for blocker in blockers:
                self._note(node, blocker, now)
        for place, blockade in self._now.items():
            if blockade.blocker.key in moved:
                self._now[place] = replace(blockade, since=now, until=now)
        for place, blockade in list(self._now.items()):
            if place[0] in looked and now - blockade.until > _AWAY_S:
                del self._now[place]

    def of(self, nodes: t.Collection[str]) -> list[Blockade]:
        """Return the lasting blockades of these nodes, one a node, the longest first."""
        longest: dict[str, Blockade] = {}
        for blockade in sorted(self._now.values(), key=lambda one: one.seconds):
            if blockade.node in nodes and blockade.lasting:
                longest[blockade.node] = blockade
        return sorted(longest.values(), key=lambda one: (-one.seconds, one.node))

    def _note(self, node: str, blocker: Blocker, now: float) -> None:
        place = (node, blocker.uid)
        before = self._now.get(place)
        since = before.since if before is not None and before.blocker.key == blocker.key else now
        blockade = Blockade(node, blocker, since, now)
        self._now[place] = blockade
        story = (node, blocker.pod, blocker.key)
        if blockade.lasting and (story not in self.past or blockade.seconds >= self.past[story].seconds):
            self.past[story] = blockade
