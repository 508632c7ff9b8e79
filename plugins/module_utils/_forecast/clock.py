# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Time that passes by events, and a client's token bucket.

A process is a generator that yields the time at which it goes on. Equal times go on in the order in which they were
asked for, so that a simulation gives the same result each time.
"""

from __future__ import annotations

import heapq
import itertools
import typing as t

Process = t.Iterator[float]


class Clock:
    """Runs processes in the order of their times."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events = 0
        self._queue: list[tuple[float, int, Process]] = []
        self._order = itertools.count()

    def start(self, process: Process, at: float | None = None) -> None:
        """Let a process begin now, or later."""
        when = self.now if at is None else at
        heapq.heappush(self._queue, (when, next(self._order), process))

    def call(self, at: float, what: t.Callable[..., None], *arguments: t.Any) -> None:
        """Call something later."""
        self.start(_once(what, arguments), at)

    def run(self, until: float) -> bool:
        """Run until nothing is left to do; False when that would be after ``until``."""
        queue, order, pop, push = self._queue, self._order, heapq.heappop, heapq.heappush
        while queue:
            when, _number, process = pop(queue)
            if when > until:
                return False
            self.now = when
            self.events += 1
            following = next(process, None)
            if following is not None:
                push(queue, (following, next(order), process))
        return True


def _once(what: t.Callable[..., None], arguments: tuple[t.Any, ...]) -> Process:
    what(*arguments)
    return
    yield


class TokenBucket:
    """A client's limit: first come, first served; a reservation is never given back (golang.org/x/time/rate)."""

    __slots__ = ("_clock", "_last", "_rate", "_size", "_tokens", "requests", "waited_s")

    def __init__(self, clock: Clock, rate: float, size: int) -> None:
        self._clock = clock
        self._rate = rate
        self._size = float(size)
        self._tokens = float(size)
        self._last = 0.0
        self.requests = 0
        self.waited_s = 0.0

    def take(self) -> float:
        """Return when a request made now is sent."""
        now = self._clock.now
        tokens = self._tokens + (now - self._last) * self._rate
        if tokens > self._size:
            tokens = self._size
        tokens -= 1.0
        self._tokens = tokens
        self._last = now
        self.requests += 1
        if tokens >= 0.0:
            return now
        wait = -tokens / self._rate
        self.waited_s += wait
        return now + wait
