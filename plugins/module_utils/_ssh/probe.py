# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One attempt to reach a machine as a person would: its SSH server speaks, or lets somebody in."""

from __future__ import annotations

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


class Gate(t.Protocol):
    """What bounds the logins that are under way, such as an ``asyncio.Semaphore``."""

    async def __aenter__(self) -> t.Any: ...

    async def __aexit__(self, *error: t.Any) -> t.Any: ...


async def probe(
    target: Target,
    route: Route,
    *,
    login: Credentials | None,
    logins: Gate,
    patience: Patience = Patience(),  # noqa: B008
) -> None:
    """Try once, over one connection; return when the machine answered.

    :param login: who logs in and leaves again; None is content with the server's first line.
    :param logins: passed before a login.
    :raises SshError: when it did not answer, with the stage that failed.
    """
    opened = await open_connection(target, route, patience)
    try:
        await read_banner(opened, patience.banner_s)
        if login is None:
            return
        async with logins:
            async with await log_in(opened, target, login, patience) as session:
                ended = await session.run(_COMMAND, timeout_s=patience.login_s)
            if ended.exit_status != 0:
                raise SshError(LOGIN, f"the login as {login.user} gave no shell: {_COMMAND!r} failed")
    finally:
        # asyncssh has closed it after a login, and closing again does nothing.
        opened.close()
