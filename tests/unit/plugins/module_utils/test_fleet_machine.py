# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one machine, by the words of KubeVirt and CDI."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import Failure, Machine, parse_time
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object

# 2026-08-01T12:00:00Z
NOON = 1785585600.0


def at(seconds: float) -> str:
    return f"2026-08-01T12:00:{seconds:02.0f}Z"


def machine(**options: t.Any) -> Machine:
    found = Machine("f-rhel-0001", "f-00", "rhel", 1, **{"clones": 1, "runs": True, **options})
    found.ask(NOON)
    return found


def vm(printable: str, *conditions: Object, **meta: t.Any) -> Object:
    return {
        "metadata": {"name": "f-rhel-0001", "namespace": "f-00", "uid": "u", "creationTimestamp": at(1), **meta},
        "spec": {},
        "status": {"printableStatus": printable, "conditions": list(conditions)},
    }


def volume(phase: str, *conditions: Object, name: str = "f-rhel-0001") -> Object:
    return {"metadata": {"name": name}, "status": {"phase": phase, "conditions": list(conditions)}}


def condition(kind: str, status: str, message: str = "", reason: str = "", since: float = 0) -> Object:
    return {"type": kind, "status": status, "message": message, "reason": reason, "lastTransitionTime": at(since)}


def test_a_machine_on_its_way() -> None:
    found = machine()
    assert found.see_machine(vm("Provisioning"), NOON + 1.5, late=False) == ["created"]
    assert not found.has_disks
    assert found.see_clone(volume("CSICloneInProgress"), NOON + 2, late=False) == []
    assert found.see_clone(volume("Succeeded"), NOON + 7.25, late=False) == ["cloned"]
    assert found.has_disks and not found.settled
    assert found.see_machine(vm("Starting"), NOON + 8, late=False) == []
    assert found.see_machine(vm("Running"), NOON + 19, late=False) == ["running"]
    assert found.settled
    assert (found.created, found.cloned, found.running) == (NOON + 1.5, NOON + 7.25, NOON + 19)
    assert found.times == "seen"
    assert found.see_machine(vm("Running"), NOON + 30, late=False) == []


def test_where_nobody_looked_the_api_tells() -> None:
    found = machine()
    found.see_machine(vm("Running", condition("Ready", "True", since=20)), NOON + 40, late=True)
    found.see_clone(volume("Succeeded", condition("Ready", "True", since=9)), NOON + 40, late=True)
    assert (found.created, found.cloned, found.running) == (NOON + 1, NOON + 9, NOON + 20)
    assert found.times == "api" and found.settled


def test_what_the_api_tells_later_is_taken_then() -> None:
    found = machine()
    # It runs, so its disk is there; since when, neither says yet.
    assert found.see_machine(vm("Running"), NOON + 40, late=True) == ["created", "running", "cloned"]
    assert (found.cloned, found.running) == (None, None) and found.settled
    assert found.see_clone(volume("Succeeded", condition("Ready", "True", since=9)), NOON + 40, late=True) == ["cloned"]
    assert found.see_machine(vm("Running", condition("Ready", "True", since=41)), NOON + 42, late=False) == ["running"]
    assert (found.cloned, found.running, found.times) == (NOON + 9, NOON + 41, "api")
    assert found.see_machine(vm("Running", condition("Ready", "True", since=50)), NOON + 51, late=False) == []


def test_the_whole_seconds_of_the_api_do_not_lie_before_the_request() -> None:
    found = Machine("f-rhel-0001", "f-00", "rhel", 1, clones=0, runs=True)
    found.ask(NOON + 1.7)
    found.see_machine(vm("Stopped"), NOON + 10, late=True)
    assert found.created == NOON + 1.7


def test_what_the_api_does_not_tell_is_not_made_up_later() -> None:
    found = machine(clones=0)
    assert found.see_machine(vm("Running"), NOON + 40, late=True) == ["created", "running"]
    assert found.see_machine(vm("Running"), NOON + 50, late=False) == []
    assert found.running is None


def test_all_disks_must_be_cloned() -> None:
    found = machine(clones=2)
    assert found.see_clone(volume("Succeeded", name="a"), NOON + 5, late=False) == []
    assert found.see_clone(volume("Succeeded", name="a"), NOON + 6, late=False) == []
    assert found.see_clone(volume("Succeeded", name="b"), NOON + 7, late=False) == ["cloned"]


@pytest.mark.parametrize(
    "runs, printable, settled",
    [
        (True, "Running", True),
        (True, "Stopped", False),
        (False, "Stopped", True),
        (False, "Stopping", False),
        (False, "Running", False),
        (None, "Running", True),
        (None, "Stopped", True),
    ],
)
def test_when_a_machine_is_settled(runs: bool | None, printable: str, settled: bool) -> None:
    found = machine(clones=0, runs=runs)
    found.see_machine(vm(printable), NOON + 5, late=False)
    assert found.settled is settled


def test_a_clone_that_cannot_be_made_fails_with_the_reason_of_its_disk() -> None:
    found = machine()
    found.see_machine(
        vm("DataVolumeError", condition("Ready", "False", "VMI does not exist", "VMINotExists")), NOON + 1, late=False
    )
    broken = condition("Running", "False", "Insufficient space in the pool.", "Error")
    found.see_clone(volume("CSICloneInProgress", broken), NOON + 2, late=False)
    found.see_machine(vm("DataVolumeError"), NOON + 3, late=False)
    assert not found.judge(NOON + 10.9, 10)
    assert found.judge(NOON + 11, 10)
    assert found.failure == Failure("clone", "CSICloneInProgress: Insufficient space in the pool")
    assert found.settled and found.has_disks
    # CDI goes on trying.
    assert found.see_clone(volume("Succeeded"), NOON + 90, late=False) == ["cloned"]
    assert found.failure is None


def test_trouble_that_passes_is_no_failure() -> None:
    found = machine(clones=0)
    unplaced = condition("PodScheduled", "False", "0/3 nodes are available")
    found.see_machine(vm("ErrorUnschedulable", unplaced), NOON + 1, late=False)
    found.see_machine(vm("Starting"), NOON + 5, late=False)
    assert not found.judge(NOON + 99, 10)
    found.see_machine(vm("ErrorUnschedulable", unplaced), NOON + 100, late=False)
    assert found.judge(NOON + 111, 10)
    assert found.failure == Failure("start", "ErrorUnschedulable: 0/3 nodes are available")


@pytest.mark.parametrize(
    "seen, stage",
    [([], "create"), ([vm("Provisioning")], "clone"), ([vm("Provisioning"), volume("Succeeded")], "start")],
)
def test_giving_up_tells_where_it_stood(seen: list[Object], stage: str) -> None:
    found = machine()
    for item in seen:
        look = found.see_machine if "spec" in item else found.see_clone
        look(item, NOON + 1, late=False)
    found.give_up("not done after 30 s")
    assert found.failure is not None and found.failure.stage == stage


def test_a_machine_that_leaves_is_not_there_and_can_be_asked_for_again() -> None:
    found = machine(clones=0)
    found.see_machine(vm("Running"), NOON + 5, late=False)
    found.see_machine(vm("Running", deletionTimestamp=at(6)), NOON + 6, late=False)
    assert found.gone and not found.there
    found.vanish()
    assert not found.gone and not found.is_running
    found.ask(NOON + 60)
    assert found.answer(NOON + 61) == ["created"]
    assert found.running is None


def test_times_of_the_api() -> None:
    assert parse_time("2026-08-01T12:00:00Z") == NOON
    assert parse_time("2026-08-01T12:00:00.250000Z") == NOON + 0.25
    assert parse_time(None) is None
