# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a deployment leaves to the next run: when each machine was asked for and what it reached, in a journal.

Which machines exist the cluster knows by itself; the moments at which they were asked for, it does not. The next run
goes on with a deployment that was killed. Of one that is complete it tells the figures again, since whoever ran it may
have been killed before they were recorded.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import FleetRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal

Json = t.Dict[str, t.Any]

# Beside the runs, because the run that goes on is another one than the run that began.
DIRECTORY = "fleets"
_REACHED = ("created", "cloned", "running")


def ledger_path(artifacts: Path, fleet: str, cluster: str) -> Path:
    """Return where the journal of a fleet lies.

    :param cluster: what tells one cluster from another, such as the uid of a namespace that every cluster has.
    """
    return artifacts / DIRECTORY / f"{fleet}-{cluster[:8]}.jsonl"


class Ledger:
    """The journal of one fleet, and what it says of a deployment that was interrupted."""

    def __init__(self, path: Path, request: FleetRequest) -> None:
        """Open it; what another request left there is forgotten.

        :raises TuningError: when another run deploys this fleet, or the file cannot be read or written.
        """
        self._journal = Journal(path)
        self.path = path
        entries = self._journal.entries
        first = entries[0] if entries else {}
        self._read(entries if first.get("kind") == "began" and first.get("digest") == request.digest else [])
        if not self.continued:
            self._journal.empty()

    def _read(self, entries: t.Sequence[Json]) -> None:
        self._entries = list(entries)
        # Whether there is a deployment to go on with, and what it came to if it had come to its end.
        self.continued = bool(self._entries)
        self.over = self._last("over")
        self.pods_done = self._last("pods_done")
        self._ways = {entry["way"]: entry["at"] for entry in self._entries if entry["kind"] == "way"}
        self.done = {entry["way"]: entry["result"] for entry in self._entries if entry["kind"] == "way_done"}
        costs: dict[str, Json] = {entry["run"]: entry for entry in self._entries if entry["kind"] == "cost"}
        # Of the runs that were killed.
        self.requests_before = sum(int(entry["requests"]) for entry in costs.values())
        self.peak_before = max((int(entry["peak"]) for entry in costs.values()), default=0)

    def _last(self, kind: str) -> Json | None:
        return next((entry for entry in reversed(self._entries) if entry["kind"] == kind), None)

    def forget(self) -> None:
        """Leave nothing to go on with."""
        self._journal.empty()
        self._read([])

    def begin(self, request: FleetRequest, now: float) -> None:
        """Note that a deployment begins, unless one is continued."""
        if not self.continued:
            self.note("began", digest=request.digest, at=now)

    def has_begun(self, way: int) -> bool:
        """Return whether a way of the series was begun, in this run or in the one that was interrupted."""
        return way in self._ways

    def began_way(self, way: int, now: float) -> float:
        """Return when a way of the series began: now, if it has not yet."""
        if way not in self._ways:
            self._ways[way] = now
            self.note("way", way=way, at=now)
        began: float = self._ways[way]
        return began

    def recall(self, way: int, machines: t.Mapping[str, Machine]) -> None:
        """Give the machines what an interrupted run knew of them."""
        current = -1
        for entry in self._entries:
            kind = entry["kind"]
            if kind == "way":
                current = entry["way"]
            machine = machines.get(entry.get("vm", ""))
            if current != way or machine is None:
                continue
            if kind == "asked":
                machine.ask(entry["at"])
            elif kind in _REACHED and machine.asked is not None:
                machine.recall(kind, entry["at"], entry.get("times", machine.times))

    def began_pods(self) -> float | None:
        """Return when an earlier run asked for the idle pods, None if none did."""
        entry = self._last("pods")
        return entry["at"] if entry else None

    def asked(self, machine: Machine) -> None:
        """Note that a machine is asked for, before it is."""
        self._journal.append({"kind": "asked", "vm": machine.name, "at": machine.asked})

    def reached(self, machine: Machine, news: t.Iterable[str]) -> None:
        """Note what a machine has reached."""
        for what in news:
            entry = {"kind": what, "vm": machine.name, "at": getattr(machine, what)}
            self._journal.append({**entry, "times": "api"} if machine.times == "api" else entry)

    def note(self, kind: str, **values: t.Any) -> None:
        """Note anything else."""
        self._journal.append({"kind": kind, **values})

    def sync(self) -> None:
        """Bring it to the disk, now and then."""
        self._journal.sync()

    def close(self) -> None:
        """Let others write."""
        self._journal.close()
