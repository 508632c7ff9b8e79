# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a storage driver makes which clone: what limits the reference architecture's deployments.

* So many clones at a time over all, and so many of one parent; who waits for a parent holds nobody else up.
* Each clone of a volume keeps a snapshot in its parent. From ``flatten_from`` of them on, a new clone is delayed and
  the oldest clones are flattened in the background, one at a time; at ``block_at`` new clones wait until some are.
* Clones of a VolumeSnapshot share that one snapshot: they are not counted.

Seconds of a monotonic clock come from the caller.
"""

from __future__ import annotations

import collections
import dataclasses

from ansible_collections.virtscale.tuning.lab.standins.times import CloneLimits

NEVER = float("inf")


@dataclasses.dataclass(frozen=True)
class Request:
    """A clone that somebody wants."""

    clone: str
    parent: str
    from_snapshot: bool


@dataclasses.dataclass
class Result:
    """What has happened, and when to look again."""

    made: list[Request]
    flattened: list[str]
    look_again_s: float


class Driver:
    """The clones that wait, that are made, and that were made. Not for several threads at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, collections.deque[Request]] = {}
        self._running: dict[str, tuple[float, Request]] = {}
        self._known: set[str] = set()
        # Of each parent the clones that keep a snapshot in it, the oldest first.
        self._kept: dict[str, dict[str, None]] = collections.defaultdict(dict)
        self._flattening: tuple[float, str, str] | None = None

    def want(self, request: Request) -> None:
        """Queue a clone, unless it is queued."""
        if request.clone not in self._known:
            self._known.add(request.clone)
            self._waiting.setdefault(request.parent, collections.deque()).append(request)

    def keep(self, parent: str, clone: str) -> None:
        """Count a clone that was made before."""
        self._kept[parent][clone] = None

    def forget(self, clone: str) -> None:
        """Drop a clone that was deleted, whatever its state."""
        self._known.discard(clone)
        for clones in self._kept.values():
            clones.pop(clone, None)

    def snapshots(self, parent: str) -> int:
        """How many clones keep a snapshot in this parent."""
        return len(self._kept.get(parent, ()))

    def advance(self, now: float, limits: CloneLimits) -> Result:
        """End what is due and begin what may."""
        made = self._end_clones(now)
        flattened = self._flatten(now, limits)
        self._begin(now, limits)
        ends = [end for end, _request in self._running.values()]
        if self._flattening:
            ends.append(self._flattening[0])
        return Result(made, flattened, max(0.0, min(ends, default=NEVER) - now))

    def _end_clones(self, now: float) -> list[Request]:
        made = []
        for end, request in sorted(self._running.values(), key=lambda entry: entry[0]):
            if end <= now:
                del self._running[request.clone]
                if request.clone not in self._known:
                    continue  # deleted while it was made
                self._known.discard(request.clone)
                made.append(request)
                if not request.from_snapshot:
                    self.keep(request.parent, request.clone)
        return made

    def _flatten(self, now: float, limits: CloneLimits) -> list[str]:
        flattened = []
        if self._flattening and self._flattening[0] <= now:
            _end, parent, clone = self._flattening
            self._flattening = None
            if self._kept[parent].pop(clone, "deleted") is None:
                flattened.append(clone)
        if self._flattening is None:
            fullest = max(self._kept, key=self.snapshots, default=None)
            if fullest is not None and self.snapshots(fullest) > limits.flatten_from:
                self._flattening = (now + limits.flatten_s, fullest, next(iter(self._kept[fullest])))
        return flattened

    def _begin(self, now: float, limits: CloneLimits) -> None:
        busy = collections.Counter(request.parent for _end, request in self._running.values())
        for parent, queue in sorted(self._waiting.items(), key=lambda entry: busy[entry[0]]):
            while queue and len(self._running) < limits.parallel and self._may_begin(queue[0], busy[parent], limits):
                request = queue.popleft()
                if request.clone not in self._known:
                    continue
                takes = limits.clone_s
                if not request.from_snapshot and self.snapshots(parent) >= limits.flatten_from:
                    takes += limits.flatten_delay_s
                self._running[request.clone] = (now + takes, request)
                busy[parent] += 1
            if not queue:
                del self._waiting[parent]

    def _may_begin(self, request: Request, of_parent: int, limits: CloneLimits) -> bool:
        if request.from_snapshot:
            return of_parent < limits.per_snapshot
        return of_parent < limits.per_parent and self.snapshots(request.parent) + of_parent < limits.block_at


def parent_of(kind: str, namespace: str, name: str) -> str:
    """How a parent is called."""
    return f"{kind}/{namespace}/{name}"
