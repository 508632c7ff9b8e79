# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement groups on the lab's Ceph: the plan becomes the target, the number follows, and the gates hold."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import typing as t
from pathlib import Path

import pytest

from .conftest import CHECKOUT, CLEAN_TIMEOUT_S, pool_pgs
from .lab_ceph import Ceph, wait_for

TARGETS = ("pg_num_target", "pg_placement_num_target")
either_mode = pytest.mark.parametrize("check", [True, False], ids=["check", "real"])


def rows_of(result: dict[str, t.Any]) -> dict[str, tuple[str, str, str]]:
    """What each row says: found, wanted, status."""
    return {row["what"]: (row["before"], row["wanted"], row["status"]) for row in result["rows"]}


def play_ceph_pools(artifacts: Path) -> str:
    """Run site's part for the pools; what it says."""
    extra = json.dumps({"virtscale_artifacts_dir": str(artifacts)})
    command = ["ansible-playbook", "site.yml", "--tags", "ceph_pools", "--limit", "ceph_admin", "--extra-vars", extra]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{done.stdout[-4000:]}{done.stderr[-2000:]}"
    return done.stdout


def recap(output: str) -> str:
    """The line that sums up the admin host."""
    [line] = [line for line in output.splitlines() if line.startswith("ceph-admin") and "changed=" in line]
    return " ".join(line.split())


def test_the_role_sets_the_planned_number(ceph: Ceph, tmp_path: Path) -> None:
    osds = len(ceph.ask("osd", "ls"))
    planned = 2 ** round(math.log2(100 * osds * 0.85 / 3))

    play_ceph_pools(tmp_path / "first")

    vms = ceph.pools()["vms"]
    assert [vms[target] for target in TARGETS] == [planned, planned]
    assert vms["pg_autoscale_mode"] == "off"
    # Where the pool was new, this second run meets it in the middle of its ramp.
    assert "changed=0" in recap(play_ceph_pools(tmp_path / "second"))


def test_pg_num_reaches_256(ceph: Ceph, pool: str) -> None:
    plan = [{"name": pool, "pg_num": 256}]

    predicted = pool_pgs(check=True, pools=plan)
    assert ceph.pools()[pool]["pg_num_target"] == 32
    done = pool_pgs(pools=plan)

    assert rows_of(predicted) == {
        "pg_autoscale_mode": ("on", "off", "would_change"),
        "pg_num": ("32", "256", "would_change"),
        "pgp_num": ("32", "256", "would_change"),
    }
    assert rows_of(done) == {what: (*values[:2], "changed") for what, values in rows_of(predicted).items()}
    assert done["changed"]
    assert not pool_pgs(pools=plan)["changed"]
    wait_for("256 PGs", lambda: numbers(ceph, pool) == (256, 256), CLEAN_TIMEOUT_S)


def numbers(ceph: Ceph, pool: str) -> tuple[int, int]:
    """PGs of a pool now, and those that placement uses now."""
    description = ceph.pools()[pool]
    return description["pg_num"], description["pg_placement_num"]


@contextlib.contextmanager
def osd_down(ceph: Ceph, osd: str) -> t.Iterator[None]:
    """An OSD that the cluster counts as down; the daemon lives and comes back by itself afterwards."""
    ceph.tell("osd", "set", "noup")
    try:
        ceph.tell("osd", "down", osd)
        wait_for("the health check", lambda: "OSD_DOWN" in ceph.ask("health")["checks"], 60)
        yield
    finally:
        ceph.tell("osd", "unset", "noup")


@contextlib.contextmanager
def no_pg_change(ceph: Ceph, pool: str) -> t.Iterator[None]:
    """A pool whose operator has forbidden to change its number of PGs."""
    ceph.tell("osd", "pool", "set", pool, "nopgchange", "true")
    try:
        yield
    finally:
        ceph.tell("osd", "pool", "set", pool, "nopgchange", "false")


def assert_refused(ceph: Ceph, pool: str, pg_num: int, check: bool, reason: str) -> None:
    """The change is refused with the reason, and neither pool nor notes are touched."""
    before = ceph.pools()[pool], ceph.notes()
    result = pool_pgs(check=check, pools=[{"name": pool, "pg_num": pg_num}])
    assert result["failed"]
    assert reason in result["msg"]
    assert rows_of(result)["pg_num"] == ("32", str(pg_num), "refused")
    assert (ceph.pools()[pool], ceph.notes()) == before


@either_mode
def test_bad_health_refuses_a_change(ceph: Ceph, pool: str, check: bool) -> None:
    with osd_down(ceph, "osd.0"):
        assert_refused(ceph, pool, 64, check, "OSD_DOWN")
        # What is already there needs no change, whatever the health.
        unchanged = pool_pgs(check=check, pools=[{"name": pool, "pg_num": 32}])
        assert rows_of(unchanged)["pg_num"] == ("32", "32", "ok")


@either_mode
def test_the_limit_for_each_osd_refuses_a_change(ceph: Ceph, pool: str, check: bool) -> None:
    osds = len(ceph.ask("osd", "ls"))
    limit = ceph.ask("config", "get", "mon", "mon_max_pg_per_osd")
    pg_num = 2 ** math.ceil(math.log2(limit * osds / 3))
    assert_refused(ceph, pool, pg_num, check, "mon_max_pg_per_osd")


@either_mode
def test_nopgchange_refuses_a_change(ceph: Ceph, pool: str, check: bool) -> None:
    with no_pg_change(ceph, pool):
        assert_refused(ceph, pool, 64, check, "nopgchange")
