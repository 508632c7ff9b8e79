# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clones are made one after another of one parent, ten at a time over all, and slower and slower past the limits."""

from __future__ import annotations

import dataclasses

from ansible_collections.virtscale.tuning.lab.standins.csi_driver import NEVER, Driver, Request
from ansible_collections.virtscale.tuning.lab.standins.times import CloneLimits

LIMITS = CloneLimits(
    parallel=10,
    per_parent=1,
    per_snapshot=10,
    flatten_from=250,
    block_at=450,
    clone_s=1.0,
    flatten_delay_s=2.0,
    flatten_s=10.0,
)


def run(driver: Driver, limits: CloneLimits, until_s: float) -> dict[str, float]:
    """When each clone was made."""
    now, made = 0.0, {}
    while now <= until_s:
        result = driver.advance(now, limits)
        made.update({request.clone: now for request in result.made})
        if result.look_again_s == NEVER:
            break
        now += result.look_again_s
    return made


def want(driver: Driver, count: int, parent: str = "p", from_snapshot: bool = False) -> None:
    for number in range(count):
        driver.want(Request(f"{parent}-{number}", parent, from_snapshot))


def test_clones_of_one_parent_are_made_one_after_another_in_order() -> None:
    driver = Driver()
    want(driver, 5)
    assert run(driver, LIMITS, 100) == {"p-0": 1, "p-1": 2, "p-2": 3, "p-3": 4, "p-4": 5}


def test_clones_of_several_parents_are_made_side_by_side_up_to_the_limit() -> None:
    driver = Driver()
    for parent in range(20):
        want(driver, 1, f"p{parent}")
    times = sorted(run(driver, LIMITS, 100).values())
    assert times == [1.0] * 10 + [2.0] * 10


def test_clones_of_a_snapshot_share_it_and_are_not_counted() -> None:
    driver = Driver()
    want(driver, 600, "snapshot", from_snapshot=True)
    assert max(run(driver, LIMITS, 1000).values()) == 60
    assert driver.snapshots("snapshot") == 0


def test_past_the_first_limit_clones_are_delayed_and_the_oldest_are_flattened() -> None:
    driver = Driver()
    for number in range(250):
        driver.keep("p", f"old-{number}")
    want(driver, 8)
    made = run(driver, LIMITS, 24)
    assert made == {f"p-{number}": 3.0 * (number + 1) for number in range(8)}
    flattened = driver.advance(1000, LIMITS).flattened
    assert flattened == ["old-2"]  # two were flattened on the way, from the first clone past the limit on


def test_at_the_second_limit_clones_wait_for_the_flattening() -> None:
    driver = Driver()
    for number in range(450):
        driver.keep("p", f"old-{number}")
    want(driver, 3)
    made = run(driver, LIMITS, 200)
    assert made == {"p-0": 13.0, "p-1": 23.0, "p-2": 33.0}


def test_a_deleted_clone_gives_its_place_back() -> None:
    driver = Driver()
    want(driver, 3)
    driver.advance(0, LIMITS)
    driver.forget("p-0")  # while it is made
    driver.forget("p-1")  # while it waits
    assert run(driver, LIMITS, 100) == {"p-2": 2.0}
    assert driver.snapshots("p") == 1
    driver.forget("p-2")
    assert driver.snapshots("p") == 0


def test_one_that_is_wanted_twice_is_made_once() -> None:
    driver = Driver()
    want(driver, 1)
    driver.advance(0, LIMITS)
    want(driver, 1)
    assert len(driver.advance(1, LIMITS).made) == 1
    assert driver.advance(10, LIMITS).made == []


def test_other_limits_hold_from_the_next_clone_on() -> None:
    driver = Driver()
    want(driver, 4)
    driver.advance(0, LIMITS)
    wide = dataclasses.replace(LIMITS, per_parent=4)
    driver.advance(0.5, wide)
    assert len(driver.advance(1.5, wide).made) == 4
