# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an upgrade stands, by the words of the operators, and what is told of it at the end."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.result import lines, measured, rows
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.stand import Stand, describe, stand
from upgrade_objects import condition, entry, operator, parsed

WORKING = "Working towards 4.9.23: 569 of 738 done (77% complete)"
OPERATORS = (operator("etcd", "4.9.23"), operator("kube-apiserver"), operator("network"))
UNDER_WAY = [entry("4.9.23", "Partial"), entry("4.9.15")]


def at(message: str, *more: t.Any, operators: t.Any = OPERATORS) -> Stand:
    version = parsed(conditions=[condition("Progressing", "True", message), *more], history=UNDER_WAY)
    return stand(version, operators, "4.9.23")


@pytest.mark.parametrize(
    "message, counts, names",
    [
        ("Working towards 4.9.23", "", []),
        (WORKING, "569 of 738 done (77 %)", []),
        (f"{WORKING}, waiting on kube-apiserver", "569 of 738 done (77 %)", ["kube-apiserver"]),
        (f"{WORKING}, waiting on kube-apiserver, network", "569 of 738 done (77 %)", ["kube-apiserver", "network"]),
        (f"{WORKING}, waiting up to 40 minutes on network", "569 of 738 done (77 %)", ["network"]),
        ("Unable to apply 4.9.23: wait has exceeded 40 minutes for these operators: network", "", ["network"]),
        ("Unable to apply 4.9.23: the cluster operator network is not available", "", []),
    ],
)
def test_who_holds_it_up(message: str, counts: str, names: list[str]) -> None:
    found = at(message)
    assert (found.counts, sorted(found.waits_for), found.completed) == (counts, names, False)


def test_an_operator_in_trouble_holds_it_up_whoever_is_named() -> None:
    operators = [
        operator("etcd", "4.9.23", Degraded="True:a member is down."),
        operator("dns", Available="False:no pods"),
    ]
    found = at(f"{WORKING}, waiting on etcd", operators=operators)
    assert found.waits_for == {"etcd": "degraded (a member is down)", "dns": "not available (no pods)"}


def test_it_is_told_in_one_line() -> None:
    found = at(f"{WORKING}, waiting on kube-apiserver", condition("Failing", "True", "it is broken.", "Broken"))
    told = describe(found, 1500, {"kube-apiserver": 720})
    assert told == (
        "4.9.23: 569 of 738 done (77 %) after 25 min, held up by kube-apiserver for 12 min, "
        "FAILING, Broken: it is broken"
    )
    many = Stand("4.9.23", None, False, dict.fromkeys("abcde", ""))
    assert describe(many, None, {"e": 100, "b": 0.2}) == "4.9.23, held up by e for 2 min; b; a and 2 more"


def test_a_completed_update_waits_for_nobody() -> None:
    found = stand(parsed("4.9.23", "4.9.15"), OPERATORS, "4.9.23")
    assert (found.completed, found.waits_for, found.lost) == (True, {}, "")


@pytest.mark.parametrize(
    "more, lost",
    [
        (
            {"history": [entry("4.9.25", "Partial"), *UNDER_WAY]},
            "the cluster went on to 4.9.25, although 4.9.23 was asked for",
        ),
        (
            {"conditions": [condition("Failing", "True", "not upgradeable.", "UpgradePreconditionCheckFailed")]},
            "the cluster refuses 4.9.23: not upgradeable",
        ),
        ({"conditions": [condition("Failing", "True", "etcd", "ClusterOperatorDegraded")]}, ""),
    ],
)
def test_what_will_not_heal(more: dict[str, t.Any], lost: str) -> None:
    assert stand(parsed(**{"history": UNDER_WAY, **more}), [], "4.9.23").lost == lost


def steps(name: str, pool: str, selected: float, done: float | None) -> NodeTimes:
    return NodeTimes(name, pool, selected=selected, done=done)


# The control plane began at 12:00 and was done at 12:35, in seconds of the epoch.
NOON = 1785585600.0
DONE_AT = NOON + 2100
NODES = (steps("a", "zone-0", DONE_AT + 10, DONE_AT + 310), steps("b", "zone-1", DONE_AT + 320, DONE_AT + 910))


def figures(nodes: t.Sequence[NodeTimes] = NODES, machines: t.Any = None, **more: t.Any) -> dict[str, t.Any]:
    given = {"time_factor": 1.0, "now": DONE_AT + 5000, **more}
    return measured(
        parsed("4.9.23", "4.9.15"), nodes, ["zone-0", "zone-1"], {"etcd": 40.0, "dns": 0.2}, machines, **given
    )


def test_durations_of_the_parts_and_of_the_whole() -> None:
    found = figures()
    assert (found["from"], found["to"]) == ("4.9.15", "4.9.23")
    assert (found["control_plane_s"], found["pools_s"], found["total_s"]) == (2100.0, 900.0, 3010.0)
    assert (found["nodes"], found["operators"], found["vms"]) == (2, {"etcd": 40.0}, None)


def test_nodes_of_the_control_plane_are_a_part_of_it() -> None:
    assert figures([*NODES, steps("m", "master", NOON + 60, DONE_AT - 10)])["pools_s"] == 900.0


def test_an_upgrade_that_changes_no_node() -> None:
    found = figures([])
    assert (found["pools_s"], found["total_s"], found["nodes"]) == (0.0, 2100.0, 0)
    assert "no node had to change" in lines(found)[1]


def test_an_upgrade_that_did_not_come_to_its_end() -> None:
    found = figures([steps("a", "zone-0", DONE_AT + 10, None)], finished=False)
    assert (found["so_far_s"], found["pools_s"], "total_s" in found) == (7100.0, 4990.0, False)
    assert lines(found)[0] == "4.9.15 -> 4.9.23: not at its end after 1 h 58 min"
    assert rows(found) == []


def machines(lost: int = 0, restarted: int = 0, asked: int = 0) -> dict[str, t.Any]:
    gone = [{"vm": "vms/a", "expected": False}] * lost
    anew = [{"vm": "vms/b", "expected": False}] * restarted + [{"vm": "vms/c", "expected": True}] * asked
    return {"not_running": gone, "restarted": anew, "totals": {"vms_moved": 7}}


def test_machines_are_told_restarted_against_migrated() -> None:
    found = figures(machines=machines(restarted=1, asked=2), watched=10)
    assert found["vms"] == {"watched": 10, "lost": 0, "restarted": 1, "restarted_as_asked": 2, "migrated": 7}
    assert rows(found)[-1]["status"] == "ok"
    told = "\n".join(lines(found))
    assert "4.9.15 -> 4.9.23: 50 min (the paper's minor upgrade: 35 min)" in told
    assert "VMs: 10 watched, 0 lost; 7 migrated, 1 restarted although" in told


def test_a_lost_machine_fails() -> None:
    last = rows(figures(machines=machines(lost=1), watched=10))[-1]
    assert (last["what"], last["effective"], last["status"]) == ("lost", "1", "failed")
