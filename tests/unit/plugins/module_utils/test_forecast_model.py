# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated rollout: it keeps every limit, loses nothing, and is never faster than what it is made of."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock, TokenBucket
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.cluster import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.model import _Simulation, simulate
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.path import critical_path, shares
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    DRAIN_SLOW_RETRY_S,
    RESTARTS,
    SEED_LIMITS,
    STOPS,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.trace import Trace
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.forecast_scenarios import (
    reference,
    scenario,
    scenarios,
)
from hypothesis import given, settings
from hypothesis import strategies as st

Interval = t.Tuple[float, float]
MANY = settings(max_examples=60, deadline=None)


def most_at_once(intervals: t.Iterable[Interval]) -> int:
    """Count by itself how many overlap at most; what ends lets the next begin in the same moment."""
    changes = sorted((at, step) for begin, end in intervals for at, step in ((begin, 1), (end, -1)))
    most = now = 0
    for _at, step in changes:
        now += step
        most = max(most, now)
    return most


def machines(trace: Trace) -> list[Machine]:
    return [machine for run in trace.pools for machine in run.machines]


def out_of_service(machine: Machine) -> Interval:
    assert machine.targeted_at is not None and machine.done_at is not None
    return machine.targeted_at, machine.done_at


def migrating(trace: Trace, source: Machine | None = None) -> list[Interval]:
    return [
        (move.started_at, move.ended_at)
        for move in trace.moves
        if not move.restart and (source is None or move.source is source)
    ]


@MANY
@given(scenarios())
def test_no_limit_is_ever_exceeded(given_scenario: Scenario) -> None:
    trace = simulate(given_scenario)
    limits, most = given_scenario.limits, t.cast(int, given_scenario.max_disrupted)
    assert most_at_once(migrating(trace)) <= limits.per_cluster
    for machine in machines(trace):
        assert most_at_once(migrating(trace, machine)) <= limits.per_node
    for run in trace.pools:
        assert most_at_once(map(out_of_service, run.machines)) <= run.pool.max_unavailable
    peak = max(run.peak for run in trace.pools)
    assert most_at_once(map(out_of_service, machines(trace))) <= max(most, peak)
    if given_scenario.one_at_a_time:
        assert most_at_once((run.released_at or 0, run.ended_at or 0) for run in trace.pools) == 1


@MANY
@given(scenarios())
def test_every_vm_leaves_and_every_node_comes_back(given_scenario: Scenario) -> None:
    trace = simulate(given_scenario)
    moved = {move.guest.vm.name for move in trace.moves}
    assert {vm.name for node in given_scenario.rolling for vm in node.vms} <= moved
    for machine in machines(trace):
        order = [
            machine.targeted_at,
            machine.asked_at,
            machine.cordoned_at,
            machine.drained_at,
            machine.rebooted_at,
            machine.back_at,
            machine.uncordoning_at,
            machine.uncordoned_at,
            machine.done_at,
        ]
        assert order == sorted(t.cast("list[float]", order))
        assert not machine.cordoned and not machine.down
    assert trace.moments[-1][1:] == (0, 0, 0, 0, 0)


@MANY
@given(scenarios())
def test_it_is_no_faster_than_its_parts(given_scenario: Scenario) -> None:
    trace = simulate(given_scenario)
    busy_s = sum(end - begin for begin, end in migrating(trace))
    assert trace.total_s >= busy_s / given_scenario.limits.per_cluster
    for run in trace.pools:
        rounds = -(-len(run.machines) // run.pool.max_unavailable)
        assert trace.total_s >= rounds * given_scenario.durations.reboot_s
    if not given_scenario.controllers.drain_by_daemon:
        evictions = sum(node.pods + len(node.vms) for node in given_scenario.rolling) - 10
        assert trace.total_s >= evictions / given_scenario.controllers.requests_per_s


@MANY
@given(scenarios())
def test_the_path_accounts_for_every_second(given_scenario: Scenario) -> None:
    trace = simulate(given_scenario)
    parts = critical_path(trace)
    assert parts[0].start_s == 0
    assert parts[-1].end_s == trace.total_s
    for before, after in zip(parts, parts[1:]):
        assert before.end_s == pytest.approx(after.start_s)
    assert sum(shares(parts).values()) == pytest.approx(trace.total_s)


@MANY
@given(scenarios())
def test_the_same_scenario_gives_the_same_forecast(given_scenario: Scenario) -> None:
    first, second = simulate(given_scenario), simulate(given_scenario)
    assert first.total_s == second.total_s
    assert first.moments == second.moments


def test_the_reference_architectures_limits_hold_and_are_used() -> None:
    trace = simulate(reference())
    assert most_at_once(migrating(trace)) == SEED_LIMITS.per_cluster == trace.most_migrations
    outbound = [most_at_once(migrating(trace, machine)) for machine in machines(trace)]
    assert max(outbound) == SEED_LIMITS.per_node == trace.most_outbound
    assert most_at_once(map(out_of_service, machines(trace))) == 10


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 20), st.integers(1, 10), st.sampled_from([60, 600]))
def test_more_nodes_at_once_take_no_longer_while_nothing_else_queues(nodes: int, at_once: int, reboot_s: float) -> None:
    def total_s(max_unavailable: int) -> float:
        return simulate(scenario(nodes, max_unavailable, pods=nodes, reboot_s=reboot_s)).total_s

    assert total_s(at_once + 1) <= total_s(at_once) + 15 * (nodes / at_once + 1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 8), st.integers(10, 100), st.integers(1, 8))
def test_more_vms_are_never_faster_and_more_slots_never_slower(at_once: int, vms: int, slots: int) -> None:
    def total_s(some_vms: int, some_slots: int) -> float:
        told = scenario(8, at_once, {"rhel": some_vms}, limits=(some_slots, some_slots), reboot_s=60, others=30)
        return simulate(told).total_s

    # A drain that just misses the end of an attempt is tried again after a pause.
    assert total_s(2 * vms, slots) >= total_s(vms, slots) - DRAIN_SLOW_RETRY_S
    assert total_s(vms, 2 * slots) <= total_s(vms, slots) + DRAIN_SLOW_RETRY_S


def test_pods_are_evicted_at_the_pace_of_one_client() -> None:
    # 600 evictions at 5 a second, whichever the pods' own time.
    fast, slow = (simulate(scenario(10, 10, pods=600, pod_stop_s=stop_s, reboot_s=1)) for stop_s in (0.2, 20))
    assert 600 / 5 < fast.total_s < 600 / 5 + 90
    assert slow.total_s >= fast.total_s
    # Each daemon's own client: 60 pods a node, at once on all.
    alone = simulate(scenario(10, 10, pods=600, pod_stop_s=0.2, reboot_s=1, drain_by="daemon"))
    assert alone.total_s < 60 / 5 + 60


def test_five_workers_drain_at_a_time() -> None:
    trace = simulate(scenario(20, 20, pods=20, pod_stop_s=60))
    draining = [(machine.cordoned_at or 0, machine.drained_at or 0) for machine in machines(trace)]
    assert most_at_once(draining) == 5
    trace = simulate(scenario(20, 20, pods=20, pod_stop_s=60, drain_by="daemon"))
    draining = [(machine.cordoned_at or 0, machine.drained_at or 0) for machine in machines(trace)]
    assert most_at_once(draining) == 20


def test_a_drain_that_takes_longer_than_an_attempt_is_tried_again() -> None:
    trace = simulate(scenario(1, 1, pods=1, pod_stop_s=200))
    [machine] = machines(trace)
    first, second = machine.attempts
    assert first[1] - first[0] == pytest.approx(90, abs=1)
    assert second[0] - first[1] == pytest.approx(60, abs=1)


def test_after_ten_minutes_the_pauses_are_longer() -> None:
    trace = simulate(scenario(1, 1, pods=1, pod_stop_s=1500))
    [machine] = machines(trace)
    pauses = [after[0] - before[1] for before, after in zip(machine.attempts, machine.attempts[1:])]
    assert pauses[0] == pytest.approx(60, abs=1)
    assert pauses[-1] == pytest.approx(300, abs=1)


def test_each_pod_takes_its_own_time_to_stop() -> None:
    told = scenario(1, 1, pods=20, reboot_s=0)
    node = dataclasses.replace(told.pools[0].nodes[0], pod_stops=((1.0, 19), (80.0, 1)))
    slow = dataclasses.replace(told, pools=(dataclasses.replace(told.pools[0], nodes=(node,)),))
    [machine] = machines(simulate(slow))
    [(began, ended)] = machine.attempts
    assert 80 <= ended - began <= 80 + 20 / 5 + 2
    # Its successor elsewhere is as slow.
    found = [one.pods for one in simulate_machines(slow)]
    assert sorted(stop_s for pods in found for stop_s in pods) == [1.0] * 19 + [80.0]


def simulate_machines(told: Scenario) -> list[Machine]:
    simulation = _Simulation(told)
    simulation.run()
    return simulation._cluster.machines


def test_a_vm_that_migrates_waits_for_a_slot_of_its_node() -> None:
    trace = simulate(scenario(1, 1, {"rhel": 3}, limits=(20, 1), migration_s={"rhel": [50]}, target_start_s=0))
    times = sorted(migrating(trace))
    assert all(after[0] >= before[1] for before, after in zip(times, times[1:]))
    # A slot stays empty until somebody looks again, at most 5 s.
    assert all(after[0] - before[1] <= 5.5 for before, after in zip(times, times[1:]))


def test_a_vm_that_restarts_takes_no_slot() -> None:
    told = scenario(1, 1, {"rhel": 3}, limits=(1, 1), vm_stop_s=40)
    vms = tuple(
        dataclasses.replace(vm, leaves=leaves)
        for vm, leaves in zip(told.pools[0].nodes[0].vms, (RESTARTS, STOPS, RESTARTS))
    )
    node = dataclasses.replace(told.pools[0].nodes[0], vms=vms)
    trace = simulate(dataclasses.replace(told, pools=(dataclasses.replace(told.pools[0], nodes=(node,)),)))
    assert trace.most_migrations == 0
    assert [move.restart for move in trace.moves] == [True] * 3
    assert sorted(round(move.ended_at - move.started_at) for move in trace.moves) == [40, 50, 50]


def test_vms_avoid_the_nodes_that_still_have_to_update() -> None:
    trace = simulate(reference(pods=0, reboot_s=1))
    again = len(trace.moves) - 1000
    # Only those that left before their pool's other nodes were tainted.
    assert 0 <= again < 50


def test_measured_times_are_used_evenly() -> None:
    times = [1.0, 2.0, 30.0]
    trace = simulate(scenario(1, 1, {"rhel": 30}, migration_s={"rhel": times}, target_start_s=0))
    seen = [round(end - begin, 3) for begin, end in migrating(trace)]
    assert {value: seen.count(value) for value in times} == dict.fromkeys(times, 10)


def test_a_bandwidth_limit_stretches_large_memories() -> None:
    told = scenario(1, 1, {"rhel": 2}, migration_s={"rhel": [14]})
    vms = tuple(
        dataclasses.replace(vm, memory_bytes=size * 2**30) for vm, size in zip(told.pools[0].nodes[0].vms, (1, 64))
    )
    node = dataclasses.replace(told.pools[0].nodes[0], vms=vms)
    limited = dataclasses.replace(
        told, pools=(dataclasses.replace(told.pools[0], nodes=(node,)),), bandwidth_bytes_s=64 * 2**20
    )
    assert sorted(round(end - begin) for begin, end in migrating(simulate(limited))) == [10 + 16, 10 + 1024]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.floats(0.5, 20), st.integers(1, 20))
def test_a_token_bucket_lets_no_more_through_than_its_rate(pauses: list[float], rate: float, size: int) -> None:
    clock = Clock()
    bucket = TokenBucket(clock, rate, size)
    sent = []
    for pause in pauses:
        clock.now += pause
        sent.append(bucket.take())
    assert sent == sorted(sent)
    for first, begin in enumerate(sent):
        for last in range(first, len(sent)):
            assert last - first + 1 <= size + rate * (sent[last] - begin) + 1e-6


def test_two_processes_go_on_in_the_order_in_which_they_asked() -> None:
    clock, seen = Clock(), []

    def process(name: str) -> t.Iterator[float]:
        for _step in range(2):
            yield clock.now + 1
            seen.append((name, clock.now))

    clock.start(process("a"))
    clock.start(process("b"))
    assert clock.run(until=1.5) is False
    assert seen == [("a", 1), ("b", 1)]
