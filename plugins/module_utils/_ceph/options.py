# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Who an option is set for, what the config database holds, and options whose value is a set of names."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.option_values import to_text
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

_SECTION = re.compile(r"(global|client|mon|mgr|osd|mds)(\.[^/\s]+)?")
_MASK = re.compile(r"[a-z]+:[^/\s]+")


class Who(t.NamedTuple):
    """The section and the masks of ``osd/class:ssd/host:ceph01``; the order of masks does not matter."""

    section: str
    masks: t.FrozenSet[str]

    @classmethod
    def parse(cls, text: str) -> Who:
        """Read it as ``ceph config set`` does; no section means global."""
        parts = text.strip().split("/")
        sections = [part for part in parts if _SECTION.fullmatch(part)]
        masks = frozenset(part for part in parts if _MASK.fullmatch(part))
        if len(sections) > 1 or len(sections) + len(masks) != len(parts):
            raise InvalidValue(
                "who", text, "a section such as mgr or osd.3, or one with a mask such as osd/host:ceph01"
            )
        return cls(sections[0] if sections else "global", masks)

    def __str__(self) -> str:
        return "/".join([self.section, *sorted(self.masks)])

    def wins_over(self, other: Who) -> bool:
        """Return whether a daemon may find this more specific than the other, so that the other has no effect on it."""
        if self == other:
            return False
        if self.section == other.section:
            return self.masks > other.masks
        return other.section == "global" or self.section.startswith(other.section + ".")


class Database:
    """What ``ceph config dump`` holds; values are as the monitors store them."""

    def __init__(self, client: CephClient) -> None:
        self._values: t.Dict[t.Tuple[Who, str], str] = {}
        for entry in client.read("config dump"):
            # The dump keeps section and mask apart, and joins several masks by a slash.
            masks = frozenset(filter(None, entry["mask"].split("/")))
            self._values[Who(entry["section"], masks), entry["name"]] = to_text(entry["value"])

    def get(self, who: Who, name: str) -> t.Optional[str]:
        """Return what is set for exactly this section and mask, None when nothing is."""
        return self._values.get((who, name))

    def stronger(self, who: Who, name: str) -> t.Dict[str, str]:
        """Return the settings of the same option that win over this one, for some daemons or all."""
        module = re.fullmatch(r"mgr/([^/]+)/([^/]+)", name)
        # mgr/prometheus/<manager>/scrape_interval is the same option for one manager.
        local = re.compile(rf"mgr/{re.escape(module[1])}/[^/]+/{re.escape(module[2])}") if module else None
        return {
            f"{other} {other_name}": value
            for (other, other_name), value in self._values.items()
            if (other_name == name and other.wins_over(who)) or (local and local.fullmatch(other_name))
        }


def members(value: t.Optional[str]) -> t.List[str]:
    """Return the names in a set-valued option, which commas or spaces part, in order and without repetition."""
    return list(dict.fromkeys(filter(None, re.split(r"[\s,]+", value or ""))))


def merge(value: t.Optional[str], add: t.Iterable[str], remove: t.Iterable[str]) -> t.Optional[str]:
    """Return a set-valued option with names added and removed; what others put there stays, in its own spelling.

    :returns: the value as it was when it needs no change, None when no name is left and nothing needs to be set.
    """
    found = members(value)
    gone = frozenset(remove)
    wanted = [name for name in dict.fromkeys([*found, *add]) if name not in gone]
    return value if wanted == found else ",".join(wanted) or None
