# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The API servers on this host: how they reach etcd, and whether they read with a quorum.

kube-apiserver has read with a quorum by default since 1.9 and always since 1.13; OpenShift forces it from 3.6 on. Where
``etcd-quorum-read`` is false, or older ones do not say true, an API server of several members may show old data.
"""

from __future__ import annotations

import json
import os
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Json
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import names, read_text

# OpenShift 3's, where neither a flag nor a process names another one.
_MASTER_CONFIG = "/etc/origin/master/master-config.yaml"
_ARGUMENTS = "apiServerArguments"
_FORCED_FROM = (3, 6)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class ApiServer:
    """One API server; ``quorum_read`` is None where nothing is said."""

    source: str
    etcd_servers: tuple[str, ...]
    quorum_read: bool | None
    storage_backend: str | None

    def uses(self, urls: t.Collection[str]) -> bool:
        """Return whether it asks one of these URLs, or a loopback address."""
        here = any(host in server for server in self.etcd_servers for host in _LOOPBACK)
        return here or bool({url.rstrip("/") for url in urls} & {each.rstrip("/") for each in self.etcd_servers})


def find(root: str = "/") -> list[ApiServer]:
    """Return the API servers that run on this host, or the one that OpenShift 3's file configures."""
    found = []
    processes = os.path.join(root, "proc")
    for name in sorted(filter(str.isdigit, names(processes)), key=int):
        words = read_text(f"{processes}/{name}/cmdline").split("\0")[:-1]
        if words and _serves(words):
            found.append(_of_process(root, f"process {name}", words))
    if not found:
        text = read_text(below(root, _MASTER_CONFIG))
        if text:
            found.append(_of(_MASTER_CONFIG, arguments_of(text), etcd_servers_of(text)))
    return found


def arguments_of(text: str) -> dict[str, list[str]]:
    """Return the apiServerArguments of a configuration, in JSON or in YAML as installers write it.

    Hosts need no YAML library for that: each argument is a line of its name, followed by a list of plain values.
    """
    try:
        told = json.loads(text)
        return {name: _many(value) for name, value in (_nested(told, _ARGUMENTS) or {}).items()}
    except ValueError:
        pass
    arguments: dict[str, list[str]] = {}
    depth, name = None, None
    for line in text.splitlines():
        content = line.split(" #")[0].rstrip()
        indent = len(content) - len(content.lstrip())
        if depth is None:
            depth = indent if re.fullmatch(rf"\s*{_ARGUMENTS}:", content) else None
        elif not content:
            continue
        elif content.lstrip().startswith("- ") and name:
            arguments[name].append(_plain(content.lstrip()[2:]))
        elif indent <= depth:
            break
        else:
            name, _colon, value = content.strip().partition(":")
            arguments[name] = [_plain(each) for each in value.strip().strip("[]").split(",") if each.strip()]
    return arguments


def etcd_servers_of(text: str) -> list[str]:
    """Return the URLs that OpenShift 3's etcdClientInfo lists."""
    match = re.search(r"^etcdClientInfo:\n((?:[ \t].*\n|- .*\n)*)", text + "\n", re.MULTILINE)
    return re.findall(r"^\s*- [\"']?(https?://[^\s\"']+)", match.group(1), re.MULTILINE) if match else []


def judge(where: str, servers: list[ApiServer], platform: str | None) -> list[Row]:
    """Return a row for each API server."""
    return [_judge(where, server, platform) for server in servers]


def facts(server: ApiServer) -> Json:
    """Return what a result tells of one."""
    return {
        "source": server.source,
        "etcd_servers": list(server.etcd_servers),
        "quorum_read": server.quorum_read,
        "storage_backend": server.storage_backend,
    }


def _judge(where: str, server: ApiServer, platform: str | None) -> Row:
    version = tuple(int(each) for each in re.findall(r"\d+", platform or "")[:2])
    said = {True: "true", False: "false", None: "not set"}[server.quorum_read]
    status, why = "ok", "set"
    if server.quorum_read is False and version and version >= _FORCED_FROM and version < (3, 9):
        why = "OpenShift forces quorum reads from 3.6 on, whatever is set"
    elif server.quorum_read is False:
        status, why = "note", "reads may show old data: take etcd-quorum-read=false away"
    elif server.quorum_read is None and version and version < _FORCED_FROM:
        status, why = "note", "OpenShift before 3.6 does not read with a quorum unless told: set etcd-quorum-read=true"
    elif server.quorum_read is None:
        why = "quorum reads are the default since Kubernetes 1.9, and OpenShift forces them from 3.6 on"
    what = f"quorum reads of the API server ({server.source})"
    return row(where, what, wanted="always", effective=said, status=status, why=why)


def _serves(words: list[str]) -> bool:
    program, rest = os.path.basename(words[0]), words[1:]
    plain = [word for word in rest if not word.startswith("-")]
    if program == "kube-apiserver":
        return True
    if program == "hyperkube":
        return plain[:1] in (["kube-apiserver"], ["apiserver"])
    if program == "hypershift":
        return plain[:1] == ["openshift-kube-apiserver"]
    return program == "openshift" and plain[:2] == ["start", "master"] and plain[2:3] != ["controllers"]


def _of_process(root: str, source: str, words: list[str]) -> ApiServer:
    flags: dict[str, list[str]] = {}
    for word, after in zip(words, [*words[1:], ""]):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            flags[name] = [value if equals else (after if not after.startswith("-") else "true") or "true"]
    files = flags.get("config") or flags.get("openshift-config") or []
    pid = source.rpartition(" ")[2]
    text = ""
    for file in files:
        # A container's path is seen through its process.
        text = read_text(f"{root.rstrip('/')}/proc/{pid}/root{file}") or read_text(root.rstrip("/") + file)
    return _of(source, {**arguments_of(text), **flags}, etcd_servers_of(text))


def _of(source: str, arguments: dict[str, list[str]], etcd_servers: list[str]) -> ApiServer:
    listed = [url for value in arguments.get("etcd-servers", []) for url in value.split(",")]
    quorum = next(iter(arguments.get("etcd-quorum-read", [])[-1:]), None)
    backend = next(iter(arguments.get("storage-backend", [])[-1:]), None)
    return ApiServer(
        source, tuple(listed or etcd_servers), None if quorum is None else quorum.strip().lower() == "true", backend
    )


def _nested(told: t.Any, name: str) -> t.Any:
    if not isinstance(told, dict):
        return None
    if name in told:
        return told[name]
    return next((found for found in (_nested(value, name) for value in told.values()) if found is not None), None)


def _many(value: t.Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def _plain(value: str) -> str:
    return value.strip().strip("\"'")
