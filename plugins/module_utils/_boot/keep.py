# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Kernel arguments kept as wanted in every boot entry: all of them or nothing, and nobody else's touched."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._boot.loader import Entry, Run, has_grubby, run_program
from ansible_collections.virtscale.tuning.plugins.module_utils._boot.store import GrubbyStore, GrubStore, Store
from ansible_collections.virtscale.tuning.plugins.module_utils._boot.words import (
    check_arguments,
    contradictions,
    missing,
    words,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below, read_file
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import read_text

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class Change(t.NamedTuple):
    """What is to be ours, and the boot entries as they are and as they will be."""

    ours: list[str]
    before: list[Entry]
    after: list[Entry]
    text: str | None

    @property
    def needed(self) -> bool:
        return self.before != self.after


def keep_arguments(
    params: dict[str, t.Any], check_mode: bool, run: Run = run_program, root: str = "/"
) -> dict[str, t.Any]:
    """Bring the boot entries to what ``params`` ask for, and return the module's results.

    :raises InvalidValue: for an argument or a name that is none.
    :raises TuningError: where somebody has set an argument to something else, or the tool did not do what it was asked.
    """
    if not _NAME.fullmatch(params["name"]):
        raise InvalidValue("name", params["name"], "lower-case letters, digits, dashes and underscores")
    arguments = check_arguments("arguments", params["arguments"])
    refused = check_arguments("refused", params["refused"])
    store: Store = (GrubbyStore if has_grubby(root) else GrubStore)(params["name"], run, root)
    present = params["state"] == "present"
    ours = store.ours()
    change = _plan(store, ours, arguments if present else [], refused if present else [])
    old_text = read_file(below(root, store.file))
    # A file that no boot entry follows yet is what a killed run leaves.
    changed = change.needed or old_text != change.text
    if changed and not check_mode:
        _apply(store, change, old_text, ours)
    running = read_text(root, "proc/cmdline")
    reboot = bool(missing(running, arguments)) if present else any(not missing(running, [one]) for one in ours)
    return {
        "changed": changed,
        "tool": store.tool,
        "file": store.file,
        "entries": [entry._asdict() for entry in change.after],
        "reboot_required": reboot,
        "rows": _rows(params["where"], change, running, _wanted(params, arguments, ours), changed, check_mode),
        "diff": _diff(store.file, old_text, change),
    }


def _plan(store: Store, ours: list[str], arguments: list[str], refused: list[str]) -> Change:
    before = store.entries()
    others = [_without(entry, ours) for entry in before]
    against = {word: entry.kernel for entry in others for word in contradictions(entry.line, arguments, refused)}
    if against:
        found = ", ".join(f"{word} (of {kernel})" for word, kernel in against.items())
        raise TuningError(
            f"The boot entries already say {found}, where {' '.join(arguments)} is wanted: take it out where it is set."
        )
    # What somebody else has set in every entry needs no help, and is not ours to take away later.
    needed = [argument for argument in arguments if any(missing(entry.line, [argument]) for entry in others)]
    after = [Entry(entry.kernel, " ".join([*words(entry.line), *missing(entry.line, needed)])) for entry in others]
    if [sorted(words(entry.line)) for entry in after] == [sorted(words(entry.line)) for entry in before]:
        after = before
    return Change(needed, before, after, store.text(needed))


def _without(entry: Entry, ours: list[str]) -> Entry:
    """Return an entry without our words, each of which was added once, behind the others."""
    kept = words(entry.line)
    for argument in ours:
        if argument in kept:
            last = len(kept) - 1 - kept[::-1].index(argument)
            del kept[last]
    return Entry(entry.kernel, " ".join(kept))


def _apply(store: Store, change: Change, old_text: str | None, ours: list[str]) -> None:
    problem = ""
    try:
        store.save(change.text, change.ours)
        problem = _difference(change.after, store.entries())
    except TuningError as error:
        problem = str(error)
    if not problem:
        return
    try:
        store.save(old_text, ours)
        left = _difference(change.before, store.entries())
    except TuningError as error:
        left = str(error)
    outcome = f"and it could not be taken back: {left}" if left else "the boot entries are as before"
    raise TuningError(f"{problem.rstrip('.')}; {outcome.rstrip('.')}.")


def _difference(wanted: list[Entry], found: list[Entry]) -> str:
    """Say in which entry the tool did something else than asked; other words must have stayed as they were."""
    if len(wanted) != len(found):
        return f"the boot loader had {len(wanted)} entries and now has {len(found)}"
    for expected, entry in zip(wanted, found):
        if sorted(words(expected.line)) != sorted(words(entry.line)):
            return f"the command line of {entry.kernel} became '{entry.line}' instead of '{expected.line}'"
    return ""


class Wanted(t.NamedTuple):
    """The arguments that the rows speak of, and whether they are to be there."""

    arguments: list[str]
    present: bool


def _wanted(params: dict[str, t.Any], arguments: list[str], ours: list[str]) -> Wanted:
    present = params["state"] == "present"
    return Wanted(arguments if present else ours, present)


def _rows(where: str, change: Change, running: str, wanted: Wanted, changed: bool, check_mode: bool) -> list[Row]:
    """Return a row for the boot entries, and one for the kernel that runs."""
    entries, after = (_of_interest(side[0].line, wanted.arguments) for side in (change.before, change.after))
    status = ("would_change" if check_mode else "changed") if changed else "ok"
    target = " ".join(wanted.arguments) if wanted.present else ""
    effective = entries if check_mode else after
    boot = row(where, "boot entries", before=entries, wanted=target, effective=effective, status=status)
    now = _of_interest(running, wanted.arguments)
    if wanted.present:
        late = bool(missing(running, wanted.arguments))
    else:
        late = any(not missing(running, [argument]) for argument in wanted.arguments)
    why = f"started {'without' if wanted.present else 'with'} them: they count from the next boot" if late else ""
    kernel = row(
        where, "running kernel", before=now, wanted=target, effective=now, status="pending" if late else "ok", why=why
    )
    return [boot, kernel]


def _of_interest(line: str, arguments: t.Sequence[str]) -> str:
    keys = {argument.partition("=")[0] for argument in arguments}
    return " ".join(word for word in words(line) if word.partition("=")[0] in keys)


def _diff(file: str, old_text: str | None, change: Change) -> list[dict[str, str]]:
    diff = []
    if old_text != change.text:
        diff.append({"before_header": file, "after_header": file, "before": old_text or "", "after": change.text or ""})
    if change.needed:
        before, after = ("".join(f"{e.kernel} {e.line}\n" for e in side) for side in (change.before, change.after))
        header = "boot entries"
        diff.append({"before_header": header, "after_header": header, "before": before, "after": after})
    return diff
