# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What room Ceph's pools have, and what full copies of a disk take of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient

_REPLICATED = 1
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def read_capacity(client: CephClient) -> list[dict[str, t.Any]]:
    """Return each pool with its bytes, as ``ceph df`` counts them.

    ``max_avail_bytes`` is what can still be written before the first OSD is full, copies already taken off;
    ``replicas`` is None for an erasure coded pool.
    """
    return parse_capacity(client.read("df"), client.read("osd dump"))


def parse_capacity(df: t.Mapping[str, t.Any], osd_dump: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    """Return the pools of ``ceph df`` and ``ceph osd dump``, by name."""
    copies = {pool["pool_name"]: _copies(pool) for pool in osd_dump["pools"]}
    return [
        {
            "name": pool["name"],
            "replicas": copies.get(pool["name"]),
            "max_avail_bytes": int(pool["stats"]["max_avail"]),
            "stored_bytes": int(pool["stats"]["stored"]),
            "used_bytes": int(pool["stats"]["bytes_used"]),
        }
        for pool in sorted(df["pools"], key=lambda pool: str(pool["name"]))
    ]


@dataclass(frozen=True)
class Room:
    """Whether full copies fit into a pool; bytes are net, of one copy each."""

    pool: str
    replicas: int | None
    needed_bytes: int
    free_bytes: int

    @property
    def enough(self) -> bool:
        """Whether all of them fit."""
        return self.needed_bytes <= self.free_bytes

    def __str__(self) -> str:
        text = f"{describe_bytes(self.free_bytes)} free in pool {self.pool}"
        if self.replicas is None:
            return text
        raw = f"{describe_bytes(self.needed_bytes * self.replicas)} raw of {describe_bytes(self.raw_free_bytes)}"
        return f"{text}; with {self.replicas} replicas {raw}"

    @property
    def raw_free_bytes(self) -> int:
        """The free bytes with all their copies."""
        return self.free_bytes * (self.replicas or 1)


def room_for_copies(capacity: t.Mapping[str, t.Any], disk_bytes: int, clones: int) -> Room:
    """Return what so many full copies of a disk need in a pool of :func:`parse_capacity`."""
    return Room(capacity["name"], capacity["replicas"], disk_bytes * clones, capacity["max_avail_bytes"])


def describe_bytes(count: int) -> str:
    """Return 85899345920 as ``80.0 GiB``."""
    size = float(count)
    for unit in _UNITS[:-1]:
        if size < 1024:
            return f"{size:.1f} {unit}" if unit != "B" else f"{count} B"
        size /= 1024
    return f"{size:.1f} {_UNITS[-1]}"


def _copies(pool: t.Mapping[str, t.Any]) -> int | None:
    return int(pool["size"]) if pool["type"] == _REPLICATED else None
