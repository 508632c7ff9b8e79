# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Give keys the time to live back that a migration takes from them.

``etcdctl migrate`` writes a key with a time to live as one that stays for ever, or with ``--no-ttl`` leaves it out.
Here each gets a lease that ends when the key would have expired.
"""

from __future__ import annotations

import collections
import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import V2Key, V3Key
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.reading import encode

# A transaction takes 128 operations by default.
_BATCH = 100
# What the platform gave a time to live; openshift-ansible's list.
PREFIXES = {
    "/kubernetes.io/events": "events",
    "/kubernetes.io/masterleases": "leases of masters",
    "/openshift.io/oauth/accesstokens": "access tokens",
    "/openshift.io/oauth/authorizetokens": "authorize tokens",
    "/openshift.io/leases/controllers": "leases of controllers",
}


def wanting(before: t.Mapping[str, V2Key], now: t.Mapping[str, V3Key]) -> dict[float, list[str]]:
    """Return the keys that had a time to live and have no lease yet, by the second at which they expire."""
    found: dict[float, list[str]] = collections.defaultdict(list)
    for key, old in before.items():
        if old.expires_at is not None and key in now and not now[key].lease_id:
            found[math.ceil(old.expires_at)].append(key)
    return dict(found)


def grant(api: Api, expires_at: float, keys: t.Sequence[str], present: t.Mapping[str, V3Key], now: float) -> int:
    """Put keys that expire together under one lease, and return how many were. A key that somebody wrote is left.

    A lease is never longer than the key had left, but for what etcd raises it to (a few seconds): what has expired
    while the members were down goes then.
    """
    seconds = max(1, math.floor(expires_at - now))
    lease_id = api.call("POST", "/v3/lease/grant", body={"TTL": str(seconds)})["ID"]
    done = 0
    for start in range(0, len(keys), _BATCH):
        done += _attach(api, lease_id, keys[start : start + _BATCH], present)
    return done


def count_by_prefix(keys: t.Mapping[str, V2Key]) -> dict[str, int]:
    """Return how many keys with a time to live are below each of the platform's prefixes, and elsewhere."""
    found: dict[str, int] = collections.defaultdict(int)
    for key, each in keys.items():
        if each.expires_at is not None:
            found[next((name for prefix, name in PREFIXES.items() if key.startswith(prefix + "/")), "others")] += 1
    return dict(found)


def _attach(api: Api, lease_id: str, keys: t.Sequence[str], present: t.Mapping[str, V3Key]) -> int:
    """Put the lease on all of the keys, or on each that is still as it was."""
    body = {
        "compare": [
            {
                "key": encode(_raw(key)),
                "target": "MOD",
                "result": "EQUAL",
                "mod_revision": str(present[key].mod_revision),
            }
            for key in keys
        ],
        "success": [
            {"request_put": {"key": encode(_raw(key)), "ignore_value": True, "lease": lease_id}} for key in keys
        ],
    }
    if api.call("POST", "/v3/kv/txn", body=body).get("succeeded"):
        return len(keys)
    return 0 if len(keys) == 1 else sum(_attach(api, lease_id, [key], present) for key in keys)


def _raw(key: str) -> bytes:
    return key.encode(errors="surrogateescape")
