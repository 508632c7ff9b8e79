# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One look at a member and at the cluster that it sees: who is there and leads, what it holds, how it reads."""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import schema
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Json, Unreachable
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v2 import MemberV2, NoV2, V2Error
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3 import MemberV3, Status
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3_error import V3Error

# A key that is not there: a read of it goes the same way as one of a key that is.
_READ = b"virtscale.tuning/quorum-read"


@dataclass
class Look:
    """What a member told; ``notes`` say what could not be told, and why."""

    healthy: bool
    version: str | None = None
    cluster_version: str | None = None
    status: Status | None = None
    alarms: list[str] = field(default_factory=list)
    via: str | None = None
    members: list[Json] = field(default_factory=list)
    v2_keys: bool | None = None
    v3_keys: int | None = None
    quorum: Json = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def schema(self) -> str | None:
        """Which storage holds keys."""
        return schema.in_use(self.v2_keys, self.v3_keys)


def look(access: Access) -> Look:
    """Return what a member tells.

    :raises Unreachable: when it does not answer at all.
    """
    with MemberV2(access) as v2, MemberV3(access) as v3:
        found = Look(healthy=v2.healthy())
        found.version, found.cluster_version = v2.version()
        _look_by_v3(v3, found)
        _look_by_v2(v2, found)
        found.quorum = _quorum(v2, v3, found)
        found.via = v3.via
    for member in found.members:
        _ask_other(access, member, found)
    return found


def _look_by_v3(v3: MemberV3, found: Look) -> None:
    try:
        found.status = v3.status()
        leader = found.status.leader_id
        found.members = [
            {
                "id": f"{each.member_id:x}",
                "name": each.name or None,
                "peer_urls": list(each.peer_urls),
                "client_urls": list(each.client_urls),
                "learner": each.learner,
                "leader": each.member_id == leader,
            }
            for each in v3.members()
        ]
        found.alarms = v3.alarms()
    except TuningError as error:
        found.notes.append(f"v3: {error}")


def _look_by_v2(v2: MemberV2, found: Look) -> None:
    try:
        found.v2_keys = v2.any_keys()
        if not found.members:
            leader = v2.leader_id()
            found.members = [
                {
                    "id": each["id"],
                    "name": each["name"] or None,
                    "peer_urls": each["peerURLs"],
                    "client_urls": each["clientURLs"],
                    "learner": False,
                    "leader": each["id"] == leader,
                }
                for each in v2.members()
            ]
    except NoV2:
        found.v2_keys = None
    except TuningError as error:
        found.notes.append(f"v2: {error}")


def _quorum(v2: MemberV2, v3: MemberV3, found: Look) -> Json:
    """Read through this member with a quorum and without, and note what each took."""
    read: dict[str, t.Callable[[], t.Any]] = {
        "linearizable": lambda: v3.range(_READ),
        "serializable": lambda: v3.range(_READ, serializable=True),
    }
    if found.v2_keys is not None:
        read["v2_quorum"] = lambda: v2.get(_READ.decode(), quorum=True)
    told: Json = {name: _timed(call) for name, call in read.items()}
    try:
        found.v3_keys = v3.count(serializable=not told["linearizable"]["ok"])
    except TuningError as error:
        found.notes.append(f"v3 keys: {error}")
    return told


def _timed(call: t.Callable[[], t.Any]) -> Json:
    began = time.monotonic()
    try:
        call()
    except (V2Error, V3Error, Unreachable) as error:
        return {"ok": False, "ms": round((time.monotonic() - began) * 1000, 2), "error": str(error)}
    return {"ok": True, "ms": round((time.monotonic() - began) * 1000, 2), "error": None}


def _ask_other(access: Access, member: Json, found: Look) -> None:
    """Ask another member, over the URL that it advertises, whether it is well and how far it has come."""
    member.update(healthy=False, version=None, raft_index=None, raft_term=None)
    for url in member["client_urls"]:
        try:
            with MemberV2(access.to(url)) as v2, MemberV3(access.to(url)) as v3:
                member["healthy"] = v2.healthy()
                member["version"] = v2.version()[0]
                status = v3.status()
                member.update(raft_index=status.raft_index, raft_term=status.raft_term)
            return
        except TuningError as error:
            found.notes.append(f"member {member['name'] or member['id']}: {error}")


def as_member(found: Look) -> Json:
    """Return what a result tells of the member itself."""
    status = asdict(found.status) if found.status else {}
    own = f"{found.status.member_id:x}" if found.status else None
    name = next((each["name"] for each in found.members if each["id"] == own), None)
    return {
        "id": own,
        "name": name,
        "version": found.version,
        "cluster_version": found.cluster_version,
        "healthy": found.healthy,
        "leader": found.status.leads if found.status else None,
        "raft_index": status.get("raft_index"),
        "raft_applied_index": status.get("raft_applied_index"),
        "raft_term": status.get("raft_term"),
        "revision": status.get("revision"),
        "errors": list(status.get("errors") or ()),
        "alarms": found.alarms,
        "via": found.via,
    }
