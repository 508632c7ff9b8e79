# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One attempt to reach a machine as a person would: its SSH server speaks, or lets somebody in."""

from __future__ import annotations

import asyncio
import socket
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.banner import read_banner
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.credentials import Credentials
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import LOGIN, SshError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import Route, Target
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.session import (
    Patience,
    log_in,
    open_connection,
)

# Understood by the shells of Linux and of Windows alike; a user without a shell fails at it.
_COMMAND = "exit 0"


class Gates:
    """What bounds many attempts that run beside each other.

    Connections are bounded while they are opened, logins while they are worked on. A connection that waits for the
    other side's first line costs nearly nothing, so machines that hang there do not keep others waiting.
    """

    def __init__(self, connecting: int, logins: int) -> None:
        self.connecting = asyncio.Semaphore(connecting)
        self.logins = asyncio.Semaphore(logins)


class Attempt:
    """One attempt over one connection; what it knows of itself stays to be read when it has failed."""

    def __init__(
        self,
        target: Target,
        route: Route,
        login: Credentials | None,
        gates: Gates,
        patience: Patience = Patience(),  # noqa: B008
        now: t.Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare it.

        :param login: who logs in and leaves again; None is content with the server's first line.
        """
        self._target, self._route, self._login = target, route, login
        self._gates, self._patience, self._now = gates, patience, now
        # When the connection began to be opened, and for how long it waited for its turn to log in.
        self.began: float | None = None
        self.queued_s = 0.0

    async def run(self) -> None:
        """Return when the machine answered.

        :raises SshError: when it did not, with the stage that failed.
        """
        async with self._gates.connecting:
            self.began = self._now()
            opened = await open_connection(self._target, self._route, self._patience)
        try:
            await read_banner(opened, self._patience.banner_s)
            if self._login:
                await self._log_in_and_out(opened, self._login)
        finally:
            # asyncssh has closed it after a login, and closing again does nothing.
            opened.close()

    async def _log_in_and_out(self, opened: socket.socket, login: Credentials) -> None:
        spoke_at = self._now()
        async with self._gates.logins:
            self.queued_s = self._now() - spoke_at
            async with await log_in(opened, self._target, login, self._patience) as session:
                ended = await session.run(_COMMAND, timeout_s=self._patience.login_s)
        if ended.exit_status != 0:
            raise SshError(LOGIN, f"the login as {login.user} gave no shell: {_COMMAND!r} failed")
