# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Lines of /etc/fstab: ours is known by the comment above it, everybody else's stay."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

_MARK = "# Managed by virtscale.tuning.device_mount; state absent removes this and the next line."


class Mounted(t.NamedTuple):
    """One line of fstab(5)."""

    source: str
    path: str
    kind: str
    options: str

    def line(self) -> str:
        """Return it as it is written."""
        return f"{self.source} {self.path} {self.kind} {self.options} 0 2\n"


def with_line(text: str, wanted: Mounted) -> str:
    """Return fstab with this mount in it, once.

    :raises TuningError: where somebody has given the directory to another device.
    """
    for number, line in _lines_of(text, wanted.path):
        if line.split()[0] == wanted.source:
            return text
        if not _is_ours(text, number):
            raise TuningError(f"/etc/fstab line {number + 1} mounts {line.split()[0]} at {wanted.path} already.")
    text = without_line(text, wanted.path)
    separator = "" if not text or text.endswith("\n") else "\n"
    return f"{text}{separator}{_MARK}\n{wanted.line()}"


def without_line(text: str, path: str) -> str:
    """Return fstab without our line for a directory."""
    lines = text.splitlines(keepends=True)
    for number, _line in reversed(_lines_of(text, path)):
        if _is_ours(text, number):
            del lines[number - 1 : number + 1]
    return "".join(lines)


def _lines_of(text: str, path: str) -> list[tuple[int, str]]:
    found = enumerate(text.splitlines())
    return [(n, line) for n, line in found if not line.lstrip().startswith("#") and line.split()[1:2] == [path]]


def _is_ours(text: str, number: int) -> bool:
    return number > 0 and text.splitlines()[number - 1].strip() == _MARK
