# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Assignments of ours in somebody else's file, each below a comment that says what was there before.

    # Managed by virtscale.tuning (openstack_pci-nvme, 2026-08-01T12:00:00Z, 3f5a9c1e): added
    alias = {...}
    # Managed by virtscale.tuning (openstack_pci-nvme, 2026-08-01T12:00:00Z, 07be22d1): instead of "..."
    enabled_filters = A,PciPassthroughFilter

The digits are a checksum of the assignment: one that a person has changed since is that person's, and only its comment
is taken away. The moment tells whether a service was started since.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._nova.oslo_ini import Document, Edit, Option, edited

_MARK = re.compile(
    r"# Managed by virtscale\.tuning \((?P<name>[^,]+), (?P<moment>[^,]+), (?P<sum>[0-9a-f]{8})\): "
    r"(?P<what>added this section|added|instead of (?P<before>\".*\"))"
)


class Assignment(t.NamedTuple):
    """An assignment that is wanted, and what it replaces (None: it is one more)."""

    section: str
    key: str
    value: str
    replaces: Option | None = None


class Marks(t.NamedTuple):
    """Whose comments these are."""

    name: str

    def moment(self, text: str) -> str:
        """Return when we last wrote to the file, as ``2026-08-01T12:00:00Z``; empty where nothing is ours."""
        return max((found.group("moment") for found in self._found(text.splitlines()).values()), default="")

    def settled(self, text: str, file: str, wanted: t.Sequence[Assignment], clean: Document) -> bool:
        """Return whether the text has these assignments of ours and no others, wherever they stand.

        :param clean: the text without us, of which ``replaces`` are options.
        :raises TuningError: for a file that nova refuses.
        """
        document = Document(text, file)
        starts = {option.first: option for option in document.options}
        present = []
        for number, found in self._found(document.lines).items():
            option = starts.get(number + 1)
            if found.group("what") == "added this section":
                continue
            if option is None or _checksum(document.raw(option)) != found.group("sum"):
                return False
            before = json.loads(found.group("before")) if found.group("before") else ""
            present.append((option.section, option.key, option.value, before))
        asked = [(one.section, one.key, one.value, clean.raw(one.replaces) if one.replaces else "") for one in wanted]
        return sorted(present) == sorted(asked)

    def undone(self, text: str, file: str) -> str:
        """Return the text as it would be without us.

        :raises TuningError: for a file that nova refuses.
        """
        document = Document(text, file)
        starts = {option.first: option for option in document.options}
        headers = {line: section for section, line in document.headers}
        edits = []
        for number, found in self._found(document.lines).items():
            option = starts.get(number + 1)
            end, lines = number + 1, []
            if option is not None and _checksum(document.raw(option)) == found.group("sum"):
                end = option.end
                lines = [json.loads(found.group("before"))] if found.group("before") else []
            elif number + 1 in headers and found.group("what") == "added this section":
                end = number + (2 if self._only_ours(document, headers[number + 1]) else 1)
            edits.append(Edit(number, end, lines))
        return edited(document.lines, edits)

    def applied(self, text: str, file: str, wanted: t.Sequence[Assignment], moment: str) -> str:
        """Return the text with more assignments; ``replaces`` are options of this very text.

        :raises TuningError: for a file that nova refuses.
        """
        document = Document(text, file)
        edits, new_sections = [], {}  # type: list[Edit], dict[str, list[str]]
        for one in wanted:
            line = f"{one.key} = {one.value}\n"
            if one.replaces is not None:
                before = document.raw(one.replaces)
                mark = self._mark(moment, line, f"instead of {json.dumps(before)}")
                edits.append(Edit(one.replaces.first, one.replaces.end, [mark, line]))
            elif document.has_section(one.section):
                place = document.place(one.section, one.key)
                edits.append(Edit(place, place, [self._mark(moment, line, "added"), line]))
            else:
                new_sections.setdefault(one.section, []).extend([self._mark(moment, line, "added"), line])
        end = len(document.lines)
        for section, lines in new_sections.items():
            header = f"[{section}]\n"
            edits.append(Edit(end, end, [self._mark(moment, header, "added this section"), header, *lines]))
        return edited(document.lines, _joined(edits))

    def _mark(self, moment: str, line: str, what: str) -> str:
        return f"# Managed by virtscale.tuning ({self.name}, {moment}, {_checksum(line)}): {what}\n"

    def _found(self, lines: t.Sequence[str]) -> dict[int, re.Match[str]]:
        matches = ((number, _MARK.fullmatch(line.rstrip())) for number, line in enumerate(lines))
        return {number: match for number, match in matches if match and match.group("name") == self.name}

    def _only_ours(self, document: Document, section: str) -> bool:
        marked = {number + 1 for number in self._found(document.lines)}
        options = [option for option in document.options if option.section == section]
        return all(option.first in marked for option in options)


def _joined(edits: t.Sequence[Edit]) -> list[Edit]:
    """Put insertions at one place together, in their order."""
    insertions: dict[int, list[str]] = {}
    for edit in edits:
        if edit.first == edit.end:
            insertions.setdefault(edit.first, []).extend(edit.lines)
    joined = [Edit(place, place, lines) for place, lines in insertions.items()]
    return [*joined, *(edit for edit in edits if edit.first != edit.end)]


def _checksum(raw: str) -> str:
    return hashlib.sha256(raw.rstrip().encode("utf-8", "surrogateescape")).hexdigest()[:8]
