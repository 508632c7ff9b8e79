# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small API server over real HTTP: any kind of object, lists in pages, watches, owners, and faults on request."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime
import json
import typing as t

from aiohttp import web
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import labels_of, patched

# Kind, namespace and name.
Key = t.Tuple[str, str, str]
# What a fault makes of a request: an answer in place of the server's own, or "lose": it is done, and nobody is told.
Fault = t.Callable[[str, str, t.Optional[Object]], t.Union[web.Response, str, None]]


def timestamp() -> str:
    """Now, as the API writes it."""
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def status(code: int, message: str, **headers: str) -> web.Response:
    """An answer that refuses."""
    return web.json_response({"kind": "Status", "message": message, "code": code}, status=code, headers=headers)


class ApiServer:
    """Objects in memory; :attr:`calls` are the requests that came, :attr:`faults` are asked before each."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.calls: list[tuple[str, str]] = []
        self.faults: list[Fault] = []
        self.most_at_once = 0
        self.delay_s = 0.0
        # Called with each object that is made or changed.
        self.controllers: list[t.Callable[[Key, Object], None]] = []
        self.port = 0
        self._at_once = 0
        self._version = 1
        self._oldest = 0
        self._history: list[tuple[int, str, Key, Object]] = []
        self._happened = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def auth(self) -> dict[str, str]:
        return {"host": f"http://127.0.0.1:{self.port}"}

    async def __aenter__(self) -> ApiServer:
        await self.up()
        return self

    async def __aexit__(self, *_error: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.down()

    async def up(self) -> None:
        """Answer, at the port of before."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = t.cast(t.Any, site)._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Break every connection, and refuse new ones."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def forget_history(self) -> None:
        """Let every watch that is behind be told 410."""
        self._oldest = self._version
        self._history.clear()

    def later(self, delay_s: float, call: t.Callable[[], None]) -> None:
        """Let something happen after a while."""

        async def wait() -> None:
            await asyncio.sleep(delay_s)
            call()

        task = asyncio.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def put(self, resource: Resource, body: Object) -> Object:
        """Make or replace an object behind the API's back."""
        meta = body["metadata"]
        return self._store((resource.plural, meta.get("namespace", ""), meta["name"]), copy.deepcopy(body))

    def change(self, key: Key, patch: Object) -> None:
        """Change an object, if it is still there."""
        if key in self.objects:
            self._store(key, patched(self.objects[key], patch))

    def remove(self, key: Key) -> None:
        """Remove an object and what it owns."""
        gone = self.objects.pop(key, None)
        if gone is None:
            return
        self._tell("DELETED", key, gone)
        uid = gone["metadata"]["uid"]
        for other, item in list(self.objects.items()):
            owned = any(owner["uid"] == uid for owner in item["metadata"].get("ownerReferences") or [])
            if owned or (key[0] == "namespaces" and other[1] == key[2]):
                self.remove(other)

    def of(self, resource: Resource) -> dict[str, Object]:
        """The objects of a kind by their name."""
        return {name: item for (plural, _space, name), item in self.objects.items() if plural == resource.plural}

    def count(self, method: str, part: str) -> int:
        """How many requests came of a method to paths with a part in them."""
        return sum(called == method and part in path for called, path in self.calls)

    def _store(self, key: Key, body: Object) -> Object:
        new = key not in self.objects
        self._version += 1
        meta = body["metadata"]
        meta.setdefault("uid", f"uid-{self._version}")
        meta.setdefault("creationTimestamp", timestamp())
        meta["resourceVersion"] = str(self._version)
        self.objects[key] = body
        self._tell("ADDED" if new else "MODIFIED", key, body)
        for controller in self.controllers:
            controller(key, body)
        return body

    def _tell(self, event: str, key: Key, item: Object) -> None:
        self._version += event == "DELETED"
        told = copy.deepcopy(item)
        told["metadata"]["resourceVersion"] = str(self._version)
        self._history.append((self._version, event, key, told))
        self._happened.set()
        self._happened = asyncio.Event()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.calls.append((request.method, request.path))
        watching = request.query.get("watch") == "true"
        self._at_once += not watching
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if self.delay_s and not watching:
                await asyncio.sleep(self.delay_s)
            found = next(filter(None, (fault(request.method, request.path, body) for fault in self.faults)), None)
            if isinstance(found, web.Response):
                return found
            answer = await self._serve(request, body)
            if found == "lose":
                assert request.transport is not None
                request.transport.abort()
            return answer
        finally:
            self._at_once -= not watching

    async def _serve(self, request: web.Request, body: Object | None) -> web.StreamResponse:
        plural, namespace, name = _parsed(request.path)
        key = (plural, namespace, name)
        if request.method == "POST":
            assert body is not None
            key = (plural, namespace, body["metadata"]["name"])
            if key in self.objects:
                return status(409, f"{plural} {key[2]!r} already exists")
            if namespace and plural != "namespaces" and ("namespaces", "", namespace) not in self.objects:
                return status(404, f"namespaces {namespace!r} not found")
            body["metadata"].update({"namespace": namespace} if namespace else {})
            return web.json_response(self._store(key, body), status=201)
        if not name:
            if request.query.get("watch") == "true":
                response = web.StreamResponse()
                # Who watches may leave at any moment.
                with contextlib.suppress(ConnectionError):
                    await self._watch(request, response, plural, namespace)
                return response
            return self._list(request, plural, namespace)
        if key not in self.objects:
            return status(404, f"{plural} {name!r} not found")
        if request.method == "DELETE":
            wanted = ((body or {}).get("preconditions") or {}).get("uid")
            if wanted and wanted != self.objects[key]["metadata"]["uid"]:
                return status(409, "the uid in the precondition does not match")
            item = self.objects[key]
            self.remove(key)
            return web.json_response(item)
        if request.method == "PATCH":
            self.change(key, body or {})
        return web.json_response(self.objects[key])

    def _list(self, request: web.Request, plural: str, namespace: str) -> web.Response:
        found = [item for key, item in self.objects.items() if _chosen(request, plural, namespace, key, item)]
        start = int(request.query.get("continue") or 0)
        limit = int(request.query.get("limit") or len(found) or 1)
        meta = {"resourceVersion": str(self._version)}
        if start + limit < len(found):
            meta["continue"] = str(start + limit)
        return web.json_response({"items": found[start : start + limit], "metadata": meta})

    async def _watch(self, request: web.Request, response: web.StreamResponse, plural: str, namespace: str) -> None:
        await response.prepare(request)
        seen = int(request.query["resourceVersion"])
        while True:
            if seen < self._oldest:
                gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
                await response.write(json.dumps(gone).encode() + b"\n")
                return
            happened = self._happened
            for version, event, key, item in list(self._history):
                if version > seen:
                    seen = version
                    if _chosen(request, plural, namespace, key, item):
                        await response.write(json.dumps({"type": event, "object": item}).encode() + b"\n")
            await happened.wait()


def _parsed(path: str) -> Key:
    """Return plural, namespace and name of a path, "" for what it does not have."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[0] == "namespaces" and len(parts) > 2:
        return parts[2], parts[1], parts[3] if len(parts) > 3 else ""
    return parts[0], "", parts[1] if len(parts) > 1 else ""


def _chosen(request: web.Request, plural: str, namespace: str, key: Key, item: Object) -> bool:
    if key[0] != plural or (namespace and key[1] != namespace):
        return False
    labels = labels_of(item)
    wanted = [pair.split("=") for pair in (request.query.get("labelSelector") or "").split(",") if pair]
    return all(labels.get(name) == value for name, value in wanted)
