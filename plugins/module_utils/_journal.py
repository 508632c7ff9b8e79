# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A journal: what happened, a line of JSON each, written while it happens, so that a killed run can be continued.

A line is only ever appended; what the killing cut off at the end is cut off again by the next run.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# Lines are with the kernel at once, which a killed process survives; a dead machine may lose so many seconds.
_SYNC_S = 1.0
# What is left of a killed run ends by itself, within seconds.
_LOCK_S = 30.0

Json = t.Dict[str, t.Any]


class Journal:
    """One journal, open for writing by this process alone."""

    def __init__(self, path: Path) -> None:
        """Open or begin the journal and read what is in it; :attr:`entries` are its lines until now.

        :raises TuningError: when another process writes to it, or when a line before its end is no entry.
        """
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise TuningError(f"The journal {path} cannot be written: {error}.") from error
        self._file = os.fdopen(descriptor, "r+b", buffering=0)
        self._synced_at = time.monotonic()
        self._behind = False
        try:
            self.entries = self._begin()
        except BaseException:
            self._file.close()
            raise

    def append(self, entry: Json) -> None:
        """Write one entry behind the others.

        :raises TuningError: when the disk takes no more.
        """
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            self._file.write(line)
        except OSError as error:
            raise TuningError(f"The journal {self.path} cannot be written: {error}.") from error
        self._behind = True

    def sync(self, *, now: bool = False) -> None:
        """Bring what was written to the disk, unless that was done a moment ago."""
        if self._behind and (now or time.monotonic() - self._synced_at >= _SYNC_S):
            os.fsync(self._file.fileno())
            self._synced_at, self._behind = time.monotonic(), False

    def empty(self) -> None:
        """Begin anew: what is in it is of no use to anybody any more."""
        self._file.seek(0)
        self._file.truncate()
        self.entries = []

    def lend(self) -> None:
        """Let programs that this process starts hold the journal too, so that a run waits for what a kill left."""
        os.set_inheritable(self._file.fileno(), True)

    def close(self) -> None:
        """Bring everything to the disk and let others write."""
        if not self._file.closed:
            self.sync(now=True)
            self._file.close()

    def _lock(self) -> None:
        end = time.monotonic() + _LOCK_S
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError as error:
                if time.monotonic() > end:
                    message = f"Another run is writing to the journal {self.path}; wait for its end."
                    raise TuningError(message) from error
                time.sleep(0.2)

    def _begin(self) -> list[Json]:
        self._lock()
        content = self._file.read()
        entries, whole = read_entries(content, str(self.path))
        self._file.seek(whole)
        self._file.truncate()
        return entries


class NoJournal:
    """Keeps nothing: for a look that nobody has to take over."""

    entries: t.Sequence[Json] = ()

    def append(self, entry: Json) -> None:
        """Forget the entry."""

    def sync(self, *, now: bool = False) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def read_entries(content: bytes, name: str = "") -> tuple[list[Json], int]:
    """Return the entries, and how many bytes hold whole ones; an unfinished last line is not one.

    :raises TuningError: when a whole line is no entry: it was not cut off but damaged.
    """
    whole = content.rfind(b"\n") + 1
    entries: list[Json] = []
    for number, line in enumerate(content[:whole].split(b"\n")[:-1], start=1):
        entry = _entry(line)
        if entry is None:
            raise TuningError(
                f"Line {number} of the journal {name} is damaged. Move the file away; a new one begins with what "
                "the cluster still has."
            )
        entries.append(entry)
    return entries, whole


def _entry(line: bytes) -> Json | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and isinstance(entry.get("kind"), str) else None
