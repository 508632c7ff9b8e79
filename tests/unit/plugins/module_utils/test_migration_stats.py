# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statistics of migrations, against Python's own and against what was put in."""

from __future__ import annotations

import statistics
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import (
    PERCENTILES,
    bin_width,
    distribution,
    histogram,
    share_within,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration import words
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.history import History
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import MigrationLimits
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.result import statistics as result
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.stats import by_os, curve, moving_s
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration, facts_of_migration
from hypothesis import given
from hypothesis import strategies as st
from kubevirt_cluster import NOON, kubevirt, migration, moved

SECONDS = st.floats(0, 5000).map(lambda value: round(value, 3))


def learned(item: t.Any, os: str = "rhel") -> Migration:
    found = Migration(item["metadata"]["uid"], os=os)
    found.learn(facts_of_migration(item, NOON))
    return found


@given(st.lists(SECONDS, min_size=2))
def test_percentiles_are_those_of_the_statistics_module(values: list[float]) -> None:
    found = distribution(values)
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    for percent in PERCENTILES:
        assert found[f"p{percent}_s"] == pytest.approx(cuts[percent - 1], abs=0.001)
    assert found["mean_s"] == pytest.approx(statistics.fmean(values), abs=0.001)
    assert (found["count"], found["max_s"]) == (len(values), max(values))


@pytest.mark.parametrize(("values", "expected"), [([], {"count": 0}), ([None], {"count": 0})])
def test_of_nothing_only_the_count_is_told(values: list[t.Any], expected: t.Any) -> None:
    assert distribution(values) == expected


def test_one_value_is_all_its_percentiles() -> None:
    found = distribution([None, 7.0])
    assert {found[f"p{percent}_s"] for percent in PERCENTILES} == {7.0}


@given(st.lists(SECONDS, max_size=50))
def test_every_value_is_in_one_bin_and_the_bins_can_be_told_apart(values: list[float]) -> None:
    width_s = bin_width(values)
    counts = histogram(values, width_s)
    assert sum(counts) == len(values)
    assert len(counts) <= 400
    assert not values or distribution(values)["p99_s"] < 40 * width_s
    for number, count in enumerate(counts):
        assert count == sum(number * width_s <= value < (number + 1) * width_s for value in values)
    assert not counts or counts[-1] > 0


@pytest.mark.parametrize(("limit_s", "share"), [(6, 0.0), (7, 0.5), (8.5, 0.75), (100, 1.0)])
def test_the_share_within_a_time_includes_it(limit_s: float, share: float) -> None:
    assert share_within([7, 7, 8, None, 9], limit_s) == share


def test_nothing_has_no_share() -> None:
    assert share_within([None], 7) is None


def test_operating_systems_are_told_apart_and_compared_at_the_compressed_time() -> None:
    done = [learned(moved(f"vm{run}", f"u{run}", 0, run=run)) for run in (2, 3, 7)]
    done.append(learned(moved("other", "o", 0, run=12), "windows"))
    found = by_os(done, 1.0)
    assert found["bin_s"] == 1
    assert {name: entry["count"] for name, entry in found["by_os"].items()} == {"rhel": 3, "windows": 1}
    assert found["by_os"]["rhel"]["share_within_7_s"] == 1.0
    assert found["by_os"]["rhel"]["histogram"] == [0, 0, 1, 1, 0, 0, 0, 1]
    assert by_os(done, 3.0)["by_os"]["rhel"]["share_within_7_s"] == 0.3333


def at(second: float, *, queued: float, run: float, vm: str = "vm", source: str = "worker1") -> Migration:
    return learned(moved(vm, f"{vm}-{second}", second, queued=queued, run=run, source=source))


def test_a_place_that_is_given_on_in_the_same_second_is_one_place() -> None:
    found = curve([at(0, queued=0, run=6), at(0, queued=10, run=6, vm="b")], NOON, NOON + 20)
    assert found["step_s"] == 1
    assert max(found["running"]) == 1
    assert max(found["queued"]) == 1
    assert found["running"][:20] == [1] * 20
    assert found["queued"][5] == 1
    assert found["queued"][15] == 0


def test_the_busiest_node_is_the_busiest_at_each_time() -> None:
    found = curve(
        [at(0, queued=0, run=6, vm=vm, source=f"worker{number % 2}") for number, vm in enumerate("abc")],
        NOON,
        NOON + 10,
    )
    assert (max(found["running"]), max(found["busiest_node"])) == (3, 2)


SPANS = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 60), st.integers(1, 60)), min_size=1, max_size=30)


@given(SPANS)
def test_the_curve_and_the_moving_time_agree_with_a_count_second_by_second(spans: list[tuple[int, int, int]]) -> None:
    done = [at(begin, queued=queued, run=run, vm=f"vm{n}") for n, (begin, queued, run) in enumerate(spans)]
    begin = min(span[0] for span in spans)
    last = max(span[0] + span[1] + 4 + span[2] for span in spans)
    running = [sum(b + q <= second < b + q + 4 + r for b, q, r in spans) for second in range(begin, last)]
    alive = sum(any(b <= second < b + q + 4 + r for b, q, r in spans) for second in range(begin, last))
    found = curve(done, NOON + begin, NOON + last)
    assert max(found["running"]) == max(running)
    assert len(found["running"]) == len(found["queued"]) <= 240
    step = found["step_s"]
    for number, most in enumerate(found["running"]):
        assert most >= max(running[number * step : (number + 1) * step], default=0)
    assert moving_s(done, NOON + last) == alive


@pytest.mark.parametrize(
    ("item", "expected"),
    [(None, (5, 2)), (kubevirt(), (20, 4)), (kubevirt(None, None), (5, 2)), (kubevirt(None, 1), (5, 1))],
)
def test_limits_that_are_not_said_are_kubevirts_own(item: t.Any, expected: tuple[int, int]) -> None:
    limits = MigrationLimits.of(item)
    assert (limits.per_cluster, limits.per_node) == expected


def reference() -> History:
    """Return a migration in which one machine failed and was retried, one restarted, one was left behind."""
    history = History()
    history.learn({"kind": "began", "at": NOON, "before": 0.0})
    for number in range(6):
        facts = {"uid": f"i{number}", "os": "rhel", "phase": "Running", "pool": "zone-0", "stays_up": number != 5}
        history.learn({"kind": "vm", "vm": f"vms/vm{number}", **facts})
    state = {"failed": True, "failureReason": "no memory"}
    told = [moved(f"vm{number}", f"m{number}", number, queued=number, run=10 + number) for number in range(4)]
    told.insert(0, migration("vm3", "m3-first", 0, {"Pending": 0, "Failed": 2}, state=state))
    told.append(migration("vm4", "m4", 5, {"Pending": 5, "Failed": 6}, state=state))
    for item in told:
        history.learn({"kind": "migration", "os": "rhel", **facts_of_migration(item, NOON)})
    history.learn({"kind": "vm", "vm": "vms/vm0", "uid": "again"})
    history.learn({"kind": "vm", "vm": "vms/vm5", "phase": "Gone"})
    steps = {"selected": -5, "cordoned": 0, "drain_began": -2, "drained": 30, "back": 90, "done": 100}
    for step, second in steps.items():
        history.learn({"kind": "node", "node": "worker1", "pool": "zone-0", "step": step, "at": NOON + second})
    return history


def test_the_sums_are_those_of_the_apis_times() -> None:
    found = result(reference(), MigrationLimits(20, 4), NOON + 100)
    assert found["queued"]["sum_s"] == 0 + 1 + 2 + 3 == sum(vm["queued_s"] or 0 for vm in found["vms"])
    assert found["run"]["sum_s"] == 10 + 11 + 12 + 13 == sum(vm["run_s"] or 0 for vm in found["vms"])
    assert found["total"]["sum_s"] == 6 + 46 + 16 == sum(vm["total_s"] or 0 for vm in found["vms"])
    sums = [found[name]["sum_s"] for name in ("queued", "prepare", "run")]
    assert sum(sums) == found["total"]["sum_s"]


def test_every_machine_is_told_of_once() -> None:
    found = result(reference(), MigrationLimits(20, 4), NOON + 100)
    assert [(vm["vm"], vm["moves"], vm["attempts"], vm["outcome"]) for vm in found["vms"]] == [
        ("vms/vm0", 1, 1, "succeeded"),
        ("vms/vm1", 1, 1, "succeeded"),
        ("vms/vm2", 1, 1, "succeeded"),
        ("vms/vm3", 1, 2, "succeeded"),
        ("vms/vm4", 0, 1, "failed"),
    ]
    assert [(entry["vm"], entry["failed"], entry["moved_at_last"]) for entry in found["failures"]] == [
        ("vms/vm3", 1, True),
        ("vms/vm4", 1, False),
    ]
    assert found["retries"] == 1
    assert found["restarted"] == [{"vm": "vms/vm0", "os": "rhel", "times": 1, "expected": False}]
    assert found["not_running"] == [{"vm": "vms/vm5", "os": "rhel", "phase": "Gone", "expected": True}]


def test_a_nodes_time_is_wait_and_drain_and_reboot() -> None:
    (node,) = result(reference(), MigrationLimits(20, 4), NOON + 100)["nodes"]
    assert (node["wait_s"], node["drain_s"], node["reboot_s"], node["total_s"]) == (15, 30, 60, 105)
    assert (node["began_s"], node["vms"], node["late"]) == (0, 4, False)


def test_the_time_is_split_into_moving_and_waiting() -> None:
    totals = result(reference(), MigrationLimits(20, 4), NOON + 100)["totals"]
    assert (totals["seconds"], totals["moving_s"], totals["waiting_s"]) == (105, 23, 82)


def test_nothing_is_told_of_nothing() -> None:
    found = result(History(), MigrationLimits(), NOON)
    assert (found["by_os"], found["vms"], found["totals"]["seconds"]) == ({}, [], 0)
    assert [row["status"] for row in words.rows(found)] == ["ok", "ok", "ok"]
    assert len(words.lines(found)) <= 24


def test_rows_name_what_went_wrong() -> None:
    found = result(reference(), MigrationLimits(1, 4), NOON + 100)
    told = {(row["where"], row["what"]): (row["status"], row["why"]) for row in words.rows(found)}
    assert told["KubeVirt", "parallelMigrationsPerCluster"][0] == "failed"
    assert told["KubeVirt", "parallelOutboundMigrationsPerNode"][0] == "ok"
    assert told["VM vms/vm3", "live migration"] == ("note", "1 of 2 attempts failed: no memory")
    assert told["VM vms/vm4", "live migration"] == ("failed", "its only attempt failed: no memory")
    assert told["VM vms/vm0", "restarts"][0] == "failed"
    assert told["VM vms/vm5", "phase"][0] == "note"
    assert told["VMs", "moved"][0] == "changed"


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_screen_says_it_all(factor: float) -> None:
    told = words.lines(result(reference(), MigrationLimits(20, 4), NOON + 100, time_factor=factor))
    assert len(told) <= 24
    assert max(map(len, told)) <= 100
    text = "\n".join(told)
    assert "4 VMs moved in 4 live migrations off 1 node" in text
    assert "14 s, 35% in 7 s" in text
    assert ("compressed 3 times" in text) == (factor == 3)
