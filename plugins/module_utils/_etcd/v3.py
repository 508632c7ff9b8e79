# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The v3 API: by the JSON gateway that every member from 3.2 on has, else by the host's own etcdctl.

The gateway is a client of its own member, with the member's *server* certificate. Where that certificate is not valid
for clients, as early OpenShift 3's are not, the member refuses its own gateway, and only etcdctl is left. Both give the
same JSON. See https://github.com/etcd-io/etcd/issues/9785.
"""

from __future__ import annotations

import base64
import json
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.etcdctl import Etcdctl
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Connection, Json
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3_error import V3Error

# 3.4 and newer; 3.3; 3.2.
_PREFIXES = ("/v3", "/v3beta", "/v3alpha")
_NOT_FOUND_STATUSES = (404, 405)
_UNAVAILABLE = 14
# What etcd itself says begins with this; what does not comes from the gateway's own connection.
_ETCD_SAYS = "etcdserver:"
_DEFRAGMENT_S = 600.0


@dataclass(frozen=True)
class Status:
    """What a member says of itself. ``db_in_use_bytes`` is None before 3.4; ids are whole numbers."""

    version: str
    db_size_bytes: int
    db_in_use_bytes: int | None
    member_id: int
    leader_id: int
    raft_index: int
    raft_applied_index: int
    raft_term: int
    revision: int
    errors: tuple[str, ...]

    @property
    def leads(self) -> bool:
        """Whether this member is the leader."""
        return self.leader_id == self.member_id


@dataclass(frozen=True)
class Member:
    """One member of a cluster, as the cluster knows it; a member that has never started has no name."""

    member_id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    learner: bool


@dataclass(frozen=True)
class KeyValue:
    """One key; ``lease`` is 0 where it lives for ever."""

    key: bytes
    value: bytes
    lease: int
    mod_revision: int


@dataclass(frozen=True)
class Range:
    """What a read found: ``count`` keys in all, some of which may have been left off by a limit."""

    kvs: tuple[KeyValue, ...]
    count: int
    revision: int


class MemberV3:
    """One member by its v3 API."""

    def __init__(self, access: Access, etcdctl: str | None = "etcdctl") -> None:
        """Choose the way when it is first needed.

        :param etcdctl: the program for where the gateway does not answer; None: never.
        """
        self.access = access
        self.via: str | None = None
        self._connection = Connection(access)
        self._etcdctl = Etcdctl(access, etcdctl) if etcdctl else None
        self._prefix: str | None = None

    def __enter__(self) -> MemberV3:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def status(self) -> Status:
        """Return the member's status.

        :raises V3Error: when it refuses; :raises Unreachable: when it does not answer.
        """
        told = self.call("maintenance/status", {})
        header = told["header"]
        in_use = told.get("dbSizeInUse")
        return Status(
            version=str(told["version"]),
            db_size_bytes=_int(told, "dbSize"),
            db_in_use_bytes=None if in_use is None else int(in_use),
            member_id=_int(header, "member_id"),
            leader_id=_int(told, "leader"),
            raft_index=_int(told, "raftIndex"),
            raft_applied_index=_int(told, "raftAppliedIndex"),
            raft_term=_int(told, "raftTerm"),
            revision=_int(header, "revision"),
            errors=tuple(told.get("errors") or ()),
        )

    def members(self) -> list[Member]:
        """Return the members of the cluster."""
        return [
            Member(
                _int(told, "ID"),
                str(told.get("name") or ""),
                tuple(told.get("peerURLs") or ()),
                tuple(told.get("clientURLs") or ()),
                bool(told.get("isLearner")),
            )
            for told in self.call("cluster/member/list", {})["members"]
        ]

    def range(
        self,
        key: bytes,
        range_end: bytes = b"",
        *,
        limit: int = 0,
        keys_only: bool = False,
        count_only: bool = False,
        serializable: bool = False,
        revision: int = 0,
        timeout_s: float | None = None,
    ) -> Range:
        """Read keys; linearizable unless ``serializable``. A ``range_end`` of one zero byte reads to the end."""
        asked: Json = {"key": _b64(key)}
        if range_end:
            asked["range_end"] = _b64(range_end)
        for name, value in (("limit", limit), ("revision", revision)):
            if value:
                asked[name] = value
        for name, wanted in (("keys_only", keys_only), ("count_only", count_only), ("serializable", serializable)):
            if wanted:
                asked[name] = True
        told = self.call("kv/range", asked, timeout_s)
        kvs = tuple(
            KeyValue(_bytes(kv, "key"), _bytes(kv, "value"), _int(kv, "lease"), _int(kv, "mod_revision"))
            for kv in told.get("kvs") or ()
        )
        return Range(kvs, _int(told, "count"), _int(told["header"], "revision"))

    def count(self, *, serializable: bool = False) -> int:
        """Return how many v3 keys there are, without reading them."""
        return self.range(b"\0", b"\0", count_only=True, serializable=serializable).count

    def put(self, key: bytes, value: bytes, lease: int = 0) -> None:
        """Write one key."""
        self.call("kv/put", {"key": _b64(key), "value": _b64(value), **({"lease": lease} if lease else {})})

    def grant_lease(self, ttl_s: int) -> int:
        """Make a lease, and return its id."""
        return _int(self.call("lease/grant", {"TTL": ttl_s}), "ID")

    def alarms(self) -> list[str]:
        """Return the alarms that are raised: NOSPACE, CORRUPT."""
        told = self.call("maintenance/alarm", {"action": "GET"})
        names = {1: "NOSPACE", 2: "CORRUPT"}
        raised = [alarm.get("alarm") for alarm in told.get("alarms") or ()]
        return [names.get(alarm, str(alarm)) if isinstance(alarm, int) else str(alarm) for alarm in raised]

    def defragment(self) -> None:
        """Write the member's database anew without the free pages. The member answers nobody meanwhile."""
        self.call("maintenance/defragment", {}, _DEFRAGMENT_S)

    def call(self, service: str, body: Json, timeout_s: float | None = None) -> Json:
        """Call a service by its path behind the gateway's prefix, such as C(kv/range).

        :raises V3Error: when etcd refuses; :raises Unreachable: when the member does not answer.
        """
        if self.via == "etcdctl" and self._etcdctl is not None:
            return self._etcdctl.call(service, body, timeout_s)
        try:
            return self._by_gateway(service, body, timeout_s)
        except V3Error as error:
            # Never after the gateway has once worked: the request may have been carried out.
            if self.via is not None or not error.gateway_fails or self._etcdctl is None:
                raise
            self._etcdctl.check(str(error))
            self.via = "etcdctl"
            return self._etcdctl.call(service, body, timeout_s)

    def _by_gateway(self, service: str, body: Json, timeout_s: float | None) -> Json:
        content = json.dumps(body).encode()
        for prefix in (self._prefix,) if self._prefix else _PREFIXES:
            answer = self._connection.request("POST", f"{prefix}/{service}", content, "application/json", timeout_s)
            if answer.status in _NOT_FOUND_STATUSES and not answer.body.startswith(b"{"):
                continue
            told = answer.json()
            if answer.status != 200 or not isinstance(told, dict) or "error" in told:
                raise _error(self.access.url, answer.status, told)
            self._prefix, self.via = prefix, "gateway"
            return told
        raise V3Error(f"{self.access.url} has no JSON gateway of the v3 API.", None, gateway_fails=True)


def _error(url: str, status: int, told: t.Any) -> V3Error:
    told = told if isinstance(told, dict) else {}
    message = str(told.get("message") or told.get("error") or status)
    code = told.get("code")
    fails = code == _UNAVAILABLE and not message.startswith(_ETCD_SAYS)
    return V3Error(f"{url}: {message}.", code, gateway_fails=fails)


def _int(told: t.Mapping[str, t.Any], name: str) -> int:
    """Return a number; protobuf's JSON writes 64-bit ones as strings and leaves zeros out."""
    try:
        return int(told.get(name) or 0)
    except (TypeError, ValueError) as error:
        raise TuningError(f"etcd answered {told.get(name)!r} for {name}, which is no number.") from error


def _bytes(told: t.Mapping[str, t.Any], name: str) -> bytes:
    return base64.b64decode(told.get(name) or "")


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
