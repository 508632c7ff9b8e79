# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How a request is written and its answer read: the path with its query, the API's own words, the pause it asks for."""

from __future__ import annotations

import json
import typing as t
from urllib.parse import quote, urlencode

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

# Longer pauses are not taken from a server.
_LONGEST_PAUSE_S = 60.0


class NotSentAgain(TuningError):
    """One attempt failed: why, whether surely nothing was done by it, and the pause that the server asks for."""

    def __init__(self, why: KubeError, refused_early: bool, retry_after_s: float | None = None) -> None:
        super().__init__(str(why))
        self.why, self.refused_early, self.retry_after_s = why, refused_early, retry_after_s


def encoded(body: Object) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def target_of(path: str, query: t.Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


async def refusal_of(method: str, path: str, response: t.Any) -> KubeError:
    """Return a refusal with the API's own message, without the quoting around it."""
    body = (await response.read()).decode(errors="replace")
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        message = body or response.reason
    text = str(message).strip().rstrip(".")
    return KubeError(f"{method} {path} was refused: {text} (HTTP {response.status}).", response.status)


def retry_after_s(response: t.Any) -> float | None:
    try:
        return min(max(0.0, float(response.headers["Retry-After"])), _LONGEST_PAUSE_S)
    except (KeyError, ValueError):
        return None


def words(error: BaseException) -> str:
    return str(error).rstrip(".") or type(error).__name__
