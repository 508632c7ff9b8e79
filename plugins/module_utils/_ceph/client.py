# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One small client for Ceph's commands, with three ways in and the same JSON out.

The ways are the rados binding (one connection, a command costs a millisecond), the program ``ceph`` (a Python
start for each command) and ``cephadm shell -- ceph`` (a container for each command).
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError

# The argument spec behind the documentation fragment virtscale.tuning.ceph.
CEPH_ARGUMENTS: t.Dict[str, t.Any] = {
    "ceph_conf": {"type": "path"},
    "ceph_client": {"type": "str", "default": "client.admin"},
    "via": {"type": "str", "choices": ["auto", "rados", "cli", "cephadm"], "default": "auto"},
    "timeout_s": {"type": "int", "default": 60},
}


class CephCommandError(TuningError):
    """The cluster answered, and said no; ``code`` is the errno's name such as ERANGE."""

    def __init__(self, command: str, code: str, text: str) -> None:
        super().__init__(f"'ceph {command}' failed with {code}: {text or 'no reason given'}")
        self.code = code
        self.text = text


class CephUnreachable(TuningError):
    """No command could be sent: no configuration, no keyring, or no monitor that answers."""


class Transport(t.Protocol):
    """One way to the cluster."""

    name: str

    def run(self, prefix: str, arguments: t.Dict[str, str]) -> str:
        """Return the command's output; raise CephCommandError or CephUnreachable."""

    def close(self) -> None:
        """Let go of what the connection holds."""


class CephClient:
    """Sends commands as the monitors know them: a prefix and named string arguments, in the CLI's order."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def via(self) -> str:
        """The way that is in use: rados, cli or cephadm."""
        return self._transport.name

    def read(self, prefix: str, **arguments: str) -> t.Any:
        """Return the JSON that a command prints."""
        text = self._transport.run(prefix, arguments)
        try:
            return json.loads(text)
        except ValueError:
            raise TuningError(f"'ceph {prefix}' printed no JSON but {text[:200]!r}.") from None

    def read_or_none(self, prefix: str, **arguments: str) -> t.Any:
        """Return the JSON that a command prints, or None where the thing it asks for does not exist."""
        try:
            return self.read(prefix, **arguments)
        except CephCommandError as error:
            if error.code == "ENOENT":
                return None
            raise

    def write(self, prefix: str, **arguments: str) -> None:
        """Run a command for its effect."""
        self._transport.run(prefix, arguments)


@contextlib.contextmanager
def open_client(params: t.Mapping[str, t.Any]) -> t.Iterator[CephClient]:
    """Connect as the parameters of the documentation fragment say.

    :raises CephUnreachable: in one sentence that says what is missing.
    """
    if params["timeout_s"] < 1:
        raise InvalidValue("timeout_s", params["timeout_s"], "a whole number at least 1")
    transport = _open_transport(params)
    try:
        yield CephClient(transport)
    finally:
        transport.close()


def _open_transport(params: t.Mapping[str, t.Any]) -> Transport:
    via, conf, user, timeout_s = params["via"], params["ceph_conf"], params["ceph_client"], params["timeout_s"]
    if via == "rados" or (via == "auto" and _rados_binding() is not None):
        return RadosTransport(conf, user, timeout_s)
    if via == "cli" or (via == "auto" and shutil.which("ceph")):
        return ProgramTransport("cli", _program("ceph"), conf, user, timeout_s)
    if via == "cephadm" or shutil.which("cephadm"):
        return ProgramTransport("cephadm", _program("cephadm"), conf, user, timeout_s)
    raise CephUnreachable(
        "This host has no way to Ceph: install python3-rados, ceph-common or cephadm, or choose a host that has one."
    )


def _rados_binding() -> t.Any:
    try:
        import rados
    except ImportError:
        return None
    return rados


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise CephUnreachable(f"The program {name} is not on this host: install it, or leave via at auto.")
    return path


class RadosTransport:
    """The rados binding: one connection for all commands."""

    name = "rados"

    def __init__(self, conf: t.Optional[str], user: str, timeout_s: int) -> None:
        rados = _rados_binding()
        if rados is None:
            raise CephUnreachable("This host's Python has no rados: install python3-rados, or leave via at auto.")
        self._timeout_s = timeout_s
        self._what = (conf, user, timeout_s)
        try:
            self._cluster = rados.Rados(conffile=conf or "", name=user)
        except rados.Error as error:
            raise CephUnreachable(_no_configuration(conf)) from error
        # The binding ignores the timeout of a command; these options are what really limits it.
        for option in ("client_mount_timeout", "rados_mon_op_timeout", "rados_osd_op_timeout"):
            self._cluster.conf_set(option, str(timeout_s))
        if not self._has_key():
            # Ceph would try without a key until the timeout, and then blame the monitors.
            raise CephUnreachable(_no_connection(errno.ENOENT, *self._what))
        try:
            self._cluster.connect(timeout=timeout_s)
        except (rados.Error, rados.OSError) as error:
            self._cluster.shutdown()
            raise CephUnreachable(_no_connection(abs(error.errno or 0), *self._what)) from error

    def _has_key(self) -> bool:
        if self._cluster.conf_get("auth_client_required") == "none" or self._cluster.conf_get("key"):
            return True
        candidates = [self._cluster.conf_get("keyfile") or "", *self._cluster.conf_get("keyring").split(",")]
        return any(os.path.exists(path.strip()) for path in candidates)

    def run(self, prefix: str, arguments: t.Dict[str, str]) -> str:
        command = json.dumps({"prefix": prefix, "format": "json", **arguments})
        # Commands of the manager may be sent to a monitor, which passes them on.
        status, output, text = self._cluster.mon_command(command, b"")
        if status == -errno.ETIMEDOUT:
            raise CephUnreachable(_no_answer(prefix, self._timeout_s))
        if status < 0:
            raise CephCommandError(_spoken(prefix, arguments), errno.errorcode.get(-status, str(-status)), text.strip())
        return str(output, "utf-8")

    def close(self) -> None:
        self._cluster.shutdown()


class ProgramTransport:
    """The program ``ceph``, alone or in cephadm's container."""

    def __init__(self, name: str, program: str, conf: t.Optional[str], user: str, timeout_s: int) -> None:
        self.name = name
        self._timeout_s = timeout_s
        # Connecting and the command may take a timeout each; a container's start comes on top.
        self._limit_s = 2 * timeout_s + 30
        self._what = (conf, user, timeout_s)
        options = ["--name", user, "--connect-timeout", str(timeout_s), "--format", "json"]
        if name == "cephadm":
            # cephadm mounts the file into the container as /etc/ceph/ceph.conf.
            self._base = [program, "shell", *(["--config", conf] if conf else []), "--", "ceph", *options]
        else:
            self._base = [program, *(["--conf", conf] if conf else []), *options]

    def run(self, prefix: str, arguments: t.Dict[str, str]) -> str:
        command = [*self._base, *prefix.split(), *arguments.values()]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=self._limit_s)
        except subprocess.TimeoutExpired:
            raise CephUnreachable(_no_answer(prefix, self._timeout_s)) from None
        if done.returncode:
            raise self._error(prefix, arguments, done)
        return done.stdout

    def close(self) -> None:
        """Nothing is held between commands."""

    def _error(self, prefix: str, arguments: t.Dict[str, str], done: subprocess.CompletedProcess[str]) -> TuningError:
        # "Error ERANGE: text" is the cluster's answer; "[errno 13] ..." is a connection that failed.
        answer = re.search(r"^Error (E[A-Z0-9]+):\s*(.*)", done.stderr, re.MULTILINE | re.DOTALL)
        if answer:
            return CephCommandError(_spoken(prefix, arguments), answer[1], " ".join(answer[2].split()))
        if "conf_read_file" in done.stderr or "global_init" in done.stderr:
            return CephUnreachable(_no_configuration(self._what[0]))
        if done.stderr.strip().endswith("timed out"):
            return CephUnreachable(_no_connection(errno.ETIMEDOUT, *self._what))
        number = re.search(r"\[errno (\d+)\]", done.stderr)
        if number:
            return CephUnreachable(_no_connection(int(number[1]), *self._what))
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return CephUnreachable(f"{self._base[0]} ended with status {done.returncode}: {last}")


def _spoken(prefix: str, arguments: t.Dict[str, str]) -> str:
    return " ".join([prefix, *arguments.values()])


def _no_configuration(conf: t.Optional[str]) -> str:
    where = conf or "/etc/ceph/ceph.conf"
    return f"Ceph's configuration {where} cannot be read on this host: set ceph_conf, or choose a Ceph admin host."


def _no_connection(number: int, conf: t.Optional[str], user: str, timeout_s: int) -> str:
    where = conf or "Ceph's configuration"
    if number == errno.ENOENT:
        return f"No keyring for {user} was found: put it where {where} says, or name another user with ceph_client."
    if number in (errno.EACCES, errno.EPERM):
        return f"The monitors, or the files of the host, refuse {user}: check its keyring and that it may be read."
    if number == errno.ETIMEDOUT:
        return f"No monitor of {where} let {user} in within {timeout_s} s: check mon_host, the quorum and the keyring."
    return f"The connection to the cluster of {where} as {user} failed: {errno.errorcode.get(number, number)}."


def _no_answer(prefix: str, timeout_s: int) -> str:
    return f"'ceph {prefix}' got no answer within {timeout_s} s: check monitors and manager, or raise timeout_s."
