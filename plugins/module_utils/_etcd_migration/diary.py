# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the journal of one member says: the migration that was begun last, and how far it came.

The directories say where a store is. What they cannot say stands here: that a backup was restored, that all keys were
compared, that it is over.
"""

from __future__ import annotations

import dataclasses
import typing as t

Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Diary:
    """The entries since the last migration began; none when it was given back."""

    entries: tuple[Json, ...]

    @property
    def begun(self) -> bool:
        """Whether a migration has begun and was not given back."""
        return bool(self.entries)

    @property
    def kept(self) -> bool:
        """Whether the v2 store was moved aside, wherever it is now."""
        return self._last("keep") is not None

    @property
    def backup_restored(self) -> bool:
        """Whether a member was started from the backup, with the keys of the list."""
        return self._last("backup") is not None

    @property
    def transformed(self) -> bool:
        """Whether this member was the first one."""
        return self._last("transform") is not None

    @property
    def joined_back(self) -> bool:
        """Whether this member gave its store up to join a cluster that begins anew from a backup."""
        return any(each["step"] == "adopt" and each.get("back") for each in self.entries)

    @property
    def compared_at(self) -> int | None:
        """The revision at which all keys were compared and found the same."""
        found = self._last("compare")
        return None if found is None else int(found.get("revision", 0))

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self._last("finish") is not None

    def _last(self, step: str) -> Json | None:
        return next((each for each in reversed(self.entries) if each.get("step") == step), None)


def read_diary(entries: t.Iterable[Json]) -> Diary:
    """Return what counts of a journal's entries: what came to its end since the last list of keys."""
    current: list[Json] = []
    for entry in entries:
        if entry["kind"] != "end":
            continue
        if entry["step"] == "list_keys":
            current = [entry]
        elif entry["step"] == "conclude_back":
            current = []
        elif current:
            current.append(entry)
    return Diary(tuple(current))
