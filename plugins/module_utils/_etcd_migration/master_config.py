# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The storage that a master's API server uses, in ``master-config.yaml`` of OpenShift 3, changed with all else kept.

The masters have no library for YAML that keeps comments; the two settings stand in one block, whose form is fixed.
"""

from __future__ import annotations

import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import environment
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

WANTED = {"storage-backend": "etcd3", "storage-media-type": "application/vnd.kubernetes.protobuf"}

_MASTER = "kubernetesMasterConfig"
_ARGUMENTS = "apiServerArguments"


def set_storage(path: Path, where: str, *, v3: bool, check_mode: bool) -> dict[str, t.Any]:
    """Let the master's configuration name the v3 storage, or give back the file as it was before.

    :param where: the host's name in the row.
    :raises TuningError: when the file cannot be read or has not the usual form.
    """
    kept = path.with_name(path.name + ".before-etcd3")
    try:
        if not path.exists():
            why = f"there is no {path}; an API server without it knows the v3 storage alone, or takes it from a flag"
            return {"changed": False, "rows": [row(where, "storage-backend", status="note", why=why)]}
        before = path.read_text(encoding="utf-8")
        after = with_storage(before) if v3 else kept.read_text(encoding="utf-8") if kept.exists() else before
        if before != after and not check_mode:
            if v3:
                shutil.copy2(path, kept)
            environment.write(str(path), after)
            if not v3:
                kept.unlink()
    except OSError as error:
        raise TuningError(f"The master's configuration cannot be changed: {error}.") from error
    except TuningError as error:
        raise TuningError(f"{path} is left as it is: {error}") from error
    changed = before != after
    reported = row(
        where,
        "storage-backend",
        before=_shown(before),
        wanted=_shown(after),
        effective=None if check_mode and changed else _shown(after),
        status="ok" if not changed else "would_change" if check_mode else "changed",
        why=f"in {path}, read when the API server starts",
    )
    diff = {"before": before, "after": after, "before_header": str(path), "after_header": str(path)}
    return {"changed": changed, "rows": [reported], "diff": diff}


def _shown(text: str) -> str | None:
    return ",".join(storage_settings(text).get("storage-backend", [])) or None


def storage_settings(text: str) -> dict[str, list[str]]:
    """Return the storage settings of the API server that the file has; none means the platform's default."""
    lines = text.splitlines()
    block = _block(lines)
    if block is None:
        return {}
    start, end, _indent = block
    found: dict[str, list[str]] = {}
    for at in range(start, end):
        match = re.match(r"\s+([\w-]+):\s*(.*)$", lines[at])
        if match and match[1] in WANTED:
            found[match[1]] = _values(lines, at, match[2])
    return found


def with_storage(text: str) -> str:
    """Return the file with the settings for the v3 storage.

    :raises TuningError: for a file without the API server's section in the usual form.
    """
    wanted = {name: [value] for name, value in WANTED.items()}
    if storage_settings(text) == wanted:
        return text
    lines = text.splitlines()
    master = _find(lines, 0, len(lines), _MASTER, "")
    if master is None or _end(lines, master) == master + 1:
        raise TuningError(f"it has no section {_MASTER}.")
    block = _block(lines)
    if block is not None:
        start, end, indent = block
        lines[start:end] = [*_written(wanted, indent), *_without(lines[start:end], indent)]
        return "\n".join(lines) + "\n"
    at = _find(lines, master + 1, _end(lines, master), _ARGUMENTS, None)
    if at is None:
        indent = _child_indent(lines, master)
        lines[master + 1 : master + 1] = [f"{indent}{_ARGUMENTS}:", *_written(wanted, indent + "  ")]
    elif lines[at].split(":", 1)[1].strip() in ("", "null", "{}"):
        indent = _indent(lines[at])
        lines[at : at + 1] = [f"{indent}{_ARGUMENTS}:", *_written(wanted, indent + "  ")]
    else:
        raise TuningError(f"its {_ARGUMENTS} are not in the block form.")
    return "\n".join(lines) + "\n"


def _block(lines: list[str]) -> tuple[int, int, str] | None:
    """Return where the arguments' lines begin and end, and how far they are indented."""
    master = _find(lines, 0, len(lines), _MASTER, "")
    if master is None:
        return None
    at = _find(lines, master + 1, _end(lines, master), _ARGUMENTS, None)
    if at is None:
        return None
    end = _end(lines, at)
    first = next((each for each in range(at + 1, end) if _says(lines[each])), None)
    return None if first is None else (at + 1, end, _indent(lines[first]))


def _find(lines: list[str], start: int, end: int, name: str, indent: str | None) -> int | None:
    pattern = re.compile(rf"{r'[ ]+' if indent is None else re.escape(indent)}{name}:")
    return next((at for at in range(start, end) if pattern.match(lines[at])), None)


def _end(lines: list[str], start: int) -> int:
    """Return the first line behind the block that a line begins."""
    depth = len(_indent(lines[start]))
    for at in range(start + 1, len(lines)):
        if _says(lines[at]) and len(_indent(lines[at])) <= depth:
            return at
    return len(lines)


def _without(lines: list[str], indent: str) -> list[str]:
    """Return the lines of a block without the storage settings."""
    kept, drop = [], False
    for line in lines:
        match = re.match(rf"{indent}([\w-]+):", line)
        if match:
            drop = match[1] in WANTED
        if not drop:
            kept.append(line)
    return kept


def _written(wanted: dict[str, list[str]], indent: str) -> list[str]:
    lines = []
    for name, values in wanted.items():
        lines += [f"{indent}{name}:", *(f"{indent}- {value}" for value in values)]
    return lines


def _values(lines: list[str], at: int, behind: str) -> list[str]:
    if behind.strip():
        return [part.strip().strip("'\"") for part in behind.strip().strip("[]").split(",") if part.strip()]
    values = []
    for line in lines[at + 1 :]:
        match = re.match(r"\s*-\s+(.*)$", line)
        if not match:
            break
        values.append(match[1].strip().strip("'\""))
    return values


def _child_indent(lines: list[str], at: int) -> str:
    child = next((line for line in lines[at + 1 :] if _says(line)), "  ")
    return _indent(child) or "  "


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
