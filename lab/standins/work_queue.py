# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that are to be worked on now or later, each by one worker at a time, as controllers queue their objects."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import typing as t

Key = t.TypeVar("Key", bound=t.Hashable)


class WorkQueue(t.Generic[Key]):
    """The queue; ``handle`` is called with each key that is due, in one of ``workers`` threads."""

    def __init__(self, handle: t.Callable[[Key], None], workers: int) -> None:
        self._handle = handle
        self._changed = threading.Condition()
        self._heap: list[tuple[float, int, Key]] = []
        self._numbers = itertools.count()  # keys need not be comparable
        self._due: dict[Key, float] = {}
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        for _number in range(workers):
            threading.Thread(target=self._work, daemon=True).start()

    def add(self, key: Key, after_s: float = 0.0) -> None:
        """Let a key be handled when this time has passed; of several times the soonest counts."""
        due = time.monotonic() + after_s
        with self._changed:
            if due < self._due.get(key, float("inf")):
                self._push(key, due)

    def _push(self, key: Key, due: float) -> None:
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._numbers), key))
        self._changed.notify()

    def _work(self) -> None:
        while True:
            key = self._take()
            try:
                self._handle(key)
            finally:
                with self._changed:
                    self._busy.discard(key)
                    if key in self._again:
                        self._again.discard(key)
                        self._push(key, time.monotonic())

    def _take(self) -> Key:
        """Wait for a key that is due and that nobody works on."""
        with self._changed:
            while True:
                if not self._heap:
                    self._changed.wait()
                    continue
                due, _number, key = self._heap[0]
                if self._due.get(key) != due:
                    heapq.heappop(self._heap)  # a sooner time was asked for since
                    continue
                wait = due - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                heapq.heappop(self._heap)
                del self._due[key]
                if key not in self._busy:
                    self._busy.add(key)
                    return key
                self._again.add(key)
