# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Equal hosts told once: the lines of one value that say the same become one variant, exceptions beside it."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import natural_key, shorten
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH, Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import ATTENTION, BY_URGENCY, Line

# More variants of one value than this are read by nobody: then details are given up, one after the other.
_VARIANTS_MAX = 4

_DETAILS = ("status", "wanted", "effective", "before", "why")


@dataclasses.dataclass(frozen=True)
class Variant:
    """Lines of one value that differ in nothing but where they are, as far as they could be told apart."""

    lines: tuple[Line, ...]

    @property
    def status(self) -> str:
        return self.lines[0].status

    @property
    def what(self) -> str:
        return self.lines[0].what

    @property
    def where(self) -> str:
        """Return the names of the places: ranges in short, and of many ranges the first and the last."""
        return shorten(self.places)

    @property
    def places(self) -> list[str]:
        """Return the names of all places."""
        return list(dict.fromkeys(line.where for line in self.lines))

    def value(self, field: str, say: Language = ENGLISH) -> str | None:
        """Return what the lines say in ``before``, ``wanted`` or ``effective``; the extremes where they differ."""
        found = sorted({value for line in self.lines if (value := getattr(line, field)) is not None}, key=natural_key)
        if not found:
            return None
        if len(found) == 1:
            return found[0]
        return say("{low} to {high}, {number} values", low=found[0], high=found[-1], number=len(found))

    def why(self, say: Language = ENGLISH) -> str:
        """Return the reason, and how many others there are."""
        reasons = list(dict.fromkeys(line.why for line in self.lines if line.why))
        if not reasons:
            return ""
        more = say(" (and {number} more alike)", number=len(reasons) - 1) if len(reasons) > 1 else ""
        return f"{reasons[0]}{more}"


def variants(lines: t.Sequence[Line]) -> list[Variant]:
    """Return the lines of one value as few variants, the most urgent and then the most common first."""
    for kept in range(len(_DETAILS), 0, -1):
        groups: dict[tuple[t.Any, ...], list[Line]] = {}
        for line in lines:
            groups.setdefault(tuple(getattr(line, name) for name in _DETAILS[:kept]), []).append(line)
        if len(groups) <= _VARIANTS_MAX:
            break
    found = [Variant(tuple(group)) for group in groups.values()]
    return sorted(found, key=lambda variant: (BY_URGENCY.index(variant.status), -len(variant.lines)))


def by_what(lines: t.Iterable[Line]) -> dict[str, list[Line]]:
    """Return the lines of each value, in the order in which the values first appear."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.what, []).append(line)
    return found


def all_variants(lines: t.Iterable[Line]) -> list[Variant]:
    """Return the variants of all values, those of one value together, values with trouble first."""
    groups = [variants(group) for group in by_what(lines).values()]
    groups.sort(key=lambda group: min(BY_URGENCY.index(group[0].status), len(ATTENTION)))
    return [variant for group in groups for variant in group]


@dataclasses.dataclass(frozen=True)
class Concern:
    """What needs attention for one reason: the same role, status and why."""

    role: str
    status: str
    why: str
    variants: tuple[Variant, ...]

    @property
    def values(self) -> int:
        """Return how many values it is about."""
        return sum(len(variant.lines) for variant in self.variants)


def concerns(lines: t.Iterable[Line]) -> list[Concern]:
    """Return the lines that need attention by their reasons, the most urgent first.

    :param lines: in order of urgency.
    """
    by_reason: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines:
        by_reason.setdefault((line.role, line.status, line.why), []).append(line)
    return [Concern(*reason, tuple(all_variants(group))) for reason, group in by_reason.items()]
