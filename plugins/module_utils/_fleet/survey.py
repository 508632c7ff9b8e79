# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a fleet finds on the cluster before it begins: its own machines, the golden images, room on the nodes."""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    CLAIMS,
    DATA_SOURCES,
    DATA_VOLUMES,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SNAPSHOTS,
    STORAGE_PROFILES,
    VIRTUAL_MACHINES,
    selector,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import FleetRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.surround import network_trouble
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import NODES
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import labels_of, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import parse_quantity, requests_of_pod
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import Source
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.scheduling import machine_types_of

_WORKER_LABEL = "node-role.kubernetes.io/worker"
_OVER = ("Succeeded", "Failed")
# The namespace that every cluster has from its first day to its last.
_CLUSTERS_OWN_NAMESPACE = "kube-system"


@dataclass
class Room:
    """What one node has left."""

    pods: int
    memory_bytes: int


@dataclass
class GoldenImage:
    """What a source turns out to be."""

    # "pvc" or "snapshot"; None where there is nothing of that name.
    kind: str | None
    ready: bool = True


@dataclass
class Survey:
    """The facts that the plan is made from."""

    # The run strategy of each machine that exists already.
    machines: dict[str, str] = field(default_factory=dict)
    # How many idle pods the Deployment of each namespace holds.
    pods: dict[str, int] = field(default_factory=dict)
    images: dict[Source, GoldenImage] = field(default_factory=dict)
    # Of each storage class, the effective clone strategy.
    strategies: dict[str, str] = field(default_factory=dict)
    # By node; pods_on counts those that are there now.
    rooms: dict[str, Room] = field(default_factory=dict)
    pods_on: dict[str, int] = field(default_factory=dict)
    # Machine types that the workers' QEMU has; empty where KubeVirt does not tell.
    machine_types: set[str] = field(default_factory=set)
    network_trouble: str | None = None


async def cluster_id(api: BulkClient) -> str:
    """Return what tells this cluster from any other."""
    found = await api.get(NAMESPACES, _CLUSTERS_OWN_NAMESPACE)
    return str(found["metadata"]["uid"]) if found else "unknown"


async def survey(api: BulkClient, request: FleetRequest) -> Survey:
    """Return the facts about a request; nothing is changed."""
    found = Survey()
    async for item in api.items(VIRTUAL_MACHINES, None, selector(request.name)):
        found.machines[item["metadata"]["name"]] = value_at(item, ("spec", "runStrategy")) or "Manual"
    async for item in api.items(DEPLOYMENTS, None, selector(request.name)):
        found.pods[item["metadata"]["namespace"]] = item["spec"]["replicas"]
    for source in {source for group in request.groups for source in group.sources}:
        found.images[source] = await _image(api, source)
    for name in {name for group in request.groups for name in group.storage_classes()}:
        profile = await api.get(STORAGE_PROFILES, name)
        strategy = value_at(profile, ("status", "cloneStrategy"))
        if strategy:
            found.strategies[name] = strategy
    await _rooms(api, found)
    found.network_trouble = await network_trouble(api, request)
    return found


async def _image(api: BulkClient, source: Source) -> GoldenImage:
    if source.kind == "datasource":
        return await _data_source(api, source)
    if source.kind == "snapshot":
        item = await api.get(SNAPSHOTS, source.name, source.namespace)
        return GoldenImage(kind="snapshot" if item else None, ready=bool(value_at(item, ("status", "readyToUse"))))
    item = await api.get(CLAIMS, source.name, source.namespace)
    if item is None:
        return GoldenImage(kind=None)
    # While CDI fills it, the claim may be bound already.
    volume = await api.get(DATA_VOLUMES, source.name, source.namespace)
    filled = volume is None or value_at(volume, ("status", "phase")) == "Succeeded"
    return GoldenImage(kind="pvc", ready=filled and value_at(item, ("status", "phase")) == "Bound")


async def _data_source(api: BulkClient, source: Source) -> GoldenImage:
    item = await api.get(DATA_SOURCES, source.name, source.namespace)
    if item is None:
        return GoldenImage(kind=None)
    found = value_at(item, ("status", "source")) or value_at(item, ("spec", "source")) or {}
    conditions = value_at(item, ("status", "conditions")) or []
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    return GoldenImage(kind="snapshot" if "snapshot" in found else "pvc", ready=ready)


async def _rooms(api: BulkClient, found: Survey) -> None:
    """Count what the workers have, and what pods have taken of it."""
    async for node in api.items(NODES):
        if _WORKER_LABEL not in labels_of(node) or value_at(node, ("spec", "unschedulable")):
            continue
        found.machine_types |= machine_types_of(labels_of(node))
        allocatable = value_at(node, ("status", "allocatable")) or {}
        found.rooms[node["metadata"]["name"]] = Room(
            pods=int(parse_quantity(allocatable.get("pods", 0))),
            memory_bytes=int(parse_quantity(allocatable.get("memory", 0))),
        )
    async for pod in api.items(PODS):
        name = value_at(pod, ("spec", "nodeName"))
        room = found.rooms.get(name) if name else None
        if room is None or value_at(pod, ("status", "phase")) in _OVER:
            continue
        room.pods -= 1
        room.memory_bytes -= requests_of_pod(pod["spec"]).memory_bytes
        found.pods_on[name] = found.pods_on.get(name, 0) + 1
