# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the migration reads from one member: all keys of either storage, leases, and the counters of writes."""

from __future__ import annotations

import base64
import typing as t
import urllib.parse

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api, Json
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import (
    V2Keys,
    V3Key,
    digest_of,
    flatten,
)

# Below this depth a directory is fetched whole: /kubernetes.io/pods and the like. One answer with all would be kept in
# memory twice, by the member and here.
_DEPTH = 2
_PAGE = 1000
# What v2 writes count as in the store's statistics. An expiration is nobody's write.
_WRITES = (
    "setsSuccess",
    "deleteSuccess",
    "updateSuccess",
    "createSuccess",
    "compareAndSwapSuccess",
    "compareAndDeleteSuccess",
)


def read_v2_keys(api: Api) -> V2Keys:
    """Return every key that the v2 API lists, as this member has it."""
    keys: V2Keys = {}
    pending: list[tuple[str, int, float | None]] = [("", 0, None)]
    while pending:
        path, depth, expires_at = pending.pop()
        whole = depth >= _DEPTH
        node = api.call("GET", f"/v2/keys{urllib.parse.quote(path) or '/'}{'?recursive=true' if whole else ''}")["node"]
        if whole or not node.get("dir"):
            keys.update(flatten(node, expires_at))
            continue
        for child in node.get("nodes") or []:
            if child.get("dir"):
                pending.append((child["key"], depth + 1, _expiry(node, expires_at)))
            else:
                keys.update(flatten(child, _expiry(node, expires_at)))
    return keys


def count_v2_writes(api: Api) -> int:
    """Return how many writes of clients the v2 storage has seen since the member was started."""
    found = api.call("GET", "/v2/stats/store")
    return sum(int(found.get(name, 0)) for name in _WRITES)


def read_v3_keys(api: Api, prefix: bytes = b"\0") -> tuple[dict[str, V3Key], int]:
    """Return every v3 key as this member itself has it, all of one revision, and that revision."""
    keys: dict[str, V3Key] = {}
    revision = 0
    start = prefix
    while True:
        found = api.call(
            "POST",
            "/v3/kv/range",
            body={
                "key": encode(start),
                "range_end": encode(b"\0"),
                "limit": _PAGE,
                "serializable": True,
                "revision": revision,
            },
        )
        revision = revision or int(found["header"].get("revision", 0))
        for each in found.get("kvs", []):
            name = base64.b64decode(each["key"])
            keys[name.decode(errors="surrogateescape")] = V3Key(
                digest_of(base64.b64decode(each.get("value", ""))),
                int(each.get("lease", 0)),
                int(each.get("mod_revision", 0)),
            )
            # The next page begins with it again, because no argument of etcdctl can hold the zero byte behind it.
            start = name
        if not found.get("more"):
            return keys, revision


def count_v3_keys(api: Api) -> tuple[int, int]:
    """Return how many v3 keys this member has, and its revision."""
    whole = {"key": encode(b"\0"), "range_end": encode(b"\0"), "count_only": True, "serializable": True}
    found = api.call("POST", "/v3/kv/range", body=whole)
    return int(found.get("count", 0)), int(found["header"].get("revision", 0))


def count_v3_keys_since(api: Api, revision: int) -> int:
    """Return how many v3 keys were written after a revision; those deleted since are not among them."""
    keys, _now = read_v3_keys(api)
    return sum(1 for each in keys.values() if each.mod_revision > revision)


def read_leases(api: Api, lease_ids: t.Iterable[int]) -> dict[int, float]:
    """Return how many seconds each lease has left, without those that are over."""
    remaining: dict[int, float] = {}
    for lease_id in lease_ids:
        found = api.call("POST", "/v3/lease/timetolive", body={"ID": str(lease_id)})
        if int(found.get("TTL", -1)) >= 0:
            remaining[lease_id] = float(found.get("TTL", 0))
    return remaining


def encode(name: bytes) -> str:
    """Return a key or a value as the gateway wants it."""
    return base64.b64encode(name).decode()


def _expiry(node: Json, inherited: float | None) -> float | None:
    """Return when a directory expires: the keys below it do so with it."""
    probe = {**node, "dir": False, "value": "", "key": ""}
    return next(each.expires_at for _key, each in flatten(probe, inherited))
