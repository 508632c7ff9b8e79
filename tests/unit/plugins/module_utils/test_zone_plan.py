# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from collections import Counter
from decimal import Decimal

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import MachinePlan
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged, patched
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import KubePlan, confirmed
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.plan import ZoneWishes, plan_zones
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.rollback import plan_zones_given_back
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.kube_objects import (
    Object,
    after,
    kubelet_config,
    managed,
    node,
    pool,
    workers,
)

PAUSED = "tuning.virtscale/paused"


def facts(nodes: list[Object], *more_pools: Object, kubelet_configs: t.Sequence[Object] = ()) -> Object:
    return {
        "nodes": nodes,
        "pools": [pool("master"), pool("worker"), *more_pools],
        "kubelet_configs": list(kubelet_configs),
    }


def plan(cluster: Object, **changes: t.Any) -> MachinePlan:
    wishes: dict[str, t.Any] = {
        "zones": 3,
        "prefix": "zone",
        "max_unavailable": 10,
        "max_disrupted_share": Decimal("0.1"),
        "allow_disruption": True,
        "force_conflicts": False,
        "rebalance": False,
    }
    return plan_zones(Machines.from_facts(cluster), ZoneWishes(**{**wishes, **changes}))


def rows(made: t.Any, **wanted: str) -> list[dict[str, t.Any]]:
    return [row for row in made.rows if all(row[key] == value for key, value in wanted.items())]


def definitions(made: MachinePlan, kind: str) -> dict[str, Object]:
    return {item["metadata"]["name"]: item for item in made.definitions if item["kind"] == kind}


def test_the_reference_architecture() -> None:
    made = plan(facts(workers(100)))
    pools, nodes = definitions(made, "MachineConfigPool"), definitions(made, "Node")
    assert list(pools) == ["zone-0", "zone-1", "zone-2"]
    assert [item["kind"] for item in made.definitions[:3]] == ["MachineConfigPool"] * 3, "pools before their nodes"
    for name, item in pools.items():
        (roles,) = item["spec"]["machineConfigSelector"]["matchExpressions"]
        assert roles["values"] == ["worker", name]
        assert item["spec"]["nodeSelector"] == {"matchLabels": {f"node-role.kubernetes.io/{name}": ""}}
        assert item["spec"]["maxUnavailable"] == 10
        assert item["spec"]["paused"] is True and PAUSED in item["metadata"]["annotations"]
    zones = Counter(label for item in nodes.values() for label in item["metadata"]["labels"])
    assert zones == {f"node-role.kubernetes.io/zone-{zone}": size for zone, size in enumerate([34, 33, 33])}


@pytest.mark.parametrize("workers_count, at_once", [(100, 10), (30, 3), (39, 3), (9, 1), (1, 1), (300, 10)])
def test_no_more_nodes_at_once_than_the_share_allows(workers_count: int, at_once: int) -> None:
    made = plan(facts(workers(workers_count)))
    assert {item["spec"]["maxUnavailable"] for item in definitions(made, "MachineConfigPool").values()} == {at_once}
    assert f"10 % of {workers_count} workers" in rows(made, where="pool zone-0", what="spec.maxUnavailable")[0]["why"]


def test_a_second_run_writes_nothing() -> None:
    cluster = facts(workers(7))
    made = plan(cluster)
    again = plan(after(cluster, made))
    assert again.empty
    assert {row["status"] for row in again.rows} == {"ok"}
    assert {row["status"] for row in confirmed(made.rows, again.rows, False)} == {"changed"}


def test_nothing_that_disrupts_runs_unasked() -> None:
    made = plan(facts(workers(100)), allow_disruption=False)
    assert made.empty
    assert {row["status"] for row in made.rows} == {"pending"}
    assert "needs allow_disruption: true; 100 nodes, about" in str(made.rows[0]["why"])


def test_the_speed_of_a_zone_changes_without_a_pause() -> None:
    cluster = facts(workers(100))
    cluster = after(cluster, plan(cluster))
    made = plan(cluster, max_unavailable=5, allow_disruption=False)
    assert [item["spec"]["maxUnavailable"] for item in made.definitions] == [5, 5, 5]
    assert {row["status"] for row in rows(made, what="spec.maxUnavailable")} == {"would_change"}


def test_a_new_node_fills_the_smallest_zone_and_pauses_only_that() -> None:
    cluster = after(facts(workers(4)), plan(facts(workers(4))))
    cluster["pools"] = [merged(item, {"spec": {"paused": False}}) for item in cluster["pools"]]
    for item in cluster["pools"]:
        item["metadata"].get("annotations", {}).pop(PAUSED, None)
    cluster["nodes"].append(node("worker005"))
    made = plan(cluster)
    assert list(definitions(made, "Node")) == ["worker005"]
    assert list(definitions(made, "MachineConfigPool")) == ["zone-1"]


def test_nodes_in_another_custom_pool_are_left_alone_and_named() -> None:
    made = plan(facts([*workers(3), node("gpu1", ("worker", "gpu"))], pool("gpu")))
    assert "gpu1" not in definitions(made, "Node")
    (found,) = rows(made, where="node gpu1")
    assert (found["status"], found["effective"]) == ("note", "gpu")


def test_the_control_plane_is_never_touched() -> None:
    compact = [node(f"master{number}", ("master", "control-plane", "worker")) for number in range(3)]
    made = plan(facts([*compact, *workers(2)]))
    assert list(definitions(made, "Node")) == ["worker001", "worker002"]


def test_a_node_in_two_zones_is_refused() -> None:
    made = plan(facts([node("worker1", ("worker", "zone-0", "zone-1")), node("worker2")]))
    assert rows(made, where="node worker1")[0]["status"] == "refused"
    assert list(definitions(made, "Node")) == ["worker2"]


def test_a_pause_by_a_person_stays() -> None:
    made = plan(facts(workers(3), pool("zone-0", paused=True, maxUnavailable=1)))
    assert "paused" not in definitions(made, "MachineConfigPool")["zone-0"]["spec"]
    assert PAUSED not in definitions(made, "MachineConfigPool")["zone-0"]["metadata"].get("annotations", {})


def wrong_zone_pool(manager: str) -> Object:
    """The pool as the reference architecture printed it: zone-0 selects the configurations of zone-2."""
    roles = {"key": "machineconfiguration.openshift.io/role", "operator": "In", "values": ["worker", "zone-2"]}
    item = pool("zone-0", machineConfigSelector={"matchExpressions": [roles]}, maxUnavailable=10)
    return managed(item, manager, "Update", "spec/machineConfigSelector", "spec/maxUnavailable")


def test_a_pool_of_somebody_else_is_refused_by_name() -> None:
    made = plan(facts(workers(30), wrong_zone_pool("kubectl-create")))
    assert "zone-0" not in definitions(made, "MachineConfigPool")
    assert all("set by kubectl-create" in row["why"] for row in rows(made, where="pool zone-0"))
    assert {row["status"] for row in rows(made, wanted="zone-0")} == {"refused"}
    assert {row["status"] for row in rows(made, wanted="zone-1")} == {"would_change"}


def test_taken_over_when_asked_and_remembered() -> None:
    made = plan(facts(workers(30), wrong_zone_pool("kubectl-create")), force_conflicts=True)
    item = definitions(made, "MachineConfigPool")["zone-0"]
    assert made.force_conflicts
    assert "app.kubernetes.io/managed-by" not in item["metadata"]["labels"]
    assert '"maxUnavailable": 10' in item["metadata"]["annotations"]["tuning.virtscale/before"]


def test_never_taken_over_from_a_gitops_tool() -> None:
    made = plan(facts(workers(30), wrong_zone_pool("argocd-controller")), force_conflicts=True)
    assert "zone-0" not in definitions(made, "MachineConfigPool")


def test_zones_keep_our_kubelet_configuration_of_the_worker_pool() -> None:
    cluster = facts(workers(3), kubelet_configs=[kubelet_config("ours", {}, {"custom-kubelet": "enabled"}, ours=True)])
    cluster["pools"][1]["metadata"]["labels"] = {"custom-kubelet": "enabled"}
    made = plan(cluster)
    assert definitions(made, "MachineConfigPool")["zone-0"]["metadata"]["labels"]["custom-kubelet"] == "enabled"


def test_a_kubelet_configuration_that_the_zones_would_drop_is_named() -> None:
    cluster = facts(workers(3), kubelet_configs=[kubelet_config("reserve", {}, {"x": "y"})])
    assert not rows(plan(cluster), where="KubeletConfig reserve")
    cluster["pools"][1]["metadata"]["labels"] = {"x": "y"}
    (found,) = rows(plan(cluster), where="KubeletConfig reserve")
    assert found["status"] == "note" and "zone-0, zone-1, zone-2 drop its settings" in found["why"]


def test_a_move_is_one_write_so_that_a_node_is_in_one_zone_at_any_time() -> None:
    cluster = after(facts(workers(6)), plan(facts(workers(6))))
    made = plan(cluster, zones=2, rebalance=True)
    moved = {item["metadata"]["name"]: item["metadata"]["labels"] for item in made.patches}
    assert list(moved) == ["worker003", "worker006"]
    assert moved["worker003"] == {"node-role.kubernetes.io/zone-2": None, "node-role.kubernetes.io/zone-0": ""}
    quiet = plan(cluster, zones=2)
    assert not quiet.patches
    assert "beyond 2 zones" in rows(quiet, where="pool zone-2", status="note")[0]["why"]


def test_given_back_in_two_steps() -> None:
    before = facts([*workers(5), node("gpu1", ("worker", "gpu"))], pool("gpu"))
    zoned = after(before, plan(before))
    first = plan_zones_given_back(Machines.from_facts(zoned), Decimal("0.4"), True)
    assert not first.absent, "pools stay until no node uses them"
    worker = next(item for item in first.patches if item["kind"] == "MachineConfigPool")
    assert worker["spec"] == {"maxUnavailable": 2, "paused": True}
    unlabelled = after(zoned, first)
    second = plan_zones_given_back(Machines.from_facts(unlabelled), Decimal("0.4"), True)
    assert [item["metadata"]["name"] for item in second.absent] == ["zone-0", "zone-1", "zone-2"]
    released = {"metadata": {"annotations": {PAUSED: None}}, "spec": {"paused": False}}
    end = after(unlabelled, second)
    end["pools"] = [patched(item, released) for item in end["pools"]]
    assert end == before


def test_a_preview_of_the_way_back_foresees_the_nodes_in_the_worker_pool() -> None:
    zoned = after(facts(workers(4)), plan(facts(workers(4))))
    made = plan_zones_given_back(Machines.from_facts(zoned), Decimal("0.5"), False)
    assert made.empty
    later = Machines.from_facts(zoned, made.planned)
    assert later.members("worker") == [f"worker00{number}" for number in range(1, 5)]
    assert later.snapshot.pools["worker"].marked
    assert later.snapshot.pools["worker"].at_once(4) == 2


def test_the_worker_pools_own_limit_is_told_before_it_is_lent() -> None:
    zoned = after(facts(workers(4)), plan(facts(workers(4))))
    lent = plan_zones_given_back(Machines.from_facts(zoned), Decimal("0.5"), True)
    (told,) = rows(lent, where="pool worker")
    assert (told["before"], told["wanted"], told["status"]) == ("1", "1", "would_change")
    returned = plan_zones_given_back(Machines.from_facts(after(zoned, lent)), Decimal("0.5"), True)
    middle = confirmed(lent.rows, returned.rows, check_mode=False, given_back=True)
    after_all = confirmed(middle, [], check_mode=False, given_back=True)
    (proved,) = [one for one in after_all if one["where"] == "pool worker"]
    assert (proved["before"], proved["wanted"], proved["effective"], proved["status"]) == ("1", "1", "1", "changed")


def test_a_killed_way_back_still_knows_the_worker_pools_own_limit() -> None:
    zoned = after(facts(workers(4)), plan(facts(workers(4))))
    lent = plan_zones_given_back(Machines.from_facts(zoned), Decimal("0.5"), True)
    killed = after(zoned, KubePlan(patches=[item for item in lent.patches if item["kind"] == "MachineConfigPool"]))
    (told,) = rows(plan_zones_given_back(Machines.from_facts(killed), Decimal("0.5"), True), where="pool worker")
    assert (told["before"], told["wanted"]) == ("2", "1")


def test_a_pool_stays_while_a_node_holds_its_configuration() -> None:
    cluster = after(facts(workers(2)), plan(facts(workers(2))))
    cluster = after(cluster, plan_zones_given_back(Machines.from_facts(cluster), Decimal("0.5"), True))
    cluster["nodes"] = [node("worker001", rendered="rendered-zone-0-1"), node("worker002")]
    made = plan_zones_given_back(Machines.from_facts(cluster), Decimal("0.5"), True)
    assert [item["metadata"]["name"] for item in made.absent] == ["zone-1", "zone-2"]
    assert "worker001" in rows(made, where="pool zone-0")[0]["why"]


def test_giving_back_waits_for_permission() -> None:
    cluster = after(facts(workers(2)), plan(facts(workers(2))))
    made = plan_zones_given_back(Machines.from_facts(cluster), Decimal("0.5"), False)
    assert made.empty
    assert {row["status"] for row in made.rows} == {"pending"}
