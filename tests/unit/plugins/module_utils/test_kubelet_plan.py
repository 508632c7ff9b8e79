# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import KubePlan, confirmed
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.gates import pods_by_network
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.plan import KubeletWishes, plan_kubelet
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.rollback import plan_kubelet_given_back
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.kube_objects import (
    Object,
    after,
    kubelet_config,
    managed,
    node,
    pool,
    workers,
)

SEED = {"maxPods": 500, "kubeAPIBurst": 200, "kubeAPIQPS": 100, "nodeStatusMaxImages": -1}
LABEL = {"custom-kubelet": "enabled"}
NAME = "virtscale-tuning"
WORKER_LABEL = {"pools.operator.machineconfiguration.openshift.io/worker": ""}


def zone_pool(number: int, **spec: t.Any) -> Object:
    name = f"zone-{number}"
    labels = {"tuning.virtscale/zone": name, "app.kubernetes.io/managed-by": "virtscale.tuning"}
    return merged(pool(name, **spec), {"metadata": {"labels": labels}})


def facts(
    nodes: list[Object], pools: t.Sequence[Object] = (), configs: t.Sequence[Object] = (), prefix: int = 23
) -> Object:
    worker = merged(pool("worker"), {"metadata": {"labels": WORKER_LABEL}})
    network = {"status": {"clusterNetwork": [{"cidr": "10.128.0.0/14", "hostPrefix": prefix}]}}
    return {
        "nodes": nodes,
        "pools": [pool("master"), worker, *pools],
        "kubelet_configs": list(configs),
        "network": network,
        "kubelets": {item["metadata"]["name"]: {"config": {"maxPods": 250, "kubeAPIQPS": 50}} for item in nodes},
    }


def zoned() -> Object:
    nodes = [node(f"worker{number}", ("worker", f"zone-{number % 2}")) for number in range(4)]
    return facts(nodes, [zone_pool(0), zone_pool(1)])


def plan(cluster: Object, **changes: t.Any) -> KubePlan:
    wishes: dict[str, t.Any] = {
        "name": NAME,
        "settings": SEED,
        "pool_label": LABEL,
        "pools": [],
        "seed_layout": False,
        "allow_disruption": True,
        "force_conflicts": False,
    }
    planned = changes.pop("planned", None)
    return plan_kubelet(Machines.from_facts(cluster, planned), cluster, KubeletWishes(**{**wishes, **changes}))


def statuses(made: KubePlan, where: str) -> set[str | None]:
    return {row["status"] for row in made.rows if str(row["where"]).startswith(where)}


def rolled_out(cluster: Object) -> Object:
    """Every node at the new values, as after the rollout."""
    nodes = [merged(item, {"status": {"capacity": {"pods": "500"}}}) for item in cluster["nodes"]]
    kubelets = {item["metadata"]["name"]: {"config": {**SEED, "podPidsLimit": 4096}} for item in nodes}
    return {**cluster, "nodes": nodes, "kubelets": kubelets}


def test_it_selects_the_pools_that_the_nodes_are_in() -> None:
    made = plan(zoned())
    *pools, config = made.definitions
    assert [item["metadata"]["name"] for item in pools] == ["zone-0", "zone-1"], "no node is left in the worker pool"
    assert all(item["metadata"]["labels"]["custom-kubelet"] == "enabled" for item in pools)
    assert all(item["spec"]["paused"] and item["metadata"]["annotations"]["tuning.virtscale/paused"] for item in pools)
    assert config["spec"] == {"machineConfigPoolSelector": {"matchLabels": LABEL}, "kubeletConfig": SEED}
    assert config["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "virtscale.tuning"}


def test_the_worker_pool_while_nodes_remain_there() -> None:
    cluster = zoned()
    cluster["nodes"].append(node("worker9"))
    assert [item["metadata"]["name"] for item in plan(cluster).definitions] == ["zone-0", "zone-1", "worker", NAME]


def test_a_second_run_writes_nothing_and_the_nodes_prove_it() -> None:
    cluster = zoned()
    made = plan(cluster)
    applied = after(cluster, made)
    assert plan(applied).empty
    assert statuses(plan(applied), "node ") == {"would_change"}, "written, but not rolled out yet"
    again = plan(rolled_out(applied))
    assert {row["status"] for row in again.rows} == {"ok", "note"}
    result = confirmed(made.rows, again.rows, False)
    assert {row["status"] for row in result} == {"changed", "note"}
    (capacity,) = [r for r in result if r["where"] == "node worker0" and r["what"] == "status.capacity.pods"]
    assert (capacity["before"], capacity["wanted"], capacity["effective"]) == ("250", "500", "500")


def test_a_node_that_did_not_follow_has_failed() -> None:
    cluster = zoned()
    made = plan(cluster)
    now = rolled_out(after(cluster, made))
    now["nodes"][2] = merged(now["nodes"][2], {"status": {"capacity": {"pods": "250"}}})
    now["kubelets"]["worker3"] = {"error": "GET /api/v1/nodes/worker3/proxy/configz was refused"}
    result = confirmed(made.rows, plan(now).rows, False)
    assert {row["where"] for row in result if row["status"] == "failed"} == {"node worker2", "node worker3"}


def test_nothing_that_disrupts_runs_unasked() -> None:
    made = plan(zoned(), allow_disruption=False)
    assert made.empty
    assert statuses(made, "node ") == statuses(made, "pool ") == {"pending"}
    assert "needs allow_disruption: true; 4 nodes, about" in str(made.rows[0]["why"])


def test_a_preview_plans_on_the_pools_that_the_run_makes() -> None:
    planned: Object = {
        "node_labels": {"worker001": {"node-role.kubernetes.io/zone-0": ""}},
        "pools": [zone_pool(0, paused=True)],
    }
    for item in planned["pools"]:
        del item["metadata"]["resourceVersion"]
    made = plan(facts(workers(2)), planned=planned)
    assert [item["metadata"]["name"] for item in made.definitions] == ["zone-0", "worker", NAME]
    assert made.definitions[0]["spec"]["nodeSelector"], "whole, since the dry run has to create it"


def test_other_custom_pools_only_on_request() -> None:
    cluster = facts([node("gpu1", ("worker", "gpu")), node("worker1")], [pool("gpu")])
    made = plan(cluster)
    assert [item["metadata"]["name"] for item in made.definitions] == ["worker", NAME]
    assert any("gpu1" in str(row["why"]) for row in made.rows if row["where"] == "pool gpu")
    asked = plan(cluster, pools=["gpu"])
    assert [item["metadata"]["name"] for item in asked.definitions] == ["gpu", "worker", NAME]
    with pytest.raises(TuningError, match="There is no MachineConfigPool gpus; there are gpu, master, worker"):
        plan(cluster, pools=["gpus"])


def test_a_pause_by_a_person_stays_and_is_said() -> None:
    made = plan(facts([node("worker1", ("worker", "zone-0"))], [zone_pool(0, paused=True)]))
    assert "paused" not in made.definitions[0].get("spec", {})
    assert statuses(made, "node ") == {"overridden"}
    assert any(row["what"] == "spec.paused" and row["status"] == "note" for row in made.rows)


def test_what_our_earlier_apply_owns_stays_declared() -> None:
    owned = managed(
        zone_pool(0), "virtscale.tuning", "Apply", "spec/maxUnavailable", "metadata/labels/tuning.virtscale/zone"
    )
    made = plan(facts([node("worker1", ("worker", "zone-0"))], [owned]))
    assert made.definitions[0]["spec"]["maxUnavailable"] == 1, "an apply without it would remove it"


@pytest.mark.parametrize(
    "cidrs, limit",
    [
        ([("10.128.0.0/14", 23)], 509),
        ([("10.128.0.0/14", 22)], 1021),
        ([("10.128.0.0/14", 23), ("10.132.0.0/14", 24)], 253),
        ([("fd01::/48", 64), ("10.128.0.0/14", 23)], 509),
        ([], None),
    ],
)
def test_addresses_of_a_node(cidrs: list[tuple[str, int]], limit: int | None) -> None:
    network = {"status": {"clusterNetwork": [{"cidr": cidr, "hostPrefix": prefix} for cidr, prefix in cidrs]}}
    found = pods_by_network(network)
    assert (found and found[0]) == limit


def test_more_pods_than_addresses_is_refused() -> None:
    made = plan(facts(workers(1), prefix=24))
    assert made.empty
    assert "maxPods is 500, but /24 of 10.128.0.0/14 has addresses for 253 pods a node" in str(made.rows[0]["why"])
    assert statuses(made, "KubeletConfig") >= {"refused"}
    assert statuses(made, "node ") == {"refused"}


def test_settings_of_another_are_not_lost() -> None:
    other = kubelet_config("reserve", {"systemReserved": {"memory": "8Gi"}, "maxPods": 500}, WORKER_LABEL)
    made = plan(facts(workers(1), configs=[other]))
    assert made.empty
    assert "systemReserved {'memory': '8Gi'} of KubeletConfig reserve would be lost on worker" in str(
        made.rows[0]["why"]
    )
    assert plan(facts(workers(1), configs=[other]), force_conflicts=True).definitions


def test_nor_where_a_zone_would_drop_the_worker_pools() -> None:
    other = kubelet_config("reserve", {"systemReserved": {"memory": "8Gi"}}, WORKER_LABEL)
    cluster = zoned()
    cluster["kubelet_configs"] = [other]
    assert "would be lost on zone-0, zone-1" in str(plan(cluster).rows[0]["why"])


def test_another_of_the_same_settings_is_named_and_no_reason_to_stop() -> None:
    other = kubelet_config("virt-perf-settings", {"maxPods": 500, "nodeStatusMaxImages": -1}, WORKER_LABEL)
    made = plan(facts(workers(1), configs=[other]))
    assert made.definitions
    assert any(row["what"] == "over KubeletConfig virt-perf-settings" for row in made.rows)


def test_a_newer_one_that_wins_is_named() -> None:
    ours = kubelet_config(NAME, SEED, LABEL, ours=True)
    newer = kubelet_config("virt-perf-settings", {"maxPods": 250}, WORKER_LABEL, suffix="1")
    cluster = facts(workers(1), configs=[ours, newer])
    cluster["pools"][1]["metadata"]["labels"].update(LABEL)
    made = plan(cluster)
    assert made.empty
    assert statuses(made, f"KubeletConfig {NAME}") == {"overridden", "note"}
    older = kubelet_config("old", {"maxPods": 250}, WORKER_LABEL, suffix="")
    cluster["kubelet_configs"] = [merged(ours, {"metadata": {"annotations": newer["metadata"]["annotations"]}}), older]
    assert statuses(plan(cluster), f"KubeletConfig {NAME}") == {"ok", "note"}


def test_a_failed_one_stops_all_rendering() -> None:
    failed = {"type": "Failure", "status": "True", "message": "Error: cgroupDriver is not allowed"}
    other = kubelet_config("broken", {"maxPods": 500}, WORKER_LABEL, condition=failed)
    made = plan(facts(workers(1), configs=[other]))
    assert made.empty
    assert "KubeletConfig broken failed and stops all rendering" in str(made.rows[0]["why"])


def test_ten_are_the_most() -> None:
    many = [kubelet_config("tenth", {}, WORKER_LABEL, suffix="9")]
    assert "tenth has the last number" in str(plan(facts(workers(1), configs=many)).rows[0]["why"])


def test_a_setting_that_is_no_longer_wanted_goes() -> None:
    ours = kubelet_config(NAME, {**SEED, "podPidsLimit": 8192}, LABEL, ours=True)
    paths = [f"spec/kubeletConfig/{key}" for key in ours["spec"]["kubeletConfig"]]
    cluster = facts(workers(1), configs=[managed(ours, "virtscale.tuning", "Apply", *paths)])
    cluster["pools"][1]["metadata"]["labels"].update(LABEL)
    made = plan(cluster)
    assert "podPidsLimit" not in made.definitions[-1]["spec"]["kubeletConfig"]
    (gone,) = [row for row in made.rows if row["what"] == "spec.kubeletConfig.podPidsLimit"]
    assert (gone["before"], gone["wanted"], gone["status"]) == ("8192", None, "would_change")


def test_given_back_in_two_steps() -> None:
    before = facts([*workers(2), node("worker9", ("worker", "zone-0"))], [zone_pool(0)])
    applied = after(before, plan(before))
    # The rollout lifts the pause.
    released = {"spec": {"paused": False}}
    applied["pools"] = [merged(item, released) for item in applied["pools"]]
    for item in applied["pools"]:
        item["metadata"].get("annotations", {}).pop("tuning.virtscale/paused", None)
    first = plan_kubelet_given_back(Machines.from_facts(applied), NAME, LABEL, True)
    assert [item["metadata"]["name"] for item in first.absent] == [NAME]
    assert sorted(item["metadata"]["name"] for item in first.patches) == ["worker", "zone-0"]
    middle = after(applied, first)
    second = plan_kubelet_given_back(Machines.from_facts(middle), NAME, LABEL, True)
    end = after(middle, second)
    end["pools"] = [merged(item, released) for item in end["pools"]]
    for item in end["pools"]:
        item["metadata"].get("annotations", {}).pop("tuning.virtscale/paused", None)
    assert end == before
    assert plan_kubelet_given_back(Machines.from_facts(end), NAME, LABEL, True).empty


@pytest.mark.parametrize("allowed, status", [(True, "would_change"), (False, "pending")])
def test_a_preview_of_the_way_back_foresees_the_labels(allowed: bool, status: str) -> None:
    cluster = facts(workers(2), [zone_pool(0)], [kubelet_config(NAME, SEED, LABEL, ours=True)])
    for item in cluster["pools"][1:]:
        item["metadata"]["labels"].update(LABEL)
    first = plan_kubelet_given_back(Machines.from_facts(cluster), NAME, LABEL, allowed)
    later = Machines.from_facts(cluster, first.planned)
    assert not later.kubelet_configs
    assert later.snapshot.pools["zone-0"].marked
    second = plan_kubelet_given_back(later, NAME, LABEL, allowed)
    assert {row["status"] for row in second.rows} == {status}
    zone = [row for row in second.rows if row["where"] == "pool zone-0"]
    assert [row["what"] for row in zone] == ["label custom-kubelet"]
    assert second.empty is not allowed


def test_giving_back_waits_for_permission() -> None:
    cluster = facts(workers(2), configs=[kubelet_config(NAME, SEED, LABEL, ours=True)])
    cluster["pools"][1]["metadata"]["labels"].update(LABEL)
    made = plan_kubelet_given_back(Machines.from_facts(cluster), NAME, LABEL, False)
    assert made.empty
    assert {row["status"] for row in made.rows} == {"pending"}
