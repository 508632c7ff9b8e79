# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.plan import MigrationPlan, plan_migration
from kube_objects import kubelet_config, pool
from migration_facts import LATER, RUN, Object, facts, machine, sums, triggered, wishes, zone_node, zone_pool

ONE = wishes(pools=["zone-0"])


def refusals(found: Object, wanted: t.Any = ONE) -> list[tuple[str, str]]:
    plan = plan_migration(found, wanted)
    refused = [row for row in plan.preflight if row["status"] == "refused"]
    assert bool(refused) == plan.refused
    if refused:
        assert plan.empty and not plan.policy
    return [(str(row["what"]), str(row["why"])) for row in refused]


def notes(plan: MigrationPlan) -> dict[str, tuple[t.Any, t.Any]]:
    return {str(row["what"]): (row["effective"], row["why"]) for row in plan.preflight if row["status"] == "note"}


def nodes(**first: t.Any) -> list[Object]:
    """Five nodes of zone-0, the first of them changed, and five of zone-1."""
    zone = [zone_node("a0", "zone-0", **first), *(zone_node(f"a{number}", "zone-0") for number in range(1, 5))]
    return [*zone, *(zone_node(f"b{number}", "zone-1") for number in range(5))]


def pools(**zone: t.Any) -> list[Object]:
    return [pool("master"), pool("worker"), zone_pool("zone-0", **zone), zone_pool("zone-1")]


def condition(kind: str, message: str) -> Object:
    return {"status": {"conditions": [{"type": kind, "status": "True", "message": message}]}}


def test_nothing_stands_against_a_healthy_zone() -> None:
    plan = plan_migration(facts(), ONE)
    assert not plan.refused
    assert notes(plan) == {
        "virtual machines that migrate": ("5", "5 rhel"),
        "parallelMigrationsPerCluster": ("5", "so many migrate at once in the cluster"),
        "parallelOutboundMigrationsPerNode": ("2", "so many migrate at once away from one node"),
    }


CORDONED = {"spec": {"unschedulable": True}}
NOT_READY = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
WORKING = {"metadata": {"annotations": {"machineconfiguration.openshift.io/state": "Working"}}}


@pytest.mark.parametrize(
    "zone, what, why",
    [
        ({"spec": {"paused": True}}, "paused", "paused by somebody else: this collection does not lift that pause"),
        (condition("NodeDegraded", "node a0 is bad."), "health", "NodeDegraded: node a0 is bad"),
        (condition("RenderDegraded", ""), "health", "RenderDegraded: no message"),
        (
            {"spec": {"maxUnavailable": 2}},
            "nodes at once",
            "2 at once are more than 1 of 10 workers (max_disrupted_share 0.1): lower its maxUnavailable, or raise "
            "max_disrupted_share",
        ),
        (
            {"spec": {"configuration": {"name": "rendered-zone-0-new"}}},
            "updated nodes",
            "5 of 5 nodes do not run its configuration yet: let that rollout end first",
        ),
    ],
)
def test_pools_that_cannot_roll(zone: Object, what: str, why: str) -> None:
    assert refusals(facts(pools=pools(**zone))) == [(what, why)]


def test_a_pool_that_this_collection_holds_may_have_more_to_roll() -> None:
    held = {
        "metadata": {"annotations": {"tuning.virtscale/paused": "zones"}},
        "spec": {"paused": True, "configuration": {"name": "rendered-zone-0-new"}},
    }
    assert refusals(facts(pools=pools(**held))) == []


def test_a_refused_kubelet_config_blocks_rendering_silently() -> None:
    failed = {"type": "Failure", "status": "True", "message": "Error: maxPods."}
    config = kubelet_config("bad", {"maxPods": "x"}, {"tuning.virtscale/zone": "zone-0"}, condition=failed)
    assert refusals(facts(kubelet_configs=[config])) == [
        ("rendering", "the controller refused KubeletConfig bad (Error: maxPods), and renders nothing for this pool")
    ]


@pytest.mark.parametrize("first, how", [(CORDONED, "cordoned"), (NOT_READY, "not ready")])
def test_nodes_out_of_service(first: Object, how: str) -> None:
    what = "nodes in service"
    why = f"a0 is {how}: bring that back first, each takes a place of maxUnavailable"
    assert (what, why) in refusals(facts(nodes(**first)))


def test_nodes_out_of_service_elsewhere_count_in_the_share() -> None:
    found = nodes()
    found[7] = merged(found[7], CORDONED)
    assert refusals(facts(found)) == [
        (
            "nodes at once",
            "1 at once beside b2, out of service already, are more than 1 of 10 workers (max_disrupted_share 0.1): "
            "bring those back, or raise max_disrupted_share",
        )
    ]


def test_the_workers_own_trigger_would_roll_the_zones_too() -> None:
    found = [*nodes(), merged(zone_node("w0", "worker"), {"metadata": {"annotations": {}}})]
    target = {"spec": {"configuration": {"name": "rendered-worker-none"}}}
    all_pools = [pool("master"), merged(pool("worker"), target), zone_pool("zone-0"), zone_pool("zone-1")]
    assert refusals(facts(found, pools=all_pools), wishes(pools=["worker"])) == [
        ("other pools", "its MachineConfigs are rendered into zone-0, zone-1 too: name these pools in its place")
    ]


def blocked(number: int) -> Object:
    return machine(f"disk-{number}", "a0", live_migratable=False, why_not="PVC root is not shared")


@pytest.mark.parametrize(
    "machines, what, why",
    [
        (
            [blocked(1)],
            "virtual machines that cannot migrate",
            "the drain would wait for ever for vms/disk-1 (PVC root is not shared); stop them, or give them the "
            "eviction strategy None",
        ),
        (
            [machine("once", "a0", eviction_strategy="None")],
            "virtual machines that would stay down",
            "the drain would shut them down, and nothing starts them again: vms/once (eviction strategy None); stop "
            "them first, or let them migrate or run Always",
        ),
        (
            [machine("bare", "a0", eviction_strategy="")],
            "virtual machines that would stay down",
            "the drain would shut them down, and nothing starts them again: vms/bare (eviction strategy not set); stop "
            "them first, or let them migrate or run Always",
        ),
    ],
)
def test_virtual_machines_that_would_not_come_through(machines: list[Object], what: str, why: str) -> None:
    assert refusals(facts(virtual_machines=machines)) == [(what, why)]


def test_a_refusal_names_some_and_counts_the_rest() -> None:
    [(_what, why)] = refusals(facts(virtual_machines=[blocked(number) for number in range(22)]))
    assert "vms/disk-9 (PVC root is not shared) and 12 more; stop them" in why


@pytest.mark.parametrize(
    "elsewhere", [blocked(1) | {"node": "b0"}, blocked(1) | {"phase": "Succeeded"}, blocked(1) | {"node": None}]
)
def test_virtual_machines_that_no_drain_meets(elsewhere: Object) -> None:
    assert refusals(facts(virtual_machines=[elsewhere])) == []


def test_what_a_drain_does_to_the_others_is_told() -> None:
    machines = [
        machine("r", "a0", eviction_strategy="None", restart_allowed=True),
        machine("x", "a1", eviction_strategy="External"),
        machine("w", "a1", os="windows"),
        machine("v", "a1"),
    ]
    plan = plan_migration(facts(virtual_machines=machines), ONE)
    assert not plan.refused
    found = notes(plan)
    assert found["virtual machines that restart"][0] == "1"
    assert str(found["virtual machines that restart"][1]).endswith(": vms/r")
    assert found["virtual machines moved by others"] == (
        "1",
        "the drain waits until their own controllers have moved them: vms/x",
    )
    assert found["virtual machines that migrate"] == ("2", "1 rhel, 1 windows")


def test_budgets_that_hold_pods_on_these_nodes() -> None:
    pods = {"a1": ["db-0", "db-1"], "b0": ["db-2"]}
    budget = {"name": "db", "namespace": "shop", "selector": {}, "why": "it needs 3 and has 3", "pods": pods}
    assert refusals(facts(disruption_budgets=[budget])) == [
        (
            "PodDisruptionBudget shop/db",
            "it allows no disruption now (it needs 3 and has 3), and the drain would wait for db-0 on a1, db-1 on a1",
        )
    ]
    only_elsewhere = {**budget, "pods": {"b0": ["db-2"]}}
    assert refusals(facts(disruption_budgets=[only_elsewhere])) == []


def test_other_migrations() -> None:
    active = [{"name": "m", "namespace": "vms", "vmi": "vm1", "phase": "Running"}]
    assert refusals(facts(migrations=active)) == [
        (
            "other migrations",
            "they would share the limits with this run: let them end first: vms/vm1 (Running)",
        )
    ]


def test_a_run_that_is_continued_meets_its_own_traces() -> None:
    zone = [zone_node("a0", "zone-0", RUN), zone_node("a1", "zone-0", **CORDONED), zone_node("a2", "zone-0")]
    told = {"metadata": {"annotations": {"machineconfiguration.openshift.io/desiredConfig": f"rendered-zone-0-{RUN}"}}}
    zone[1] = merged(zone[1], told)
    found = facts(
        [*zone, *nodes()[5:], *(zone_node(f"c{number}", "zone-1") for number in range(2))],
        pools=pools(spec={"configuration": {"name": f"rendered-zone-0-{RUN}"}}),
        triggers=triggered(RUN, "zone-0"),
        migrations=[{"name": "m", "namespace": "vms", "vmi": "vm1", "phase": "Running"}],
    )
    plan = plan_migration(found, wishes(pools=["zone-0"], run_id=LATER))
    assert not plan.refused
    assert (plan.migration_id, plan.continues) == (RUN, True)
    # Nothing is left on a0, which has come through.
    assert notes(plan)["virtual machines that migrate"][0] == "2"


def test_hyperconverged_that_kubevirt_does_not_follow_yet() -> None:
    path = ["spec", "liveMigrationConfig"]
    api = {"api_version": "hco.kubevirt.io/v1beta1", "limits_path": path, "types": {}, "defaults": {}}
    live = {"metadata": {}, "spec": {"liveMigrationConfig": {"parallelMigrationsPerCluster": 20}}}
    kubevirt = {
        "metadata": {"name": "k"},
        "spec": {"configuration": {"migrations": {"parallelMigrationsPerCluster": 5}}},
    }
    found = facts(hyperconverged={"object": live, "api": api}, kubevirt=kubevirt)
    assert [what for what, _why in refusals(found)] == ["limits"]


@pytest.mark.parametrize(
    "busy, what, why",
    [
        (
            {"cpu_cores": 63.0},
            "room for cpu",
            "10.0 cores leave the fullest node, and the other nodes have 9.0 cores left: lower maxUnavailable, or make "
            "room",
        ),
        (
            {"memory_bytes": 255 * 2**30},
            "room for memory",
            "40.0 GiB leave the fullest node, and the other nodes have 9.0 GiB left: lower maxUnavailable, or make "
            "room",
        ),
        (
            {"pods": 499},
            "room for pods",
            "10 pods leave the fullest node, and the other nodes have 9 pods left: lower maxUnavailable, or make room",
        ),
    ],
)
def test_room_for_what_is_drained_at_once(busy: Object, what: str, why: str) -> None:
    names = [f"{zone}{number}" for zone in "ab" for number in range(5)]
    found = facts(virtual_machines=[], node_pods={name: sums(**busy) for name in names})
    assert refusals(found) == [(what, why)]


def test_room_for_the_largest_virtual_machine() -> None:
    machines = [machine("small", "a0"), machine("big", "a0", memory_bytes=240 * 2**30)]
    assert refusals(facts(virtual_machines=machines)) == [
        (
            "room for the largest virtual machine",
            "vms/big asks for 1.0 cores and 240.0 GiB, and no other node has that much left: its drain would wait for "
            "ever",
        )
    ]
