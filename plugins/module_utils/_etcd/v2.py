# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The v2 API, and what a member says of itself beside both APIs: health, version, metrics."""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Connection, Json

_FORM = "application/x-www-form-urlencoded"
# What etcd counts up with each change of the cluster: every answer of the v2 API carries it.
RAFT_INDEX_HEADER = "x-raft-index"
_KEY_NOT_FOUND = 100


class V2Error(TuningError):
    """The v2 API refused: ``code`` is its own number, or None where it does not serve v2 at all."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class NoV2(V2Error):
    """This member does not serve the v2 API."""


class MemberV2:
    """One member by its v2 API."""

    def __init__(self, access: Access) -> None:
        """See :class:`Connection` for the errors."""
        self.access = access
        self._connection = Connection(access)

    def __enter__(self) -> MemberV2:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()

    def healthy(self) -> bool:
        """Return whether the member says that it is well: it has a leader, and a proposal goes through.

        :raises Unreachable: when it does not answer.
        """
        answer = self._connection.request("GET", "/health")
        try:
            told = answer.json()
        except TuningError:
            return False
        # A string in 3.3 and 3.4, a bool in some of 2.x.
        return answer.status == 200 and isinstance(told, dict) and str(told.get("health")).lower() == "true"

    def version(self) -> tuple[str, str]:
        """Return the version of the member and that of the cluster."""
        told = self._connection.request("GET", "/version").json()
        return str(told["etcdserver"]), str(told["etcdcluster"])

    def metrics(self) -> str:
        """Return the text of ``/metrics``.

        :raises TuningError: when the member serves none here, as with ``--listen-metrics-urls`` alone.
        """
        answer = self._connection.request("GET", "/metrics")
        if answer.status != 200:
            raise TuningError(f"{self.access.url}/metrics answers {answer.status}.")
        return answer.body.decode("utf-8", "replace")

    def members(self) -> list[Json]:
        """Return the members as v2 tells them: C(id) in hexadecimal, C(name), C(peerURLs), C(clientURLs)."""
        return list(self._call("GET", "/v2/members")[0]["members"])

    def leader_id(self) -> str | None:
        """Return the id of the leader in hexadecimal, None while there is none."""
        told = self._call("GET", "/v2/stats/self")[0]
        return (told.get("leaderInfo") or {}).get("leader") or None

    def raft_index(self) -> int:
        """Return how far this member's log has come."""
        return int(self._call("GET", "/v2/keys/")[1][RAFT_INDEX_HEADER])

    def any_keys(self) -> bool:
        """Return whether v2 holds any key, hidden ones aside."""
        return bool(self._call("GET", "/v2/keys/")[0]["node"].get("nodes"))

    def tree(self, key: str = "/", *, quorum: bool = False) -> Json:
        """Return a node with all that is below it. Hidden ones, whose names begin with an underscore, are not told."""
        query = f"?recursive=true&quorum={str(quorum).lower()}"
        return t.cast(Json, self._call("GET", _path(key) + query)[0]["node"])

    def nodes(self, key: str = "/", *, quorum: bool = False) -> t.Iterator[Json]:
        """Return every node below a key that has a value, depth first."""
        left = [self.tree(key, quorum=quorum)]
        while left:
            node = left.pop()
            if node.get("dir"):
                left += reversed(node.get("nodes") or [])
            else:
                yield node

    def get(self, key: str, *, quorum: bool = False) -> Json | None:
        """Return one node; None where there is none."""
        try:
            return t.cast(Json, self._call("GET", f"{_path(key)}?quorum={str(quorum).lower()}")[0]["node"])
        except V2Error as error:
            if error.code == _KEY_NOT_FOUND:
                return None
            raise

    def put(self, key: str, value: str, ttl_s: int | None = None) -> Json:
        """Write one key."""
        form = {"value": value} if ttl_s is None else {"value": value, "ttl": str(ttl_s)}
        return t.cast(Json, self._call("PUT", _path(key), form)[0]["node"])

    def delete(self, key: str) -> None:
        """Remove one key, or a directory with all that is below it."""
        self._call("DELETE", f"{_path(key)}?recursive=true")

    def _call(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[Json, t.Mapping[str, str]]:
        body = urllib.parse.urlencode(form).encode() if form is not None else None
        answer = self._connection.request(method, path, body, _FORM if form is not None else None)
        if answer.status == 404 and RAFT_INDEX_HEADER not in answer.headers and b"errorCode" not in answer.body:
            raise NoV2(f"{self.access.url} does not serve the v2 API.", None)
        told = answer.json()
        if answer.status >= 400:
            message = told.get("message", "") if isinstance(told, dict) else ""
            cause = told.get("cause", "") if isinstance(told, dict) else ""
            code = told.get("errorCode") if isinstance(told, dict) else None
            raise V2Error(f"{self.access.url}: {message or answer.status} ({cause or path}).", code)
        return told, answer.headers


def _path(key: str) -> str:
    return "/v2/keys" + urllib.parse.quote("/" + key.strip("/"))
