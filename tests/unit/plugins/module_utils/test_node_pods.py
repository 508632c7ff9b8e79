# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.node_pods import PodTally
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import Requests

Object = t.Dict[str, t.Any]


def pod(name: str = "p", node: str | None = "n1", **more: t.Any) -> Object:
    base: Object = {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "db"}},
        "spec": {"containers": [{"resources": {"requests": {"cpu": "100m", "memory": "1Mi"}}}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }
    if node:
        base["spec"]["nodeName"] = node
    return merged(base, more)


def budget(**more: t.Any) -> Object:
    base: Object = {
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "db"}}},
        "status": {"disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1},
    }
    return {**base, **more}


def tally(pods: t.Iterable[Object], *budgets: Object) -> PodTally:
    found = PodTally(budgets)
    for item in pods:
        found.see(item)
    return found


def owned(kind: str) -> Object:
    return {"metadata": {"ownerReferences": [{"kind": kind, "controller": True}]}}


OF_MACHINE = {"name": "db", "namespace": "shop", **owned("VirtualMachineInstance")["metadata"]}


LAUNCHER = {"metadata": {"labels": {"kubevirt.io": "virt-launcher"}, "annotations": {"kubevirt.io/domain": "vm1"}}}


@pytest.mark.parametrize(
    "item, count, pods, moving",
    [
        (pod(), 1, 1, 1),
        (pod(**owned("ReplicaSet")), 1, 1, 1),
        (pod(**owned("DaemonSet")), 0, 1, 0),
        (pod(metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}), 0, 1, 0),
        (pod(**LAUNCHER), 0, 1, 1),
    ],
)
def test_what_a_drain_moves(item: Object, count: int, pods: int, moving: int) -> None:
    sums = tally([item]).nodes()["n1"]
    assert (sums["count"], sums["pods"], sums["moving_pods"]) == (count, pods, moving)
    assert (sums["memory_bytes"], sums["moving_memory_bytes"]) == (pods * 2**20, moving * 2**20)


@pytest.mark.parametrize("item", [pod(node=None), pod(status={"phase": "Succeeded"}), pod(status={"phase": "Failed"})])
def test_what_takes_no_place(item: Object) -> None:
    assert tally([item]).nodes() == {}


def test_sums_by_node() -> None:
    grace = {"terminationGracePeriodSeconds": 120}
    pods = [pod("a", node="n2"), *(pod(str(number)) for number in range(3)), pod("b", spec=grace)]
    found = tally([*pods, pod("d", spec={"terminationGracePeriodSeconds": 600}, **owned("DaemonSet"))]).nodes()
    assert list(found) == ["n1", "n2"]
    assert (found["n1"]["count"], found["n1"]["graces"], found["n1"]["cpu_cores"]) == (4, {"30": 3, "120": 1}, 0.5)
    assert found["n2"]["graces"] == {"30": 1}


def test_the_pods_of_virtual_machines_tell_what_they_ask() -> None:
    assert tally([pod(**LAUNCHER)]).launchers == {("shop", "vm1", "n1"): Requests(0.1, 2**20)}


ALL = {"selector": {}}
LENIENT = {"selector": {"matchLabels": {"app": "db"}}, "unhealthyPodEvictionPolicy": "AlwaysAllow"}
UNREADY = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}


@pytest.mark.parametrize(
    "item, guard, held",
    [
        (pod(), budget(), True),
        (pod(), budget(spec=ALL), True),
        (pod(), budget(spec={}), False),
        (pod(), budget(status={"disruptionsAllowed": 1}), False),
        (pod(), budget(metadata={"name": "db", "namespace": "elsewhere"}), False),
        (pod(metadata={"labels": {"app": "web"}}), budget(), False),
        (pod(**UNREADY), budget(), False),
        (pod(**UNREADY), budget(status={"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 1}), True),
        (pod(**UNREADY), budget(spec=LENIENT), False),
        (pod(), budget(spec=LENIENT), True),
        (pod(status={"phase": "Pending"}), budget(), False),
        (pod(**owned("DaemonSet")), budget(), False),
        (pod(), budget(metadata=OF_MACHINE), False),
    ],
)
def test_which_budgets_hold_up_a_drain(item: Object, guard: Object, held: bool) -> None:
    why = "it needs 1 healthy and has 1"
    selector = guard["spec"].get("selector")
    expected = {"name": "db", "namespace": "shop", "selector": selector, "why": why, "pods": {"n1": ["p"]}}
    found = [{**facts, "why": why} for facts in tally([item], guard).budgets()]
    assert found == ([expected] if held else [])


def test_why_a_budget_holds_a_pod() -> None:
    lenient = budget(status={"disruptionsAllowed": 1})
    twice = [lenient, {**lenient, "metadata": {"name": "other", "namespace": "shop"}}]
    assert [facts["why"] for facts in tally([pod()], *twice).budgets()] == ["several cover one pod: db, other"]
    assert [facts["why"] for facts in tally([pod()], budget()).budgets()] == ["it needs 1 healthy and has 1"]
