# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One login to a machine, and commands that run in it."""

from __future__ import annotations

import asyncio
import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.banner import read_banner
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.credentials import Credentials
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import (
    COMMAND,
    CONNECT,
    HANDSHAKE,
    LOGIN,
    SshError,
    import_asyncssh,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import Route, Target

# How long a killed command and a connection that closes are waited for.
_CLOSING_S = 2.0


@dataclass(frozen=True)
class Patience:
    """How long each part of an attempt may take, in seconds."""

    connect_s: float = 3.0
    # An open port whose server is slow would be no faster on another connection.
    banner_s: float = 15.0
    # Handshake and login: a machine that boots beside a thousand others is slow at both.
    login_s: float = 20.0


@dataclass(frozen=True)
class Completed:
    """A command that ended; ``exit_status`` is None when a signal ended it or the machine did not say."""

    exit_status: int | None
    stdout: str
    stderr: str


class Session:
    """One SSH connection, for any number of commands, at the same time too."""

    def __init__(self, connection: t.Any, target: Target) -> None:
        """Use :func:`connect`."""
        self._connection = connection
        self.target = target

    async def run(self, command: str, *, stdin: str | bytes = b"", timeout_s: float | None = None) -> Completed:
        """Run a command line in the user's shell and return how it ended, whatever its exit status.

        :param stdin: all that it reads.
        :param timeout_s: after so long it is terminated; None waits for ever.
        :raises SshError: of the stage ``command`` when it could not start, took too long or the connection broke.
        """
        asyncssh = import_asyncssh()
        content = stdin.encode() if isinstance(stdin, str) else stdin
        feed: dict[str, t.Any] = {"input": content} if content else {"stdin": asyncssh.DEVNULL}
        try:
            process = await self._connection.create_process(command, encoding=None, **feed)
        except (OSError, asyncssh.Error) as error:
            raise SshError(COMMAND, f"{_short(command)} did not start: {_words(error)}") from error
        try:
            async with asyncio.timeout(timeout_s):
                ended = await process.wait()
        except (asyncio.TimeoutError, asyncssh.TimeoutError) as error:
            raise SshError(COMMAND, f"{_short(command)} did not end within {timeout_s:g} s") from error
        except (OSError, asyncssh.Error) as error:
            raise SshError(COMMAND, f"{_short(command)} broke off: {_words(error)}") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(OSError, asyncssh.Error):
                    process.terminate()
            process.close()
        # A connection that is lost ends its processes without a status and without an error.
        if ended.exit_status is None and self._connection.is_closed():
            raise SshError(COMMAND, f"{_short(command)} broke off: the connection was lost")
        output = [bytes(part or b"").decode(errors="replace") for part in (ended.stdout, ended.stderr)]
        # asyncssh counts an end by a signal as -1.
        status = ended.exit_status if ended.exit_status is not None and ended.exit_status >= 0 else None
        return Completed(status, *output)

    async def close(self) -> None:
        """Close the connection; what still runs in it is left to the machine."""
        self._connection.close()
        try:
            async with asyncio.timeout(_CLOSING_S):
                await self._connection.wait_closed()
        except (asyncio.TimeoutError, OSError):
            self._connection.abort()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()


async def connect(target: Target, credentials: Credentials, route: Route, patience: Patience = Patience()) -> Session:
    """Log in.

    :raises SshError: with the stage that failed; there is no session then, and nothing to close.
    """
    opened = await open_connection(target, route, patience)
    try:
        await read_banner(opened, patience.banner_s)
    except BaseException:
        opened.close()
        raise
    return await log_in(opened, target, credentials, patience)


async def open_connection(target: Target, route: Route, patience: Patience) -> t.Any:
    """Return a connected socket.

    :raises SshError: of the stage ``connect``.
    """
    try:
        async with asyncio.timeout(patience.connect_s):
            return await route.open(target)
    except asyncio.TimeoutError as error:
        raise SshError(CONNECT, f"port {target.port} did not answer within {patience.connect_s:g} s") from error


async def log_in(opened: t.Any, target: Target, credentials: Credentials, patience: Patience) -> Session:
    """Log in over a connected socket, which the session closes, or this function if it fails.

    :raises SshError: of the stage ``handshake`` or ``login``.
    """
    asyncssh = import_asyncssh()
    connecting = asyncssh.connect(
        host=target.host_key_name,
        port=target.port,
        sock=opened,
        username=credentials.user,
        client_keys=[credentials.key] if credentials.key else None,
        password=credentials.password,
        preferred_auth="publickey,password,keyboard-interactive",
        known_hosts=credentials.known_hosts,
        # Neither the files nor the agent of who runs this: what logs in is what was given.
        config=None,
        agent_path=None,
        gss_host=None,
        x509_trusted_certs=None,
        compression_algs=None,
        # The cheapest of the good ones first, which saves a third of what a login costs here; the others stay allowed.
        kex_algs="^curve25519-sha256",
        encryption_algs="^aes128-gcm@openssh.com",
    )
    try:
        async with asyncio.timeout(patience.login_s):
            return Session(await connecting, target)
    except BaseException as error:
        opened.close()
        why = _why_not(error, credentials, patience)
        if why is None:
            raise
        raise why from error


def _why_not(error: BaseException, credentials: Credentials, patience: Patience) -> SshError | None:
    """Return what an error of asyncssh means, None for one that says nothing about the machine."""
    asyncssh = import_asyncssh()
    if isinstance(error, asyncssh.PermissionDenied):
        return SshError(LOGIN, f"the login as {credentials.user} was refused")
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return SshError(HANDSHAKE, f"its host key is not the one in {credentials.known_hosts}")
    if isinstance(error, asyncio.TimeoutError):
        return SshError(HANDSHAKE, f"handshake and login took more than {patience.login_s:g} s")
    # Whatever a machine makes asyncssh raise, it is that machine which cannot be reached.
    if isinstance(error, Exception):
        return SshError(HANDSHAKE, f"the SSH handshake failed: {_words(error)}")
    return None


def _short(command: str) -> str:
    line = " ".join(command.split())
    return f"the command {line[:60]!r}..." if len(line) > 60 else f"the command {line!r}"


def _words(error: BaseException) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
