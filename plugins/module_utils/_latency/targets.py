# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which machines are measured: those of a fleet by the nodes that they run on, or a list of hosts."""

from __future__ import annotations

import socket
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, labels_of, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int

FLEET_LABEL = "tuning.virtscale/fleet"
GROUP_LABEL = "tuning.virtscale/group"
# The reference architecture's: 1, 2, 4 ... 64 nodes.
_NODES_MAX = 64
_SHOWN = 3


@dataclass(frozen=True)
class Pool:
    """Machines whose disks lie in one pool of Ceph; measured apart from those of the others."""

    name: str | None = None
    replicas: int | None = None
    group: str | None = None
    storage_class: str | None = None


@dataclass(frozen=True)
class Target:
    """One machine that fio runs in."""

    name: str
    address: str
    node: str
    port: int = 22
    namespace: str | None = None
    # Names of the storage classes of its volumes.
    storage_classes: tuple[str, ...] = ()
    group: str | None = None

    @property
    def vm(self) -> str:
        """What it is called in results: ``namespace/name`` of a virtual machine."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Step:
    """Machines that are measured at the same time."""

    nodes: int
    targets: tuple[Target, ...]


def parse_pools(values: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Pool, ...]:
    """Return the pools that are compared; of none, one that holds everything.

    :raises InvalidValue: when two have one name, or nothing says which machines are in one.
    """
    pools = []
    for value in values:
        replicas = value.get("replicas")
        pool = Pool(
            value["name"],
            None if replicas is None else parse_int("pools.replicas", replicas, maximum=10),
            value.get("group"),
            value.get("storage_class"),
        )
        if (pool.group is None) == (pool.storage_class is None):
            raise InvalidValue("pools", pool.name, "a pool with either group or storage_class")
        pools.append(pool)
    names = [pool.name for pool in pools]
    if len(set(names)) != len(names):
        raise InvalidValue("pools", names, "pools of different names")
    return tuple(pools) or (Pool(),)


def parse_hosts(values: t.Sequence[t.Mapping[str, t.Any]], port: int = 22) -> list[Target]:
    """Return the hosts of a list; each is a node of its own unless it names one.

    :param port: of those that do not name theirs.
    :raises InvalidValue: when two have one name.
    :raises TuningError: when one's host name is not known.
    """
    found = [
        Target(
            value["name"],
            _ip(value["name"], value.get("address") or value["name"]),
            value.get("node") or value["name"],
            parse_int("targets.port", port if value.get("port") is None else value["port"], maximum=65535),
            group=value.get("group"),
        )
        for value in values
    ]
    names = [target.name for target in found]
    if len(set(names)) != len(names):
        raise InvalidValue("targets", names, "hosts of different names")
    return found


def _ip(name: str, address: str) -> str:
    try:
        return str(socket.getaddrinfo(address, None, proto=socket.IPPROTO_TCP)[0][4][0])
    except OSError as error:
        raise TuningError(f"The address of target {name}, {address}, is not known: {error.strerror}.") from error


def target_of(vmi: Object, classes: t.Mapping[str, str], port: int = 22) -> Target | None:
    """Return a running instance with an address as a target, or None.

    :param classes: from ``namespace/name`` of a claim to its storage class.
    """
    meta, status = vmi["metadata"], vmi.get("status") or {}
    address = next((found for one in status.get("interfaces") or [] if (found := one.get("ipAddress"))), None)
    if status.get("phase") != "Running" or not address or not status.get("nodeName") or meta.get("deletionTimestamp"):
        return None
    claims = [
        value_at(volume, path)
        for volume in value_at(vmi, ("spec", "volumes")) or []
        for path in (("persistentVolumeClaim", "claimName"), ("dataVolume", "name"))
    ]
    keys = [f"{meta['namespace']}/{claim}" for claim in claims if claim]
    return Target(
        meta["name"],
        address,
        status["nodeName"],
        port,
        namespace=meta["namespace"],
        storage_classes=tuple(classes[key] for key in keys if key in classes),
        group=labels_of(vmi).get(GROUP_LABEL),
    )


def in_pool(targets: t.Iterable[Target], pool: Pool) -> list[Target]:
    """Return the machines of a pool."""
    if pool.group is not None:
        return [target for target in targets if target.group == pool.group]
    if pool.storage_class is not None:
        return [target for target in targets if pool.storage_class in target.storage_classes]
    return list(targets)


def steps(targets: t.Sequence[Target], vms_per_node: int, counts: t.Sequence[int], where: str = "") -> list[Step]:
    """Return the series: so many machines a node, over more and more nodes, each step holding the one before.

    Nodes are taken by name, and machines of a node by theirs, so that a second run measures the same ones.

    :param counts: numbers of nodes; none: powers of two up to 64, and as many as there are.
    :raises TuningError: when there are not enough machines.
    """
    by_node: dict[str, list[Target]] = {}
    for target in sorted(targets, key=lambda target: target.vm):
        by_node.setdefault(target.node, []).append(target)
    full = sorted(node for node, found in by_node.items() if len(found) >= vms_per_node)
    if not full:
        raise TuningError(f"No node runs {vms_per_node} machines{where}: {_fullest(by_node)}; set vms_per_node.")
    chosen = list(counts) or [2**power for power in range(len(full).bit_length()) if 2**power <= _NODES_MAX]
    if chosen[-1] > len(full):
        raise TuningError(
            f"{chosen[-1]} nodes are asked for, but only {len(full)} run {vms_per_node} machines{where} or more."
        )
    return [
        Step(count, tuple(one for node in full[:count] for one in by_node[node][:vms_per_node])) for count in chosen
    ]


def _fullest(by_node: t.Mapping[str, t.Sequence[Target]]) -> str:
    if not by_node:
        return "none is running with an address"
    node, found = max(sorted(by_node.items()), key=lambda item: len(item[1]))
    return f"{node}, which has the most, runs {len(found)}"


def shown(names: t.Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
