# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import BENIGN_CHECKS, judge_health
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import recorded

_CLEAN = {"pgs_by_state": [{"state_name": "active+clean", "count": 8}]}


def _raised(code: str, muted: bool = False) -> dict[str, t.Any]:
    check = {"severity": "HEALTH_WARN", "summary": {"message": "1 osds down"}, "muted": muted}
    return {"status": "HEALTH_WARN", "checks": {code: check}}


def test_a_flag_and_unknown_pgs_stand_against_a_change() -> None:
    unwell = recorded("unwell")
    health = judge_health(unwell["health"], unwell["pgmap"])
    assert health.problems == ("health check OSDMAP_FLAGS: noout flag(s) set", "48 PGs are unknown")
    assert not health.ok
    assert [check["code"] for check in health.checks if check["benign"]] == ["MON_MSGR2_NOT_ENABLED"]


@pytest.mark.parametrize(
    ("code", "muted", "benign", "ok"),
    [
        ("OSD_DOWN", False, BENIGN_CHECKS, False),
        ("OSD_DOWN", True, BENIGN_CHECKS, True),
        ("OSD_DOWN", False, ("OSD_DOWN",), True),
        ("POOL_TOO_MANY_PGS", False, BENIGN_CHECKS, True),
        ("POOL_TOO_MANY_PGS", False, (), False),
    ],
)
def test_muted_and_benign_checks_do_not(code: str, muted: bool, benign: tuple[str, ...], ok: bool) -> None:
    assert judge_health(_raised(code, muted), _CLEAN, benign).ok is ok


@pytest.mark.parametrize(
    ("state", "ok"),
    [
        ("active+clean", True),
        ("active+clean+scrubbing+deep", True),
        ("active+clean+snaptrim_wait", True),
        ("active+clean+inconsistent", False),
        ("active+clean+scrubbing+deep+repair", False),
        ("active+clean+remapped", False),
        ("active+undersized+degraded", False),
        ("peering", False),
        ("active", False),
    ],
)
def test_pg_states(state: str, ok: bool) -> None:
    pgmap = {"pgs_by_state": [{"state_name": state, "count": 3}]}
    assert judge_health({"status": "HEALTH_OK"}, pgmap).ok is ok


@pytest.mark.parametrize("key", ["misplaced_objects", "degraded_objects"])
def test_objects_on_the_move_stand_against_a_change(key: str) -> None:
    health = judge_health({"status": "HEALTH_OK"}, {**_CLEAN, key: 7})
    assert health.problems == (f"7 object copies are {key.split('_')[0]}",)
