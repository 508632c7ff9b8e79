# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout reports: the same pools as a preview, as pending, and as done."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import estimate
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes, PoolProgress
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.report import preview, result
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import Request
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.run import Outcome
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import judge
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import (
    NEW,
    OLD,
    kubelet_config,
    node,
    pool,
    snapshot,
)

FAILURE = {"type": "Failure", "status": "True", "message": "Error: no"}
HELD = snapshot([node("a"), node("b")], [pool(paused=True, marked=True, reached=OLD)])
ROLLING = snapshot([node("a"), node("b", config=NEW)], [pool(reached=OLD)])
DONE = snapshot([node("a", config=NEW), node("b", config=NEW)], [pool()])
PERSON = snapshot([node("a"), node("b")], [pool(paused=True, reached=OLD)])
REFUSED = snapshot([node("a"), node("b")], [pool(reached=OLD)], [kubelet_config(condition=FAILURE)])


@pytest.mark.parametrize(
    ("cluster", "would", "status", "why"),
    [
        (HELD, True, "would_change", "2 nodes in 2 waves of 1: about "),
        (HELD, False, "pending", "2 nodes in 2 waves of 1: about "),
        (ROLLING, True, "would_change", "rolling already"),
        (DONE, True, "ok", "up to date"),
        (PERSON, True, "refused", "somebody else"),
        (REFUSED, False, "refused", "Error: no"),
    ],
)
def test_a_preview_tells_what_a_run_would_do(cluster: Snapshot, would: bool, status: str, why: str) -> None:
    told = preview(cluster, [judge(cluster, cluster.pools["zone-0"])], Request(), would=would)
    [row] = told["rows"]
    assert (row["where"], row["status"], why in (row["why"] or "")) == ("pool zone-0", status, True)
    assert told["changed"] is (status == "would_change")
    assert why in told["lines"][0] or status == "refused"


def outcome_of(cluster: Snapshot, failure: str | None = None, **seen: t.Any) -> Outcome:
    progress = PoolProgress("zone-0", estimate(2, 1), behind_at_start=seen.pop("behind", 2), **seen)
    return Outcome(cluster, [judge(cluster, cluster.pools["zone-0"])], {"zone-0": progress}, 1, failure)


ROLLED: dict[str, t.Any] = {
    "released": True,
    "began": 10.0,
    "ended": 70.5,
    "max_unavailable_seen": 1,
    "nodes": {name: NodeTimes(name, "zone-0", selected=10, done=40) for name in "ab"},
}


@pytest.mark.parametrize(
    ("outcome", "changed", "counts", "status", "why"),
    [
        (outcome_of(DONE, **ROLLED), True, (0, 2), "changed", "2 nodes in 60.5 s, at most 1 out of service at once"),
        (outcome_of(DONE, released=True, behind=0), True, (2, 2), "changed", "released; no node had to change"),
        (outcome_of(DONE, behind=0), False, (2, 2), "ok", "up to date"),
        (outcome_of(HELD, "stopped"), False, (0, 0), "pending", "paused by this collection"),
        (outcome_of(ROLLING, "stopped", **ROLLED), True, (0, 1), "failed", "1/2 nodes updated"),
        (outcome_of(PERSON, "stopped"), False, (0, 0), "refused", "somebody else"),
    ],
)
def test_a_run_reports_what_came_of_each_pool(
    outcome: Outcome, changed: bool, counts: tuple[int, int], status: str, why: str
) -> None:
    told = result(outcome)
    [row] = told["rows"]
    assert (told["changed"], row["status"], why in (row["why"] or "")) == (changed, status, True)
    before, effective = counts
    assert (row["before"], row["wanted"], row["effective"]) == (f"{before} of 2", "2 of 2", f"{effective} of 2")


def test_each_nodes_times_are_returned() -> None:
    [told] = result(outcome_of(DONE, **ROLLED))["pools"]
    assert told["nodes"][0] == {
        "node": "a",
        "began_s": 0,
        "total_s": 30,
        "cordoned_s": None,
        "drain_s": None,
        "reboot_s": None,
    }
    assert (told["seconds"], told["max_unavailable_seen"]) == (60.5, 1)
