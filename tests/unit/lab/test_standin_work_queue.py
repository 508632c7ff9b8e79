# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of the stand-ins: when it is due, once at a time."""

from __future__ import annotations

import queue
import threading
import time

import pytest
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue

PATIENCE_S = 10


def test_keys_come_when_they_are_due() -> None:
    came: queue.Queue[str] = queue.Queue()
    work: WorkQueue[str] = WorkQueue(came.put, workers=2)
    work.add("later", 0.2)
    work.add("now")
    assert [came.get(timeout=PATIENCE_S) for _number in range(2)] == ["now", "later"]


def test_the_sooner_time_counts_and_once() -> None:
    came: queue.Queue[str] = queue.Queue()
    work: WorkQueue[str] = WorkQueue(came.put, workers=2)
    for after in (60, 0.1, 30):
        work.add("key", after)
    assert came.get(timeout=PATIENCE_S) == "key"
    with pytest.raises(queue.Empty):
        came.get(timeout=0.3)


def test_one_key_is_worked_on_once_at_a_time_and_again_when_it_was_added_meanwhile() -> None:
    go_on, busy, most, done = threading.Event(), 0, 0, 0

    def handle(_key: str) -> None:
        nonlocal busy, most, done
        busy += 1
        most = max(most, busy)
        go_on.wait(PATIENCE_S)
        busy -= 1
        done += 1

    work: WorkQueue[str] = WorkQueue(handle, workers=4)
    work.add("key")
    until = time.monotonic() + PATIENCE_S
    while not busy and time.monotonic() < until:
        time.sleep(0.01)
    work.add("key")
    time.sleep(0.1)
    go_on.set()
    while done < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert (most, done) == (1, 2)


def test_others_are_worked_on_meanwhile() -> None:
    together = threading.Barrier(3)
    work: WorkQueue[int] = WorkQueue(lambda _key: together.wait(PATIENCE_S) and None, workers=3)
    work.add(1)
    work.add(2)
    together.wait(PATIENCE_S)


def test_nothing_is_lost_after_many() -> None:
    count = 2000
    seen: set[int] = set()
    all_seen = threading.Event()

    def handle(key: int) -> None:
        seen.add(key)
        if len(seen) == count:
            all_seen.set()

    work: WorkQueue[int] = WorkQueue(handle, workers=8)
    for key in range(count):
        work.add(key, (key % 7) / 100)
    assert all_seen.wait(PATIENCE_S)
