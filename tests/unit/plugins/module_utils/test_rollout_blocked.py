# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a drain from ending, and for how long, judged from objects as the API returns them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.drain_pods import parse_budget, parse_pod
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.blocked import (
    Blocker,
    Left,
    parse_guest,
    parse_stranded,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import parse_node
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.since import Blockades
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.drain_objects import (
    NAMESPACE,
    Object,
    budget,
    launcher,
    machine,
    pod,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import NEW, node

DRAINING: dict[str, t.Any] = {"desired": NEW, "state": "Working", "drain": ("drain-new", ""), "cordoned": True}


def blockers(
    pods: t.Sequence[Object],
    budgets: t.Sequence[Object] = (),
    machines: t.Sequence[Object] = (),
    *,
    ending_s: float = 0,
    pending: t.Sequence[Object] = (),
    **change: t.Any,
) -> list[Blocker]:
    """Return what blocks the drain of node a, on which these pods are left."""
    left = [one for one in map(parse_pod, pods) if one]
    return Left(
        node=parse_node(node("a", **{**DRAINING, **change})),
        pods=left,
        budgets=[parse_budget(item) for item in budgets],
        guests={(NAMESPACE, item["metadata"]["name"]): parse_guest(item) for item in machines},
        stranded=parse_stranded(pending),
        ending_s={one.uid: ending_s for one in left},
    ).blockers()


FREE = {
    "nothing is left": blockers([]),
    "no budget": blockers([pod("x")]),
    "a budget that lets one go": blockers([pod("x")], [budget("one", allowed=1)]),
    "a pod within its grace period": blockers([pod("x", ending_grace_s=60)], ending_s=80),
    "a machine that waits for its migration": blockers([launcher("vm")], [], [machine("vm")]),
    "a machine that was not asked yet": blockers([launcher("vm")], [], [machine("vm", evacuating=False)]),
    "a machine that a budget covers too": blockers([launcher("vm")], [budget("own", selector={})], [machine("vm")]),
    "a machine that goes down by itself": blockers([launcher("vm")], [], [machine("vm", strategy="None", why_not="x")]),
    "a machine that goes down if it cannot migrate": blockers(
        [launcher("vm")], [], [machine("vm", strategy="LiveMigrateIfPossible", why_not="x")]
    ),
    "the old pod of a machine that has ended": blockers([launcher("vm", phase="Succeeded")]),
    "a machine on its way here": blockers(
        [launcher("vm", name="target")], [], [machine("vm", "b", migration={"targetPod": "target"})]
    ),
}


@pytest.mark.parametrize("found", FREE.values(), ids=FREE.keys())
def test_what_passes_by_itself_blocks_nothing(found: list[Blocker]) -> None:
    assert found == []


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes fit. preemption: 0/3.",
}
BLOCKED = {
    "a budget": (
        blockers([pod("x")], [budget("one")]),
        "PodDisruptionBudget shop/one allows 0 disruptions: it needs 1 healthy and has 1",
    ),
    "two budgets, although both allow one": (
        blockers([pod("x")], [budget("one", allowed=1), budget("two", allowed=1)]),
        "PodDisruptionBudget shop/one and PodDisruptionBudget shop/two cover it, and the API evicts no pod that more",
    ),
    "a finalizer": (
        blockers([pod("x", ending_grace_s=30, finalizers=["a/b"])], ending_s=61),
        "deleted, but it has the finalizer a/b",
    ),
    "a node that is gone": (
        blockers([pod("x", ending_grace_s=30)], ending_s=61, ready=False),
        "deleted, but its node is not Ready and cannot confirm that it ended",
    ),
    "a kubelet that does not end it": (
        blockers([pod("x", ending_grace_s=30)], ending_s=61),
        "deleted, but the kubelet did not end it within its grace period of 30 s",
    ),
    "a machine that cannot migrate": (
        blockers([launcher("vm")], [], [machine("vm", why_not="cannot migrate VMI: PVC vm is not shared.")]),
        "virtual machine shop/vm cannot live-migrate: cannot migrate VMI: PVC vm is not shared",
    ),
    "a machine that cannot migrate, by the cluster's strategy": (
        blockers([launcher("vm")], [], [machine("vm", strategy="", why_not="host devices")]),
        "virtual machine shop/vm cannot live-migrate: host devices",
    ),
    "a machine that somebody else moves": (
        blockers([launcher("vm")], [], [machine("vm", strategy="External")]),
        "the eviction strategy External leaves virtual machine shop/vm to somebody else",
    ),
    "a machine whose migration failed": (
        blockers([launcher("vm")], [], [machine("vm", migration={"failed": True, "failureReason": "timed out."})]),
        "the live migration of virtual machine shop/vm fails: timed out",
    ),
    "a machine that no node takes": (
        blockers(
            [launcher("vm")],
            [],
            [machine("vm")],
            pending=[launcher("vm", "", name="target", phase="Pending", conditions=[UNSCHEDULABLE])],
        ),
        "the live migration of virtual machine shop/vm fails: no node takes its target pod (0/3 nodes fit)",
    ),
    "a pod whose machine is gone": (blockers([launcher("vm")]), "its VirtualMachineInstance shop/vm does not exist"),
    "a pod that its machine has left": (
        blockers([launcher("vm")], [], [machine("vm", "b", migration={"targetPod": "other", "endTimestamp": "now"})]),
        "virtual machine shop/vm is on b now, but its old pod stays",
    ),
    "a machine that goes down, under a budget": (
        blockers([launcher("vm")], [budget("one", selector={})], [machine("vm", strategy="None")]),
        "PodDisruptionBudget shop/one allows 0 disruptions: it needs 1 healthy and has 1",
    ),
    "no cordon": (
        blockers([pod("x")], [budget("one")], cordoned=False),
        "the machine-config-controller has not cordoned it",
    ),
}


@pytest.mark.parametrize(("found", "why"), BLOCKED.values(), ids=BLOCKED.keys())
def test_a_blocker_says_why_and_what_to_do(found: list[Blocker], why: str) -> None:
    assert len(found) == 1
    assert found[0].why.startswith(why)
    assert found[0].remedy


def test_an_aborted_migration_is_no_failure() -> None:
    aborted = {"failed": True, "abortStatus": "Succeeded", "failureReason": "aborted"}
    assert blockers([launcher("vm")], [], [machine("vm", migration=aborted)]) == []


def by_budget(uid: str, key: str = "budget shop/one") -> Blocker:
    return Blocker(f"shop/{uid}", uid, key, "why", "remedy")


class Clock:
    """Blockades of a story: at each moment, for each node, the pods left and which of them are in the way."""

    def __init__(self) -> None:
        self.blockades = Blockades()

    def at(self, now: float, **nodes: tuple[str, t.Sequence[Blocker]]) -> dict[str, float]:
        looked = {name: (left.split(), found) for name, (left, found) in nodes.items()}
        self.blockades.observe(set(nodes), looked, now)
        return {one.node: one.seconds for one in self.blockades.of(set(nodes))}


def test_a_blockade_lasts_from_when_it_was_first_seen() -> None:
    clock = Clock()
    assert clock.at(100, a=("x y", [by_budget("x")])) == {}
    assert clock.at(110, a=("x y", [by_budget("x")])) == {}
    assert clock.at(160, a=("x y", [by_budget("x")])) == {"a": 60}
    assert clock.at(175, a=("x", [by_budget("x")])) == {"a": 75}


def test_a_budget_that_lets_one_go_after_the_other_blocks_nobody() -> None:
    clock = Clock()
    for now, left in ((0, "x y z"), (100, "x y z"), (110, "y z"), (190, "y z")):
        found = clock.at(now, a=(left, [by_budget(uid) for uid in left.split()]), b=("q", [by_budget("q")]))
    assert found == {"a": 80, "b": 80}


def test_another_obstacle_has_another_clock() -> None:
    clock = Clock()
    clock.at(0, a=("x", [by_budget("x")]))
    assert clock.at(50, a=("x", [by_budget("x", "ending x")])) == {}
    assert clock.at(90, a=("x", [by_budget("x", "ending x")])) == {"a": 40}


@pytest.mark.parametrize(("away_s", "lasts_s"), [(50, 90), (70, None)])
def test_an_obstacle_that_is_away_for_a_moment_is_the_same(away_s: float, lasts_s: float | None) -> None:
    clock = Clock()
    clock.at(0, a=("x", [by_budget("x")]))
    clock.at(away_s - 1, a=("x", []))
    clock.at(away_s, a=("x", [by_budget("x")]))
    assert clock.at(90, a=("x", [by_budget("x")])) == {"a": 90 if lasts_s else 20}


def test_the_longest_comes_first_and_a_drain_that_ended_is_forgotten() -> None:
    clock = Clock()
    clock.at(0, a=("x", [by_budget("x", "vm x")]))
    clock.at(20, a=("x", [by_budget("x", "vm x")]), b=("y", [by_budget("y", "vm y")]))
    assert list(clock.at(60, a=("x", [by_budget("x", "vm x")]), b=("y", [by_budget("y", "vm y")]))) == ["a", "b"]
    assert clock.at(70, b=("y", [by_budget("y", "vm y")])) == {"b": 50}
    assert {place: round(one.seconds) for place, one in clock.blockades.past.items()} == {
        ("a", "shop/x", "vm x"): 60,
        ("b", "shop/y", "vm y"): 50,
    }
