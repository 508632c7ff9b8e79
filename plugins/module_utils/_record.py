# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The record of a run: one JSON file for each step of each role, under ``<artifacts>/<run id>/``.

A file is replaced whole, so that a killed run leaves the old one or the new one and never half of one;
a lock lets the hosts of a play write side by side. Files are private to who ran the playbook: they
tell how a cluster is built.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import re
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError

SCHEMA = 1
STEPS = ("measure", "plan", "apply", "verify")
HOST_STATES = ("ok", "failed", "unreachable")
LATEST = "latest"

_RUN_FILE = "run.json"
_LOCK_FILE = ".lock"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Taken when the controller first loads this file, before it forks its workers: the same for a whole run.
_LOADED_AT = datetime.datetime.now(datetime.timezone.utc)

Json = t.Dict[str, t.Any]


def fallback_run_id() -> str:
    """Return the id of a run whose playbook has set none, such as one that uses a single role."""
    return f"{_LOADED_AT:%Y%m%dT%H%M%SZ}-roles"


def host_entry(
    *,
    state: str = "ok",
    message: str | None = None,
    data: t.Any = None,
    rows: t.Sequence[t.Mapping[str, t.Any]] = (),
) -> Json:
    """Return what one host has to say about a step."""
    return {"state": state, "message": message, "data": data, "rows": [dict(row) for row in rows]}


class Run:
    """The directory of one run."""

    def __init__(self, artifacts: Path, run_id: str) -> None:
        _check_name("virtscale_run_id", run_id)
        self.artifacts = artifacts
        self.run_id = run_id
        self.path = artifacts / run_id

    @property
    def playbook(self) -> str:
        """Return the name that follows the moment in the id, ``site`` in ``20260801T120000Z-site``."""
        return self.run_id.partition("-")[2] or self.run_id

    def _started_at(self) -> str:
        """Return the moment in the id, since a run may work for long before it records; now, where there is none."""
        moment = self.run_id.partition("-")[0]
        try:
            begun = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ")
        except ValueError:
            return _now()
        return f"{begun:%Y-%m-%dT%H:%M:%S}.000000Z"

    def begin(self, *, check_mode: bool) -> None:
        """Make the directory, and describe the run in it, unless that was done before."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        self.path.mkdir(mode=0o700, exist_ok=True)
        if (self.path / _RUN_FILE).exists():
            return
        with self._locked():
            if not (self.path / _RUN_FILE).exists():
                description = {
                    "schema": SCHEMA,
                    "run_id": self.run_id,
                    "started_at": self._started_at(),
                    "check_mode": check_mode,
                }
                write_private(self.path / _RUN_FILE, to_json(description))
                self._point_latest_here()

    def add(self, role: str, step: str, hosts: t.Mapping[str, Json]) -> Path:
        """Merge what ``hosts`` say about a step into its file, and return the file.

        A host that reports again replaces its data, and the rows that it names again.
        """
        _check_name("role", role)
        if step not in STEPS:
            raise InvalidValue("step", step, f"one of {', '.join(STEPS)}")
        path = self.path / f"{role}.{step}.json"
        with self._locked():
            merged = _load(path)["hosts"] if path.exists() else {}
            for name, entry in hosts.items():
                merged[name] = _merge_entry(merged.get(name), entry)
            content = {
                "schema": SCHEMA,
                "run_id": self.run_id,
                "role": role,
                "step": step,
                "recorded_at": _now(),
                "hosts": dict(sorted(merged.items())),
            }
            write_private(path, to_json(content))
        return path

    def description(self) -> Json:
        """Return what ``begin`` wrote.

        :raises TuningError: when the run was never begun.
        """
        return _load(self.path / _RUN_FILE)

    def finish(self) -> None:
        """Note when the run came to its report; a report that is drawn again does not change that."""
        with self._locked():
            description = self.description()
            if "finished_at" not in description:
                write_private(self.path / _RUN_FILE, to_json({**description, "finished_at": _now()}))

    def records(self) -> list[Json]:
        """Return every recorded step, the oldest first."""
        files = [path for path in self.path.glob("*.json") if _is_record(path)]
        return sorted((_load(path) for path in files), key=lambda record: str(record["recorded_at"]))

    def _point_latest_here(self) -> None:
        link = self.artifacts / LATEST
        if link.exists() and not link.is_symlink():
            return
        with tempfile.TemporaryDirectory(dir=self.path) as directory:
            new = Path(directory) / LATEST
            new.symlink_to(self.run_id)
            new.replace(link)

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        with (self.path / _LOCK_FILE).open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def find_run(artifacts: Path, run_id: str) -> Run:
    """Return a recorded run.

    :param run_id: its id, or ``latest``.
    :raises TuningError: when there is no such run.
    """
    if run_id == LATEST and (artifacts / LATEST).is_symlink():
        run_id = (artifacts / LATEST).readlink().name
    run = Run(artifacts, run_id)
    if not (run.path / _RUN_FILE).exists():
        raise TuningError(f"There is no recorded run {run_id!r} under {artifacts.resolve()}: {_known_runs(artifacts)}.")
    return run


def earlier_runs(run: Run) -> list[Run]:
    """Return the runs that were recorded beside ``run`` and started before it, the newest first."""
    found = [Run(run.artifacts, path.parent.name) for path in run.artifacts.glob(f"*/{_RUN_FILE}")]
    others = [other for other in found if other.run_id not in (run.run_id, LATEST)]
    started = {other.run_id: str(other.description()["started_at"]) for other in others}
    before = [other for other in others if started[other.run_id] <= str(run.description()["started_at"])]
    return sorted(before, key=lambda other: started[other.run_id], reverse=True)


def newest_of_each(artifacts: Path) -> list[Run]:
    """Return the newest run of each playbook, the oldest first; runs in check mode did nothing, and are left out.

    :raises TuningError: when there is none.
    """
    runs = [Run(artifacts, path.parent.name) for path in artifacts.glob(f"*/{_RUN_FILE}") if path.parent.name != LATEST]
    described = {run.run_id: run.description() for run in runs}
    done = [run for run in runs if not described[run.run_id].get("check_mode")]
    done.sort(key=lambda run: str(described[run.run_id]["started_at"]))
    if not done:
        raise TuningError(f"There is no run to compare under {artifacts.resolve()}: {_known_runs(artifacts)}.")
    newest = {run.playbook: run for run in done}
    return [run for run in done if newest[run.playbook] is run]


def write_private(path: Path, text: str) -> None:
    """Replace ``path`` in one step, readable by its owner alone, and on the disk when this returns."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def to_json(content: t.Any) -> str:
    """Return JSON that a person can read and compare."""
    return json.dumps(content, indent=1, ensure_ascii=False, default=str) + "\n"


def _merge_entry(old: Json | None, new: Json) -> Json:
    if old is None:
        return new
    rows = {(row["where"], row["what"]): row for row in (*old["rows"], *new["rows"])}
    return {**new, "data": old["data"] if new["data"] is None else new["data"], "rows": list(rows.values())}


def _load(path: Path) -> Json:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TuningError(f"The record {path} cannot be read: {error}.") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise TuningError(f"The record {path} is not of schema {SCHEMA}, the one this version reads.")
    return content


def _is_record(path: Path) -> bool:
    return path.stem.rpartition(".")[2] in STEPS


def _known_runs(artifacts: Path) -> str:
    runs = sorted(path.parent.name for path in artifacts.glob(f"*/{_RUN_FILE}") if path.parent.name != LATEST)
    return f"recorded are {', '.join(runs[-5:])}" if runs else "none is recorded there yet"


def _check_name(parameter: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidValue(parameter, name, "a plain name of letters, digits, dots, dashes and underscores")


def _now() -> str:
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%M:%S.%fZ}"
