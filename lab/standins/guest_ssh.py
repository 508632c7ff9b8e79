# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port 22 of every guest: OpenSSH's sshd answers each login, from the end of the guest's boot to its stop.

Nobody listens on a guest's address while it boots, so connections are refused as by a real one. One process holds the
addresses of all guests, and starts an sshd for each connection. Guests with a kernel of their own are asked
themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import functools
import hashlib
import resource
import shlex
import socket
import threading
import time
import typing as t
import uuid
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.follow import follow, log, set_up_logging
from ansible_collections.virtscale.tuning.lab.standins.guest_protocol import Guest, guest_of, left_s
from ansible_collections.virtscale.tuning.lab.standins.lab_client import VMIS, LabClient
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object

PORT = 22
SSHD = "/usr/sbin/sshd"
# So many logins begin at a time; those beyond wait, accepted, as with a busy machine.
LOGINS = 32
BACKLOG = 16
RESYNC_S = 300


class Machines:
    """The guests that run. Everything here happens in one thread, the event loop's."""

    def __init__(self, times: Times, sshd_config: Path, session: Path, stand_ins: t.Sequence[str]) -> None:
        self._times = times
        self._sshd = (SSHD, "-i", "-e", "-f", str(sshd_config))
        self._session = session
        self._stand_ins = stand_ins
        self._tasks: dict[str, tuple[Guest, asyncio.Task[None]]] = {}
        self._logins = asyncio.Semaphore(LOGINS)

    def seen(self, name: str, guest: Guest | None) -> None:
        """Take notice of what runs under this name."""
        running = self._tasks.get(name)
        if running is not None and (guest is None or running[0] != guest):
            running[1].cancel()
            del self._tasks[name]
            running = None
        if running is None and guest is not None and not guest.never_boots:
            self._tasks[name] = (guest, asyncio.create_task(self._live(guest)))

    async def _live(self, guest: Guest) -> None:
        await asyncio.sleep(left_s(guest, self._times.guest_boot_s(guest.who), time.time()))
        with socket.socket() as listening:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            try:
                listening.bind((guest.address, PORT))
            except OSError as error:
                hint = " (does an sshd of this machine listen on all addresses?)"
                log.error("%s: %s port %d: %s%s", guest.who, guest.address, PORT, error.strerror, hint)
                return
            listening.listen(BACKLOG)
            connections: set[asyncio.Task[None]] = set()
            try:
                while True:
                    connection = await self._accept(listening)
                    task = asyncio.create_task(self._serve(guest, connection))
                    connections.add(task)
                    task.add_done_callback(connections.discard)
            finally:
                for task in connections:
                    task.cancel()

    @staticmethod
    async def _accept(listening: socket.socket) -> socket.socket:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _peer = await loop.sock_accept(listening)
                return connection
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                    raise
                await asyncio.sleep(0.1)

    async def _serve(self, guest: Guest, connection: socket.socket) -> None:
        with connection:
            try:
                if guest.stand_in is not None:
                    await self._forward(connection, self._stand_ins[guest.stand_in - 1])
                else:
                    await self._login(guest, connection)
            except (OSError, IndexError) as error:
                log.warning("%s: %s", guest.who, error)

    async def _login(self, guest: Guest, connection: socket.socket) -> None:
        boot_id = uuid.UUID(bytes=hashlib.md5(guest.uid.encode(), usedforsecurity=False).digest())
        words = (str(self._session), guest.who.partition("/")[2], str(boot_id))
        connection.setblocking(True)
        async with self._logins:
            process = await asyncio.create_subprocess_exec(
                *self._sshd,
                "-o",
                f"ForceCommand={shlex.join(words)}",
                stdin=connection.fileno(),
                stdout=connection.fileno(),
                stderr=asyncio.subprocess.DEVNULL,
                close_fds=False,
            )
            connection.close()
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()

    async def _forward(self, connection: socket.socket, address: str) -> None:
        connection.setblocking(False)
        theirs, back = await asyncio.open_connection(address, PORT)
        ours, out = await asyncio.open_connection(sock=connection)
        try:
            await asyncio.gather(_pipe(ours, back), _pipe(theirs, out))
        finally:
            for writer in (back, out):
                writer.close()


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.write_eof()


async def run(client: LabClient, machines: Machines) -> None:
    """Serve until the process ends."""
    loop = asyncio.get_running_loop()

    def tell(vmi: Object, guest: Guest | None) -> None:
        metadata = vmi["metadata"]
        loop.call_soon_threadsafe(machines.seen, f"{metadata['namespace']}/{metadata['name']}", guest)

    watching = functools.partial(
        follow,
        client,
        VMIS,
        lambda vmi: tell(vmi, guest_of(vmi)),
        gone=lambda vmi: tell(vmi, None),
        resync_s=RESYNC_S,
    )
    threading.Thread(target=watching, daemon=True).start()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Port 22 of every guest of the lab.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--times", required=True, type=Path)
    parser.add_argument("--sshd-config", required=True, type=Path)
    parser.add_argument("--session", required=True, type=Path, help="the program that a login runs")
    parser.add_argument("--stand-ins", default="", help="addresses of the guests with a kernel of their own")
    arguments = parser.parse_args()
    set_up_logging()
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    client = LabClient.connect({"kubeconfig": arguments.kubeconfig})
    stand_ins = [address for address in arguments.stand_ins.split(",") if address]

    async def serve() -> None:
        await run(client, Machines(Times(arguments.times), arguments.sshd_config, arguments.session, stand_ins))

    asyncio.run(serve())


if __name__ == "__main__":
    main()
