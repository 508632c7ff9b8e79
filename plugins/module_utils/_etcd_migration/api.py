# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""HTTP to one member, with its own certificates and nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import ssl
import typing as t
import urllib.parse

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

Json = t.Dict[str, t.Any]

# Where the gateway of the v3 API is: since etcd 3.4, 3.3 and 3.1.
_GATEWAYS = ("/v3", "/v3beta", "/v3alpha")


class NoAnswer(TuningError):
    """The member does not answer, or not with success; ``status`` is 0 or what it answered."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """One member at one of its client URLs."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self.url = url
        self._parts = urllib.parse.urlsplit(url)
        self._context = context
        self._gateway = ""
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self, method: str, path: str, *, body: Json | None = None, form: Json | None = None, timeout_s: float = 30.0
    ) -> Json:
        """Return the JSON of the answer; ``/v3/`` in the path is where the member has that API.

        :param body: is sent as JSON.
        :param form: is sent as a form, as the v2 API wants it.
        :raises NoAnswer: when there is none, or it is not one of success.
        """
        if not path.startswith("/v3/"):
            return self._ask(method, path, body, form, timeout_s)
        for gateway in [self._gateway] if self._gateway else _GATEWAYS:
            try:
                found = self._ask(method, gateway + path[len("/v3") :], body, form, timeout_s)
            except NoAnswer as error:
                if error.status == 404 and not self._gateway and gateway != _GATEWAYS[-1]:
                    continue
                raise
            self._gateway = gateway
            return found
        raise AssertionError("unreachable")

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, method: str, path: str, body: Json | None, form: Json | None, timeout_s: float) -> Json:
        sent, headers = None, {}
        if body is not None:
            sent, headers = json.dumps(body), {"Content-Type": "application/json"}
        elif form is not None:
            sent, headers = urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection = self._connect(timeout_s)
            connection.request(method, path, sent, headers)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status >= 300:
                says = content.decode(errors="replace").strip()[:300]
                raise NoAnswer(f"{self.url} answered {answer.status} to {method} {path}: {says}", answer.status)
            return t.cast(Json, json.loads(content) if content.strip() else {})
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            raise NoAnswer(f"{self.url} does not answer {method} {path}: {error}.") from error

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                self._connection = http.client.HTTPSConnection(host, port, timeout=timeout_s, context=self._context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        return self._connection
