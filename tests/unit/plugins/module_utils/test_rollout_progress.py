# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted and shown while a node goes through its steps."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import estimate
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import PoolProgress
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import (
    NEW,
    node,
    pool,
    snapshot,
)

# What the controller and the daemon write on a node, in their order; seconds since the release.
WORKING: dict[str, t.Any] = {"desired": NEW, "state": "Working"}
STEPS: list[tuple[float, dict[str, t.Any]]] = [
    (0, {}),
    (2, {"desired": NEW}),
    (3, WORKING),
    (5, {**WORKING, "drain": ("drain-new", "")}),
    (10, {**WORKING, "drain": ("drain-new", ""), "cordoned": True}),
    (17, {**WORKING, "drain": ("drain-new", "drain-new"), "cordoned": True}),
    (20, {**WORKING, "drain": ("drain-new", "drain-new"), "cordoned": True, "ready": False}),
    (80, {**WORKING, "drain": ("uncordon-new", "drain-new"), "cordoned": True}),
    (85, {**WORKING, "drain": ("uncordon-new", "uncordon-new")}),
    (90, {"config": NEW, "drain": ("uncordon-new", "uncordon-new")}),
]


def progress() -> PoolProgress:
    return PoolProgress("zone-0", estimate(1, 1), behind_at_start=2, began=0)


def test_a_nodes_durations_are_those_between_its_steps() -> None:
    seen = progress()
    for now, change in STEPS:
        cluster = snapshot([node("a", **change), node("b")], [pool()])
        seen.observe(cluster, cluster.pools["zone-0"], now)
    assert [times.as_result() for times in seen.nodes.values()] == [
        {"node": "a", "total_s": 88, "cordoned_s": 80, "drain_s": 12, "reboot_s": 63}
    ]
    assert seen.max_unavailable_seen == 1


def test_what_was_not_seen_is_null() -> None:
    seen = progress()
    for now, change in STEPS[6:]:
        cluster = snapshot([node("a", **change)], [pool()])
        seen.observe(cluster, cluster.pools["zone-0"], now)
    assert seen.nodes["a"].as_result() == {
        "node": "a",
        "total_s": 70,
        "cordoned_s": 70,
        "drain_s": None,
        "reboot_s": None,
    }


def test_a_line_comes_when_something_changed_or_after_a_while() -> None:
    seen = progress()
    shown: list[tuple[float, str]] = []
    for now in range(60):
        change = [change for at, change in STEPS if at <= now][-1]
        cluster = snapshot([node("a", **change), node("b")], [pool()])
        line = seen.line(cluster, cluster.pools["zone-0"], now)
        if line is not None:
            shown.append((now, line))
    assert [now for now, _line in shown] == [0, 5, 17, 32, 47]
    assert shown[1][1].startswith("pool zone-0: 0/2 updated, 1 draining, 0 rebooting, 5 s so far, about ")
    assert ", 0 draining, 1 rebooting, 17 s so far, " in shown[2][1]
