# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a pool stands and what comes next, from objects as the API returns them."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.planned import planned_snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import (
    Limits,
    Phase,
    Step,
    Verdict,
    describe_waiting,
    disrupted,
    judge,
    next_step,
    outdated,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import (
    MCO,
    NEW,
    SOURCES,
    WORKER_CONFIG,
    ZONE_CONFIG,
    kubelet_config,
    machine_config,
    node,
    pool,
    snapshot,
)

UPDATED_NODES = [node("a", config=NEW), node("b", config=NEW)]
OLD_NODES = [node("a"), node("b")]


def verdict_of(cluster: Snapshot, name: str = "zone-0", expected: t.AbstractSet[str] = frozenset()) -> Verdict:
    return judge(cluster, cluster.pools[name], expected)


PHASES = {
    "everything done": (snapshot(UPDATED_NODES, [pool()]), Phase.UPDATED, ""),
    "ours, rendered, not released": (snapshot(OLD_NODES, [pool(paused=True, marked=True)]), Phase.HELD, "by this"),
    "a person's pause": (snapshot(OLD_NODES, [pool(paused=True)]), Phase.PAUSED, "somebody else"),
    "a person's pause with nothing to do": (snapshot(UPDATED_NODES, [pool(paused=True)]), Phase.UPDATED, "up to date"),
    "released, and the pool still says Updated": (
        snapshot(OLD_NODES, [pool(reached="rendered-old")]),
        Phase.ROLLING,
        "0/2 nodes updated",
    ),
    "nodes are done, the status lags": (
        snapshot(UPDATED_NODES, [pool(generations=(4, 3))]),
        Phase.ROLLING,
        "its controller",
    ),
    "one node lost": (
        snapshot(UPDATED_NODES, [pool(counts=(2, 2, 1, 1))]),
        Phase.ROLLING,
        "1/2 nodes ready, 1 unavailable",
    ),
    "a node that belongs to two pools is missing": (
        snapshot([*UPDATED_NODES, node("c", config=NEW)], [pool(counts=(2, 2, 2, 0))]),
        Phase.ROLLING,
        "2/3",
    ),
    "an empty pool": (snapshot([], [pool(counts=(0, 0, 0, 0))]), Phase.UPDATED, ""),
    "the source is missing in the target": (
        snapshot(UPDATED_NODES, [pool(sources=SOURCES[:1])]),
        Phase.RENDERING,
        "99-zone-0-generated-kubelet to be rendered",
    ),
    "a deleted source is still in the target": (
        snapshot(UPDATED_NODES, [pool()], [], [WORKER_CONFIG]),
        Phase.RENDERING,
        "without 99-zone-0-generated-kubelet",
    ),
    "an edited source under its old name": (
        snapshot(UPDATED_NODES, [pool()], rendered="maxPods: 400"),
        Phase.RENDERING,
        "new /etc/kubernetes/kubelet.conf",
    ),
    "the KubeletConfig was not seen yet": (
        snapshot(UPDATED_NODES, [pool()], [kubelet_config(generation=3)]),
        Phase.RENDERING,
        "to be accepted",
    ),
    "the KubeletConfig is being deleted": (
        snapshot(UPDATED_NODES, [pool()], [kubelet_config(deletionTimestamp="now")]),
        Phase.RENDERING,
        "to be deleted",
    ),
    "another pool's KubeletConfig does not matter": (
        snapshot(UPDATED_NODES, [pool()], [kubelet_config(), kubelet_config("x", "zone-1", generation=9)]),
        Phase.UPDATED,
        "",
    ),
}


@pytest.mark.parametrize(("cluster", "phase", "why"), PHASES.values(), ids=PHASES.keys())
def test_a_pool_stands_where_its_objects_say(cluster: Snapshot, phase: Phase, why: str) -> None:
    verdict = verdict_of(cluster)
    assert (verdict.phase, why in verdict.why, verdict.fault) == (phase, True, None)


@pytest.mark.parametrize(
    ("condition", "accepted"),
    [
        ({"type": "Accepted", "status": "True", "message": "Success"}, True),
        ({"type": "Accepted", "status": "False", "message": "Error: cgroupDriver"}, False),
        ({"type": "Success", "status": "True", "message": "Success"}, True),
        ({"type": "Failure", "status": "True", "message": "Error: cgroupDriver"}, False),
    ],
)
def test_only_the_last_condition_of_a_kubelet_config_counts(condition: dict[str, str], accepted: bool) -> None:
    verdict = verdict_of(snapshot(UPDATED_NODES, [pool()], [kubelet_config(condition=condition)]))
    assert (verdict.phase is Phase.UPDATED) is accepted
    assert (verdict.fault is None) is accepted


def test_a_refused_kubelet_config_is_the_fault_although_the_pool_says_updated() -> None:
    failure = {"type": "Failure", "status": "True", "message": "Error: cgroupDriver is not allowed."}
    cluster = snapshot(UPDATED_NODES, [pool()], [kubelet_config("theirs", condition=failure)])
    step = next_step(cluster, [verdict_of(cluster)], Limits())
    assert step.fail is not None
    assert "KubeletConfig theirs (Error: cgroupDriver is not allowed)" in step.fail


def test_a_refused_kubelet_config_with_an_empty_selector_stops_every_pool() -> None:
    failure = {"type": "Failure", "status": "False", "message": "Error: could not find any MachineConfigPool set"}
    theirs = kubelet_config("theirs", condition=failure)
    for selector, stops in (({}, True), (None, False)):
        theirs["spec"]["machineConfigPoolSelector"] = selector
        verdict = verdict_of(snapshot(UPDATED_NODES, [pool()], [kubelet_config(), theirs]))
        assert ("refused KubeletConfig theirs" in (verdict.fault or "")) is stops


DEGRADED = {"NodeDegraded": ("True", 'Node a is reporting: "disk full".')}
NODE_FAULTS = {
    "failing at the target": ({"desired": NEW, "state": "Degraded"}, True),
    "cannot reconcile the target": ({"desired": NEW, "state": "Unreconcilable"}, True),
    "failing at what it runs": ({"state": "Degraded"}, True),
    "failing at a configuration that the pool has left": ({"desired": "rendered-bad", "state": "Degraded"}, False),
    "well again, the condition lags": ({"desired": NEW, "state": "Working"}, False),
}


@pytest.mark.parametrize(("change", "fault"), NODE_FAULTS.values(), ids=NODE_FAULTS.keys())
def test_a_degraded_node_is_a_fault_unless_a_release_helps_it(change: dict[str, t.Any], fault: bool) -> None:
    for held in (False, True):
        cluster = snapshot([node("a", **change), node("b")], [pool(paused=held, marked=held, conditions=DEGRADED)])
        step = next_step(cluster, [verdict_of(cluster)], Limits(max_disrupted_share=1.0))
        assert step.fail == ('Pool zone-0: NodeDegraded: Node a is reporting: "disk full".' if fault else None)
        assert (step.release is not None) is (held and not fault)


def test_the_operators_own_message_is_the_fault() -> None:
    cluster = snapshot(OLD_NODES, [pool(conditions={"RenderDegraded": ("True", "Failed to render:\nbad mode.")})])
    step = next_step(cluster, [verdict_of(cluster)], Limits())
    assert step.fail == "Pool zone-0: RenderDegraded: Failed to render: bad mode."


def test_an_expected_source_is_waited_for_before_it_exists() -> None:
    cluster = snapshot(UPDATED_NODES, [pool()])
    verdict = verdict_of(cluster, expected={"99-trigger"})
    assert (verdict.phase, verdict.why) == (Phase.RENDERING, "waits for 99-trigger to be rendered")


@pytest.mark.parametrize(("rendered", "done"), [("maxPods: 250", True), ("maxPods: 500", True), ("maxPods: 1", False)])
def test_either_order_of_merging_is_right_for_a_worker_config_that_sorts_last(rendered: str, done: bool) -> None:
    worker = machine_config("99-zzz", "maxPods: 250")
    names = ("99-zzz", ZONE_CONFIG["metadata"]["name"])
    cluster = snapshot(UPDATED_NODES, [pool(sources=names)], sources=[worker, ZONE_CONFIG], rendered=rendered)
    assert (verdict_of(cluster).phase is Phase.UPDATED) is done


def zones(*names: str, nodes: int = 4, **change: t.Any) -> list[t.Any]:
    """Return pools of zones that this collection holds, for snapshots with no KubeletConfig."""
    settings = {
        "paused": True,
        "marked": True,
        "sources": SOURCES[:1],
        "counts": (nodes, 0, nodes, 0),
        "max_unavailable": 2,
    }
    return [pool(name, **{**settings, **change}) for name in names]


def three_zones(pools: t.Sequence[t.Any], **changes: t.Mapping[str, t.Any]) -> Snapshot:
    """Return twelve workers, four a zone: a0..a3, b0..b3, c0..c3; ``changes`` by node."""
    nodes = [
        node(f"{letter}{index}", f"zone-{zone}", **changes.get(f"{letter}{index}", {}))
        for zone, letter in enumerate("abc")
        for index in range(4)
    ]
    return snapshot(nodes, pools, [], [WORKER_CONFIG], rendered="maxPods: 250")


def step_of(cluster: Snapshot, limits: Limits) -> Step:
    return next_step(cluster, [judge(cluster, entry) for _name, entry in sorted(cluster.pools.items())], limits)


def test_the_first_pool_is_released_first() -> None:
    step = step_of(three_zones(zones("zone-0", "zone-1", "zone-2")), Limits(True, 0.25))
    assert step.release is not None
    assert step.release.name == "zone-0"


def test_one_pool_at_a_time() -> None:
    pools = [*zones("zone-0", paused=False, marked=False), *zones("zone-1")]
    assert step_of(three_zones(pools), Limits(True, 1.0)) == Step(wait="0/4 nodes updated")


def test_a_later_pool_does_not_overtake_one_that_is_being_rendered() -> None:
    pools = [*zones("zone-0", sources=SOURCES), *zones("zone-1")]
    step = step_of(three_zones(pools), Limits(True, 1.0))
    assert step.release is None
    assert "rendering without" in (step.wait or "")


@pytest.mark.parametrize(
    ("share", "changes", "released"),
    [
        (0.25, {}, True),
        (0.25, {"b0": {"ready": False}}, True),
        (0.25, {"b0": {"ready": False}, "c0": {"cordoned": True}}, False),
        (0.25, {"a0": {"cordoned": True}, "c0": {"cordoned": True}}, True),
        (0.25, {"a0": {"cordoned": True}, "a1": {"ready": False}, "a2": {"cordoned": True}}, True),
        (0.20, {"b0": {"state": "Working", "desired": NEW}}, False),
        (0.17, {}, True),
    ],
)
def test_the_share_of_the_whole_cluster_is_kept(share: float, changes: dict[str, t.Any], released: bool) -> None:
    step = step_of(three_zones(zones("zone-0", "zone-1", "zone-2"), **changes), Limits(True, share))
    assert (step.release is not None, step.fail) == (released, None)
    assert released or "max_disrupted_share" in (step.wait or "")


def test_a_pool_that_could_never_fit_fails_at_once() -> None:
    step = step_of(three_zones(zones("zone-0", max_unavailable="75%")), Limits(True, 0.1))
    assert step.fail is not None
    assert "would take 3 nodes at once" in step.fail
    assert "1 of 12 workers" in step.fail


def test_two_pools_at_once_reserve_their_peaks() -> None:
    pools = [*zones("zone-0", paused=False, marked=False), *zones("zone-1", "zone-2")]
    assert step_of(three_zones(pools), Limits(False, 0.30)).release is None
    step = step_of(three_zones(pools), Limits(False, 0.34))
    assert step.release is not None
    assert step.release.name == "zone-1"


def test_a_pool_without_outdated_nodes_is_released_whatever_is_out_of_service() -> None:
    changes = {f"b{index}": {"ready": False} for index in range(4)}
    up_to_date = {f"a{index}": {"config": NEW} for index in range(4)}
    assert step_of(three_zones(zones("zone-0"), **changes, **up_to_date), Limits(True, 0.1)).release is not None


def test_only_our_mark_is_taken_from_a_pool_that_somebody_unpaused() -> None:
    changes = {f"b{index}": {"ready": False} for index in range(4)}
    step = step_of(three_zones(zones("zone-0", paused=False), **changes), Limits(True, 0.1))
    assert step.release is not None


@pytest.mark.parametrize(
    ("pools", "says"),
    [
        ([*zones("zone-0"), *zones("zone-1", marked=False)], "Pool zone-1 is paused by somebody else"),
        ([*zones("zone-0", "zone-2", marked=False), *zones("zone-1")], "Pools zone-0, zone-2 are paused"),
        (
            [*zones("zone-0", paused=False, marked=False), *zones("zone-1", marked=False)],
            "Pool zone-1 is paused by somebody else",
        ),
    ],
)
def test_a_persons_pause_is_not_lifted_and_stops_every_release(pools: list[t.Any], says: str) -> None:
    step = step_of(three_zones(pools), Limits(max_disrupted_share=1.0))
    assert step.release is None
    assert (step.fail or "").startswith(says)


def test_a_persons_pause_does_not_matter_where_nothing_is_to_do() -> None:
    cluster = snapshot(UPDATED_NODES, [pool(paused=True)])
    assert next_step(cluster, [verdict_of(cluster)], Limits()) == Step()


def test_a_pool_in_two_custom_roles_loses_the_node() -> None:
    both = node("a0", "zone-0", labels={"node-role.kubernetes.io/zone-1": ""})
    cluster = snapshot([both], [pool("zone-0"), pool("zone-1")])
    assert cluster.pool_of(cluster.nodes["a0"]) is None
    assert cluster.stray(["zone-1"]) == {"a0": ["zone-0", "zone-1"]}
    assert cluster.stray(["worker"]) == {}


def test_waiting_nodes_are_named_with_what_they_wait_for() -> None:
    target = {"desired": NEW, "state": "Working"}
    nodes = [
        node("a", **target, drain=("drain-new", "uncordon-old"), cordoned=True),
        node("b", **target, drain=("drain-new", "drain-new"), cordoned=True, ready=False),
        node("bb", **target, drain=("drain-new", "uncordon-old")),
        node("c", **{**target, "state": "Degraded"}, reason="disk full"),
        node("d"),
        node("e", config=NEW, cordoned=True),
        node("f", config=NEW),
    ]
    cluster = snapshot(nodes, [pool(counts=(7, 1, 1, 6))])
    assert describe_waiting(cluster, [verdict_of(cluster)]).split("; ") == [
        "pool zone-0: a waits for its drain",
        "pool zone-0: b waits for its reboot",
        "pool zone-0: bb waits for its cordon",
        "pool zone-0: c waits for its daemon, which is Degraded: disk full",
        "pool zone-0: d waits for its turn",
        "pool zone-0: e waits for being uncordoned",
    ]


def test_a_windows_node_is_in_no_pool_and_in_service_while_it_is_ready() -> None:
    windows = node("a", config="", labels={"kubernetes.io/os": "windows"})
    cluster = snapshot([windows], [pool()])
    assert (cluster.members("zone-0"), disrupted(cluster), len(cluster.workers)) == ([], [], 1)


def test_a_selector_without_requirements_selects_nothing() -> None:
    everything = pool()
    everything["spec"]["nodeSelector"] = {}
    cluster = snapshot([node("a")], [everything])
    assert cluster.members("zone-0") == []


def test_master_and_worker_fall_behind_custom_pools_as_the_controller_has_it() -> None:
    labels = {"node-role.kubernetes.io/master": ""}
    cluster = snapshot([node("a", None), node("b", labels=labels)], [pool("worker"), pool("master"), pool()])
    assert [cluster.pool_of(cluster.nodes[name]) for name in "ab"] == ["worker", "master"]
    assert f"{MCO}/role" in WORKER_CONFIG["metadata"]["labels"]


def test_a_preview_stands_on_what_is_planned() -> None:
    planned = {
        "node_labels": {"a": {"node-role.kubernetes.io/zone-0": "", "old": None}},
        "pools": [pool(paused=True, marked=True, target="", max_unavailable=10), pool("zone-1", max_unavailable=3)],
    }
    live = snapshot([node("a", None, labels={"old": ""})], [pool("worker"), pool("zone-1")])
    after = planned_snapshot(live, planned)
    assert after.nodes["a"].labels == {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/zone-0": ""}
    assert [node.name for node in after.members("zone-0")] == ["a"]
    assert judge(after, after.pools["zone-0"]).phase is Phase.RENDERING
    assert [node.name for node in outdated(after, after.pools["zone-0"])] == ["a"]
    assert after.pools["zone-1"] == replace(live.pools["zone-1"], max_unavailable=3)
    held = planned_snapshot(live, {"pools": [pool("zone-1", paused=True, marked=True)]}).pools["zone-1"]
    assert (held.marked, held.paused, held.target) == (True, True, "")


def test_a_preview_counts_no_nodes_that_left() -> None:
    live = snapshot(UPDATED_NODES, [pool("worker"), pool()])
    after = planned_snapshot(live, {"node_labels": {"b": {"node-role.kubernetes.io/zone-0": None}}})
    assert [node.name for node in after.members("zone-0")] == ["a"]
    assert judge(live, live.pools["zone-0"]).phase is Phase.UPDATED
    assert judge(after, after.pools["zone-0"]).phase is Phase.UPDATED
