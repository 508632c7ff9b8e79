# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CDI's importer finds when it connects to an image's URL: nothing wrong, or its termination message."""

from __future__ import annotations

import http
import http.client
import socket
import urllib.error
import urllib.request

TIMEOUT_S = 10.0
MESSAGE = "Unable to connect to http data source: {}"


class _Straight(urllib.request.ProxyHandler):
    def __init__(self) -> None:
        super().__init__({})


def problem(url: str) -> str | None:
    """Ask for the head and the first bytes of an image; returns the importer's message when that fails."""
    opener = urllib.request.build_opener(_Straight())
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "cdi-golang-importer"})
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            answer.read(512)
            if answer.status == http.HTTPStatus.OK:
                return None
            return MESSAGE.format(_unexpected(answer.status))
    except urllib.error.HTTPError as error:
        return MESSAGE.format(_unexpected(error.code))
    except urllib.error.URLError as error:
        return MESSAGE.format(f'HTTP request errored: Get "{url}": {_reason(error.reason)}')
    except (OSError, ValueError, http.client.HTTPException) as error:
        return MESSAGE.format(f'HTTP request errored: Get "{url}": {_reason(error)}')


def _unexpected(status: int) -> str:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"expected status code 200, got {status}. Status: {status} {phrase}".rstrip()


def _reason(error: object) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "dial tcp: connect: connection refused"
    if isinstance(error, (TimeoutError, socket.timeout)):
        return "context deadline exceeded"
    if isinstance(error, socket.gaierror):
        return "dial tcp: lookup: no such host"
    return str(error)
