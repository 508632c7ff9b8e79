# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations followed through everything that happens to an API, to machines, and to whoever follows them."""

from __future__ import annotations

import random
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.feed import Feed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.watch import MigrationWatch
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import (
    NEW,
    node,
    pool,
    snapshot,
)
from kubevirt_cluster import NOON, PHASES, Clock, Cluster, instance, kubevirt, migration, moved, stamp, until

DRAINING: dict[str, t.Any] = {"desired": NEW, "state": "Working", "drain": ("drain-new", ""), "cordoned": True}


class Run:
    """One run that watches: its own process as far as it knows."""

    def __init__(self, cluster: Cluster, journal: Path, clock: Clock | None = None, **how: t.Any) -> None:
        self.clock = clock or Clock()
        self.journal = Journal(journal)
        self.feed = Feed(t.cast(t.Any, cluster), self.journal, clock=self.clock, **how)
        self.watch = MigrationWatch(self.feed)
        self.watch.follow()
        self.observe()

    def observe(self, *nodes: t.Any, seconds: float | None = None) -> None:
        if seconds is not None:
            self.clock.seconds = seconds
        marked = pool(marked=True, paused=True)
        known = nodes or (node("worker1"), node("worker2"), node("worker9", "zone-1"))
        self.watch.observe(snapshot(known, [marked]), ["zone-0"], self.clock.seconds)

    def known(self, uid: str) -> Migration:
        return self.feed.history.migrations.get(uid, Migration(uid))

    def die(self) -> None:
        """End as a killed process does: without another word."""
        self.feed.close()

    @property
    def outcomes(self) -> dict[str, str]:
        return {uid: found.outcome for uid, found in self.feed.history.migrations.items()}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "run" / "migrations.jsonl"


def machines(number: int = 3, on: str = "worker1") -> list[t.Any]:
    return [instance(f"vm{count}", on) for count in range(1, number + 1)]


def step(vm: str, uid: str, phase: str, created: float = 0, **change: t.Any) -> t.Any:
    """Return a migration that has just reached a phase, a second after the one before."""
    reached = PHASES[: PHASES.index(phase) + 1] if phase in PHASES else (*PHASES[:4], phase)
    return migration(vm, uid, created, {name: created + at for at, name in enumerate(reached)}, **change)


def test_machines_are_counted_where_they_are(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines(4), instance("elsewhere", "worker9"))
    run = Run(cluster, journal)
    assert run.watch.words("zone-0") == "VMs: 0 of 4 moved, 0 running, 0 queued"
    assert run.watch.words("zone-1") == ""
    before = run.watch.progress()
    cluster.put(instance("vm4", "worker1", leaving="worker1"))
    cluster.put(moved("vm1", "a", 0), step("vm2", "b", "Running"), step("vm3", "c", "Pending"))
    until(lambda: run.known("c").vm)
    assert run.watch.words("zone-0") == "VMs: 1 of 4 moved, 1 running, 2 queued"
    assert run.watch.progress() != before
    cluster.put(step("vm2", "b", "Failed"))
    until(lambda: run.known("b").over)
    assert run.watch.words("zone-0") == "VMs: 1 of 4 moved, 0 running, 2 queued, 1 failed and retried"
    assert {found.os for found in run.feed.history.migrations.values()} == {"rhel"}
    run.die()


def test_the_most_at_once_is_counted_change_by_change(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines(3), instance("vm9", "worker2"))
    run = Run(cluster, journal)
    cluster.put(step("vm1", "a", "Scheduling"), step("vm2", "b", "Scheduling"), moved("vm1", "a", 0))
    cluster.put(step("vm3", "c", "Scheduling"), step("vm9", "d", "Scheduling"), step("vm9", "e", "Pending"))
    until(lambda: run.known("e").vm)
    assert (run.feed.history.concurrency.most, run.feed.history.concurrency.most_on_node) == (3, 2)
    assert run.feed.history.concurrency.busiest == "worker1"
    run.die()


def test_what_ended_before_is_of_no_concern(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines(), moved("vm1", "before", -900), step("vm2", "running", "Running", -5))
    run = Run(cluster, journal)
    cluster.put(moved("vm1", "after", 30))
    until(lambda: run.known("after").over)
    cluster.delete(moved("vm1", "before", -900))
    cluster.put(step("vm3", "last", "Pending", 40))
    until(lambda: run.known("last").vm)
    assert run.outcomes == {"running": "unfinished", "after": "succeeded", "last": "unfinished"}
    run.die()


@pytest.mark.parametrize("gap", ["silence", "forgotten"])
def test_a_gap_in_the_api_loses_nothing(journal: Path, gap: str) -> None:
    cluster = Cluster(kubevirt(), *machines())
    run = Run(cluster, journal)
    cluster.put(step("vm1", "a", "Running"), step("vm2", "b", "Running"))
    until(lambda: run.known("b").active)
    cluster.fail(KubeError("connection refused", 0))
    until(lambda: run.feed.silence)
    assert "tell of migrations again" in (run.watch.lagging() or "")
    # Meanwhile one ends, one ends and is forgotten but for its machine's state, and one begins and ends.
    ended = {"migrationUid": "b", "startTimestamp": stamp(5), "endTimestamp": stamp(9), "targetNode": "worker9"}
    cluster.put(moved("vm1", "a", 0), moved("vm3", "c", 20), instance("vm2", "worker9", state=ended))
    cluster.delete(step("vm2", "b", "Running"))
    if gap == "forgotten":
        cluster.forget()
    cluster.fail(None)
    until(lambda: run.known("c").over and run.known("b").over and run.known("b").ended)
    assert run.outcomes == {"a": "succeeded", "b": "succeeded", "c": "succeeded"}
    assert run.known("b").run_s == 4
    until(lambda: run.watch.lagging() is None)
    run.die()


def test_a_killed_run_is_taken_over_without_losing_or_doubling_anything(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines(5), moved("vm1", "before", -900))
    first = Run(cluster, journal)
    cluster.put(moved("vm1", "a", 0), step("vm2", "b", "Running"), step("vm4", "d", "Running"))
    first.observe(node("worker1", **DRAINING), node("worker2"), seconds=3)
    until(lambda: first.known("d").active)
    first.die()

    # While nobody watches: the cluster forgets what was told, ends what ran, and runs what is new.
    cluster.delete(moved("vm1", "a", 0), step("vm4", "d", "Running"))
    cluster.put(moved("vm2", "b", 0, run=20), moved("vm3", "c", 10), instance("vm5", "worker9", uid="new"))
    clock = Clock()
    clock.seconds = 60
    second = Run(cluster, journal, clock)
    second.observe(node("worker1", config=NEW), node("worker2"), seconds=60)
    assert second.outcomes == {"a": "succeeded", "b": "succeeded", "d": "lost", "c": "succeeded"}
    assert [found.total_s for found in second.feed.history.migrations.values()] == [11, 24, None, 11]
    assert second.watch.words("zone-0") == "VMs: 4 of 5 moved, 0 running, 0 queued"
    assert second.feed.history.vms["vms/vm5"].restarts == 1
    times = second.feed.history.nodes["worker1"]
    assert (times.cordoned, times.drain_began, times.drained, times.done) == (NOON + 3, NOON + 3, None, NOON + 60)
    assert second.feed.history.late == {"worker1"}
    second.die()

    third = Run(cluster, journal, clock)
    assert third.outcomes == second.outcomes
    assert third.feed.history.concurrency.most == second.feed.history.concurrency.most == 2
    third.die()


def test_without_a_journal_a_taken_over_run_is_told_from_when_it_began(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines(), moved("vm1", "before", -900), moved("vm2", "a", 5))
    run = Run(cluster, journal, since=NOON)
    assert run.outcomes == {"a": "succeeded"}
    run.die()


def test_a_machine_that_was_started_anew_is_noted(journal: Path) -> None:
    vms = [*machines(2), instance("fedora1", "worker1", os="fedora39", strategy="None")]
    cluster = Cluster(kubevirt(), *vms)
    run = Run(cluster, journal)
    for name in ("vm2", "fedora1"):
        cluster.delete(instance(name, "worker1"))
    history = run.feed.history
    until(lambda: history.vms["vms/vm2"].phase == history.vms["vms/fedora1"].phase == "Gone")
    run.observe(seconds=1)
    assert run.watch.lagging() == "2 VMs to run again"
    cluster.put(instance("vm2", "worker9", uid="new", phase="Scheduling"))
    until(lambda: history.vms["vms/vm2"].restarts)
    run.observe(seconds=40)
    assert run.watch.lagging() == "VM vms/vm2 to run again"
    cluster.put(instance("vm2", "worker9", uid="new"))
    until(lambda: run.watch.lagging() is None)
    assert [(vm.vm, vm.os, vm.stays_up, vm.restarts, vm.phase) for vm in history.vms.values()] == [
        ("vms/fedora1", "fedora", False, 0, "Gone"),
        ("vms/vm1", "rhel", True, 0, "Running"),
        ("vms/vm2", "rhel", True, 1, "Running"),
    ]
    run.die()


def test_a_machine_that_fails_again_and_again_ends_the_run_with_its_reason(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines())
    run = Run(cluster, journal)
    state = {"failed": True, "failureReason": "qemu unexpectedly closed the monitor", "sourceNode": "worker1"}
    for attempt in range(5):
        assert run.watch.obstacle() is None
        cluster.put(step("vm2", f"try{attempt}", "Failed", attempt * 60, state=state))
        until(lambda attempt=attempt: run.known(f"try{attempt}").over)
    assert run.watch.obstacle() == (
        "VM vms/vm2 cannot leave node worker1: 5 live migrations failed one after the other, the last one with: "
        "qemu unexpectedly closed the monitor."
    )
    run.die()
    again = Run(cluster, journal)
    assert again.watch.obstacle() is None
    for attempt in range(5, 10):
        cluster.put(step("vm2", f"try{attempt}", "Failed", attempt * 60, state=state))
    until(again.watch.obstacle)
    cluster.put(moved("vm2", "at-last", 900))
    until(lambda: again.watch.obstacle() is None)
    again.die()


def test_a_failure_without_a_reason_is_looked_up_in_the_events(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines())
    run = Run(cluster, journal)
    event = {
        "metadata": {"name": "x", "namespace": "vms"},
        "involvedObject": {"uid": "a"},
        "type": "Warning",
        "message": "Migration failed because target pod shutdown",
    }
    cluster.put(event, step("vm1", "a", "Failed"))
    until(lambda: run.known("a").reason)
    assert run.known("a").reason == event["message"]
    run.die()


def test_an_api_that_refuses_for_good_ends_the_run(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.virtscale.tuning.plugins.module_utils._kube.follow._RETRY_S", 0.001)
    cluster = Cluster(kubevirt(), *machines())
    run = Run(cluster, journal)
    cluster.fail(KubeError("forbidden", 403))
    until(run.watch.obstacle)
    assert run.watch.obstacle() == "The live migrations are no longer seen: forbidden"
    run.die()


def test_a_journal_that_cannot_be_written_ends_the_run(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines())
    run = Run(cluster, journal)
    with open("/dev/full", "wb", buffering=0) as full:
        run.journal._file = t.cast(t.Any, full)
        cluster.put(moved("vm1", "a", 0))
        until(run.watch.obstacle)
        assert "No space left on device" in (run.watch.obstacle() or "")
        run.watch.stop()


def test_following_is_begun_again_after_an_api_that_did_not_answer(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines())
    cluster.fail(KubeError("connection refused", 0))
    feed = Feed(t.cast(t.Any, cluster), Journal(journal))
    with pytest.raises(KubeError):
        feed.follow()
    cluster.fail(None)
    feed.follow()
    assert len(feed.machines) == 3
    feed.stop()


def test_an_eviction_that_waits_for_its_migration_is_timed(journal: Path) -> None:
    cluster = Cluster(kubevirt(), *machines())
    run = Run(cluster, journal)
    run.clock.seconds = 2
    cluster.put(instance("vm1", "worker1", leaving="worker1"))
    until(lambda: run.feed.history.vms["vms/vm1"].asked)
    cluster.put(step("vm1", "a", "Failed", 10, source="worker1"), moved("vm1", "b", 40))
    until(lambda: run.known("b").over)
    assert (run.known("a").held_s, run.known("b").held_s) == (8, None)
    run.die()


@pytest.mark.parametrize("seed", range(5))
def test_a_simulated_drain_is_counted_exactly(journal: Path, seed: int) -> None:
    """Sixty machines on three nodes, six places and two a node, through kills and gaps of the API."""
    chance = random.Random(seed)
    waiting = [(f"vm{number}", f"worker{number % 3}") for number in range(60)]
    cluster = Cluster(kubevirt(6, 2), *(instance(*machine) for machine in waiting))
    run = Run(cluster, journal)
    running: list[tuple[str, str, float, float]] = []
    most, most_on_node, total = 0, 0, 0.0
    for second in range(1, 2000):
        for vm, source, began, run_s in [entry for entry in running if entry[2] + 4 + entry[3] <= second]:
            running.remove((vm, source, began, run_s))
            cluster.put(moved(vm, f"m-{vm}", began - 1, queued=1, run=run_s, source=source))
            total += 1 + 4 + run_s
        for vm, source in list(waiting):
            if len(running) < 6 and sum(entry[1] == source for entry in running) < 2:
                waiting.remove((vm, source))
                running.append((vm, source, second, chance.randint(3, 30)))
                cluster.put(step(vm, f"m-{vm}", "Scheduling", second - 1, source=source))
        most = max(most, len(running))
        most_on_node = max([most_on_node, *(sum(e[1] == f"worker{w}" for e in running) for w in range(3))])
        if chance.random() < 0.02:
            cluster.forget()
        if chance.random() < 0.02:
            run.die()
            run = Run(cluster, journal)
        if not running and not waiting:
            break
    until(lambda: list(run.outcomes.values()).count("succeeded") == 60)
    history = run.feed.history
    assert sum(found.total_s or 0 for found in history.migrations.values()) == total
    assert {found.times_of for found in history.migrations.values()} == {"api"}
    # A killed run may miss the most, but never sees more than there was.
    assert 0 < history.concurrency.most <= most == 6
    assert 0 < history.concurrency.most_on_node <= most_on_node == 2
    run.die()
