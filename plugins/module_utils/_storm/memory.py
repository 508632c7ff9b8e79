# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a storm must not forget when it is killed: every moment, in the journal as soon as it is known."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal, read_entries
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Failure, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest

JOURNAL_FILE = "storm.jsonl"
# A storm that nobody has watched for longer is over: its machines have answered unseen.
_CONTINUED_WITHIN_S = 3600.0
# From its end to its report a storm takes some seconds; figures that are older belong to a playbook without a report.
_TOLD_WITHIN_S = 600.0
# The stop before the first step, where there is one.
BEFORE = -1

Json = t.Dict[str, t.Any]


class Clock:
    """Seconds since the epoch that never jump, whatever somebody does to the controller's clock meanwhile."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the moment."""
        return round(time.monotonic() + self._offset, 3)


class Memory:
    """The steps of a storm and their machines; what changes in them is written before it counts."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Take over what the journal tells.

        :raises TuningError: when it tells of something else.
        """
        self._journal = journal
        self.clock = clock
        self.steps: list[list[Machine]] = []
        self._machines: list[dict[str, Machine]] = []
        self.measured: set[int] = set()
        self.stopped: set[int] = set()
        self.took_over = bool(journal.entries)
        try:
            for entry in journal.entries:
                self._replay(entry)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise TuningError(f"The journal {journal.path} does not tell of a boot storm: {error!r}.") from error

    def begin(self, request: StormRequest, chosen: t.Sequence[Machine]) -> None:
        """Note who takes part: step by step the first of the machines that were chosen."""
        self._learn(
            {
                "kind": "storm",
                "at": self.clock.now(),
                "request": request.identity,
                "counts": list(request.counts) or [len(chosen)],
                "machines": [machine.to_json() for machine in chosen],
            }
        )

    def note(self, kind: str, step: int, machine: Machine, **facts: t.Any) -> None:
        """Write what happened to a machine, and then change it accordingly."""
        self._learn({"kind": kind, "step": step, "vm": machine.key, **facts})

    def mark(self, kind: str, step: int) -> None:
        """Note that a step was measured, or that its machines were stopped."""
        self._learn({"kind": kind, "step": step, "at": self.clock.now()})

    def end(self, run: str | None = None) -> None:
        """Note that nothing is left but to tell the figures.

        :param run: the run whose report tells them; None if nobody can know whether they were told.
        """
        self._learn({"kind": "ended", "at": self.clock.now(), "run": run})

    def sync(self) -> None:
        """Bring what was written to the disk now and then."""
        self._journal.sync()

    def close(self) -> None:
        """Let others write."""
        self._journal.close()

    def _learn(self, entry: Json) -> None:
        self._journal.append(entry)
        self._replay(entry)

    def _replay(self, entry: Json) -> None:
        kind = entry["kind"]
        if kind == "storm":
            for count in entry["counts"]:
                step = [Machine.of_json(machine) for machine in entry["machines"][:count]]
                self.steps.append(step)
                self._machines.append({machine.key: machine for machine in step})
        elif kind == "measured":
            self.measured.add(entry["step"])
        elif kind == "stopped":
            self.stopped.add(entry["step"])
        elif kind != "ended":
            _change(self._machines[entry["step"]][entry["vm"]], entry)


def _change(machine: Machine, entry: Json) -> None:
    kind = entry["kind"]
    if kind == "asked":
        machine.requested = entry["at"]
    elif kind == "accepted":
        machine.accepted = True
    elif kind == "running":
        machine.running = entry["at"]
    elif kind == "answered":
        machine.answered, machine.late, machine.attempts = entry["at"], entry["late"], entry["attempts"]
    elif kind == "failed":
        machine.failure = Failure(entry["stage"], entry["reason"], entry.get("address"))
        machine.attempts = entry["attempts"]
    else:
        raise ValueError(f"unknown entry {kind}")


def unfinished(artifacts: Path, request: StormRequest) -> Path | None:
    """Return the newest journal of the same storm, if that was killed a short time ago."""
    found = [path for path in artifacts.glob(f"*/{JOURNAL_FILE}") if not path.parent.is_symlink()]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        if time.time() - path.stat().st_mtime > _CONTINUED_WITHIN_S:
            return None
        entries, _whole = read_entries(path.read_bytes(), str(path))
        if entries and entries[0].get("request") == request.identity:
            return None if _told(artifacts, entries[-1], path) else path
    return None


def _told(artifacts: Path, last: Json, path: Path) -> bool:
    """Return whether a storm ended, and its figures did not get lost on their way to the report."""
    if last["kind"] != "ended":
        return False
    if not last["run"] or time.time() - path.stat().st_mtime > _TOLD_WITHIN_S:
        return True
    try:
        return "finished_at" in Run(artifacts, last["run"]).description()
    except TuningError:
        return False
