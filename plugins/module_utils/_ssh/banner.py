# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The first line of an SSH server, looked at without taking it away from who speaks SSH afterwards.

A login costs both sides 10 to 20 ms of processor time, a look at this line nearly nothing: so thousands of machines
that boot can be asked all the time whether it is there yet.
"""

from __future__ import annotations

import asyncio
import socket

from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import BANNER, SshError

_VERSION = b"SSH-"
# RFC 4253, 4.2: lines of greeting may come before the version; this much of them is looked through.
_LOOKED_AT = 4096
# Half a line says nothing, and the kernel would tell of it again at once.
_AGAIN_S = 0.05


async def read_banner(opened: socket.socket, timeout_s: float) -> str:
    """Return the line with the server's version; all that it sent stays to be read.

    :param opened: a connected, non-blocking socket.
    :raises SshError: of the stage ``banner``.
    """
    try:
        return await asyncio.wait_for(_look(opened), timeout_s)
    except asyncio.TimeoutError as error:
        raise SshError(
            BANNER, f"the port is open, but no SSH server spoke within {timeout_s:g} s{_said(opened)}"
        ) from error
    except OSError as error:
        message = "the connection was closed before an SSH server spoke"
        raise SshError(BANNER, f"{message}: {error.strerror or error}") from error


async def _look(opened: socket.socket) -> str:
    while True:
        await _readable(opened)
        seen = opened.recv(_LOOKED_AT, socket.MSG_PEEK)
        if not seen:
            raise SshError(BANNER, "the connection was closed before an SSH server spoke")
        *lines, _rest = seen.split(b"\n")
        for line in lines:
            if line.startswith(_VERSION):
                return line.strip().decode(errors="replace")
        if len(seen) == _LOOKED_AT:
            raise SshError(BANNER, f"it is no SSH server that answers; it says {_quoted(seen)}")
        await asyncio.sleep(_AGAIN_S)


async def _readable(opened: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(opened, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(opened)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _said(opened: socket.socket) -> str:
    try:
        return f"; it said {_quoted(opened.recv(_LOOKED_AT, socket.MSG_PEEK))}"
    except OSError:
        return ""


def _quoted(seen: bytes) -> str:
    line = seen.split(b"\n")[0].strip().decode(errors="replace")
    return repr(line[:60])
