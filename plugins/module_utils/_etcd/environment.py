# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The file of variables that etcd is configured by, read and changed with its comments and order kept.

``/etc/etcd/etcd.conf`` on Red Hat's hosts, ``/etc/default/etcd`` on Debian's. systemd's EnvironmentFile= and the shell
of an init script both read it, so that only what both understand alike is written: NAME=value, quoted where it must be.
"""

from __future__ import annotations

import os
import re
import shlex
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below, write_file

# The one that exists is the one that is used.
PATHS = ("/etc/etcd/etcd.conf", "/etc/default/etcd")

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:=,@%+-]*")


def find(root: str = "/") -> str | None:
    """Return the path of the file on this host; None where there is none."""
    return next((path for path in PATHS if os.path.isfile(below(root, path))), None)


def parse(text: str) -> dict[str, str]:
    """Return the variables; of a name that is set twice the last one counts, as for systemd and the shell.

    :raises TuningError: for a value whose quotes do not close.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _ASSIGNMENT.fullmatch(line)
        if match:
            found[match.group(1)] = _unquoted(match.group(2), number)
    return found


def changed(text: str, values: t.Mapping[str, str | None]) -> str:
    """Return the text with each variable set, or taken away where its value is None; all else stays as it is.

    A variable that is there already keeps its line, one of several its last; a new one goes to the end.

    :raises InvalidValue: for a name or a value that cannot stand in such a file.
    """
    written = {name: _assignment(name, value) for name, value in values.items() if value is not None}
    lines: list[str] = []
    seen: set[str] = set()
    for line in reversed(text.splitlines()):
        match = _ASSIGNMENT.fullmatch(line)
        name = match.group(1) if match else None
        if name not in values:
            lines.append(line)
        elif name in written and name not in seen:
            kept = parse(line).get(name) == values[name]
            lines.append(line if kept else written[name])
        if name in values:
            seen.add(t.cast(str, name))
    lines.reverse()
    lines += [assignment for name, assignment in written.items() if name not in seen]
    return "".join(f"{line}\n" for line in lines)


def read(path: str) -> str:
    """Return the text of a file.

    :raises TuningError: when it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise TuningError(f"etcd's configuration {path} cannot be read: {error}.") from error


def write(path: str, text: str) -> None:
    """Replace a file in one step, with the owner and the mode that it has.

    :raises TuningError: when it cannot be written.
    """
    try:
        os.stat(path)
        write_file(path, text)
    except OSError as error:
        raise TuningError(f"etcd's configuration {path} cannot be written: {error}.") from error


def _unquoted(value: str, number: int) -> str:
    words = shlex.shlex(value, posix=True, punctuation_chars=False)
    words.whitespace_split = True
    words.commenters = ""
    try:
        # systemd takes the rest of the line, the shell its first word; files that both read have one.
        return " ".join(words)
    except ValueError as error:
        raise TuningError(f"Line {number} of etcd's configuration cannot be read: {error}.") from error


def _assignment(name: str, value: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidValue("name", name, "the name of a variable")
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    if any(character in value for character in '\n\r"\\$`\0'):
        raise InvalidValue(name, value, "one line without quotes, backslashes, dollar signs and backticks")
    return f'{name}="{value}"'
