# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How a member is reached: its URL and the certificates of a client, and one HTTP request after the other."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import typing as t
import urllib.parse
from dataclasses import dataclass, replace

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError

Json = t.Dict[str, t.Any]
DEFAULT_PORT = 2379


class Unreachable(TuningError):
    """Nobody answers at the URL, or not in time."""


@dataclass(frozen=True)
class Access:
    """The way to one member. Without ``ca_file``, the machine's own CAs are believed."""

    url: str
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    timeout_s: float = 5.0

    def to(self, url: str) -> Access:
        """Return the way to another member with the same certificates."""
        return replace(self, url=url)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes

    def json(self) -> t.Any:
        """Return the body as JSON.

        :raises TuningError: when it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise TuningError(f"etcd answered {self.status} and no JSON: {self.body[:200]!r}.") from error


class Connection:
    """Requests to one member, one after the other over one connection, which is made anew when it has ended."""

    def __init__(self, access: Access) -> None:
        """Read the certificates.

        :raises TuningError: for a URL that is none, and for certificates that cannot be read.
        """
        self.access = access
        parts = urllib.parse.urlsplit(access.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidValue("client URL", access.url, "a URL such as https://10.0.0.1:2379")
        self._host, self._port = parts.hostname, parts.port or DEFAULT_PORT
        self._tls = _tls(access) if parts.scheme == "https" else None
        self._open: http.client.HTTPConnection | None = None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send one request and return its answer, whatever its status.

        A connection that the member closed while it was idle is opened again; a request that it may have seen is not
        sent twice.

        :raises Unreachable: when nobody answers in time.
        """
        fresh = self._open is None
        try:
            return self._once(method, path, body, content_type, timeout_s)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as error:
            self.close()
            if fresh or method not in ("GET", "HEAD"):
                raise Unreachable(f"{self.access.url} closed the connection: {error}.") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(f"{self.access.url} does not answer: {_words(error)}.") from error
        return self.request(method, path, body, content_type, timeout_s)

    def close(self) -> None:
        """End the connection; the next request opens another one."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _once(
        self, method: str, path: str, body: bytes | None, content_type: str | None, timeout_s: float | None
    ) -> Answer:
        timeout = timeout_s or self.access.timeout_s
        if self._open is None:
            self._open = self._connect()
        connection = self._open
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.timeout = timeout
        connection.request(method, path, body, {"Content-Type": content_type} if content_type else {})
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is not None:
            return http.client.HTTPSConnection(self._host, self._port, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port)


def _tls(access: Access) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=access.ca_file)
        if access.cert_file:
            context.load_cert_chain(access.cert_file, access.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (access.ca_file, access.cert_file, access.key_file)))
        raise TuningError(f"The certificates for {access.url} cannot be read ({files}): {error}.") from error
    return context


def _words(error: BaseException) -> str:
    if isinstance(error, socket.timeout):
        return "no answer in time"
    return str(error) or type(error).__name__
