# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts over SSH against real servers on loopback, good and bad."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import typing as t
from pathlib import Path

import asyncssh
import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.credentials import Credentials
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import SshError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.probe import Attempt, Gates
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import ByAddress, Target
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.session import Patience, Session, connect
from storm_cluster import HOST_KEY, KEY, free_port, serve_ssh

HOME = "127.0.0.1"
SHORT = Patience(connect_s=1.0, banner_s=0.5, login_s=3.0)
ROOT = Credentials("root", KEY)
Serve = t.Callable[[asyncio.StreamReader, asyncio.StreamWriter], t.Awaitable[None]]


def run(body: t.Coroutine[t.Any, t.Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 30))


async def attempt(port: int, login: Credentials | None = ROOT, patience: Patience = SHORT) -> SshError | None:
    """Try once, and return how it failed."""
    try:
        await Attempt(Target("ns", "vm", HOME, port), ByAddress(), login, Gates(1, 1), patience).run()
    except SshError as error:
        return error
    return None


async def says_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)
    writer.close()


async def closes_at_once(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def is_a_web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
    await asyncio.sleep(5)


async def talks_without_end(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(b"welcome to the machine\r\n" * 100)
            await writer.drain()


async def hangs_after_its_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-Hanging\r\n")
    while await reader.read(1000):
        pass
    writer.close()


async def closes_after_its_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-Closing\r\n")
    await writer.drain()
    writer.close()


async def speaks_rubbish_after_its_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-Rubbish\r\n" + os.urandom(5000))
    await asyncio.sleep(5)


async def says_its_banner_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    for part in (b"Please wait\r\n", b"SSH-2.0", b"-Slow", b"\r\n"):
        await asyncio.sleep(0.08)
        writer.write(part)
    await asyncio.sleep(5)


@pytest.mark.parametrize(
    ("server", "stage", "words"),
    [
        (says_nothing, "banner", "no SSH server spoke within 0.5 s"),
        (closes_at_once, "banner", "closed before an SSH server spoke"),
        (is_a_web_server, "banner", "HTTP/1.0 400"),
        (talks_without_end, "banner", "welcome to the machine"),
        (hangs_after_its_banner, "handshake", "took more than 3 s"),
        (closes_after_its_banner, "handshake", "handshake failed"),
        (speaks_rubbish_after_its_banner, "handshake", "handshake failed"),
    ],
)
def test_what_answers_and_is_no_good_ssh_server_is_told_by_the_stage_that_it_reached(
    server: Serve, stage: str, words: str
) -> None:
    async def body() -> None:
        listening = await asyncio.start_server(server, HOME, 0)
        failed = await attempt(listening.sockets[0].getsockname()[1])
        assert failed is not None and (failed.stage, words in str(failed)) == (stage, True), failed
        listening.close()

    run(body())


@pytest.mark.parametrize("server", [says_its_banner_slowly, hangs_after_its_banner, closes_after_its_banner])
def test_the_first_line_is_enough_where_no_login_is_asked_for(server: Serve) -> None:
    async def body() -> None:
        listening = await asyncio.start_server(server, HOME, 0)
        assert await attempt(listening.sockets[0].getsockname()[1], login=None) is None
        listening.close()

    run(body())


def test_a_closed_port_and_a_machine_without_address_are_told_apart() -> None:
    async def body() -> None:
        refused = await attempt(free_port())
        assert refused and refused.stage == "connect" and "refused the connection" in str(refused)
        with pytest.raises(SshError, match=r"no address in status.interfaces"):
            await ByAddress().open(Target("ns", "vm"))
        with pytest.raises(SshError, match="is not one"):
            await ByAddress().open(Target("ns", "vm", "vm.example"))

    run(body())


def test_a_port_whose_queue_is_full_does_not_answer_in_time() -> None:
    async def body() -> None:
        with contextlib.ExitStack() as held:
            full = held.enter_context(socket.socket())
            full.bind((HOME, 0))
            full.listen(0)
            for _number in range(3):
                waiting = held.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            failed = await attempt(full.getsockname()[1])
        assert failed and failed.stage == "connect" and "did not answer within 1 s" in str(failed)

    run(body())


def test_a_login_answers_and_a_wrong_key_does_not() -> None:
    async def body() -> None:
        server = await serve_ssh(HOME, 0)
        assert await attempt(server.get_port()) is None
        wrong = Credentials("root", asyncssh.generate_private_key("ssh-ed25519"))
        refused = await attempt(server.get_port(), wrong)
        assert refused and refused.stage == "login" and "login as root was refused" in str(refused)
        server.close()

    run(body())


def test_a_user_without_a_shell_does_not_answer() -> None:
    async def body() -> None:
        keys = asyncssh.import_authorized_keys(KEY.export_public_key().decode())
        server = await asyncssh.listen(
            HOME, 0, server_host_keys=[HOST_KEY], authorized_client_keys=keys, process_factory=lambda one: one.exit(1)
        )
        refused = await attempt(server.get_port())
        assert refused and refused.stage == "login" and "no shell" in str(refused)
        server.close()

    run(body())


def test_a_password_lets_in_after_a_key_was_refused() -> None:
    class Server(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> bool:
            return (username, password) == ("cloud-user", "right")

    async def body() -> None:
        server = await asyncssh.listen(
            HOME, 0, server_factory=Server, server_host_keys=[HOST_KEY], process_factory=lambda one: one.exit(0)
        )
        assert await attempt(server.get_port(), Credentials("cloud-user", KEY, "right")) is None
        refused = await attempt(server.get_port(), Credentials("cloud-user", KEY, "wrong"))
        assert refused and refused.stage == "login"
        server.close()

    run(body())


def test_the_host_key_is_checked_where_that_is_asked_for(tmp_path: Path) -> None:
    async def body() -> None:
        server = await serve_ssh(HOME, 0)
        known, other = tmp_path / "known", tmp_path / "other"
        own = HOST_KEY.export_public_key().decode()
        strange = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        known.write_text(f"[{HOME}]:{server.get_port()} {own}")
        other.write_text(f"[{HOME}]:{server.get_port()} {strange}")
        assert await attempt(server.get_port(), Credentials("root", KEY, known_hosts=str(known))) is None
        refused = await attempt(server.get_port(), Credentials("root", KEY, known_hosts=str(other)))
        assert refused and refused.stage == "handshake" and "host key is not the one" in str(refused)
        server.close()

    run(body())


def test_commands_get_their_input_and_tell_how_they_ended() -> None:
    async def body() -> None:
        server = await serve_ssh(HOME, 0)
        async with await connect(Target("ns", "vm", HOME, server.get_port()), ROOT, ByAddress()) as session:
            several = await asyncio.gather(
                session.run("a", stdin="x" * 100_000), session.run("exit 3"), session.run("c")
            )
            assert [one.exit_status for one in several] == [0, 3, 0]
            assert several[0].stdout == "a: " + "x" * 100_000
            with pytest.raises(SshError, match=r"did not end within 0\.2 s") as late:
                await session.run("sleep", timeout_s=0.2)
            assert late.value.stage == "command"
            # The session is as good as before.
            assert (await session.run("d")).stdout == "d: "
        server.close()

    run(body())


def test_a_connection_that_breaks_ends_its_commands() -> None:
    async def body() -> None:
        connections = []

        async def sleep(process: t.Any) -> None:
            connections.append(process.get_extra_info("connection"))
            await asyncio.sleep(60)

        keys = asyncssh.import_authorized_keys(KEY.export_public_key().decode())
        server = await asyncssh.listen(
            HOME, 0, server_host_keys=[HOST_KEY], authorized_client_keys=keys, process_factory=sleep
        )
        session: Session = await connect(Target("ns", "vm", HOME, server.get_port()), ROOT, ByAddress())
        running = asyncio.create_task(session.run("sleep"))
        while not connections:
            await asyncio.sleep(0.01)
        connections[0].abort()
        with pytest.raises(SshError, match="broke off"):
            await running
        await session.close()
        server.close()

    run(body())


def test_no_attempt_leaves_a_file_open() -> None:
    async def body() -> None:
        silent = await asyncio.start_server(hangs_after_its_banner, HOME, 0)
        server = await serve_ssh(HOME, 0)
        ports = [silent.sockets[0].getsockname()[1], server.get_port(), free_port()]
        patience = Patience(1.0, 0.3, 0.3)
        await asyncio.gather(*(attempt(port, ROOT, patience) for port in ports))
        before = len(os.listdir("/proc/self/fd"))
        for _number in range(5):
            await asyncio.gather(*(attempt(port, ROOT, patience) for port in ports))
        silent.close()
        server.close()
        await asyncio.sleep(0.2)
        assert len(os.listdir("/proc/self/fd")) <= before

    run(body())


def test_credentials_that_cannot_work_are_refused_in_a_sentence(tmp_path: Path) -> None:
    nothing = {"user": "root", "key_file": None, "password": None, "known_hosts": None}
    with pytest.raises(InvalidValue, match="key_file is None"):
        Credentials.of(nothing)
    with pytest.raises(TuningError, match="cannot be read"):
        Credentials.of({**nothing, "key_file": str(tmp_path / "missing")})
    locked = tmp_path / "locked"
    locked.write_bytes(KEY.export_private_key("pkcs8-pem", passphrase="secret"))
    with pytest.raises(TuningError, match="Passphrase must be specified"):
        Credentials.of({**nothing, "key_file": str(locked)})
    with pytest.raises(InvalidValue, match="known_hosts"):
        Credentials.of({**nothing, "password": "x", "known_hosts": str(tmp_path / "missing")})
