# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Plan sysctl drop-ins: from what is asked for and what is there to the files and values that differ.

Nothing is written here, so check mode and a real run share all of it.
"""

from __future__ import annotations

import os
import re
import stat
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.dropin import Dropin, parse_dropin
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import (
    CEPHADM_SUFFIX,
    BootSettings,
    Setting,
    below,
    parse_settings,
    read_boot_settings,
    read_text,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.kernel import Kernel
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import (
    checked_path,
    is_arp,
    keep_larger,
    key_name,
    matches_any,
    shape_error,
    value_text,
)

DIRECTORY = "/etc/sysctl.d"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\.conf\Z")

# {file: {key path: value}}
Requests = t.Dict[str, t.Dict[str, str]]


class Line(t.NamedTuple):
    """One value of the plan: what it is, what it will be, and why."""

    path: str
    file: str
    running: str | None
    target: str | None
    why: str
    in_file: bool = True  # the file already says so
    overridden: str = ""
    refused: bool = False


class Plan(t.NamedTuple):
    """What differs, and a line for everything that was asked for or is given back."""

    files: dict[str, tuple[str, int] | None]  # new text and mode; None: the file goes
    given_back: dict[str, tuple[str, str]]  # {key: (running, target)}
    values: dict[str, tuple[str, str]]  # likewise, of what is set
    lines: list[Line]
    notes: list[tuple[str, str]]  # (what, why)

    @property
    def changed(self) -> bool:
        return bool(self.files or self.kernel_changes)

    @property
    def kernel_changes(self) -> dict[str, tuple[str, str]]:
        return {**self.given_back, **self.values}


def read_requests(files: list[dict[str, t.Any]]) -> Requests:
    """Check and normalise the module's ``files``.

    :raises InvalidValue: for a bad name, key or value, or for a key or file that is there twice.
    """
    requests: Requests = {}
    owner: dict[str, str] = {}
    for entry in files:
        name = entry["name"]
        if not _FILE_NAME.match(name) or name.endswith(CEPHADM_SUFFIX):
            raise InvalidValue("files.name", name, f"a file name that ends in .conf, and not in {CEPHADM_SUFFIX}")
        file = f"{DIRECTORY}/{name}"
        if file in requests:
            raise TuningError(f"files names {name} twice; put its settings into one entry.")
        requests[file] = {}
        for key, value in (entry.get("settings") or {}).items():
            path = checked_path(key)
            if path in owner:
                raise TuningError(f"{key} is set in {owner[path]} and in {name}; set it in one of them.")
            owner[path] = name
            requests[file][path] = value_text(key, value)
    return requests


def plan_present(
    requests: Requests, *, never_lower: list[str], arp_risk: t.Callable[[], str], kernel: Kernel, root: str = "/"
) -> Plan:
    """Plan that the drop-ins hold the requested settings, and the kernel too.

    :param never_lower: keys and patterns whose running value is kept where it is larger.
    :param arp_risk: says why ARP keys must not be changed on this host, or gives an empty string; asked only if
        one of them would change.
    :raises TuningError: if the kernel has no such key, or could not take a value; names them all.
    """
    texts = {file: _own_text(root, file) for file in requests}
    present = {file: parse_dropin(text) if text is not None else None for file, text in texts.items()}
    record = {path: value for dropin in present.values() if dropin for path, value in dropin.before.items()}
    risk = arp_risk() if _arp_differs(requests, present, kernel) else ""

    lines: list[Line] = []
    problems: list[str] = []
    replaced_texts: dict[str, str | None] = {}
    notes: list[tuple[str, str]] = []
    for file, settings in requests.items():
        dropin = present[file]
        kept = dropin.values if dropin else {}
        values: dict[str, str] = {}
        for path, wanted in settings.items():
            line = _plan_value(path, file, wanted, kept, never_lower, risk, kernel, problems)
            lines.append(line)
            if line.target is not None and not (line.refused and path not in kept):
                values[path] = line.target
        foreign = _foreign_record(root, file, texts[file], dropin)
        if foreign and dropin is None and values:
            notes.append((file, _takeover(file, foreign["text"], values)))
        before = {path: record.get(path, kernel.read(path) or "") for path in values}
        text = Dropin(values, before, foreign).render() if values else _after_removal(dropin, texts[file])
        replaced_texts[file] = text
    if problems:
        raise TuningError("Nothing was changed: " + "; ".join(problems) + ".")

    boot = read_boot_settings(root, replaced_texts)
    lines = [line._replace(overridden=_override(boot, line)) for line in lines]
    dropped = _dropped(present, requests, boot, kernel)
    files = _file_changes(root, texts, present, replaced_texts)
    return Plan(files, _kernel_changes(dropped), _kernel_changes(lines), [*lines, *dropped], notes)


def plan_absent(files: t.Iterable[str], *, kernel: Kernel, root: str = "/") -> Plan:
    """Plan that our drop-ins are gone and the values that were there before are back."""
    texts = {file: _own_text(root, file, links_allowed=True) for file in files}
    present = {file: parse_dropin(text) if text is not None else None for file, text in texts.items()}
    replaced_texts: dict[str, str | None] = {}
    notes = []
    for file, text in texts.items():
        dropin = present[file]
        replaced_texts[file] = _after_removal(dropin, text)
        if text is not None and dropin is None:
            notes.append((file, "is not ours; left as it is"))
    boot = read_boot_settings(root, replaced_texts)
    lines = _dropped(present, {}, boot, kernel)
    return Plan(_file_changes(root, texts, present, replaced_texts), _kernel_changes(lines), {}, lines, notes)


def describe(setting: Setting) -> str:
    """Name a line of a file, and who writes that file where it is known."""
    owner = ", written by cephadm from a tuned profile" if setting.file.endswith(CEPHADM_SUFFIX) else ""
    return f"{setting.file} line {setting.line}{owner}"


def _plan_value(
    path: str,
    file: str,
    wanted: str,
    kept: dict[str, str],
    never_lower: list[str],
    arp_risk: str,
    kernel: Kernel,
    problems: list[str],
) -> Line:
    running = kernel.read(path)
    if running is None:
        problems.append(f"{key_name(path)} does not exist in the running kernel (or its module is not loaded)")
        return Line(path, file, None, None, "")
    if arp_risk and is_arp(path):
        in_file = path in kept
        target = kept.get(path, wanted)
        return Line(path, file, running, target, arp_risk, in_file=in_file, refused=True)
    reason = shape_error(running, wanted)
    if reason:
        problems.append(f"{key_name(path)} cannot be {wanted}: {reason}")
    target, why = wanted, f"persisted in {file}"
    if matches_any(path, never_lower):
        target = keep_larger(running, wanted)
        if target != wanted:
            why = f"{wanted} was asked for, but what runs is larger and is never lowered; persisted in {file}"
    if running != target and not kernel.writable(path):
        problems.append(f"{key_name(path)} cannot be written here (read-only in this network namespace or container)")
    return Line(path, file, running, target, why, in_file=kept.get(path) == target)


def _arp_differs(requests: Requests, present: t.Mapping[str, Dropin | None], kernel: Kernel) -> bool:
    """Whether any ARP key would change; where all of them are as asked already there is nothing to refuse."""
    for file, settings in requests.items():
        dropin = present[file]
        for path, wanted in settings.items():
            in_file = dropin is not None and dropin.values.get(path) == wanted
            if is_arp(path) and not (in_file and kernel.read(path) == wanted):
                return True
    return False


def _override(boot: BootSettings, line: Line) -> str:
    """Say which other file wins over ours, and when; an empty string where none does."""
    if line.refused or line.target is None:
        return ""
    at_boot, procps = boot.winner(line.path), boot.last_word(line.path)
    if at_boot is not None and at_boot.file != line.file and at_boot.value != line.target:
        return f"{describe(at_boot)} sets {at_boot.value} at the next boot"
    if procps is not None and procps.file != line.file and procps.value != line.target:
        return f"{describe(procps)} sets {procps.value} whenever `sysctl --system` runs"
    return ""


def _dropped(
    present: t.Mapping[str, Dropin | None], requests: Requests, boot: BootSettings, kernel: Kernel
) -> list[Line]:
    """Plan to give back every recorded key that nobody asks for any more."""
    asked = {path for settings in requests.values() for path in settings}
    lines = []
    for file, dropin in present.items():
        for path in dropin.values if dropin else ():
            if path in asked:
                continue
            before = dropin.before.get(path) if dropin else None
            running = kernel.read(path)
            if before is None or running is None:
                reason = "no record of the value before" if running is not None else "no longer in the running kernel"
                lines.append(Line(path, file, running, running, f"left as it is: {reason}"))
                continue
            other = boot.last_word(path)
            if other is not None and other.value == running:
                lines.append(Line(path, file, running, running, f"left as {describe(other)} sets it"))
            else:
                why = f"given back: the value before {file}"
                lines.append(Line(path, file, running, before, why, in_file=False))
    return lines


def _own_text(root: str, file: str, links_allowed: bool = False) -> str | None:
    location = below(root, file)
    if os.path.islink(location) and not links_allowed:
        raise TuningError(
            f"{file} is a symbolic link to {os.readlink(location)}; remove the link or choose another file name."
        )
    return None if os.path.islink(location) else read_text(location)


def _foreign_record(root: str, file: str, text: str | None, dropin: Dropin | None) -> dict[str, t.Any] | None:
    if dropin is not None:
        return dropin.replaced
    if text is None:
        return None
    return {"mode": stat.S_IMODE(os.stat(below(root, file)).st_mode), "text": text}


def _takeover(file: str, text: str, values: dict[str, str]) -> str:
    lost = [key_name(s.path) for s in parse_settings(text, file) if s.value is not None and s.path not in values]
    why = "somebody else's file is taken over; rollback gives it back"
    return f"{why}; from the next boot it no longer sets {', '.join(lost)}" if lost else why


def _after_removal(dropin: Dropin | None, text: str | None) -> str | None:
    """Return what stays of a file when none of our settings is left in it."""
    if dropin is None:
        return text
    return dropin.replaced["text"] if dropin.replaced else None


def _file_changes(
    root: str,
    texts: dict[str, str | None],
    present: t.Mapping[str, Dropin | None],
    wanted: dict[str, str | None],
) -> dict[str, tuple[str, int] | None]:
    changes: dict[str, tuple[str, int] | None] = {}
    for file, text in wanted.items():
        dropin = present[file]
        ours = text is not None and parse_dropin(text) is not None
        mode = 0o644
        if not ours and dropin is not None and dropin.replaced:
            mode = int(dropin.replaced.get("mode", mode))
        if text != texts[file]:
            changes[file] = None if text is None else (text, mode)
        elif text is not None and ours and stat.S_IMODE(os.stat(below(root, file)).st_mode) != mode:
            changes[file] = (text, mode)
    return changes


def _kernel_changes(lines: list[Line]) -> dict[str, tuple[str, str]]:
    return {
        line.path: (line.running, line.target)
        for line in lines
        if not line.refused and line.running is not None and line.target is not None and line.running != line.target
    }
