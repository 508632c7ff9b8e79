# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's cluster is made of, as text: CRUSH map, keyrings. Pure functions."""

from __future__ import annotations

import base64
import os
import struct
import time
import typing as t

_CRUSH_TYPES = ("osd", "host", "chassis", "rack", "row", "pdu", "pod", "room", "datacenter", "zone", "region", "root")
_TUNABLES = {
    "choose_local_tries": 0,
    "choose_local_fallback_tries": 0,
    "choose_total_tries": 50,
    "chooseleaf_descend_once": 1,
    "chooseleaf_vary_r": 1,
    "chooseleaf_stable": 1,
    "straw_calc_version": 1,
    "allowed_bucket_algs": 54,
}
OSD_CAPS = {"mgr": "allow profile osd", "mon": "allow profile osd", "osd": "allow *"}
MGR_CAPS = {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"}
ADMIN_CAPS = {"mon": "allow *", "mgr": "allow *", "osd": "allow *", "mds": "allow *"}
MON_CAPS = {"mon": "allow *"}


def host_names(hosts: int) -> list[str]:
    """CRUSH names of the hosts, ceph01 and up: those of the inventory."""
    return [f"ceph{number:02d}" for number in range(1, hosts + 1)]


def host_osds(hosts: int, osds: int) -> list[list[int]]:
    """OSD ids of each host, as even as the numbers allow; ids of one host follow each other."""
    share, left = divmod(osds, hosts)
    placed: list[list[int]] = []
    first = 0
    for position in range(hosts):
        count = share + (1 if position < left else 0)
        placed.append(list(range(first, first + count)))
        first += count
    return placed


def crush_map(hosts: int, osds: int, weight: float) -> str:
    """A CRUSH map for ``crushtool -c``: one root, one bucket a host, the default replicated rule.

    :param weight: of each OSD, in TiB as Ceph counts it
    """
    lines = [f"tunable {name} {value}" for name, value in _TUNABLES.items()]
    lines += [f"device {osd} osd.{osd} class ssd" for osd in range(osds)]
    lines += [f"type {number} {name}" for number, name in enumerate(_CRUSH_TYPES)]
    root = ["root default {", "  id -1", "  alg straw2", "  hash 0"]
    for position, (name, members) in enumerate(zip(host_names(hosts), host_osds(hosts, osds))):
        lines += [f"host {name} {{", f"  id {-2 - position}", "  alg straw2", "  hash 0"]
        lines += [f"  item osd.{osd} weight {weight:.5f}" for osd in members]
        lines += ["}"]
        root.append(f"  item {name} weight {weight * len(members):.5f}")
    lines += [*root, "}"]
    lines += ["rule replicated_rule {", "  id 0", "  type replicated", "  min_size 1", "  max_size 10"]
    lines += ["  step take default", "  step chooseleaf firstn 0 type host", "  step emit", "}"]
    return "\n".join(lines) + "\n"


def new_key() -> str:
    """A secret as ``ceph-authtool --gen-key`` makes it: type, creation time, length, 16 random bytes."""
    secret = os.urandom(16)
    return base64.b64encode(struct.pack("<HIIH", 1, int(time.time()), 0, len(secret)) + secret).decode()


def keyring_entry(entity: str, key: str, caps: t.Mapping[str, str]) -> str:
    """One section of a keyring file."""
    lines = [f"[{entity}]", f"\tkey = {key}", *(f'\tcaps {service} = "{cap}"' for service, cap in caps.items())]
    return "\n".join(lines) + "\n"
