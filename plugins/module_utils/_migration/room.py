# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether the rest of a cluster has room for what leaves the nodes that are drained at once.

Sums of requests against what is allocatable: what they say cannot fit, cannot; what they let pass may still be
scattered too much. The largest virtual machine is looked at by itself.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import parse_quantity

Facts = t.Mapping[str, t.Any]
# The name of a resource in a node's status, and in the facts of its pods.
_RESOURCES = (("cpu", "cpu_cores"), ("memory", "memory_bytes"), ("pods", "pods"))
_GIB = 2**30


def lacking_room(
    machines: Machines, facts: Facts, draining: t.Sequence[str], at_once: int, leaving: t.Sequence[Facts]
) -> t.Iterator[tuple[str, str]]:
    """Yield what cannot find a place: a resource, or a virtual machine, and a sentence about it.

    :param draining: the nodes that are drained, ``at_once`` of them at a time: the fullest are reckoned with.
    :param leaving: the virtual machines on them.
    """
    used = facts.get("node_pods") or {}
    free = {name: _free(machines.nodes[name], used.get(name) or {}) for name in _targets(machines)}
    for resource, key in _RESOURCES:
        moving = {name: (used.get(name) or {}).get(f"moving_{key}", 0) for name in draining}
        first = sorted(moving, key=lambda name: moving[name], reverse=True)[:at_once]
        needed = sum(moving[name] for name in first)
        left = sum(room[key] for name, room in free.items() if name not in first)
        if needed > left:
            drained = "the fullest node" if len(first) == 1 else f"the {len(first)} fullest nodes, drained at once"
            yield (
                f"room for {resource}",
                f"{_amount(key, needed)} leave {drained}, and the other nodes have {_amount(key, left)} left: lower "
                "maxUnavailable, or make room",
            )
    largest = sorted(leaving, key=lambda machine: (machine["memory_bytes"], machine["cpu_cores"]), reverse=True)
    for machine in largest[:1]:
        if not any(_fits(machine, room) for name, room in free.items() if name != machine["node"]):
            asked = (
                f"{_amount('cpu_cores', machine['cpu_cores'])} and {_amount('memory_bytes', machine['memory_bytes'])}"
            )
            why = f"{machine['namespace']}/{machine['name']} asks for {asked}, and no other node has that much left"
            yield "room for the largest virtual machine", f"{why}: its drain would wait for ever"


def _targets(machines: Machines) -> list[str]:
    """Return the nodes that take what leaves others."""
    return [node.name for node in machines.snapshot.workers if node.ready and not node.cordoned]


def _free(node: Facts, used: Facts) -> dict[str, float]:
    allocatable = value_at(node, ("status", "allocatable")) or {}
    return {
        key: float(parse_quantity(allocatable[resource])) - used.get(key, 0)
        for resource, key in _RESOURCES
        if resource in allocatable
    } | {key: float("inf") for resource, key in _RESOURCES if resource not in allocatable}


def _fits(machine: Facts, room: t.Mapping[str, float]) -> bool:
    return all(machine[key] <= room[key] for key in ("cpu_cores", "memory_bytes")) and room["pods"] >= 1


def _amount(key: str, number: float) -> str:
    if key == "memory_bytes":
        return f"{number / _GIB:.1f} GiB"
    return f"{number:.1f} cores" if key == "cpu_cores" else f"{number:.0f} pods"
