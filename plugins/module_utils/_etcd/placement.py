# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Where etcd runs in relation to the masters: on the same host, or over a network of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import typing as t
import urllib.parse

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.api_server import ApiServer
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Json
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_IP_S = 10


def find(client_url: str, peer_urls: t.Sequence[str], servers: t.Sequence[ApiServer]) -> Json:
    """Return which interfaces carry etcd's clients, its peers and the rest, and whether a master is on this host."""
    interfaces = _interfaces()
    return {
        "beside_master": any(server.uses([client_url]) for server in servers),
        "client_interface": interfaces.get(_address(client_url) or ""),
        "peer_interface": next((interfaces.get(_address(url) or "") for url in peer_urls), None),
        "default_interface": _default_interface(),
    }


def judge(where: str, told: Json) -> Row:
    """Return the row of what the recommended practices ask for: one host, or a network of its own."""
    client, peer, default = (told[f"{name}_interface"] for name in ("client", "peer", "default"))
    text = f"clients on {client or 'an unknown interface'}, members on {peer or 'an unknown interface'}"
    text += f", all else on {default}" if default else ""
    wanted = "beside a master, or over a network of its own"
    if told["beside_master"]:
        return row(where, "placement", wanted=wanted, effective="beside a master", status="ok", why=text)
    if client and client != "lo" and client != default:
        return row(where, "placement", wanted=wanted, effective="a network of its own", status="ok", why=text)
    why = f"no master on this host uses it, and its clients share an interface with all else: {text}"
    return row(where, "placement", wanted=wanted, effective="apart, over a shared network", status="note", why=why)


def _address(url: str) -> str | None:
    host = urllib.parse.urlsplit(url).hostname
    try:
        return socket.gethostbyname(host) if host else None
    except OSError:
        return host


def _interfaces() -> dict[str, str]:
    found = {}
    for link in _ip("addr", "show"):
        for address in link.get("addr_info", []):
            found[address.get("local", "")] = link["ifname"]
    return found


def _default_interface() -> str | None:
    return next((route.get("dev") for route in _ip("route", "show", "default")), None)


def _ip(*words: str) -> list[Json]:
    try:
        done = subprocess.run(["ip", "-json", *words], capture_output=True, timeout=_IP_S, check=True)
        return t.cast("list[Json]", json.loads(done.stdout or b"[]"))
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
