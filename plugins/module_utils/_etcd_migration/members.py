# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The members of a cluster through one of them: list, health, raft indexes, and how one is added.

The members API of v2 is used: every version that can be migrated has it, and a member answers it from what it knows
itself.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api, NoAnswer
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.checks import RAFT_SPREAD
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.reading import encode

Json = t.Dict[str, t.Any]

_ATTEMPTS = 3
_BETWEEN_S = 5.0
# A cluster takes a member only when its others have been connected for five seconds.
_ADD_S = 120.0


def list_members(api: Api) -> list[Json]:
    """Return the members that this one knows of."""
    return [
        {
            "id": each["id"],
            "name": each["name"],
            "started": bool(each["name"]),
            "peer_urls": each["peerURLs"],
            "client_urls": each["clientURLs"],
        }
        for each in api.call("GET", "/v2/members").get("members") or []
    ]


def healthy(api: Api) -> bool:
    """Return whether the member says that it is well: that it can commit."""
    try:
        return str(api.call("GET", "/health", timeout_s=10.0).get("health")).lower() == "true"
    except NoAnswer:
        return False


def caught_up(api: Api) -> bool:
    """Return whether the member answers a linearizable read: it has applied all that was committed before."""
    try:
        api.call("POST", "/v3/kv/range", body={"key": encode(b"/"), "limit": 1, "keys_only": True}, timeout_s=10.0)
    except NoAnswer:
        return False
    return True


def raft_spread(members: t.Sequence[Json], access: Access) -> int | None:
    """Return by how much the raft indexes of all members differ, at the best of a few moments; None if unreadable."""
    best = None
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_BETWEEN_S)
        indexes = [_raft_index(each, access) for each in members]
        known = [index for index in indexes if index is not None]
        if not known or len(known) != len(indexes):
            continue
        spread = max(known) - min(known)
        best = spread if best is None else min(best, spread)
        if best < RAFT_SPREAD:
            break
    return best


def await_members(api: Api, count: int, timeout_s: float) -> list[Json]:
    """Wait until the member is well, caught up, and knows of so many started members; return them.

    :raises TuningError: when that does not come about.
    """
    end = time.monotonic() + timeout_s
    says = "it does not answer"
    while time.monotonic() < end:
        try:
            members = list_members(api)
            started = [each for each in members if each["started"]]
            if len(started) == count == len(members) and healthy(api) and caught_up(api):
                return members
            says = f"{len(started)} of {len(members)} members are started, and {count} should be"
            if len(started) == count == len(members):
                says = "it is not healthy"
        except NoAnswer as error:
            says = str(error)
        time.sleep(0.5)
    raise TuningError(f"After {timeout_s:.0f} s the member at {api.access.url} is not ready: {says}")


def add_member(api: Api, peer_urls: list[str]) -> bool:
    """Add a member, and return whether it had to be; the cluster may need a while until it takes one.

    :raises TuningError: when it takes none.
    """
    end = time.monotonic() + _ADD_S
    while True:
        if any(set(each["peer_urls"]) & set(peer_urls) for each in list_members(api)):
            return False
        try:
            api.call("POST", "/v2/members", body={"peerURLs": peer_urls})
            return True
        except NoAnswer as error:
            if time.monotonic() > end:
                raise TuningError(f"The cluster takes no member: {error}") from error
        time.sleep(2.0)


def set_peer_urls(api: Api, name: str, peer_urls: list[str]) -> bool:
    """Let the members find one where it listens, and return whether that had to be done: a backup forgets it."""
    own = next(each for each in list_members(api) if each["name"] == name)
    if set(own["peer_urls"]) == set(peer_urls):
        return False
    api.call("PUT", f"/v2/members/{own['id']}", body={"peerURLs": peer_urls})
    return True


def initial_cluster(members: t.Sequence[Json], name: str, peer_urls: t.Sequence[str]) -> str:
    """Return ETCD_INITIAL_CLUSTER for one that joins; it has no name in the list yet."""
    found = []
    for each in members:
        own = bool(set(each["peer_urls"]) & set(peer_urls))
        found += [f"{name if own else each['name']}={url}" for url in each["peer_urls"]]
    return ",".join(found)


def _raft_index(member: Json, access: Access) -> int | None:
    for url in member["client_urls"]:
        api = Api(access.to(url))
        with contextlib.suppress(NoAnswer), contextlib.closing(api):
            return int(api.call("POST", "/v3/maintenance/status", body={}, timeout_s=5.0).get("raftIndex", 0))
    return None
