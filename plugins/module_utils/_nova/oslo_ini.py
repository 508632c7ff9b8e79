# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Files as oslo.config reads them, edited line by line: comments, order and repeated options stay.

The rules are those of oslo_config.iniparser: ``key = value`` or ``key: value`` from the first column, lines that begin
with a blank continue the value, an empty line ends it, ``#`` and ``;`` begin comments, quotation marks around a value
fall away, and a section that appears again continues the first. Of a repeated option that takes one value the last
counts; one that takes several takes all of them.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError


class Option(t.NamedTuple):
    """One assignment. ``first`` and ``end`` are the lines that it takes, from 0."""

    section: str
    key: str
    value: str
    first: int
    end: int


class Document:
    """A file's lines, and what they assign."""

    def __init__(self, text: str, name: str) -> None:
        """Read a text.

        :param name: of the file, for errors.
        :raises TuningError: for a line that oslo.config refuses, since nova would not start with it.
        """
        self.lines = text.splitlines(keepends=True)
        self.options: list[Option] = []
        self.headers: list[tuple[str, int]] = []
        self.name = name
        self._read()

    def all(self, *names: tuple[str, str]) -> list[Option]:
        """Return the assignments of an option that takes several values, under all of its names."""
        return [option for option in self.options if (option.section, option.key) in names]

    def last(self, *names: tuple[str, str]) -> Option | None:
        """Return the assignment that counts of an option that takes one value: an earlier name wins."""
        for name in names:
            found = self.all(name)
            if found:
                return found[-1]
        return None

    def has_section(self, section: str) -> bool:
        """Return whether there is a header of that section."""
        return any(name == section for name, _line in self.headers)

    def place(self, section: str, key: str) -> int:
        """Return the line before which to put one more assignment: behind its like, else below the section's header."""
        like = self.all((section, key))
        if like:
            return like[-1].end
        return next(line for name, line in self.headers if name == section) + 1

    def raw(self, option: Option) -> str:
        """Return an assignment as it is written."""
        return "".join(self.lines[option.first : option.end])

    def _read(self) -> None:
        section, open_option = "", False
        for number, line in enumerate(self.lines):
            text = line.rstrip()
            if text.startswith((" ", "\t")):
                if not open_option:
                    raise self._refused(number, "continues nothing")
                last = self.options[-1]
                self.options[-1] = last._replace(value=f"{last.value}\n{text.strip()}", end=number + 1)
                continue
            open_option = False
            if text.startswith("["):
                if not text.endswith("]") or len(text) <= 2:
                    raise self._refused(number, "is no section")
                section = text[1:-1]
                self.headers.append((section, number))
            elif text and not text.startswith(("#", ";")):
                key, value = _split(text)
                if not key or not section:
                    raise self._refused(number, "is no assignment" if not key else "stands before any section")
                self.options.append(Option(section, key, value, number, number + 1))
                open_option = True

    def _refused(self, number: int, why: str) -> TuningError:
        return TuningError(f"{self.name} line {number + 1} {why}, and nova refuses such a file.")


class Edit(t.NamedTuple):
    """Lines ``first`` to ``end`` (not included) become ``lines``."""

    first: int
    end: int
    lines: list[str]


def edited(lines: t.Sequence[str], edits: t.Iterable[Edit]) -> str:
    """Return the text after edits that do not overlap; of insertions at one place the first given comes first."""
    result = list(lines)
    for edit in sorted(edits, key=lambda edit: (edit.first, edit.end), reverse=True):
        if edit.lines and edit.first == len(result) and result and not result[-1].endswith("\n"):
            result[-1] += "\n"
        result[edit.first : edit.end] = edit.lines
    return "".join(result)


def _split(text: str) -> tuple[str, str]:
    places = [place for place in (text.find("="), text.find(":")) if place >= 0]
    if not places:
        return "", ""
    key, value = text[: min(places)].strip(), text[min(places) + 1 :].strip()
    if value and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return key, value
