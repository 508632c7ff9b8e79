# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods a drain takes, and which of them the eviction API keeps."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.drain_pods import (
    Pod,
    covering,
    parse_budget,
    parse_pod,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.drain_objects import Object, budget, pod

TAKEN = {
    "of a ReplicaSet": (pod("x"), True),
    "of nobody": (pod("x", owner=""), True),
    "of a DaemonSet": (pod("x", owner="DaemonSet"), False),
    "of a DaemonSet, and finished": (pod("x", owner="DaemonSet", phase="Failed"), True),
    "mirror of a static pod": (pod("x", owner="Node", annotations={"kubernetes.io/config.mirror": "h"}), False),
    "finished": (pod("x", phase="Succeeded"), True),
    "ending": (pod("x", ending_grace_s=30), True),
}


@pytest.mark.parametrize(("item", "taken"), TAKEN.values(), ids=TAKEN.keys())
def test_a_drain_takes_what_kubectl_takes(item: Object, taken: bool) -> None:
    assert (parse_pod(item) is not None) is taken


def taken(item: Object) -> Pod:
    parsed = parse_pod(item)
    assert parsed is not None
    return parsed


ASKED: dict[str, tuple[Object, list[Object], list[str]]] = {
    "one that covers it": (pod("x"), [budget("one"), budget("other", selector="web")], ["one"]),
    "two that cover it": (pod("x"), [budget("one"), budget("two", selector={})], ["one", "two"]),
    "none selects without a selector": (pod("x"), [budget("one", selector=None)], []),
    "none for a pod that has not started": (pod("x", phase="Pending"), [budget("one")], []),
    "none for a pod that has finished": (pod("x", phase="Failed"), [budget("one")], []),
    "none for a pod that ends": (pod("x", ending_grace_s=0), [budget("one")], []),
    "by expression": (
        pod("x"),
        [budget("one", selector={"matchExpressions": [{"key": "app", "operator": "In", "values": ["db", "web"]}]})],
        ["one"],
    ),
}


@pytest.mark.parametrize(("item", "budgets", "asked"), ASKED.values(), ids=ASKED.keys())
def test_the_api_asks_the_budgets_that_cover_a_pod(item: Object, budgets: list[Object], asked: list[str]) -> None:
    assert [one.name for one in covering(map(parse_budget, budgets), taken(item))] == asked


def test_a_budget_of_another_namespace_does_not_matter() -> None:
    elsewhere = budget("one")
    elsewhere["metadata"]["namespace"] = "elsewhere"
    assert not parse_budget(elsewhere).covers(taken(pod("x")))


LETS_GO = {
    "one may go": (budget("one", allowed=1), True, True),
    "none may go": (budget("one"), True, False),
    "unready, and enough are healthy": (budget("one", healthy=2, needed=2), False, True),
    "unready, and too few are healthy": (budget("one", healthy=1, needed=2), False, False),
    "unready, and nothing is needed": (budget("one", healthy=0, needed=0), False, False),
}


@pytest.mark.parametrize(("item", "ready", "goes"), LETS_GO.values(), ids=LETS_GO.keys())
def test_a_budget_lets_go_what_the_api_evicts(item: Object, ready: bool, goes: bool) -> None:
    assert parse_budget(item).lets_go(taken(pod("x", ready=ready))) is goes


@pytest.mark.parametrize(("ready", "goes"), [(False, True), (True, False)])
def test_unready_pods_always_go_where_the_budget_says_so(ready: bool, goes: bool) -> None:
    item: dict[str, t.Any] = budget("one", healthy=0, needed=2)
    item["spec"]["unhealthyPodEvictionPolicy"] = "AlwaysAllow"
    assert parse_budget(item).lets_go(taken(pod("x", ready=ready))) is goes


def test_a_budget_says_why() -> None:
    item = budget("one", healthy=2, needed=3)
    assert parse_budget(item).why == "it needs 3 healthy and has 2"
    item["status"]["conditions"] = [{"type": "DisruptionAllowed", "reason": "SyncFailed", "message": "no controllers."}]
    assert parse_budget(item).why == "no controllers"
