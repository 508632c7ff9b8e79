# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three members as a survey finds them, at any point of a migration."""

from __future__ import annotations

import copy
import typing as t

Json = t.Dict[str, t.Any]

HOSTS = ("etcd01", "etcd02", "etcd03")


def untouched(count: int = 3) -> dict[str, Json]:
    """Return healthy members with v2 keys, that nobody has begun to migrate."""
    hosts = HOSTS[:count]
    members = [
        {"id": f"{number}a", "name": host, "started": True, "peer_urls": [_peer(host)], "client_urls": [_client(host)]}
        for number, host in enumerate(hosts)
    ]
    return {host: _facts(host, copy.deepcopy(members)) for host in hosts}


def kept(*, first_stored: str = "", joined: t.Sequence[str] = (), running: bool = True) -> dict[str, Json]:
    """Return members of which every v2 store is kept, with what the first one has in use and who has joined it."""
    found = untouched()
    for host, each in found.items():
        each["journal"]["begun"] = True
        each["store"].update(kept=True, was_kept=True, backup=True, keys=True, member=host in joined)
        each["api"] = None
    first = found["etcd01"]
    if first_stored:
        first["store"].update(member=True, mark=first_stored, was_first=True)
    if first_stored and running:
        alive = ["etcd01", *joined]
        for host in alive:
            found[host]["api"] = untouched()[host]["api"]
            found[host]["api"]["members"] = [each for each in found[host]["api"]["members"] if each["name"] in alive]
    return found


def finished() -> dict[str, Json]:
    """Return members that were migrated."""
    found = kept(first_stored="migrated-from-v2", joined=HOSTS[1:])
    for each in found.values():
        each["journal"].update(finished=True, compared_at=500)
        each["written_since"] = 0
        each["api"]["v3_keys"] = 400
    return found


def _facts(host: str, members: list[Json]) -> Json:
    return {
        "name": host,
        "token": "lab",
        "data_dir": "/var/lib/etcd",
        "wal_dir": "",
        "settings": {"force": False, "peer_urls": [_peer(host)], "client_urls": [_client(host)]},
        "store": {
            "member": True,
            "kept": False,
            "mark": "",
            "was_kept": False,
            "was_first": False,
            "joined_back": False,
            "keys": False,
            "backup": False,
            "snapshots": 3,
            "bytes": 130 << 20,
            "free_bytes": 4 << 30,
        },
        "process": {"pid": 42, "name": "etcd"},
        "embedded": "",
        "tools": {"etcd": "3.4.23", "etcdctl": "3.4.23", "against": ""},
        "journal": {"begun": False, "compared_at": None, "finished": False},
        "api": {
            "healthy": True,
            "members": members,
            "v3_keys": 0,
            "revision": 1,
            "v2": True,
            "raft_spread": 0,
            "v2_keys": 400,
        },
    }


def _peer(host: str) -> str:
    return f"https://{host}:2380"


def _client(host: str) -> str:
    return f"https://{host}:2379"
