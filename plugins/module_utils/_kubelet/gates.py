# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What stands against a KubeletConfig: the cluster's network, refused objects, and settings of others that it takes."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, merged, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import made_by_us
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.layers import LAST_SUFFIX, Layer, lost_settings
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Generator

# Of a node's addresses these are no pod's: network, gateway and the management port.
_ADDRESSES_NOT_FOR_PODS = 3


def pods_by_network(network: Object | None) -> tuple[int, str] | None:
    """Return the most pods that a node has addresses for, and the prefix that says so; None where it is unknown.

    The host prefix is fixed when a cluster is installed. Of several networks the smallest counts.
    """
    found = value_at(network or {}, ("status", "clusterNetwork")) or []
    limits = []
    for entry in found:
        if entry.get("cidr") and entry.get("hostPrefix"):
            bits = ipaddress.ip_network(entry["cidr"], strict=False).max_prefixlen - entry["hostPrefix"]
            limits.append((2**bits - _ADDRESSES_NOT_FOR_PODS, f"/{entry['hostPrefix']} of {entry['cidr']}"))
    return min(limits) if limits else None


class KubeletGates:
    """The KubeletConfigs of others on the pools that one of ours is to select."""

    def __init__(self, machines: Machines, name: str, label: t.Mapping[str, str], targets: t.Sequence[str]) -> None:
        self._machines = machines
        self._name = name
        # As the pools are going to be labelled: a foreign one may select by the same label.
        labelled = {"metadata": {"labels": dict(label)}}
        self._pools = {pool: merged(machines.pools[pool], labelled) for pool in targets}
        self._layers = [Layer.of(item) for item in machines.kubelet_configs.values()]

    def refusals(self, settings: t.Mapping[str, t.Any], network: Object | None, force: bool) -> list[str]:
        """Return why nothing may be written; ``force`` overrides the settings of others."""
        reasons = self._network(settings, network) + self._failed() + self._full()
        return reasons if force or self._exists() else reasons + self._lost(settings)

    def overriding(self, settings: t.Mapping[str, t.Any]) -> dict[str, str]:
        """Return setting to the name of a newer KubeletConfig that takes it from ours."""
        mine = next((layer for layer in self._layers if layer.name == self._name), None)
        taken: dict[str, str] = {}
        for layer in self._others():
            if mine and layer.order > mine.order and any(layer.on(pool) for pool in self._pools.values()):
                taken.update(dict.fromkeys(lost_settings(layer.settings, settings), layer.name))
        return taken

    def overridden(self) -> list[str]:
        """Return the names of the KubeletConfigs of others that lie under ours."""
        return sorted(layer.name for layer in self._others() if any(self._under(layer, pool) for pool in self._pools))

    def rejected(self) -> Generator | None:
        """Return our own KubeletConfig if the operator said no to it."""
        return next((one for one in self._rejected() if one.name == self._name), None)

    def _exists(self) -> bool:
        return self._name in self._machines.kubelet_configs

    def _others(self) -> list[Layer]:
        return [layer for layer in self._layers if layer.name != self._name]

    def _under(self, layer: Layer, pool: str) -> bool:
        """Return whether a layer takes part in a pool: by itself, or through the worker pool that it extends."""
        return layer.on(self._pools[pool]) or layer.on(self._machines.pools.get("worker", {}))

    def _network(self, settings: t.Mapping[str, t.Any], network: Object | None) -> list[str]:
        limit = pods_by_network(network)
        if limit is None or settings.get("maxPods", 0) <= limit[0]:
            return []
        return [f"maxPods is {settings['maxPods']}, but {limit[1]} has addresses for {limit[0]} pods a node"]

    def _rejected(self) -> list[Generator]:
        generators = self._machines.snapshot.generators
        return [one for one in generators if one.current and not one.accepted and not one.deleting]

    def _failed(self) -> list[str]:
        """A failed one stops all rendering of its pools, while they say Updated."""
        labels = [pool["metadata"]["labels"] for pool in self._pools.values()]
        return [
            f"{one} failed and stops all rendering of its pools: {one.message}"
            for one in self._rejected()
            if one.name != self._name and any(one.selector.matches(found) for found in labels)
        ]

    def _full(self) -> list[str]:
        last = [layer.name for layer in self._layers if layer.order[0] == LAST_SUFFIX]
        if self._exists() or not last:
            return []
        return [f"{last[0]} has the last number, {LAST_SUFFIX}, that the operator gives: delete old KubeletConfigs"]

    def _lost(self, settings: t.Mapping[str, t.Any]) -> list[str]:
        reasons = []
        for layer in self._others():
            lost = lost_settings(settings, layer.settings)
            pools = [pool for pool in self._pools if self._under(layer, pool)]
            if lost and pools:
                values = ", ".join(f"{name} {layer.settings[name]}" for name in lost)
                remedy = "add them here and delete it, or force conflicts"
                reasons.append(f"{values} of KubeletConfig {layer.name} would be lost on {', '.join(pools)}: {remedy}")
        return reasons


def is_ours(machines: Machines, name: str) -> bool:
    """Return whether a KubeletConfig may be deleted by us; a missing one would be made by us."""
    found = machines.kubelet_configs.get(name)
    return found is None or made_by_us(found)
