# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Many names in few words: ``ceph01`` to ``ceph47`` without ``ceph09`` is ``ceph[01:08], ceph[10:47]``."""

from __future__ import annotations

import re
import typing as t

_NUMBERED = re.compile(r"(?P<stem>.*?)(?P<number>\d+)")


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts ``osd.2`` before ``osd.10``."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), part) if part.isdigit() else (0, 0, part) for part in parts]


def compress(names: t.Iterable[str]) -> str:
    """Return the names as Ansible writes ranges in an inventory."""
    return ", ".join(_ranges(sorted(set(names), key=natural_key)))


def shorten(names: t.Collection[str], ranges_max: int = 6) -> str:
    """Return the names as ranges, or the first and the last of them where the ranges are too many to read."""
    ranges = list(_ranges(sorted(set(names), key=natural_key)))
    if len(ranges) <= ranges_max:
        return ", ".join(ranges)
    return f"{', '.join(ranges[:2])} ... {ranges[-1]}"


def _ranges(names: list[str]) -> t.Iterator[str]:
    start = 0
    for end in range(1, len(names) + 1):
        if end < len(names) and _follows(names[end - 1], names[end]):
            continue
        yield from _one_range(names[start:end])
        start = end


def _one_range(names: list[str]) -> t.Iterator[str]:
    if len(names) < 3:
        yield from names
        return
    first, last = _split(names[0]), _split(names[-1])
    yield f"{first[0]}[{first[1]}:{last[1]}]"


def _follows(left: str, right: str) -> bool:
    (left_stem, left_number), (right_stem, right_number) = _split(left), _split(right)
    if not left_number or left_stem != right_stem or len(left_number) != len(right_number):
        return False
    return int(right_number) == int(left_number) + 1


def _split(name: str) -> tuple[str, str]:
    match = _NUMBERED.fullmatch(name)
    return (match["stem"], match["number"]) if match else (name, "")
