# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Carry out a plan for sysctl drop-ins: all of it or nothing.

The record of the values before is in the files. So values are given back before the files that record them change,
and files are written before the kernel gets new values: killed anywhere, the next run finds the record, sees what
differs still, and finishes.
"""

from __future__ import annotations

import os
import signal
import stat
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import read_text
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.kernel import Kernel, Rejected
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import key_name, write_order
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.plan import Plan

# Called after the kernel has the new values; raises TuningError if the host is worse off than before.
Check = t.Callable[[], None]


def apply_plan(plan: Plan, kernel: Kernel, check: Check, where: str, root: str = "/") -> None:
    """Write what the plan says; on any refusal put everything back as it was.

    :raises TuningError: with the rows that tell what was refused and what was taken back.
    """
    # The connection may die of the very change that ``check`` finds and takes back.
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    written: dict[str, tuple[str, str]] = {}
    snapshots = {file: _snapshot(root, file) for file in plan.files}
    try:
        _write_values(plan.given_back, kernel, written)
        _write_files(root, plan.files)
        _write_values(plan.values, kernel, written)
        check()
    except (TuningError, OSError) as error:
        left = _take_back(written, kernel)
        _write_files(root, snapshots)
        state = f"could not be given back: {', '.join(left)}" if left else "files and kernel are as before"
        message = f"{str(error).rstrip('.')}; {state}."
        bad = error.path if isinstance(error, Rejected) else ""
        raise TuningError(message, rows=failure_rows(plan, kernel, where, bad, str(error))) from error
    finally:
        signal.signal(signal.SIGHUP, hangup)


def rows_of(plan: Plan, kernel: Kernel, where: str, check_mode: bool) -> list[Row]:
    """Return a row for each value of the plan, and one for each note."""
    rows = []
    changes = plan.kernel_changes
    for line in plan.lines:
        differs = line.path in changes or not line.in_file
        if line.refused:
            status = "refused"
        elif line.overridden:
            status = "overridden"
        elif differs:
            status = "would_change" if check_mode else "changed"
        else:
            status = "ok"
        effective = None if check_mode and line.path in changes else kernel.read(line.path)
        rows.append(
            row(
                where,
                key_name(line.path),
                before=line.running,
                wanted=line.target,
                effective=effective,
                status=status,
                why=f"{line.overridden}; {line.why}" if line.overridden else line.why,
            )
        )
    return rows + [row(where, what, status="note", why=why) for what, why in plan.notes]


def failure_rows(plan: Plan, kernel: Kernel, where: str, bad: str, reason: str) -> list[Row]:
    """Return the rows of a plan that was taken back because of one key (or of the peers)."""
    rows = []
    for planned in rows_of(plan, kernel, where, check_mode=False):
        if planned["status"] in ("changed", "overridden"):
            blamed = not bad or planned["what"] == key_name(bad)
            planned = {**planned, "status": "failed", "why": reason if blamed else f"taken back, because {reason}"}
        rows.append(planned)
    return rows


def diff_of(plan: Plan, root: str = "/") -> list[dict[str, str]]:
    """Return the difference in files and in running values, for Ansible's --diff."""
    diff = []
    for file, change in plan.files.items():
        before = read_text(below(root, file)) or ""
        after = change[0] if change else ""
        diff.append({"before_header": file, "after_header": file, "before": before, "after": after})
    changes = plan.kernel_changes
    if changes:
        order = write_order(changes)
        before, after = ("".join(f"{key_name(path)} = {changes[path][side]}\n" for path in order) for side in (0, 1))
        header = "running kernel"
        diff.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return diff


def _write_values(changes: dict[str, tuple[str, str]], kernel: Kernel, written: dict[str, tuple[str, str]]) -> None:
    for path in write_order(changes):
        written[path] = changes[path]
        kernel.write(path, changes[path][1])


def _take_back(written: dict[str, tuple[str, str]], kernel: Kernel) -> list[str]:
    """Write the running values back; return the keys for which that failed."""
    undo = {path: (target, running) for path, (running, target) in written.items() if kernel.read(path) != running}
    left = []
    for path in write_order(undo):
        try:
            kernel.write(path, undo[path][1])
        except Rejected:
            left.append(key_name(path))
    return left


def _snapshot(root: str, file: str) -> tuple[str, int] | None:
    location = below(root, file)
    text = read_text(location)
    return None if text is None else (text, stat.S_IMODE(os.stat(location).st_mode))


def _write_files(root: str, files: t.Mapping[str, tuple[str, int] | None]) -> None:
    directories = set()
    for file, content in files.items():
        location = below(root, file)
        directories.add(os.path.dirname(location))
        if content is None:
            if os.path.lexists(location):
                os.unlink(location)
            continue
        os.makedirs(os.path.dirname(location), mode=0o755, exist_ok=True)
        # No reader of sysctl.d takes a name that does not end in .conf; one left by a crash is overwritten.
        temporary = f"{location}.virtscale-new"
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            stream.write(content[0])
            os.fchmod(stream.fileno(), content[1])
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, location)
    for directory in directories:
        if os.path.isdir(directory):
            descriptor = os.open(directory, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
