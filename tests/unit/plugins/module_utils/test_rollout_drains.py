# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The companions that watch drains and reboots: what they read, say, and end a run for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.drains import DrainWatch
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.reboots import RebootWatch
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.drain_objects import (
    Api,
    budget,
    launcher,
    machine,
    pod,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import (
    NEW,
    node,
    pool,
    snapshot,
)

DRAINING: dict[str, t.Any] = {"desired": NEW, "state": "Working", "drain": ("drain-new", ""), "cordoned": True}
REBOOTING: dict[str, t.Any] = {**DRAINING, "drain": ("drain-new", "drain-new")}
POOLS = ["zone-0", "zone-1"]


class Story:
    """A drain watch whose clock and cluster the test moves."""

    def __init__(self, api: Api, limit_s: float = 1800) -> None:
        self.now = 0.0
        self.api = api
        self.watch = DrainWatch(t.cast(KubeClient, api), limit_s, clock=lambda: self.now)

    def see(self, *draining: str, zone: str = "zone-0", **change: t.Any) -> None:
        nodes = [node(name, zone, **{**DRAINING, **change}) for name in draining]
        self.watch.observe(snapshot(nodes, [pool("zone-0"), pool("zone-1")]), POOLS, self.now)

    def look_at(self, now: float) -> str:
        self.now = now
        self.watch.look()
        return self.watch.words("zone-0")


def test_nothing_is_read_while_no_drain_lasts() -> None:
    story = Story(Api(pods=[pod("db-1")]))
    story.see("a")
    assert story.look_at(29) == ""
    assert story.api.asked == []
    story.see()
    assert story.look_at(300) == ""
    assert story.api.asked == []


def test_the_line_names_node_pod_and_budget() -> None:
    story = Story(Api(pods=[pod("db-1")], poddisruptionbudgets=[budget("db")]))
    story.see("a")
    assert story.look_at(40) == ""
    assert story.look_at(135) == (
        "a blocked 2 min by pod shop/db-1 (PodDisruptionBudget shop/db allows 0 disruptions: it needs 1 healthy and "
        "has 1)"
    )
    assert story.watch.words("zone-1") == ""


def test_beyond_the_limit_the_run_ends_with_what_to_do() -> None:
    pods = [pod("db-1"), pod("db-2", "b"), pod("web-1", "b", labels={"app": "web"})]
    story = Story(Api(pods=pods, poddisruptionbudgets=[budget("db")]), limit_s=60)
    story.see("a", "b")
    story.look_at(40)
    assert story.look_at(95).startswith("a blocked 55 s by pod shop/db-1 (")
    assert story.look_at(95).endswith("), 1 more node blocked")
    assert story.watch.obstacle() is None
    story.look_at(100)
    assert story.watch.obstacle() == (
        "Pool zone-0: the drain of node a has been blocked for 60 s (drain_limit_s = 60 s) by pod shop/db-1: "
        "PodDisruptionBudget shop/db allows 0 disruptions: it needs 1 healthy and has 1. Blocked as long: b. Make "
        "more of its pods healthy, relax the budget, or delete this pod; the controller goes on by itself then, and "
        "so does the next run."
    )
    assert story.watch.seen() == [
        {"node": name, "pool": "zone-0", "pod": f"shop/{of}", "why": story.watch.seen()[0]["why"], "seconds": 60.0}
        for name, of in (("a", "db-1"), ("b", "db-2"))
    ]


def test_a_node_of_a_pool_that_is_not_ours_ends_nothing() -> None:
    story = Story(Api(pods=[pod("db-1")], poddisruptionbudgets=[budget("db")]), limit_s=60)
    story.watch.observe(snapshot([node("a", "zone-0", **DRAINING)], [pool("zone-0")]), ["zone-1"], 0)
    story.look_at(1000)
    assert (story.watch.obstacle(), story.api.asked) == (None, [])


def test_a_drain_that_gets_rid_of_a_pod_is_movement_and_one_that_waits_is_none() -> None:
    story = Story(
        Api(pods=[launcher("vm-1"), launcher("vm-2")], virtualmachineinstances=[machine("vm-1"), machine("vm-2")])
    )
    story.see("a")
    assert story.look_at(40) == ""
    before = story.watch.progress()
    assert story.look_at(4000) == ""
    assert (story.watch.obstacle(), story.watch.progress()) == (None, before)
    story.api.objects["pods"].pop()
    story.look_at(4020)
    assert story.watch.progress() != before


def test_machines_are_read_for_the_nodes_at_once_and_the_few_others_alone() -> None:
    leaving = machine("vm-9", "elsewhere", migration={"targetPod": "virt-launcher-vm-9"})
    machines = [machine("vm-1"), machine("vm-2", "b"), machine("vm-3", "unrelated"), leaving]
    pods = [launcher("vm-1"), launcher("vm-2", "b"), launcher("vm-9")]
    story = Story(Api(pods=pods, virtualmachineinstances=machines))
    story.see("a", "b")
    story.look_at(40)
    assert story.api.asked == [
        "pods spec.nodeName=a",
        "pods spec.nodeName=b",
        "poddisruptionbudgets",
        "virtualmachineinstances kubevirt.io/nodeName in (a,b)",
        "virtualmachineinstances/vm-9",
        "pods kubevirt.io=virt-launcher status.phase=Pending",
    ]


def test_many_nodes_are_looked_at_in_turns() -> None:
    story = Story(Api())
    names = [f"worker{number:03}" for number in range(45)]
    story.see(*names)
    for now in (40, 55, 70):
        story.look_at(now)
    asked = [one.split("=")[1] for one in story.api.asked]
    assert len(asked) == 60
    assert set(asked) == set(names)


@pytest.mark.parametrize(
    ("finalizers", "ready", "why"),
    [(["a/b"], True, "the finalizer a/b"), ([], False, "its node is not Ready"), ([], True, "grace period of 30 s")],
)
def test_a_pod_that_does_not_end_is_measured_by_our_own_clock(finalizers: list[str], ready: bool, why: str) -> None:
    story = Story(Api(pods=[pod("x", ending_grace_s=30, finalizers=finalizers)]))
    story.see("a", ready=ready)
    for now in (40, 55, 70, 100):
        assert story.look_at(now) == ""
    story.look_at(110)
    assert why in story.look_at(130)


def test_a_missing_cordon_is_the_controllers() -> None:
    story = Story(Api(), limit_s=300)
    story.see("a", cordoned=False)
    story.look_at(40)
    assert story.look_at(100) == ""
    assert story.look_at(170) == "a waits 2 min for its drain (the machine-config-controller has not cordoned it)"
    story.look_at(340)
    assert (story.watch.obstacle() or "").startswith(
        "Pool zone-0: the drain of node a has been blocked for 5 min (drain_limit_s = 300 s): "
        "the machine-config-controller has not cordoned it. Its drain workers are busy"
    )


def test_a_refusal_is_told_where_a_drain_lasts() -> None:
    story = Story(Api())
    story.see("a")
    story.api.refusal = KubeError("GET /api/v1/pods was refused: forbidden (HTTP 403).", 403)
    story.now = 40
    story.watch.try_look()
    assert story.watch.words("zone-0") == (
        "what its drains wait for cannot be read (GET /api/v1/pods was refused: forbidden (HTTP 403))"
    )
    assert story.watch.words("zone-1") == ""
    story.api.refusal = KubeError("it did not answer.", 0)
    story.watch.try_look()
    assert story.watch.words("zone-0") == ""


def away(now: float, ready: bool, *nodes: str, watch: RebootWatch | None = None) -> RebootWatch:
    watch = watch or RebootWatch(expected_s=300, limit_s=1800)
    rebooting = [node(name, **{**REBOOTING, "ready": ready}) for name in nodes]
    watch.observe(snapshot(rebooting, [pool()]), ["zone-0"], now)
    return watch


def test_a_node_that_does_not_come_back_ends_the_run_by_name() -> None:
    watch = away(10, False, "a")
    away(500, False, "a", "b", watch=watch)
    assert (watch.words("zone-0"), watch.obstacle()) == ("", None)
    away(620, False, "a", "b", watch=watch)
    assert watch.words("zone-0") == "a rebooting for 10 min"
    assert watch.words("zone-1") == ""
    away(1810, False, "a", "b", watch=watch)
    assert watch.obstacle() == (
        "Pool zone-0: node a was drained and has not come back for 30 min (reboot_limit_s = 1800 s): it is not Ready. "
        "Look at its console; when it is back, run again."
    )
    away(2400, True, "a", "b", watch=watch)
    assert "Ready, but its machine-config-daemon is silent. Nor have b." in (watch.obstacle() or "")


def test_a_node_that_came_back_begins_anew() -> None:
    watch = away(0, False, "a")
    away(1000, False, watch=watch)
    away(1900, False, "a", watch=watch)
    assert watch.obstacle() is None
