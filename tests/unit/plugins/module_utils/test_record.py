# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import multiprocessing
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils import _record
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import (
    artifacts_directory,
    current_run,
    entry_of_failure,
    entry_of_result,
    hosts_without_result,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, earlier_runs, find_run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

FIRST = row("ceph01", "net.core.rmem_max", before=212992, wanted=5242880, status="would_change")
AGAIN = row("ceph01", "net.core.rmem_max", before=212992, wanted=5242880, effective=5242880, status="changed")
OTHER = row("ceph01", "net.core.wmem_max", before=5242880, wanted=5242880, status="ok")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path / "artifacts", "20260801T120000Z-site")
    run.begin(check_mode=False)
    return run


def _hosts(run: Run, role: str = "ceph_network", step: str = "apply") -> dict[str, _record.Json]:
    content = json.loads((run.path / f"{role}.{step}.json").read_text(encoding="utf-8"))
    hosts: dict[str, _record.Json] = content["hosts"]
    return hosts


def test_files_are_private(run: Run) -> None:
    path = run.add("ceph_network", "apply", {"ceph01": host_entry(rows=[FIRST])})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700


def test_later_batches_are_merged(run: Run) -> None:
    run.add("ceph_network", "apply", {"ceph02": host_entry(rows=[FIRST])})
    run.add("ceph_network", "apply", {"ceph01": host_entry(rows=[OTHER])})
    assert list(_hosts(run)) == ["ceph01", "ceph02"]


def test_a_row_named_again_replaces_the_first_and_the_others_stay(run: Run) -> None:
    run.add("ceph_network", "apply", {"ceph01": host_entry(data={"kernel": "6.1"}, rows=[FIRST, OTHER])})
    run.add("ceph_network", "apply", {"ceph01": host_entry(rows=[AGAIN])})
    entry = _hosts(run)["ceph01"]
    assert entry["rows"] == [AGAIN, OTHER]
    assert entry["data"] == {"kernel": "6.1"}


def test_the_first_description_of_a_run_stays(run: Run) -> None:
    started = run.description()["started_at"]
    run.begin(check_mode=True)
    assert run.description()["check_mode"] is False
    assert run.description()["started_at"] == started


def test_a_run_began_at_the_moment_in_its_id(tmp_path: Path) -> None:
    run = Run(tmp_path, "20260801T120000Z-boot_storm")
    run.begin(check_mode=False)
    assert run.description()["started_at"] == "2026-08-01T12:00:00.000000Z"


def test_latest_points_to_the_newest_run(run: Run) -> None:
    newer = Run(run.artifacts, "20260801T130000Z-verify")
    newer.begin(check_mode=True)
    assert (run.artifacts / "latest").resolve() == newer.path.resolve()
    assert find_run(run.artifacts, "latest").run_id == newer.run_id
    assert [earlier.run_id for earlier in earlier_runs(newer)] == [run.run_id]
    assert earlier_runs(run) == []


def test_a_directory_named_latest_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    Run(tmp_path, "a").begin(check_mode=False)
    assert not (tmp_path / "latest").is_symlink()


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.add("ceph_pools", "plan", {"admin": host_entry(rows=[FIRST])})
    before = sorted(path.name for path in run.path.iterdir())

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_record.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        run.add("ceph_pools", "plan", {"admin": host_entry(rows=[AGAIN])})
    assert _hosts(run, "ceph_pools", "plan")["admin"]["rows"] == [FIRST]
    assert sorted(path.name for path in run.path.iterdir()) == before


def _add_one(artifacts: Path, number: int) -> None:
    Run(artifacts, "r").add("ceph_network", "apply", {f"ceph{number:02}": host_entry(rows=[FIRST])})


def test_hosts_that_write_at_once_all_stay(tmp_path: Path) -> None:
    Run(tmp_path, "r").begin(check_mode=False)
    workers = [multiprocessing.Process(target=_add_one, args=(tmp_path, number)) for number in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(_hosts(Run(tmp_path, "r"))) == 16


@pytest.mark.parametrize("run_id", ["", "../outside", "a/b", ".hidden", "a b"])
def test_a_run_id_cannot_leave_the_directory(tmp_path: Path, run_id: str) -> None:
    with pytest.raises(TuningError, match="virtscale_run_id is "):
        Run(tmp_path, run_id)


def test_an_unknown_run_names_those_there_are(run: Run) -> None:
    with pytest.raises(TuningError, match=f"no recorded run 'nope'.*recorded are {run.run_id}"):
        find_run(run.artifacts, "nope")


def test_a_record_of_another_schema_is_refused(run: Run) -> None:
    (run.path / "ceph_pools.plan.json").write_text('{"schema": 99}', encoding="utf-8")
    with pytest.raises(TuningError, match="schema 1"):
        run.records()


def _as_written(value: t.Any) -> t.Any:
    return value


def test_variables_are_templates() -> None:
    variables = {"virtscale_run_id": "id", "virtscale_artifacts_dir": "dir"}
    run = current_run(variables, lambda value: f"templated-{value}")
    assert run.path == Path("templated-dir/templated-id")


def test_a_roles_run_has_one_id_for_the_whole_process() -> None:
    assert _record.fallback_run_id() == _record.fallback_run_id()
    assert current_run({}, _as_written).run_id == _record.fallback_run_id()


def test_what_begin_sets_on_localhost_is_found() -> None:
    variables = {"hostvars": {"localhost": {"virtscale_run_id": "x-site", "virtscale_artifacts_dir": "/srv/records"}}}
    assert current_run(variables, _as_written).path == Path("/srv/records/x-site")
    assert artifacts_directory({"virtscale_artifacts_dir": "here", **variables}, str) == Path("here")


def test_a_result_keeps_its_data_and_loses_ansibles_own() -> None:
    result = {"rows": [OTHER], "changed": True, "kernel": "6.1", "invocation": {"module_args": {"token": "x"}}}
    assert entry_of_result(result) == host_entry(data={"changed": True, "kernel": "6.1"}, rows=[OTHER])


def test_an_unreachable_host_says_why() -> None:
    entry = entry_of_result({"unreachable": True, "changed": False, "msg": "ssh:\nno route"})
    assert (entry["state"], entry["message"], entry["data"]) == ("unreachable", "ssh: no route", None)


def test_a_failed_task_becomes_a_row() -> None:
    entry = entry_of_failure("ceph-admin", "Apply the plan", {"failed": True, "msg": "mon is down", "rows": [OTHER]})
    assert [(line["what"], line["status"], line["why"]) for line in entry["rows"]][-1] == (
        "Apply the plan",
        "failed",
        "mon is down",
    )


def test_a_refusal_told_in_rows_is_not_told_again() -> None:
    refused = row("pool vms", "pg_num", before=32, wanted=4096, effective=32, status="refused", why="nopgchange")
    entry = entry_of_failure("ceph-admin", "Apply the plan", {"failed": True, "msg": "refused", "rows": [refused]})
    assert entry["rows"] == [refused]


def test_hosts_that_left_the_play_are_failed_and_later_batches_are_not() -> None:
    variables = {"ansible_play_hosts_all": ["a", "b", "c", "d"], "ansible_play_hosts": ["a", "d"]}
    entries = hosts_without_result(variables, "apply", {"a", "c"})
    assert list(entries) == ["b"]
    assert entries["b"]["state"] == "failed"
