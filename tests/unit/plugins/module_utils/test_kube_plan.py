# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import KubePlan, confirmed, status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row


def one(status: str, effective: t.Any = None, wanted: t.Any = 500, why: str = "") -> Row:
    return row("node a", "pods", before=250, wanted=wanted, effective=effective, status=status, why=why)


@pytest.mark.parametrize(
    "planned, now, status, effective",
    [
        (one("would_change"), one("ok", 500), "changed", "500"),
        (one("would_change"), one("would_change", 250), "failed", "250"),
        (one("would_change"), one("overridden", 250), "overridden", "250"),
        (one("ok", 500), one("ok", 500), "ok", "500"),
        # Right before the run, wrong after it: somebody else was there.
        (one("ok", 500), one("would_change", 250), "failed", "250"),
        (one("pending", 250), one("pending", 250), "pending", "250"),
        (one("refused", 250), one("refused", 250), "refused", "250"),
    ],
)
def test_what_came_of_a_row(planned: Row, now: Row, status: str, effective: str) -> None:
    (result,) = confirmed([planned], [now], check_mode=False)
    assert (result["status"], result["effective"], result["before"]) == (status, effective, "250")


def test_a_setting_that_was_to_go_is_gone_when_nobody_speaks_of_it() -> None:
    (result,) = confirmed([one("would_change", 250, wanted=None)], [], check_mode=False)
    assert (result["status"], result["effective"]) == ("changed", None)


def test_what_is_given_back_is_done_when_nobody_speaks_of_it() -> None:
    (result,) = confirmed([one("would_change", 250)], [], check_mode=False, given_back=True)
    assert (result["status"], result["effective"]) == ("changed", "500")


def test_what_is_left_to_give_back_is_no_failure_yet() -> None:
    pool = {**one("would_change", 250), "where": "pool a"}
    label = {**one("would_change", 250), "where": "label a"}
    results = confirmed([one("would_change", 250), pool], [pool, label], check_mode=False, given_back=True)
    assert [(found["where"], found["status"]) for found in results] == [
        ("node a", "changed"),
        ("pool a", "would_change"),
        ("label a", "would_change"),
    ]


def test_a_node_that_went_during_the_run_is_not_called_changed() -> None:
    (result,) = confirmed([one("would_change", 250)], [], check_mode=False)
    assert (result["status"], result["why"]) == ("note", "no longer there")


def test_a_node_that_came_during_the_run_is_not_overlooked() -> None:
    other = {**one("would_change", 250), "where": "node b"}
    results = confirmed([one("ok", 500)], [one("ok", 500), other], check_mode=False)
    assert [(found["where"], found["status"]) for found in results] == [("node a", "ok"), ("node b", "failed")]


def test_check_mode_reports_what_it_planned() -> None:
    planned = [one("would_change")]
    assert confirmed(planned, [one("would_change", 250)], check_mode=True) == planned
    assert confirmed([], [one("ok")], check_mode=True) == [one("ok")]


@pytest.mark.parametrize(
    "is_right, allowed, status", [(True, False, "ok"), (False, True, "would_change"), (False, False, "pending")]
)
def test_status(is_right: bool, allowed: bool, status: str) -> None:
    assert status_of(is_right, allowed) == status


def test_a_withheld_plan_writes_nothing_and_keeps_its_rows() -> None:
    plan = KubePlan([{}], [{}], True, [{}], [one("pending")])
    assert not plan.empty
    plan.withhold()
    assert plan.empty and not plan.force_conflicts
    assert len(plan.rows) == 1
