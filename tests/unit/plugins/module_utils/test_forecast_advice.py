# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changing each limit would do, in numbers and in words, with what speaks against it."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.advice import FIXED, Advice, advise
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import (
    Forecast,
    forecast,
    simulate_courses,
    spread,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import Scenario
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.forecast_scenarios import reference, scenario


def advised(given_scenario: Scenario) -> dict[str, Advice]:
    return {one.change.what: one for one in advise(forecast(given_scenario))}


@pytest.fixture(scope="module")
def zone() -> Forecast:
    return forecast(reference())


def test_each_limit_that_can_matter_is_tried(zone: Forecast) -> None:
    assert {one.change.what: (one.change.before, one.change.after) for one in advise(zone)} == {
        "maxUnavailable": ("10", "20"),
        "parallelMigrationsPerCluster": ("20", "40"),
        "parallelOutboundMigrationsPerNode": ("4", "8"),
        "parallelMigrationsPerCluster and parallelOutboundMigrationsPerNode": ("20/4", "40/8"),
        "seconds of a migration": ("as given", "half"),
        "seconds of a reboot": ("600", "300"),
        "pods that a drain evicts": ("7,000", "3,498"),
        "replicas of virt-api": ("10", "20"),
        "drain workers": ("5", "10"),
        "controller's requests a second": ("5", "10"),
    }


def test_what_saves_most_comes_first_and_what_nobody_can_set_last(zone: Forecast) -> None:
    found = advise(zone)
    can = [one for one in found if one.change.kind != FIXED]
    assert found[: len(can)] == can
    assert [one.saves_s for one in can] == sorted((one.saves_s for one in can), reverse=True)
    assert all("not a setting" in str(one) for one in found[len(can) :])


def test_a_table_row_tells_what_its_sentence_tells(zone: Forecast) -> None:
    for one in advise(zone):
        result = one.as_result()
        assert result["total_s"] == pytest.approx(zone.total_s - result["saves_s"], abs=0.2)
        assert result["text"].startswith(f"{result['what']} {result['from']} -> {result['to']}: ")


@pytest.mark.parametrize(
    ("given_scenario", "what", "helps"),
    [
        # 5 slots for 1,000 VMs: only more slots help, more nodes at once do not.
        (reference(limits=(5, 2), pods=0, reboot_s=1), "parallelMigrationsPerCluster", True),
        (reference(limits=(5, 2), pods=0, reboot_s=1), "maxUnavailable", False),
        (reference(limits=(5, 2), pods=0, reboot_s=1), "parallelOutboundMigrationsPerNode", False),
        # Nodes that reboot: more of them at once.
        (scenario(20, 5, reboot_s=600), "maxUnavailable", True),
        (scenario(20, 5, reboot_s=600), "drain workers", False),
        # Nodes beyond the drain workers wait for one.
        (scenario(40, 10, pods=40, pod_stop_s=85, reboot_s=1), "maxUnavailable", False),
        (scenario(40, 10, pods=40, pod_stop_s=85, reboot_s=1), "drain workers", True),
        # Evictions of VMs come faster than 2 replicas can look at them; 10 can.
        (scenario(4, 4, {"rhel": 80}, limits=(20, 4), others=16, reboot_s=1), "replicas of virt-api", True),
        (scenario(4, 4, {"rhel": 80}, limits=(20, 4), others=96, reboot_s=1), "replicas of virt-api", False),
        # Thousands of pods through one client.
        (scenario(10, 10, pods=2000, pod_stop_s=1, reboot_s=1), "controller's requests a second", True),
        (scenario(10, 10, pods=2000, pod_stop_s=1, reboot_s=1), "drain workers", False),
    ],
)
def test_what_helps_depends_on_what_binds(given_scenario: Scenario, what: str, helps: bool) -> None:
    assert advised(given_scenario)[what].helps is helps


def test_a_migration_limit_is_never_advised_without_what_is_known_of_it() -> None:
    beyond = advised(reference(limits=(20, 4), drain_by="daemon"))["parallelMigrationsPerCluster"]
    assert beyond.helps
    assert "beyond the 20/4 that the reference architecture ran" in str(beyond)
    within = advised(reference(limits=(5, 2), drain_by="daemon"))["parallelMigrationsPerCluster"]
    assert within.helps
    assert "the migration network has to carry it; KubeVirt's defaults are 5/2" in str(within)


def test_more_nodes_at_once_are_never_advised_without_the_share() -> None:
    told = str(advised(scenario(50, 5, reboot_s=600, others=50, share=0.1))["maxUnavailable"])
    assert "saves" in told
    assert told.endswith("10 nodes out of service at once must fit max_disrupted_share")
    told = str(advised(scenario(50, 10, reboot_s=600, others=50, share=0.1))["maxUnavailable"])
    assert told.endswith("20 nodes at once are more than the 10 that max_disrupted_share allows")


@pytest.mark.parametrize(
    ("given_scenario", "absent"),
    [
        (
            scenario(3, 3, pods=50),
            {"maxUnavailable", "pools", "parallelMigrationsPerCluster", "seconds of a migration"},
        ),
        (scenario(3, 1, {"rhel": 6}, drain_by="daemon"), {"drain workers", "pods that a drain evicts", "pools"}),
        (scenario(3, 1, {"rhel": 6}), {"bandwidthPerMigration"}),
    ],
)
def test_what_cannot_matter_is_not_tried(given_scenario: Scenario, absent: set[str]) -> None:
    assert not absent & set(advised(given_scenario))


def test_pools_may_roll_together_and_bandwidth_may_widen() -> None:
    told = dataclasses.replace(scenario(4, 2, {"rhel": 8}, pools=2), bandwidth_bytes_s=32 * 2**20)
    found = advised(told)
    assert found["pools"].saves_s > 0
    change = found["bandwidthPerMigration"].change
    assert (change.before, change.after) == ("32 MiB/s", "64 MiB/s")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([5.0], {"mean": 5, "p50": 5, "p95": 5, "max": 5}),
        (list(range(100, 0, -1)), {"mean": 50.5, "p50": 51, "p95": 96, "max": 100}),
    ],
)
def test_a_spread_is_mean_median_percentile_and_most(values: list[float], expected: dict[str, t.Any]) -> None:
    assert spread(values) == expected


def test_the_lines_tell_the_story(zone: Forecast) -> None:
    first, second, third = zone.lines()
    assert first.startswith("pool zone-0: 34 nodes with 1,000 VMs and 7,000 other pods, at most 10 at once: about ")
    assert second.startswith("about ") and "reboots 40 min" in second
    assert "migrations" in third and "at most 20 at once" in third
    assert zone.binding == "reboots"


def test_a_drain_that_alarms_is_told() -> None:
    lines = forecast(scenario(1, 1, pods=1, pod_stop_s=4000)).lines()
    assert lines[-1] == "the controller will report DrainFailed, and go on, for nodes that drain for over 1 h: zone-0-0"


def test_the_forecast_is_the_course_in_the_middle() -> None:
    courses = simulate_courses(scenario(4, 4, {"rhel": 40}, limits=(5, 2)))
    totals = [course.total_s for course in courses]
    assert totals == sorted(totals)
    assert totals[0] < totals[-1] and len(totals) % 2
    found = forecast(scenario(4, 4, {"rhel": 40}, limits=(5, 2)))
    assert found.total_s == totals[len(totals) // 2]
    assert found.range_s == (totals[0], totals[-1])
    assert found.as_result()["range_s"] == [round(totals[0], 1), round(totals[-1], 1)]
    assert f"(by chance {describe_seconds(totals[0])} to " in "\n".join(found.lines())


def test_a_large_rollout_is_simulated_once(zone: Forecast) -> None:
    assert zone.range_s == (zone.total_s, zone.total_s)
    assert "by chance" not in "\n".join(zone.lines())
