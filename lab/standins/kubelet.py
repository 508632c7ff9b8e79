# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the HTTPS server of every worker's kubelet.

Serves ``/configz`` from the kubelet.conf on the worker's simulated disk (NODES_DIR/<name>/kubelet.conf), as
the machine-config-daemon's stand-in wrote it at the worker's last reboot. One process listens inside the
workers' network namespace; the address that was asked says which worker is meant. Whether a node is Ready,
and what its pods do, is kwok's part.
"""

from __future__ import annotations

import argparse
import ctypes
import http.server
import ipaddress
import json
import os
import socket
import ssl
import typing as t
from pathlib import Path

import yaml

CLONE_NEWNET = 0x40000000

# What a kubelet 1.32 uses where its file is silent: the fields that the collection tunes.
KUBELET_DEFAULTS: dict[str, t.Any] = {
    "maxPods": 110,
    "kubeAPIQPS": 50,
    "kubeAPIBurst": 100,
    "nodeStatusMaxImages": 50,
}


def effective_config(kubelet_conf: Path) -> dict[str, t.Any]:
    """The kubelet's configuration with its defaults filled in; a worker without a file has the defaults."""
    try:
        written = yaml.safe_load(kubelet_conf.read_text())
    except FileNotFoundError:
        written = {}
    fields = {key: value for key, value in written.items() if key not in ("kind", "apiVersion", "metadata")}
    return KUBELET_DEFAULTS | {key: value for key, value in fields.items() if value is not None}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers for the worker whose address was asked."""

    protocol_version = "HTTP/1.1"
    nodes_dir: Path
    network: ipaddress.IPv4Network
    name_format: str

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self.answer(200, "text/plain", b"ok")
        elif path == "/configz":
            config = {"kubeletconfig": effective_config(self.nodes_dir / self.worker() / "kubelet.conf")}
            self.answer(200, "application/json", json.dumps(config).encode())
        else:
            self.answer(404, "text/plain", b"The kubelet's stand-in serves /configz and /healthz only.\n")

    def worker(self) -> str:
        """The name of the worker that was asked."""
        address = ipaddress.IPv4Address(self.request.getsockname()[0])
        return self.name_format.format(int(address) - int(self.network.network_address))

    def answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Requests are not worth a line each."""


class Server(http.server.ThreadingHTTPServer):
    """Shakes hands in the connection's thread, so that one slow client holds up nobody."""

    daemon_threads = True
    request_queue_size = 256
    context: ssl.SSLContext

    def finish_request(self, request: t.Any, client_address: t.Any) -> None:
        with self.context.wrap_socket(request, server_side=True) as encrypted:
            super().finish_request(encrypted, client_address)


def enter_network_namespace(name: str) -> None:
    """Move this process into a network namespace that ``ip netns`` knows."""
    descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"Cannot enter the network namespace {name}")
    os.close(descriptor)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-in for the HTTPS server of every worker's kubelet.")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--network", required=True, type=ipaddress.IPv4Network, help="worker N has the Nth address")
    parser.add_argument("--name-format", required=True, help="the name of worker N, such as worker{:03d}")
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--nodes-dir", required=True, type=Path)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--client-ca", required=True)
    arguments = parser.parse_args()

    Handler.nodes_dir = arguments.nodes_dir
    Handler.network = arguments.network
    Handler.name_format = arguments.name_format
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=arguments.client_ca)
    context.load_cert_chain(arguments.certificate, arguments.key)
    context.verify_mode = ssl.CERT_REQUIRED
    Server.context = context

    enter_network_namespace(arguments.namespace)
    Server.address_family = socket.AF_INET
    Server(("0.0.0.0", arguments.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
