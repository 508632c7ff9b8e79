# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API's objects say of a migration, and what that makes of its times."""

from __future__ import annotations

import random
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import (
    Migration,
    facts_of_migration,
    facts_of_state,
    moment,
)
from hypothesis import given
from hypothesis import strategies as st
from kubevirt_cluster import NOON, PHASES, migration, moved, stamp


def learned(*items: t.Any, now: float = 0.0) -> Migration:
    found = Migration(items[0]["metadata"]["uid"])
    for number, item in enumerate(items):
        found.learn(facts_of_migration(item, NOON + now + number))
    return found


def durations(found: Migration) -> tuple[float | None, ...]:
    return found.queued_s, found.prepare_s, found.run_s, found.total_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2022-04-10T07:15:13Z", NOON + 13),
        ("2022-04-10T07:15:13.25Z", NOON + 13.25),
        ("2022-04-10T09:15:13+02:00", NOON + 13),
        ("2022-04-10T05:45:13-01:30", NOON + 13),
        (None, None),
        ("", None),
        ("now", None),
        ("2022-04-10", None),
        ("2022-13-40T07:15:13Z", None),
        (1649574900, None),
    ],
)
def test_a_time_of_the_api_is_seconds_since_the_epoch(text: t.Any, seconds: float | None) -> None:
    assert moment(text) == seconds


def test_the_times_of_a_migration_are_the_apis_own_and_add_up() -> None:
    found = learned(moved("vm1", "a", 10, queued=30, run=14))
    assert durations(found) == (30, 4, 14, 48)
    assert (found.outcome, found.times_of, found.source, found.target) == ("succeeded", "api", "worker1", "worker9")


def test_a_release_that_stamps_no_phases_is_timed_by_when_they_were_seen() -> None:
    """Only migrationState has times there: the copying is exact, what is before it is seen."""
    state = {"startTimestamp": stamp(4), "endTimestamp": stamp(11), "sourceNode": "worker1"}
    steps = [
        migration("vm1", "a", 0, {"Pending": 0}, stamped=False),
        migration("vm1", "a", 0, {"Scheduling": 0}, stamped=False),
        migration("vm1", "a", 0, {"Running": 0}, stamped=False, state=state),
        migration("vm1", "a", 0, {"Succeeded": 0}, stamped=False, state=state),
    ]
    found = learned(*steps, now=1)
    assert durations(found) == (2, 2, 7, 11)
    assert (found.outcome, found.times_of) == ("succeeded", "seen")


@pytest.mark.parametrize(
    ("phases", "state", "expected"),
    [
        ({}, None, (None, None, None, None)),
        ({"Pending": 0}, None, (None, None, None, None)),
        ({"Pending": 0, "Running": 8}, None, (8, 0, None, None)),
        ({"Running": 8, "Succeeded": 20}, None, (8, 0, 12, 20)),
        ({"Succeeded": 20}, None, (None, None, None, 20)),
        # The clock of a node may be ahead of the controller's.
        ({"Scheduling": 9, "Succeeded": 20}, {"startTimestamp": stamp(8), "endTimestamp": stamp(15)}, (9, 0, 7, 15)),
    ],
)
def test_what_is_missing_is_null_and_nothing_takes_less_than_no_time(
    phases: t.Any, state: t.Any, expected: t.Any
) -> None:
    assert durations(learned(migration("vm1", "a", 0, phases, state=state))) == expected


@pytest.mark.parametrize(
    ("phase", "state", "outcome", "reason"),
    [
        ("Running", None, "unfinished", None),
        ("Failed", None, "failed", None),
        ("Failed", {"failed": True, "failureReason": "no memory"}, "failed", "no memory"),
        ("Gone", None, "lost", None),
        ("Gone", {"endTimestamp": stamp(9)}, "succeeded", None),
        ("Gone", {"endTimestamp": stamp(9), "failed": True, "failureReason": "aborted"}, "failed", "aborted"),
    ],
)
def test_how_it_ended(phase: str, state: t.Any, outcome: str, reason: str | None) -> None:
    found = learned(migration("vm1", "a", 0, {phase: 9}, state=state))
    assert (found.outcome, found.reason) == (outcome, reason)


def test_the_state_of_another_migration_says_nothing_of_this_one() -> None:
    state = {"migrationUid": "b", "sourceNode": "worker2", "startTimestamp": stamp(1)}
    assert facts_of_state(state, "a") == {}
    assert facts_of_state(state)["uid"] == "b"


def test_only_a_migration_with_a_target_holds_a_place() -> None:
    for phase in ("", "Pending", "WaitingForSync", "Synchronizing"):
        found = learned(migration("vm1", "a", 0, {phase: 0} if phase else {}))
        assert (found.waiting, found.active, found.over) == (True, False, False)
    for phase in PHASES[1:-1]:
        found = learned(migration("vm1", "a", 0, {phase: 0}))
        assert (found.waiting, found.active, found.over) == (False, True, False)
    for phase in ("Succeeded", "Failed", "Gone"):
        found = learned(migration("vm1", "a", 0, {phase: 0}))
        assert (found.waiting, found.active, found.over) == (False, False, True)


@given(st.integers(0, 2**32))
def test_the_order_and_number_of_tellings_makes_no_difference(seed: int) -> None:
    whole = moved("vm1", "a", 10, queued=30, run=14)
    stamps = whole["status"]["phaseTransitionTimestamps"]
    steps = [
        {**whole, "status": {"phase": entry["phase"], "phaseTransitionTimestamps": stamps[: number + 1]}}
        for number, entry in enumerate(stamps)
    ]
    order = random.Random(seed)
    told = [order.choice([*steps, whole]) for _time in range(6)] + [whole]
    order.shuffle(told)
    found = learned(*told)
    assert (durations(found), found.phase, found.times_of) == ((30, 4, 14, 48), "Succeeded", "api")
    assert found.learn(facts_of_migration(whole, NOON)) == {}
