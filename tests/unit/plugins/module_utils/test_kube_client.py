# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a server on the loopback that answers as an API server does."""

from __future__ import annotations

import json
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

pytest.importorskip("kubernetes")

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    NODES,
    KubeClient,
    KubeError,
    Resource,
)

Answer = t.Tuple[int, t.Any]


class Api:
    """Answers by method and path; a list of answers is given out one after the other."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[dict[str, t.Any]] = []

    def next(self, request: dict[str, t.Any]) -> Answer:
        self.requests.append(request)
        waiting = self.answers[f"{request['method']} {request['path']}"]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.fixture
def api() -> t.Iterator[Api]:
    found = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            url = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            status, body = found.next(
                {
                    "method": self.command,
                    "path": url.path,
                    "query": dict(parse_qsl(url.query)),
                    "body": json.loads(self.rfile.read(length)) if length else None,
                    "type": self.headers.get("Content-Type"),
                    "token": self.headers.get("Authorization"),
                }
            )
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *arguments: t.Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def client(api: Api) -> KubeClient:
    return KubeClient.connect({"host": api.url, "api_key": "secret"}, 4)  # type: ignore[attr-defined]


def test_a_list_is_read_in_pages(api: Api) -> None:
    api.answers["GET /api/v1/nodes"] = [
        (200, {"items": [{"n": 1}], "metadata": {"resourceVersion": "7", "continue": "more"}}),
        (200, {"items": [{"n": 2}], "metadata": {"resourceVersion": "7"}}),
    ]
    listing = client(api).list(NODES, label_selector="a=b")
    assert (listing.items, listing.resource_version) == ([{"n": 1}, {"n": 2}], "7")
    assert [request["query"].get("continue") for request in api.requests] == [None, "more"]
    assert api.requests[1]["query"]["labelSelector"] == "a=b"
    assert api.requests[0]["token"] == "Bearer secret"


def test_what_is_not_there(api: Api) -> None:
    path = "/apis/machineconfiguration.openshift.io/v1/machineconfigpools"
    status = {"kind": "Status", "message": "the server could not find the requested resource"}
    api.answers = {f"GET {path}": [(404, status)], f"GET {path}/worker": [(404, status)]}
    assert client(api).get(MACHINE_CONFIG_POOLS, "worker") is None
    with pytest.raises(KubeError) as refusal:
        client(api).list(MACHINE_CONFIG_POOLS)
    assert str(refusal.value) == (
        f"GET {path} was refused: the server could not find the requested resource (HTTP 404)."
    )
    assert not refusal.value.transient


@pytest.mark.parametrize("status, transient", [(429, True), (503, True), (403, False), (409, False)])
def test_which_errors_pass(api: Api, status: int, transient: bool) -> None:
    api.answers["GET /api/v1/nodes/n"] = [(status, {"message": "no"})]
    with pytest.raises(KubeError) as refusal:
        client(api).get(NODES, "n")
    assert (refusal.value.status, refusal.value.transient) == (status, transient)


def test_a_patch_is_guarded_and_signed(api: Api) -> None:
    api.answers["PATCH /api/v1/nodes/n"] = [(200, {"metadata": {"resourceVersion": "8"}})]
    body = {"metadata": {"resourceVersion": "7", "labels": {"x": None}}}
    assert client(api).merge_patch(NODES, "n", body, field_manager="virtscale.tuning")["metadata"]
    (request,) = api.requests
    assert request["type"] == "application/merge-patch+json"
    assert request["query"] == {"fieldManager": "virtscale.tuning"}
    assert request["body"] == body, "null has to arrive, since it removes"


def test_a_watch_yields_changes_and_says_when_it_is_too_old(api: Api) -> None:
    events = [
        {"type": "MODIFIED", "object": {"n": 1}},
        {"type": "BOOKMARK", "object": {"n": 2}},
        {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}},
    ]
    api.answers["GET /api/v1/nodes"] = [(200, b"".join(json.dumps(event).encode() + b"\n" for event in events))]
    seen = []
    with pytest.raises(KubeError) as end:
        for event in client(api).watch(NODES, "7", timeout_s=5):
            seen.append(event)
    assert seen == [("MODIFIED", {"n": 1}), ("BOOKMARK", {"n": 2})]
    assert end.value.expired
    assert api.requests[0]["query"]["resourceVersion"] == "7"


def test_many_at_once_in_order(api: Api) -> None:
    for number in range(20):
        api.answers[f"GET /api/v1/nodes/n{number}"] = [(200, {"n": number})]
    connected = client(api)
    found = connected.for_each(lambda number: connected.get(NODES, f"n{number}"), range(20))
    assert found == [{"n": number} for number in range(20)]


def test_nobody_answers() -> None:
    with pytest.raises(KubeError) as refusal:
        KubeClient.connect({"host": "http://127.0.0.1:1"}).get(NODES, "n")
    assert "http://127.0.0.1:1 did not answer GET /api/v1/nodes/n" in str(refusal.value)
    assert refusal.value.transient


def test_no_way_to_a_cluster() -> None:
    with pytest.raises(TuningError, match="No way to a cluster was found in /nowhere"):
        KubeClient.connect({"kubeconfig": "/nowhere"})


def test_an_object_is_made_under_our_name_and_taken_away_by_its_uid(api: Api) -> None:
    path = "/api/v1/namespaces/b/pods"
    api.answers = {f"POST {path}": [(201, {"kind": "Pod"})], f"DELETE {path}/a": [(200, {"kind": "Pod"})]}
    pods = Resource("v1", "pods")
    body = {"kind": "Pod", "metadata": {"name": "a", "namespace": "b"}}
    assert client(api).create(pods, body, field_manager="me") == {"kind": "Pod"}
    client(api).delete(pods, "a", "b", uid="1-2")
    made, gone = api.requests
    assert (made["query"], made["body"]) == ({"fieldManager": "me"}, body)
    assert gone["body"]["preconditions"] == {"uid": "1-2"}
