#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects created per second: the fleet's engine beside a raw asynchronous client, kubernetes.core.k8s and kubectl.

    fleet.py --vms 200 --rounds 3

Each makes the same virtual machines, halted and without disks, in namespaces of its own on the lab, one after the other
in each round. The raw client sends the same requests at the same concurrency and does nothing else: what the API server
itself takes. kubernetes.core.k8s gets the list in one task, off which the time of a task that only reads a namespace is
taken; kubectl applies it from a file.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".collections"))

import aiohttp
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    NAMESPACES,
    VIRTUAL_MACHINES,
    machine_name,
    marks,
    namespace_of,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.remove import Removal
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import (
    FLEET_SPEC,
    FleetRequest,
    parse_fleet,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.run import FleetRun
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk_session import BulkSession
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.settings import connection_settings
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run

CACHE = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale"))
KUBECONFIG = str(CACHE / "lab/kubeconfig")
KUBECTL = str(Path(os.environ.get("VIRTSCALE_TOOLS", "/var/cache/virtscale/tools")) / "bin/kubectl")
ARTIFACTS = CHECKOUT / "artifacts/bench" / CACHE.name
AUTH = {"kubeconfig": KUBECONFIG}
AIM_OF_RAW, AIM_OF_K8S = 0.8, 5.0

Json = t.Dict[str, t.Any]


def request_of(name: str, vms: int, concurrency: int) -> FleetRequest:
    """Return the fleet that everybody makes, under a name of its own."""
    defaults = {key: spec.get("default") for key, spec in FLEET_SPEC.items()}
    q35 = {"spec": {"template": {"spec": {"domain": {"machine": {"type": "q35"}}}}}}
    group = {"name": "fedora", "vms": vms, "kind": "fedora", "overrides": q35}
    return parse_fleet(
        {
            **defaults,
            "name": name,
            "groups": [group],
            "state": "stopped",
            "mode": "at_once",
            "namespaces": 4,
            "concurrency": concurrency,
        }
    )


def bodies(request: FleetRequest) -> list[tuple[str, bytes]]:
    """Return namespace and JSON of each machine."""
    (group,) = request.groups
    texts = group.texts(request.state)
    found = []
    for number in range(1, group.vms + 1):
        namespace = namespace_of(group.name, number, request.namespaces)
        found.append((namespace, texts.of(number, machine_name(request.name, group.name, number), namespace)))
    return found


async def make_namespaces(request: FleetRequest) -> None:
    """Make the namespaces of those who do not make their own."""
    async with BulkClient.connect(AUTH) as api:
        for name in request.namespaces:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": marks(request.name)}}
            await api.create(NAMESPACES, name, body, field_manager="bench")


async def remove(request: FleetRequest) -> None:
    """Take everything away again, before the next one begins."""
    async with BulkClient.connect(AUTH, request.concurrency) as api:
        await Removal(api, request.name, request.concurrency, 600, lambda line: None).everything()


async def raw(request: FleetRequest) -> float:
    """Return the seconds of a client that does nothing but send the same requests."""
    todo = iter(bodies(request))
    session = BulkSession(connection_settings(AUTH))
    timeout = aiohttp.ClientTimeout(total=60)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}

    async def work() -> None:
        for namespace, body in todo:
            path = VIRTUAL_MACHINES.path(namespace=namespace)
            async with session.request("POST", path, headers, data=body, timeout=timeout) as response:
                assert response.status == 201, await response.text()
                await response.read()

    began = time.monotonic()
    await asyncio.gather(*(work() for _worker in range(request.concurrency)))
    took = time.monotonic() - began
    await session.close()
    return took


async def engine(request: FleetRequest) -> tuple[float, Json]:
    """Return the seconds from the engine's first request for a machine to the last answer, and what it all cost."""
    with tempfile.TemporaryDirectory() as directory:
        async with BulkClient.connect(AUTH, request.concurrency) as api:
            told = await FleetRun(api, request, Run(Path(directory), "bench"), lambda line: None).deploy()
    (way,) = told["fleet"]["series"]
    (batch,) = way["batches"]
    assert way["measured"] == request.vms and not way["failed"], way["failed"]
    return batch["created_s"] - batch["began_s"], told["fleet"]["cost"]


def kubernetes_core(request: FleetRequest) -> float:
    """Return the seconds of one task with the whole list."""
    items = [json.loads(body) for _namespace, body in bodies(request)]
    return _task_s(items) - _task_s([])


def _task_s(items: list[Json]) -> float:
    task = {"kubernetes.core.k8s": {"kubeconfig": KUBECONFIG, "resource_definition": items}}
    if not items:
        task = {"kubernetes.core.k8s_info": {"kubeconfig": KUBECONFIG, "kind": "Namespace", "name": "default"}}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [task],
        "vars": {"ansible_python_interpreter": sys.executable},
    }
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(json.dumps([play]))
        file.flush()
        return _timed([str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", file.name])


def kubectl(request: FleetRequest) -> float:
    """Return the seconds of kubectl apply."""
    items = [json.loads(body) for _namespace, body in bodies(request)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"apiVersion": "v1", "kind": "List", "items": items}, file)
        file.flush()
        return _timed([KUBECTL, "--kubeconfig", KUBECONFIG, "apply", "-f", file.name])


def _timed(command: list[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=CHECKOUT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    took = time.monotonic() - began
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stdout[-3000:]}")
    return took


def one_round(number: int, vms: int, concurrency: int, slow: bool) -> Json:
    """Return the objects per second of everybody, in one round; the slow ones on request only."""
    found: Json = {}
    for who in ("raw", "engine", "kubernetes_core", "kubectl"):
        if who in ("kubernetes_core", "kubectl") and not slow:
            continue
        request = request_of(f"c-bench-{number}-{who.replace('_', '')}", vms, concurrency)
        if who == "engine":
            took, found["cost"] = asyncio.run(engine(request))
        else:
            asyncio.run(make_namespaces(request))
            took = (
                asyncio.run(raw(request))
                if who == "raw"
                else {"kubernetes_core": kubernetes_core, "kubectl": kubectl}[who](request)
            )
        found[who] = round(vms / took, 1)
        asyncio.run(remove(request))
        print(f"  round {number}: {who:<16} {found[who]:>8.1f} objects/s", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vms", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="of the raw client and the engine; the others run in one")
    parser.add_argument("--concurrency", type=int, default=50)
    options = parser.parse_args()
    rounds = [one_round(n, options.vms, options.concurrency, slow=n == 1) for n in range(1, options.rounds + 1)]
    speeds = {
        who: statistics.median([one[who] for one in rounds if who in one])
        for who in ("raw", "engine", "kubernetes_core", "kubectl")
    }
    # The two take turns, so that each round compares them under the same load.
    of_raw = statistics.median([one["engine"] / one["raw"] for one in rounds])
    of_k8s = rounds[0]["engine"] / rounds[0]["kubernetes_core"]
    cost = rounds[0]["cost"]
    print(f"{options.vms} VirtualMachines, {options.concurrency} requests at once, median of {options.rounds} rounds")
    for who, speed in speeds.items():
        print(f"  {who:<18}{speed:>8.1f} objects/s")
    print(f"  the engine reaches {of_raw:.0%} of the raw client; the aim is {AIM_OF_RAW:.0%}")
    print(f"  it is {of_k8s:.1f} times as fast as kubernetes.core.k8s; the aim is {AIM_OF_K8S:g}")
    print(f"  it took {cost['requests_per_vm']:.2f} requests a VM and {cost['peak_memory_bytes'] / 2**20:.0f} MiB")
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    result = {
        "vms": options.vms,
        "concurrency": options.concurrency,
        "rounds": rounds,
        "speeds": speeds,
        "of_raw": round(of_raw, 3),
        "of_kubernetes_core": round(of_k8s, 2),
    }
    (ARTIFACTS / "fleet.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
