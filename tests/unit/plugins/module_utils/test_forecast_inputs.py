# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scenario from measured facts or from numbers, and what no cluster can have."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.inputs import read_scenario
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    MIGRATES,
    RESTARTS,
    STAYS,
    STOPS,
    Scenario,
    spread_around,
)
from ansible_collections.virtscale.tuning.plugins.modules.rollout_forecast import ARGUMENT_SPEC, compute
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.kube_objects import node, pool
from hypothesis import given
from hypothesis import strategies as st

DEFAULTS = {name: option["default"] for name, option in ARGUMENT_SPEC.items() if "default" in option}
ZONE = {"name": "zone-0", "nodes": 4, "max_unavailable": 2}


def read(**params: t.Any) -> Scenario:
    return read_scenario({**DEFAULTS, **params})


def machine(name: str, where: str | None, strategy: str = "LiveMigrate", **changed: t.Any) -> dict[str, t.Any]:
    facts = {
        "name": name,
        "namespace": "shop",
        "node": where,
        "phase": "Running",
        "os": "rhel",
        "live_migratable": True,
        "why_not": None,
        "eviction_strategy": strategy,
        "cpu_cores": 1.0,
        "memory_bytes": 2**31,
        "restart_allowed": False,
    }
    return {**facts, **changed}


def measured(*machines: dict[str, t.Any], **changed: t.Any) -> dict[str, t.Any]:
    """A zone of three nodes, and three other workers of which one is cordoned."""
    nodes = [node(f"worker00{number}", ("worker", "zone-0")) for number in (1, 2, 3)]
    nodes += [node(f"worker00{number}") for number in (4, 5, 6)]
    nodes[5]["spec"]["unschedulable"] = True
    facts = {
        "nodes": nodes,
        "pools": [pool("worker"), pool("zone-0", maxUnavailable=2)],
        "virtual_machines": list(machines),
        "node_pods": {
            "worker001": {"count": 7, "graces": {"30": 6, "600": 1}, "pods": 30, "moving_pods": 9},
            "worker002": {"count": 0, "graces": {}, "pods": 20, "moving_pods": 0},
        },
        "disruption_budgets": [],
        "kubevirt": {
            "spec": {
                "configuration": {
                    "migrations": {"parallelMigrationsPerCluster": 20, "parallelOutboundMigrationsPerNode": 4}
                }
            }
        },
    }
    return {**facts, **changed}


def rated(qps: float, burst: int) -> dict[str, t.Any]:
    limiter = {"tokenBucketRateLimiter": {"qps": qps, "burst": burst}}
    return {"spec": {"configuration": {"apiConfiguration": {"restClient": {"rateLimiter": limiter}}}}}


def test_facts_become_nodes_with_what_a_drain_meets() -> None:
    facts = measured(
        machine("moves", "worker001"),
        machine("restarts", "worker001", "None", restart_allowed=True),
        machine("stops", "worker001", "None"),
        machine("blocks", "worker002", live_migratable=False, why_not="its disk is not shared"),
        machine("foreign", "worker002", "External"),
        machine("waiting", None),
        machine("elsewhere", "worker004"),
    )
    scenario = read(facts=facts, pools=["zone-0"])
    [zone] = scenario.pools
    assert (zone.max_unavailable, [one.name for one in zone.nodes]) == (2, ["worker001", "worker002", "worker003"])
    first, second, _third = zone.nodes
    assert [(vm.name, vm.leaves) for vm in first.vms] == [
        ("shop/moves", MIGRATES),
        ("shop/restarts", RESTARTS),
        ("shop/stops", STOPS),
    ]
    assert [vm.leaves for vm in second.vms] == [STAYS, STAYS]
    assert (first.pods, first.pod_stops, first.daemon_pods) == (7, ((30.0, 6), (600.0, 1)), 21)
    # What is cordoned takes nothing.
    assert [(one.name, len(one.vms)) for one in scenario.others] == [("worker004", 1), ("worker005", 0)]
    assert (scenario.limits.per_cluster, scenario.limits.per_node) == (20, 4)
    # A tenth of six workers is less than one node.
    assert scenario.max_disrupted == 1


def test_nodes_that_are_done_take_vms_and_do_not_roll() -> None:
    scenario = read(facts=measured(), pools=[{"name": "zone-0", "left": ["worker002"]}])
    assert [one.name for one in scenario.pools[0].nodes] == ["worker002"]
    assert [one.name for one in scenario.others] == ["worker001", "worker003", "worker004", "worker005"]


def test_what_blocks_a_drain_is_named_and_left_out_of_the_numbers() -> None:
    budget = {"name": "database", "namespace": "shop", "selector": {}, "pods": {"worker001": ["database-0"]}}
    facts = measured(
        machine("stuck", "worker002", live_migratable=False, why_not="its disk is not shared"),
        machine("foreign", "worker002", "External"),
        disruption_budgets=[budget, budget],
    )
    found = forecast(read(facts=facts, pools=["zone-0"]))
    assert not found.ends
    assert found.blockers == [
        "pod shop/database-0 on worker001 may not be evicted: its budget allows none",
        "VM shop/stuck on worker002 cannot migrate and may not be shut down (its disk is not shared)",
        "VM shop/foreign on worker002 is left to the controller that its eviction strategy External names",
    ]
    assert found.lines()[0].startswith("never ends by itself: pod shop/database-0")
    assert found.total_s > 0
    assert found.trace.scenario.pools[0].nodes[0].pods == 6


def test_vms_without_another_node_block_too() -> None:
    found = forecast(read(pools=[{"name": "zone-0", "nodes": 1, "max_unavailable": 1, "vms": {"rhel": 2}}]))
    assert found.blockers == ["there is no other node that its VMs could go to"]


@pytest.mark.parametrize(
    ("facts", "replicas", "requests_per_s", "burst"),
    [
        # As virt-operator sizes it, for 6 nodes.
        ({}, 2, 10, 20),
        ({"nodes": [node(f"worker{number}", ("worker", "zone-0")) for number in range(47)]}, 4, 20, 40),
        ({"virt_api": {"spec": {"replicas": 3}}}, 3, 15, 30),
        # What the KubeVirt object sets, where it is more.
        ({"virt_api": {"spec": {"replicas": 3}}, "kubevirt": rated(200, 400)}, 3, 200, 400),
        ({"virt_api": {"spec": {"replicas": 3}}, "kubevirt": rated(2, 4)}, 3, 15, 30),
    ],
)
def test_what_virt_api_may_ask(facts: dict[str, t.Any], replicas: int, requests_per_s: float, burst: int) -> None:
    found = read(facts=measured(**facts), pools=["zone-0"]).virt_api
    assert (found.replicas, found.requests_per_s, found.burst) == (replicas, requests_per_s, burst)


def test_limits_and_durations_that_are_given_win() -> None:
    facts = measured()
    facts["kubevirt"]["spec"]["configuration"]["migrations"]["bandwidthPerMigration"] = "64Mi"
    scenario = read(
        facts=facts,
        pools=[{"name": "zone-0", "max_unavailable": 3}],
        limits={"parallelMigrationsPerCluster": "7", "progressTimeout": 150},
        durations={"pod_stop_s": 2, "reboot_s": "600", "migration_s": {"rhel": [3, 4], "suse": 10}, "daemon_poll_s": 0},
        max_disrupted_share=0.5,
    )
    assert (scenario.limits.per_cluster, scenario.limits.per_node) == (7, 4)
    assert scenario.bandwidth_bytes_s == 64 * 2**20
    assert scenario.pools[0].max_unavailable == 3
    assert scenario.pools[0].nodes[0].pod_stops == ()
    durations = scenario.durations
    assert (durations.pod_stop_s, durations.reboot_s) == (2, 600)
    assert durations.copy_s("rhel") == [3, 4]
    assert durations.copy_s("suse") == spread_around(10)
    assert durations.copy_s("haiku") == spread_around(14)
    assert scenario.controllers.daemon_poll_s == 0
    assert scenario.max_disrupted == 3


def test_without_facts_the_limits_are_kubevirts_own() -> None:
    scenario = read(pools=[ZONE], drain_by="daemon")
    assert (scenario.limits.per_cluster, scenario.limits.per_node, scenario.bandwidth_bytes_s) == (5, 2, 0)
    assert scenario.controllers.drain_by_daemon


@given(st.integers(1, 40), st.integers(0, 200), st.integers(0, 200), st.integers(0, 3000))
def test_numbers_are_dealt_evenly_and_completely(nodes: int, rhel: int, fedora: int, pods: int) -> None:
    zone = {**ZONE, "nodes": nodes, "vms": {"rhel": rhel, "fedora": fedora}, "pods": pods}
    [found] = read(pools=[zone]).pools
    for counts, total in (
        ([one.pods for one in found.nodes], pods),
        ([len(one.vms) for one in found.nodes], rhel + fedora),
    ):
        assert sum(counts) == total
        assert max(counts) - min(counts) <= 1
    systems = [vm.system for one in found.nodes for vm in one.vms]
    assert (systems.count("rhel"), systems.count("fedora")) == (rhel, fedora)


@given(st.floats(0.1, 1e4))
def test_a_mean_is_spread_without_changing_it(mean_s: float) -> None:
    times = spread_around(mean_s)
    assert sum(times) / len(times) == pytest.approx(mean_s)
    # 35 % of the RHEL VMs took 7 s of a mean of 14, the others longer.
    quick = [one for one in times if one < mean_s * 0.75]
    assert len(quick) / len(times) == 0.35
    assert sum(quick) / len(quick) == pytest.approx(mean_s / 2)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"pools": []}, "pools is empty: name at least one pool that is going to roll."),
        ({"pools": [5]}, "pools[0] is 5, but must be the name of a pool, or a dictionary with its name."),
        ({"pools": [{"nodes": 3}]}, "pools[0] is {'nodes': 3}, but must be the name of a pool, or a dictionary"),
        ({"pools": ["a", "a"]}, "pools names a more than once: each pool rolls once."),
        ({"pools": ["a"]}, "pools gives no nodes of a: give it, or the facts of a cluster."),
        ({"pools": [{"name": "a", "nodes": 3}]}, "pools gives no max_unavailable of a"),
        (
            {"pools": [{**ZONE, "node": 3}]},
            "pools[0] has node, but may have name, nodes, max_unavailable",
        ),
        ({"pools": [{**ZONE, "nodes": 0}]}, "nodes of zone-0 is 0, but must be a whole number at least 1"),
        ({"pools": [{**ZONE, "max_unavailable": "2.5"}]}, "max_unavailable of zone-0 is '2.5'"),
        ({"pools": [{**ZONE, "vms": 12}]}, "vms of zone-0 is 12, but must be a dictionary of operating systems"),
        ({"pools": [{**ZONE, "vms": {"rhel": True}}]}, "vms.rhel of zone-0 is True, but must be a whole number"),
        ({"pools": [{**ZONE, "pods": -1}]}, "pods of zone-0 is -1"),
        ({"pools": [ZONE], "other_nodes": "x"}, "other_nodes is 'x', but must be a whole number at least 0"),
        ({"pools": [ZONE], "max_disrupted_share": 0}, "max_disrupted_share is 0, but must be a number above 0"),
        (
            {"pools": [ZONE], "durations": {"reboot_s": float("nan")}},
            "reboot_s is nan, but must be a number at least 0",
        ),
        ({"pools": [ZONE], "durations": {"pod_stop_s": -1}}, "pod_stop_s is -1, but must be a number at least 0"),
        ({"pools": [ZONE], "durations": {"migration_s": [1]}}, "migration_s is [1], but must be a dictionary of"),
        ({"pools": [ZONE], "durations": {"migration_s": {"rhel": []}}}, "migration_s.rhel is [], but must be seconds"),
        ({"pools": [ZONE], "durations": {"migration_s": {"rhel": [1, "x"]}}}, "migration_s.rhel is 'x'"),
        ({"pools": [ZONE], "durations": {"daemon_poll_s": None, "daemon_reacts_s": True}}, "daemon_reacts_s is True"),
        ({"pools": [ZONE], "limits": {"parallelMigrationsPerCluster": 0}}, "parallelMigrationsPerCluster is 0"),
        (
            {"pools": [ZONE], "limits": {"bandwidthPerMigration": "fast"}},
            "bandwidthPerMigration is 'fast', but must be",
        ),
        ({"pools": [ZONE], "limits": {"bandwidthPerMigration": -5}}, "bandwidthPerMigration is -5, but must be"),
        ({"pools": ["zone-9"], "facts": measured()}, "There is no MachineConfigPool zone-9; there are worker, zone-0."),
        (
            {"pools": [ZONE], "facts": measured()},
            "pools gives nodes of zone-0, which facts have measured: leave it out.",
        ),
        ({"pools": [{"name": "zone-0", "left": 3}], "facts": measured()}, "left of zone-0 is 3, but must be names of"),
        ({"pools": [{"name": "zone-0", "left": []}], "facts": measured()}, "left of zone-0 is [], but must be names"),
        (
            {"pools": [{"name": "zone-0", "left": ["worker004"]}], "facts": measured()},
            "left of zone-0 is [",
        ),
    ],
)
def test_bad_input_is_one_sentence(params: dict[str, t.Any], message: str) -> None:
    with pytest.raises(TuningError) as caught:
        read(**params)
    assert str(caught.value).startswith(message)
    assert str(caught.value).endswith(".")


def test_the_module_returns_what_it_documents() -> None:
    params = {**DEFAULTS, "pools": [{**ZONE, "vms": {"rhel": 8}, "pods": 40}], "other_nodes": 6}
    result = compute(params)
    assert sum(part["seconds"] for part in result["waits"]) == pytest.approx(result["total_s"], abs=1)
    assert sum(part["share"] for part in result["waits"]) == pytest.approx(1, abs=0.01)
    assert result["pools"][0]["seconds"] == result["total_s"]
    assert len(result["nodes"]) == 4
    [migrations] = result["migrations"]
    assert migrations["os"] == "rhel"
    assert migrations["count"] >= 8
    assert max(point["migrating"] for point in result["curve"]) <= result["most_migrations"] <= 5
    assert result["curve"][-1]["at_s"] == pytest.approx(result["total_s"], abs=0.1)
    assert result["lines"][-len(result["advice"]) :] == [one["text"] for one in result["advice"]]
    without = compute({**params, "what_if": False})
    assert "advice" not in without
    assert without["total_s"] == result["total_s"]


@pytest.mark.parametrize(
    ("durations", "minutes"),
    [({}, "24 min"), ({"drain_s": "30", "reboot_s": 1}, "6 min"), ({"reboot_s": 600}, "44 min")],
)
def test_pending_rows_take_the_durations_of_the_rollout(durations: dict[str, t.Any], minutes: str) -> None:
    nodes = [node(f"worker{number:03}", ("worker", "zone-0")) for number in range(34)]
    facts = {"nodes": nodes, "pools": [pool("worker"), pool("zone-0", maxUnavailable=10)]}
    told = Machines.from_facts(facts, **durations).duration({"zone-0": 34})
    assert told == f"34 nodes, about {minutes} without virtual machines"


def test_durations_that_are_none_are_refused_by_name() -> None:
    with pytest.raises(TuningError, match=r"^reboot_s is 'soon', but must be a number"):
        Machines.from_facts({}, reboot_s="soon")
