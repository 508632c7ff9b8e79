# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What must hold before a member of a cluster is touched; each finding is one that stops a migration.

The checks are those of openshift-ansible, and more: its members were healthy, had a snapshot and no v3
keys, their raft indexes were near each other, and etcd was not embedded in a master.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

Json = t.Dict[str, t.Any]

# Members apply what the leader has committed one after the other; a difference of one is the one on its way.
RAFT_SPREAD = 2
# The kept store, the transformed copy and the backup, and what copies of them are looked at, beside what is in use.
ROOM_FACTOR = 3


def check_hosts(facts: t.Mapping[str, Json], token: str) -> list[Row]:
    """Return what of the hosts, whatever state they are in, stands against a migration or a way back."""
    found = []
    for host, each in facts.items():
        found += _against(host, "etcd_host_migrate", [_other_token(each, token)])
        found += _against(host, "where etcd runs", [_embedded(each)])
        found += _against(host, "ETCD_WAL_DIR", [_wal_dir(each)])
    return found + _strangers(facts)


def check_members(facts: t.Mapping[str, Json]) -> list[Row]:
    """Return what of running members that nobody has begun to migrate stands against it."""
    found = []
    for host, each in facts.items():
        api = each.get("api")
        if not api:
            found += _against(host, "health", [f"does not answer: {each.get('silent') or 'etcd is not running'}"])
            continue
        found += _against(host, "health", [None if api["healthy"] else "is not healthy"])
        found += _against(host, "v2 storage", [None if api["v2"] else "does not serve the v2 API (ETCD_ENABLE_V2)"])
        found += _against(host, "v2 snapshot", [_snapshot(each)])
        found += _against(host, "v3 keys", [_v3_keys(api)])
        found += _against(host, "free disk", [_free(each)])
        found += _against(host, "etcdctl", [_tools(each)])
        found += _against(host, "ETCD_FORCE_NEW_CLUSTER", [_force(each)])
    return found + _spread(facts)


def refusal(host: str, what: str, why: str) -> Row:
    """Return a finding that stops everything; its sentence begins with the host."""
    return row(f"etcd {host}", what, status="refused", why=f"{host} {why}")


def _against(host: str, what: str, findings: t.Iterable[str | None]) -> list[Row]:
    return [refusal(host, what, why) for why in findings if why]


def _other_token(each: Json, token: str) -> str | None:
    own = each["token"]
    return None if own == token else f"belongs to the cluster {own!r}, and etcd_host_migrate names {token!r}"


def _embedded(each: Json) -> str | None:
    if each.get("embedded"):
        return f"runs etcd within a master ({each['embedded']}); such a one is to be moved out of it first"
    return None


def _wal_dir(each: Json) -> str | None:
    return f"keeps its write-ahead log apart, in {each['wal_dir']}" if each.get("wal_dir") else None


def _snapshot(each: Json) -> str | None:
    if each["store"]["snapshots"]:
        return None
    return (
        "has no v2 snapshot yet, without which members that are added would get the log in place of the migrated keys; "
        "let it write more, or start it with a lower ETCD_SNAPSHOT_COUNT"
    )


def _v3_keys(api: Json) -> str | None:
    count = api["v3_keys"]
    if not count:
        return None
    return f"has {count} v3 key{'s' * (count > 1)} already, which would be mixed with those of v2"


def _free(each: Json) -> str | None:
    wanted, free = ROOM_FACTOR * each["store"]["bytes"], each["store"]["free_bytes"]
    if free >= wanted:
        return None
    return f"has {free >> 20} MiB free beside its store, and copies of it take up to {(wanted >> 20) + 1} MiB"


def _tools(each: Json) -> str | None:
    return each["tools"].get("against") or None


def _force(each: Json) -> str | None:
    return "would begin a new cluster at its next start" if each["settings"]["force"] else None


def _strangers(facts: t.Mapping[str, Json]) -> list[Row]:
    """Return the members of the cluster that are no hosts of this run: half a cluster cannot be migrated."""
    urls = {url for each in facts.values() for url in each["settings"]["peer_urls"]}
    found: dict[str, Row] = {}
    for host, each in facts.items():
        for member in (each.get("api") or {}).get("members", []):
            if not urls.intersection(member["peer_urls"]):
                name = member["name"] or member["id"]
                why = f"is a member of the cluster, as {host} says, and not among the hosts of this run"
                found.setdefault(name, refusal(name, "member", why))
    return list(found.values())


def _spread(facts: t.Mapping[str, Json]) -> list[Row]:
    spreads = {host: each["api"]["raft_spread"] for host, each in facts.items() if (each.get("api") or {}).get("v2")}
    far = {host: spread for host, spread in spreads.items() if spread is None or spread >= RAFT_SPREAD}
    if not far:
        return []
    host, spread = max(far.items(), key=lambda item: (item[1] is None, item[1] or 0))
    says = "cannot be read of all members" if spread is None else f"differ by {spread}, and may by {RAFT_SPREAD - 1}"
    return [row("etcd", "raft index", status="refused", why=f"the raft indexes that {host} sees {says}")]
