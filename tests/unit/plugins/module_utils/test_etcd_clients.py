# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The v3 client's ways: the gateway under each of its paths, and etcdctl where the gateway does not work."""

from __future__ import annotations

import base64
import http.server
import json
import stat
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Connection, Unreachable
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v2 import MemberV2, NoV2, V2Error
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3 import MemberV3
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3_error import V3Error

STATUS = {
    "header": {"member_id": "18249187646912138824", "revision": "7"},
    "version": "3.4.23",
    "dbSize": "40960",
    "leader": "18249187646912138824",
    "raftIndex": "12",
    "raftTerm": "2",
}
Answers = t.Dict[str, t.Tuple[int, t.Any]]


class Server:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, answers: Answers) -> None:
        asked = self.asked = []  # type: list[tuple[str, str]]

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append((self.path, body.decode()))
                status, told = answers.get(self.path.split("?")[0], (404, "404 page not found\n"))
                content = told.encode() if isinstance(told, str) else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if self.path.startswith("/v2") and status != 404:
                    self.send_header("X-Raft-Index", "31")
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_PUT = do_POST  # noqa: N815

            def log_message(self, *_words: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.access = Access(f"http://127.0.0.1:{self._server.server_address[1]}", timeout_s=5)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def serve() -> t.Iterator[t.Callable[[Answers], Server]]:
    servers: list[Server] = []

    def start(answers: Answers) -> Server:
        servers.append(Server(answers))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("prefix", ["/v3", "/v3beta", "/v3alpha"])
def test_each_version_s_path_is_found_once(serve: t.Callable[[Answers], Server], prefix: str) -> None:
    server = serve({f"{prefix}/maintenance/status": (200, STATUS)})
    with MemberV3(server.access, None) as member:
        status = member.status()
        asked = len(server.asked)
        assert member.status() == status
    assert (status.leads, status.raft_index, status.db_in_use_bytes, member.via) == (True, 12, None, "gateway")
    assert len(server.asked) == asked + 1


def test_keys_are_bytes_both_ways(serve: t.Callable[[Answers], Server]) -> None:
    kv = {"key": base64.b64encode(b"\xff\0").decode(), "value": "", "lease": "9", "mod_revision": "4"}
    server = serve({"/v3/kv/range": (200, {"header": {"revision": "5"}, "kvs": [kv], "count": "1"})})
    with MemberV3(server.access, None) as member:
        found = member.range(b"\xff\0", b"\0", limit=3)
    assert (found.kvs[0].key, found.kvs[0].value, found.kvs[0].lease, found.count) == (b"\xff\0", b"", 9, 1)
    assert json.loads(server.asked[-1][1]) == {"key": "/wA=", "range_end": "AA==", "limit": 3}


def test_what_etcd_refuses_is_not_tried_another_way(serve: t.Callable[[Answers], Server], tmp_path: Path) -> None:
    refused = {"error": "etcdserver: no leader", "code": 14, "message": "etcdserver: no leader"}
    server = serve({"/v3/kv/range": (503, refused)})
    with MemberV3(server.access, str(etcdctl(tmp_path, "{}"))) as member, pytest.raises(V3Error, match="no leader"):
        member.range(b"a")
    assert not (tmp_path / "asked").exists()


def etcdctl(directory: Path, answer: str, status: int = 0) -> Path:
    program = directory / "etcdctl"
    out = f"cat >{directory}/value; echo '{answer}'" if not status else f"echo '{answer}' >&2"
    program.write_text(
        f'#!/bin/sh\nenv | grep ^ETCDCTL >{directory}/asked\necho "$@" >>{directory}/asked\n{out}\nexit {status}\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return program


BROKEN = {"error": "all SubConns are in TransientFailure, latest connection error: tls: bad certificate", "code": 14}


def test_a_gateway_that_its_own_member_refuses_is_replaced_by_etcdctl(
    serve: t.Callable[[Answers], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETCDCTL_ENDPOINTS", "https://elsewhere:2379")
    server = serve({"/v3/maintenance/status": (503, BROKEN)})
    told = json.dumps([{"Endpoint": "x", "Status": {**STATUS, "dbSize": 5}}])
    with MemberV3(server.access, str(etcdctl(tmp_path, told))) as member:
        assert member.status().db_size_bytes == 5
        assert member.via == "etcdctl"
    asked = (tmp_path / "asked").read_text()
    assert "ETCDCTL_API=3\n" in asked
    assert "elsewhere" not in asked
    assert f"--endpoints={server.access.url} " in asked
    assert asked.endswith("endpoint status\n")


def test_values_go_to_etcdctl_by_its_input(serve: t.Callable[[Answers], Server], tmp_path: Path) -> None:
    server = serve({"/v3/kv/put": (503, BROKEN)})
    with MemberV3(server.access, str(etcdctl(tmp_path, "{}"))) as member:
        member.put(b"-key", b"v\xff\0", lease=255)
    assert (tmp_path / "value").read_bytes() == b"v\xff\0"
    assert (tmp_path / "asked").read_text().endswith("put --lease=ff -- -key\n")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ('{"level":"warn","error":"context deadline exceeded"}\nError: context deadline exceeded', Unreachable),
        ("Error: etcdserver: permission denied", V3Error),
    ],
)
def test_etcdctl_s_errors(
    serve: t.Callable[[Answers], Server], tmp_path: Path, said: str, error: type[TuningError]
) -> None:
    server = serve({"/v3/maintenance/status": (503, BROKEN)})
    with MemberV3(server.access, str(etcdctl(tmp_path, said, 1))) as member, pytest.raises(error):
        member.status()


def test_without_either_the_reason_is_told(serve: t.Callable[[Answers], Server]) -> None:
    server = serve({"/v3/maintenance/status": (503, BROKEN)})
    with MemberV3(server.access, "no-etcdctl-here") as member, pytest.raises(TuningError) as caught:
        member.status()
    assert "bad certificate" in str(caught.value)
    assert "no-etcdctl-here, which would do instead, is not installed" in str(caught.value)


def test_nobody_there() -> None:
    with MemberV2(Access("http://127.0.0.1:1", timeout_s=1)) as member, pytest.raises(Unreachable):
        member.healthy()


@pytest.mark.parametrize("url", ["10.0.0.1:2379", "unix:///x", "https://"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidValue):
        Connection(Access(url))


def test_certificates_that_are_not_there_are_named() -> None:
    with pytest.raises(TuningError, match=r"/no/ca\.crt"):
        Connection(Access("https://127.0.0.1:1", ca_file="/no/ca.crt"))


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        ((200, {"health": "true"}), True),
        ((200, {"health": True}), True),
        ((503, {"health": "false"}), False),
        ((200, "nonsense"), False),
    ],
)
def test_health(serve: t.Callable[[Answers], Server], answer: tuple[int, t.Any], healthy: bool) -> None:
    with MemberV2(serve({"/health": answer}).access) as member:
        assert member.healthy() is healthy


def test_v2_keys(serve: t.Callable[[Answers], Server]) -> None:
    leaf = {"key": "/a/b", "value": "1", "ttl": 9}
    tree = {"dir": True, "nodes": [{"key": "/a", "dir": True, "nodes": [leaf]}, {"key": "/c", "value": ""}]}
    server = serve({"/v2/keys/": (200, {"node": tree}), "/v2/keys/x": (400, {"errorCode": 107, "message": "root"})})
    with MemberV2(server.access) as member:
        assert [node["key"] for node in member.nodes()] == ["/a/b", "/c"]
        assert member.any_keys()
        assert member.raft_index() == 31
        with pytest.raises(V2Error, match="root") as caught:
            member.put("x", "ü&=", 5)
    assert caught.value.code == 107
    assert server.asked[-1][1] == "value=%C3%BC%26%3D&ttl=5"


def test_a_member_without_v2_says_so(serve: t.Callable[[Answers], Server]) -> None:
    with MemberV2(serve({}).access) as member, pytest.raises(NoV2):
        member.any_keys()
