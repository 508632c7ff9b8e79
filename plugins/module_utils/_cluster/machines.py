# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Nodes, pools and kubelet configurations as they are, or as an earlier step of the same run plans them."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, labels_of, patched
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import (
    DEFAULT_DRAIN_S,
    DEFAULT_REBOOT_S,
    describe_seconds,
    estimate,
    total,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    PAUSE_MARK,
    Snapshot,
    parse_generator,
    parse_node,
    parse_pool,
)

POOL_KIND = {"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "MachineConfigPool"}
# Marks the pools of zones, whoever made them.
ZONE_LABEL = "tuning.virtscale/zone"
_LONGEST_S = 7 * 86400
_BUILT_IN_POOLS = ("master", "arbiter", "worker")


@dataclass(frozen=True)
class Machines:
    """Objects by name, and the same as the machine-config-controller sees them."""

    nodes: t.Dict[str, Object]
    pools: t.Dict[str, Object]
    kubelet_configs: t.Dict[str, Object]
    snapshot: Snapshot
    # What one node takes, for estimates.
    drain_s: float = DEFAULT_DRAIN_S
    reboot_s: float = DEFAULT_REBOOT_S

    @classmethod
    def from_facts(
        cls,
        facts: t.Mapping[str, t.Any],
        planned: t.Mapping[str, t.Any] | None = None,
        *,
        drain_s: t.Any = DEFAULT_DRAIN_S,
        reboot_s: t.Any = DEFAULT_REBOOT_S,
    ) -> Machines:
        """Return the machines of measured facts.

        :param planned: what earlier steps of this run make of them, see ``_cluster.planned``; a preview plans on it.
        :raises InvalidValue: for durations that are no seconds.
        """
        planned = planned or {}
        nodes = {node["metadata"]["name"]: node for node in facts.get("nodes") or []}
        for name, labels in (planned.get("node_labels") or {}).items():
            if name in nodes:
                nodes[name] = patched(nodes[name], {"metadata": {"labels": labels}})
        pools = {pool["metadata"]["name"]: pool for pool in facts.get("pools") or []}
        for pool in planned.get("pools") or []:
            name = pool["metadata"]["name"]
            pools[name] = patched(pools.get(name, {}), pool)
        gone = planned.get("kubelet_configs_absent") or []
        configs = {item["metadata"]["name"]: item for item in facts.get("kubelet_configs") or []}
        configs = {name: item for name, item in configs.items() if name not in gone}
        snapshot = Snapshot(
            nodes={name: parse_node(node) for name, node in nodes.items()},
            pools={name: parse_pool(pool) for name, pool in pools.items()},
            generators=[parse_generator("KubeletConfig", item) for item in configs.values()],
        )
        return cls(nodes, pools, configs, snapshot, _seconds("drain_s", drain_s), _seconds("reboot_s", reboot_s))

    def workers(self) -> list[str]:
        """Return the nodes that run workloads: all workers but those that are control plane as well."""
        return [node.name for node in self.snapshot.workers]

    def members(self, pool: str) -> list[str]:
        """Return the nodes that the controller serves from a pool."""
        return [node.name for node in self.snapshot.members(pool)]

    def pool_of(self, node: str) -> str | None:
        """Return the pool of a node; None in no pool or in two."""
        return self.snapshot.pool_of(self.snapshot.nodes[node])

    def custom_pools(self) -> list[str]:
        """Return the pools beside master, arbiter and worker."""
        return sorted(name for name in self.pools if name not in _BUILT_IN_POOLS)

    def held_by_person(self, pool: str) -> bool:
        """Return whether somebody else paused the pool; such a pause is never lifted."""
        found = self.snapshot.pools.get(pool)
        return bool(found and found.paused and not found.marked)

    def pause(self, pool: str, why: str) -> Object:
        """Return the part of a definition that pauses a pool as ours; empty where it is paused already."""
        found = self.snapshot.pools.get(pool)
        if found and found.paused:
            return {}
        return {"metadata": {"annotations": {PAUSE_MARK: why}}, "spec": {"paused": True}}

    def duration(self, nodes_by_pool: t.Mapping[str, int], at_once: t.Mapping[str, int] | None = None) -> str:
        """Return how long pools take one after the other, and how many nodes that are, virtual machines left out.

        :param at_once: maxUnavailable of pools as it is going to be.
        """
        parts = []
        for pool, nodes in nodes_by_pool.items():
            found = self.snapshot.pools.get(pool)
            size = (at_once or {}).get(pool) or (found.at_once(len(self.members(pool))) if found else 1)
            parts.append(estimate(nodes, size, drain_s=self.drain_s, reboot_s=self.reboot_s))
        nodes = sum(nodes_by_pool.values())
        lasting = describe_seconds(total(parts))
        return f"{nodes} {'node' if nodes == 1 else 'nodes'}, about {lasting} without virtual machines"


def _seconds(parameter: str, value: t.Any) -> float:
    return float(parse_decimal(parameter, value, minimum=0, maximum=_LONGEST_S))


def disrupted_at_once(workers: int, share: t.Any) -> int:
    """Return how many of the workers may be out of service: the share rounded down, at least one."""
    return max(1, math.floor(workers * share))


def is_zone_pool(pool: t.Mapping[str, t.Any]) -> bool:
    """Return whether a pool is one of the zones."""
    return ZONE_LABEL in labels_of(pool)
