# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Both APIs of one member in one shape: a call, and JSON or one kind of error."""

from __future__ import annotations

import json
import typing as t
import urllib.parse

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Connection, Unreachable
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3 import MemberV3
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3_error import V3Error

Json = t.Dict[str, t.Any]

_V3 = "/v3/"


class NoAnswer(TuningError):
    """The member does not answer (``status`` 0), or not with success."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """One member at one of its client URLs."""

    def __init__(self, access: Access) -> None:
        """See :class:`Connection` for the errors."""
        self.access = access
        self._v2 = Connection(access)
        self._v3 = MemberV3(access)

    def call(
        self, method: str, path: str, *, body: Json | None = None, form: Json | None = None, timeout_s: float = 30.0
    ) -> Json:
        """Return the JSON of the answer; what is below ``/v3/`` is asked where the member has that API.

        :param body: is sent as JSON.
        :param form: is sent as a form, as the v2 API wants it.
        :raises NoAnswer: when there is none, or it is not one of success.
        """
        try:
            if path.startswith(_V3):
                return self._v3.call(path[len(_V3) :], body or {}, timeout_s)
            return self._call_v2(method, path, body, form, timeout_s)
        except Unreachable as error:
            raise NoAnswer(str(error)) from error
        except V3Error as error:
            raise NoAnswer(str(error), 500) from error

    def close(self) -> None:
        """End the connections."""
        self._v2.close()
        self._v3.__exit__()

    def _call_v2(self, method: str, path: str, body: Json | None, form: Json | None, timeout_s: float) -> Json:
        sent, kind = None, None
        if body is not None:
            sent, kind = json.dumps(body).encode(), "application/json"
        elif form is not None:
            sent, kind = urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded"
        answer = self._v2.request(method, path, sent, kind, timeout_s)
        if answer.status >= 300:
            says = answer.body.decode(errors="replace").strip()[:300]
            raise NoAnswer(f"{self.access.url} answered {answer.status} to {method} {path}: {says}", answer.status)
        return t.cast(Json, answer.json()) if answer.body.strip() else {}
