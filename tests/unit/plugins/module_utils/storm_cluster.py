# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A KubeVirt of virtual machines that boot in a moment: its API over HTTP, and an SSH server for each guest."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import socket
import time
import typing as t
from collections import Counter

import asyncssh
from aiohttp import WSMsgType, web
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import FLEET_LABEL, GROUP_LABEL
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, patched

KEY = asyncssh.generate_private_key("ssh-ed25519")
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519")
FLEET = "storm"


def free_port() -> int:
    """A port that is free on every loopback address, as far as anybody can know."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Guest:
    """How one machine behaves; ``kind`` is what comes of its boot."""

    def __init__(self, number: int, *, run_s: float = 0.02, boot_s: float = 0.05, kind: str = "answers") -> None:
        self.run_s, self.boot_s, self.kind = run_s, boot_s, kind
        self.address = f"127.77.{number // 250}.{number % 250 + 1}"
        self.server: t.Any = None


class Cluster:
    """Machines of one fleet in two namespaces and two groups; :attr:`starts` counts what was really started."""

    def __init__(self, count: int, *, strategy: str = "Halted", **guest: t.Any) -> None:
        self.port = free_port()
        self.api_port = free_port()
        self.vms: dict[str, Object] = {}
        self.vmis: dict[str, Object] = {}
        self.guests: dict[str, Guest] = {}
        self.starts: Counter[str] = Counter()
        self.most_alive = 0
        self.calls: Counter[str] = Counter()
        self._version = 1
        self._oldest = 0
        self._history: list[tuple[int, str, Object]] = []
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        for number in range(count):
            group = "rhel" if number % 2 else "windows"
            key = f"{FLEET}-{number % 4 // 2:02d}/{FLEET}-{group}-{number:04d}"
            namespace, name = key.split("/")
            labels = {FLEET_LABEL: FLEET, GROUP_LABEL: group}
            self.vms[key] = {
                "metadata": {"namespace": namespace, "name": name, "labels": labels},
                "spec": {"runStrategy": strategy},
                "status": {"printableStatus": "Stopped"},
            }
            self.guests[key] = Guest(number, **guest)

    @property
    def auth(self) -> dict[str, str]:
        return {"host": f"http://127.0.0.1:{self.api_port}"}

    async def __aenter__(self) -> Cluster:
        await self.serve()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.away()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for guest in self.guests.values():
            if guest.server:
                guest.server.close()

    async def serve(self) -> None:
        """Let the API answer."""
        app = web.Application()
        machines = "/apis/kubevirt.io/v1/namespaces/{ns}/virtualmachines/{name}"
        instances = "/apis/kubevirt.io/v1/namespaces/{ns}/virtualmachineinstances/{name}"
        asked = "/apis/subresources.kubevirt.io/v1/namespaces/{ns}"
        app.router.add_get("/apis/kubevirt.io/v1/virtualmachines", self._list_machines)
        app.router.add_get(machines, self._get_machine)
        app.router.add_patch(machines, self._patch_machine)
        app.router.add_get("/apis/kubevirt.io/v1/virtualmachineinstances", self._list_or_watch)
        app.router.add_get(instances, self._get_instance)
        app.router.add_put(asked + "/virtualmachines/{name}/{verb}", self._switch)
        forward = asked + "/virtualmachineinstances/{name}/portforward/{port}/tcp"
        app.router.add_get(forward, self._forward)
        app.router.add_get("/api/v1/namespaces/{ns}/pods", self._pods)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.api_port, reuse_address=True).start()

    def forget(self) -> None:
        """Let every watch that continues from before be told to list again."""
        self._history.clear()
        self._oldest = self._version

    async def away(self) -> None:
        """Break every connection and answer no more; the machines go on."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def begin(self, work: t.Coroutine[t.Any, t.Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self, key: str) -> None:
        """Do what virt-controller and a node do for a machine that is to run."""
        self.starts[key] += 1
        guest, namespace_name = self.guests[key], key.split("/")
        meta = {
            "namespace": namespace_name[0],
            "name": namespace_name[1],
            "labels": self.vms[key]["metadata"]["labels"],
        }
        vmi: Object = {"metadata": meta, "status": {"phase": "Scheduling"}}
        self.vms[key]["status"] = {"printableStatus": "Starting", "created": True}
        if guest.kind == "unschedulable":
            self.vms[key]["status"]["printableStatus"] = "ErrorUnschedulable"
            why = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 Insufficient memory.",
            }
            vmi["status"]["conditions"] = [why]
        await self._put("ADDED", vmi)
        self.most_alive = max(self.most_alive, len(self.vmis))
        if guest.kind == "unschedulable":
            return
        await asyncio.sleep(guest.run_s)
        ran = {"phase": "Running", "phaseTransitionTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        interfaces = [] if guest.kind == "no address" else [{"name": "default", "ipAddress": guest.address}]
        vmi["status"] = {"phase": "Running", "phaseTransitionTimestamps": [ran], "interfaces": interfaces}
        self.vms[key]["status"]["printableStatus"] = "Running"
        await self._put("MODIFIED", vmi)
        await asyncio.sleep(guest.boot_s)
        if guest.kind == "answers" and key in self.vmis:
            guest.server = await serve_ssh(guest.address, self.port)

    async def stop(self, key: str) -> None:
        """Let a machine's instance go."""
        guest, vmi = self.guests[key], self.vmis.get(key)
        if guest.server:
            guest.server.close()
            await guest.server.wait_closed()
            guest.server = None
        if vmi:
            await self._put("DELETED", vmi)
        self.vms[key]["status"] = {"printableStatus": "Stopped"}

    async def _put(self, event: str, vmi: Object) -> None:
        async with self._changed:
            self._version += 1
            vmi["metadata"]["resourceVersion"] = str(self._version)
            key = f"{vmi['metadata']['namespace']}/{vmi['metadata']['name']}"
            if event == "DELETED":
                self.vmis.pop(key, None)
            else:
                self.vmis[key] = vmi
            self._history.append((self._version, event, copy.deepcopy(vmi)))
            self._changed.notify_all()

    def _page(self, items: t.Iterable[Object], request: web.Request) -> web.Response:
        wanted = dict(part.split("=") for part in request.query.get("labelSelector", "").split(",") if part)
        found = [item for item in items if wanted.items() <= item["metadata"]["labels"].items()]
        return web.json_response({"metadata": {"resourceVersion": str(self._version)}, "items": found})

    async def _list_machines(self, request: web.Request) -> web.Response:
        return self._page(self.vms.values(), request)

    async def _get_machine(self, request: web.Request) -> web.Response:
        return _found(self.vms.get(_key(request)))

    async def _get_instance(self, request: web.Request) -> web.Response:
        return _found(self.vmis.get(_key(request)))

    async def _pods(self, request: web.Request) -> web.Response:
        return web.json_response({"metadata": {}, "items": []})

    async def _patch_machine(self, request: web.Request) -> web.Response:
        key = _key(request)
        if key not in self.vms:
            return _found(None)
        before = self.vms[key]["spec"]["runStrategy"]
        self.vms[key] = patched(self.vms[key], await request.json())
        after = self.vms[key]["spec"]["runStrategy"]
        self.calls[f"patch {after}"] += 1
        if (before, after) == ("Halted", "Always"):
            self.begin(self.start(key))
        if (before, after) == ("Always", "Halted"):
            self.begin(self.stop(key))
        return web.json_response({"metadata": self.vms[key]["metadata"]})

    async def _switch(self, request: web.Request) -> web.Response:
        key, verb = _key(request), request.match_info["verb"]
        self.calls[verb] += 1
        on = key in self.vmis
        if on == (verb == "start"):
            return web.json_response({"message": f"VM is {'already' if on else 'not'} running"}, status=409)
        self.begin(self.start(key) if verb == "start" else self.stop(key))
        return web.Response(status=202)

    async def _list_or_watch(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            return self._page(self.vmis.values(), request)
        answer = web.StreamResponse()
        await answer.prepare(request)
        told = int(request.query["resourceVersion"])
        if told < self._oldest:
            gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
            await answer.write(json.dumps(gone).encode() + b"\n")
            return answer
        while True:
            for version, event, item in self._history:
                if version > told:
                    await answer.write(json.dumps({"type": event, "object": item}).encode() + b"\n")
                    told = version
            async with self._changed:
                while self._version <= told:
                    await self._changed.wait()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        self.calls["portforward"] += 1
        guest = self.guests[_key(request)]
        try:
            reader, writer = await asyncio.open_connection(guest.address, int(request.match_info["port"]))
        except OSError:
            message = f"dialing VM: dial tcp {guest.address}: connect: connection refused"
            return web.json_response({"message": message}, status=500)
        websocket = web.WebSocketResponse(protocols=("plain.kubevirt.io",))
        try:
            await websocket.prepare(request)
            assert websocket.ws_protocol == "plain.kubevirt.io"
            back = asyncio.create_task(_pour(reader, websocket))
            async for message in websocket:
                if message.type == WSMsgType.BINARY:
                    writer.write(message.data)
            back.cancel()
        finally:
            writer.close()
        return websocket


async def serve_ssh(address: str, port: int, key: t.Any = KEY) -> t.Any:
    """An SSH server that lets ``key`` in, and whose commands say what they were given."""

    async def run(process: t.Any) -> None:
        given = await process.stdin.read()
        if (process.command or "").startswith("sleep"):
            await asyncio.sleep(60)
        process.stdout.write(f"{process.command}: {given}")
        process.exit(int(process.command.split()[1]) if (process.command or "").startswith("exit") else 0)

    keys = asyncssh.import_authorized_keys(key.export_public_key().decode())
    with contextlib.suppress(asyncssh.Error):
        return await asyncssh.listen(
            address, port, server_host_keys=[HOST_KEY], authorized_client_keys=keys, process_factory=run
        )


async def _pour(reader: asyncio.StreamReader, websocket: web.WebSocketResponse) -> None:
    while chunk := await reader.read(10240):
        await websocket.send_bytes(chunk)
    await websocket.close()


def _key(request: web.Request) -> str:
    return f"{request.match_info['ns']}/{request.match_info['name']}"


def _found(item: Object | None) -> web.Response:
    if item is None:
        return web.json_response({"message": "not found"}, status=404)
    return web.json_response(item)
