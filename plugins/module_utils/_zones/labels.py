# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which worker belongs to which zone: spread evenly, and stable when nodes come and go.

A node keeps its zone, because every move is a reboot; new nodes fill the smallest zone. Only a rebalance that was
asked for moves nodes, and then as few as even out the sizes.
"""

from __future__ import annotations

import re
import typing as t

_NUMBER = re.compile(r"([0-9]+)")


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return the sort key by which worker2 comes before worker10."""
    return [(int(part), "") if _NUMBER.fullmatch(part) else (-1, part) for part in _NUMBER.split(name) if part]


def assign(current: t.Mapping[str, int | None], zones: int, *, rebalance: bool = False) -> dict[str, int]:
    """Return the zone of each node.

    :param current: each node's zone now, or None; a zone may lie beyond ``zones`` after their number was lowered.
    :param zones: the number of zones, at least 1.
    :param rebalance: also move nodes, until the sizes of the zones differ by at most one and none lies beyond.
    """
    members: dict[int, list[str]] = {zone: [] for zone in range(zones)}
    waiting = []
    for node in sorted(current, key=natural_key):
        zone = current[node]
        if zone is None or (rebalance and zone >= zones):
            waiting.append(node)
        else:
            members.setdefault(zone, []).append(node)
    for node in waiting:
        members[_smallest(members, zones)].append(node)
    if rebalance:
        _even_out(members, zones)
    return {node: zone for zone, nodes in members.items() for node in nodes}


def _smallest(members: t.Mapping[int, t.Sequence[str]], zones: int) -> int:
    return min(range(zones), key=lambda zone: (len(members[zone]), zone))


def _even_out(members: dict[int, list[str]], zones: int) -> None:
    while True:
        largest = max(range(zones), key=lambda zone: (len(members[zone]), zone))
        smallest = _smallest(members, zones)
        if len(members[largest]) - len(members[smallest]) <= 1:
            return
        members[smallest].append(members[largest].pop())
