# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd on the page: the members' latencies, and a migration before and after."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.content import content
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import LANGUAGES, Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page

STORAGE = {
    "devices": [{"kind": "nvme"}],
    "wal_fsync_p99_ms": 3.25,
    "backend_commit_p99_ms": None,
    "peer_rtt_p99_ms": {"a": 1.5, "b": 2.75, "c": None},
    "db_size_bytes": 3 * 1024**2,
    "db_in_use_bytes": 1024**2,
    "quota_bytes": 4 * 1024**3,
}
MEMBER = {
    "member": {"name": "etcd01", "version": "3.4.23", "leader": True},
    "schema": {"in_use": "v2"},
    "etcd": {"members": [], "storage": STORAGE},
}
REST = {"write_iops": 10.6, "read_iops": 0, "cpu_percent": 1.4, "rss_mib": 502.1, "write_kib": 3.1, "read_kib": None}
FIGURES = {"before": {"rest": REST}, "after": {"rest": {**REST, "rss_mib": 286.2}, "load": REST}}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path, "20260801T120000Z-etcd")
    run.begin(check_mode=False)
    silent: dict[str, t.Any] = {"member": None, "etcd": None, "schema": {"in_use": None}}
    run.add("etcd_host", "measure", {"etcd01": host_entry(data=MEMBER), "etcd02": host_entry(data=silent)})
    run.add("etcd_migrate", "apply", {"etcd01": host_entry(data={"figures": {"etcd01": {"figures": FIGURES}}})})
    return run


def test_tables(run: Run) -> None:
    tables = content([view_run(run)])["tables"]
    (member,) = tables["etcd_members"]
    assert (member["member"], member["device"], member["peer_rtt_p99_ms"]) == ("etcd01", "nvme", 2.75)
    told = [(row["storage"], row["moment"], row["rss_mib"]) for row in tables["etcd_migration"]]
    assert told == [("v2", "rest", 502.1), ("v3", "rest", 286.2), ("v3", "load", 502.1)]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_both_pages_show_them(run: Run, language: Language) -> None:
    shown = page(view_run(run), content([view_run(run)]), "", language)
    assert "3.2 ms" in shown
    assert shown.count("<figure") >= 2
    if language.code == "ja":
        assert "リーダー" in shown
        assert "書き込みサイズ" in shown
