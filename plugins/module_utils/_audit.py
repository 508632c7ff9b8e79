# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What drifted: every value that is not effective as it is wanted, and what nobody tuned yet because it is new."""

from __future__ import annotations

import dataclasses
import typing as t
from xml.etree import ElementTree

from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import compress
from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import Variant, all_variants
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import Line, RunView

# A note is advice, and "changed" does not happen in an audit; the rest is not as it is wanted.
DRIFT = ("failed", "refused", "overridden", "pending", "would_change", "changed")

_COLUMNS = ("  what", "found", "want", "have", "why, and who")
_WIDEST = 36
_NONE = "-"


@dataclasses.dataclass(frozen=True)
class Audit:
    """The result of an audit."""

    view: RunView
    drift: tuple[Line, ...]
    # Role, then the hosts, nodes and objects that the run compared with did not know.
    new: dict[str, list[str]]
    compared_with: str | None

    def as_result(self) -> dict[str, t.Any]:
        """Return the audit for a program."""
        return {
            "drift": [_as_row(line) for line in self.drift],
            "new": self.new,
            "compared_with": self.compared_with,
            "checked": len(self.view.lines()),
        }


def audit(view: RunView, earlier: RunView | None) -> Audit:
    """Return what drifted in a run that was made in check mode.

    :param earlier: the last run that was no preview; what it did not know is new.
    """
    drift = tuple(line for line in view.lines() if line.status in DRIFT)
    return Audit(view, drift, _new(view, earlier), earlier.run_id if earlier else None)


def table(found: Audit) -> list[str]:
    """Return what a person reads: the drifted values below the hosts that share them, what is new, and the sum."""
    lines: list[str] = []
    variants = all_variants(found.drift)
    if variants:
        rows = [_COLUMNS, *map(_cells, variants)]
        widths = [min(_WIDEST, max(len(row[column]) for row in rows)) for column in range(len(_COLUMNS) - 1)]
        lines.append(_table_line(_COLUMNS, widths))
        by_where: dict[str, list[Variant]] = {}
        for variant in variants:
            by_where.setdefault(variant.where, []).append(variant)
        for where, shared in by_where.items():
            lines += [where, *(_table_line(_cells(variant), widths) for variant in shared)]
        lines.append("")
    for role, names in found.new.items():
        lines.append(f"New since {found.compared_with}, {role}: {compress(names)}")
    lines.append(_sum(found))
    return lines


def junit(found: Audit) -> str:
    """Return JUnit XML: a suite for each role, a case for each value."""
    root = ElementTree.Element("testsuites", name="virtscale.tuning")
    for role in found.view.roles:
        drifted = [line for line in role.lines if line.status in DRIFT]
        suite = ElementTree.SubElement(
            root, "testsuite", name=role.name, tests=str(len(role.lines)), failures=str(len(drifted))
        )
        for line in role.lines:
            case = ElementTree.SubElement(
                suite, "testcase", classname=f"{role.name}.{_printable(line.where)}", name=_printable(line.what)
            )
            if line.status in DRIFT:
                message = f"wanted {line.wanted or _NONE}, have {_have(line) or _NONE}: {line.why}"
                ElementTree.SubElement(case, "failure", type=line.status, message=_printable(message))
    ElementTree.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _new(view: RunView, earlier: RunView | None) -> dict[str, list[str]]:
    if earlier is None:
        return {}
    known = {role.name: {line.where for line in role.lines} | set(role.hosts()) for role in earlier.roles}
    found: dict[str, list[str]] = {}
    for role in view.roles:
        places = dict.fromkeys([line.where for line in role.lines if line.status != "note"])
        unknown = [place for place in places if place not in known.get(role.name, set(places))]
        if unknown:
            found[role.name] = unknown
    return found


def _cells(variant: Variant) -> tuple[str, ...]:
    have = list(dict.fromkeys(_have(line) or _NONE for line in variant.lines))
    return (
        f"  {variant.what}",
        variant.status.replace("_", " "),
        variant.value("wanted") or _NONE,
        have[0] if len(have) == 1 else f"{len(have)} values",
        variant.why(),
    )


def _have(line: Line) -> str | None:
    return line.before if line.effective is None else line.effective


def _table_line(cells: t.Sequence[str], widths: t.Sequence[int]) -> str:
    fixed = (cell.ljust(width) for cell, width in zip(cells, widths))
    return "  ".join([*fixed, cells[-1]]).rstrip()


def _sum(found: Audit) -> str:
    checked = len(found.view.lines())
    if not found.drift:
        return f"{checked} values checked, none drifted."
    return f"{checked} values checked, {len(found.drift)} not as they are wanted."


def _as_row(line: Line) -> dict[str, t.Any]:
    row = {key: value for key, value in dataclasses.asdict(line).items() if key != "host"}
    return {**row, "have": _have(line)}


def _printable(text: str) -> str:
    # XML 1.0 has no way to write control characters, and a host's message may hold them.
    return "".join(letter if letter.isprintable() else " " for letter in text)
