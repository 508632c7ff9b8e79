# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is observed while pools roll: each node's times, the most that was out of service, the lines shown."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import (
    Estimate,
    describe_seconds,
    seconds_left,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Node, Pool, Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import disrupted, outdated

# A pool shows a line when something changed, but not more often than this, and at least this often.
FASTEST_LINE_S = 2.0
SLOWEST_LINE_S = 15.0


@dataclass
class NodeTimes:
    """When a node's steps were first seen, in seconds on one clock; None where they were not seen."""

    node: str
    pool: str
    selected: float | None = None
    cordoned: float | None = None
    drain_began: float | None = None
    drained: float | None = None
    back: float | None = None
    done: float | None = None

    def observe(self, node: Node, now: float) -> None:
        """Note the steps that ``node`` has reached."""
        on_its_way = not node.done
        if on_its_way and self.selected is None:
            self.selected = now
        if node.cordoned and self.cordoned is None:
            self.cordoned = now
        if node.draining and self.drain_began is None:
            self.drain_began = now
        if self.drain_began is not None and node.rebooting and self.drained is None:
            self.drained = now
        if self.drained is not None and node.drain_asked.startswith("uncordon-") and self.back is None:
            self.back = now
        if self.selected is not None and not on_its_way and not node.cordoned and node.ready and self.done is None:
            self.done = now

    def as_result(self) -> dict[str, t.Any]:
        """Return the durations for the result: whole run, cordon to end, drain, reboot."""
        return {
            "node": self.node,
            "total_s": _between(self.selected, self.done),
            "cordoned_s": _between(self.cordoned, self.done),
            "drain_s": _between(self.drain_began, self.drained),
            "reboot_s": _between(self.drained, self.back),
        }


@dataclass
class PoolProgress:
    """One pool's part of the run."""

    name: str
    estimate: Estimate
    behind_at_start: int
    name_width: int = 0
    began: float | None = None
    ended: float | None = None
    released: bool = False
    max_unavailable_seen: int = 0
    nodes: dict[str, NodeTimes] = field(default_factory=dict)
    last_line: tuple[t.Any, ...] = ()
    last_line_at: float = float("-inf")

    @property
    def rolled(self) -> bool:
        """Whether nodes of the pool had to change during this run; some do so too fast to be seen at it."""
        return self.began is not None and self.behind_at_start > 0

    @property
    def seconds(self) -> float:
        """Return the seconds from its release, or from when it was first seen rolling, to its end."""
        return _between(self.began, self.ended) or 0.0

    def observe(self, snapshot: Snapshot, pool: Pool, now: float) -> None:
        """Note where the pool's nodes are, from when it rolls."""
        if self.began is None:
            return
        members = snapshot.members(pool.name)
        self.max_unavailable_seen = max(self.max_unavailable_seen, sum(node.disrupted for node in members))
        for node in members:
            if not node.done:
                self.nodes.setdefault(node.name, NodeTimes(node.name, pool.name))
            if node.name in self.nodes:
                self.nodes[node.name].observe(node, now)

    def line(
        self, snapshot: Snapshot, pool: Pool, now: float, words: t.Sequence[str] = (), rolling: int = 1
    ) -> str | None:
        """Return the line to show now, or None when nothing changed and the last one is recent.

        :param words: what companions add to it; a new line comes soon when one begins or ends to say something.
        :param rolling: how many pools show lines now, so that together they do not run away on the screen.
        """
        members = snapshot.members(pool.name)
        behind = outdated(snapshot, pool)
        counts = (
            len(members) - len(behind),
            sum(node.draining for node in behind),
            sum(node.rebooting for node in behind),
            sum(node.failing for node in behind),
            len(words),
        )
        since_s = now - self.last_line_at
        if since_s < (FASTEST_LINE_S * rolling if counts != self.last_line else SLOWEST_LINE_S):
            return None
        self.last_line, self.last_line_at = counts, now
        updated, draining, rebooting, failing, _words = counts
        parts = [f"{updated}/{len(members)} updated", f"{draining} draining", f"{rebooting} rebooting"]
        if failing:
            parts.append(f"{failing} failing")
        elapsed_s = now - (self.began if self.began is not None else now)
        left_s = seconds_left(len(behind), self.behind_at_start - len(behind), elapsed_s, self.estimate)
        parts.append(f"{describe_seconds(elapsed_s)} so far")
        parts.append(f"about {describe_seconds(left_s)} left" if behind else "waiting for the pool to say so")
        return "; ".join([f"pool {self.name}: {' ' * (self.name_width - len(self.name))}{', '.join(parts)}", *words])


@dataclass
class ShareSeen:
    """The most workers that were out of service at once, of all pools and for any reason."""

    most: int = 0

    def observe(self, snapshot: Snapshot) -> None:
        """Count them now."""
        self.most = max(self.most, len(disrupted(snapshot)))


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(end - start, 1)
