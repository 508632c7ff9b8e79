# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a rollout needs to know of nodes, pools and the configurations rendered for them.

The objects of the API come in as they are and leave as small facts; which node belongs to which pool,
and what counts as unavailable, follows the machine-config-controller.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.label_selector import Selector

Object = t.Mapping[str, t.Any]

# Our mark on a pool that we paused; a pause without it is a person's, and is never lifted.
PAUSE_MARK = "tuning.virtscale/paused"
FIELD_MANAGER = "virtscale.tuning"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
ROLE_LABEL = "machineconfiguration.openshift.io/role"
_DAEMON = "machineconfiguration.openshift.io/"
_WORKER_LABEL = "node-role.kubernetes.io/worker"
_BUILT_IN_POOLS = ("master", "arbiter", "worker")


@dataclass(frozen=True)
class Node:
    """A node, and where the daemon on it stands."""

    name: str
    labels: t.Mapping[str, str]
    ready: bool
    cordoned: bool
    current: str | None
    desired: str | None
    state: str
    reason: str
    drain_asked: str
    drain_done: str

    @property
    def worker(self) -> bool:
        """Whether it counts in the share of workers that may be disrupted."""
        return _WORKER_LABEL in self.labels

    @property
    def managed(self) -> bool:
        """Whether the machine-config-controller cares for it: not for Windows."""
        return self.labels.get("kubernetes.io/os") != "windows"

    @property
    def done(self) -> bool:
        """Whether the daemon has nothing left to do."""
        return bool(self.current) and self.current == self.desired and self.state == "Done"

    @property
    def failing(self) -> bool:
        """Whether the daemon gave up on the configuration that it was told to apply."""
        return self.state in ("Degraded", "Unreconcilable")

    @property
    def disrupted(self) -> bool:
        """Whether it takes no work now or may stop doing so: the controller's own rule, plus failing nodes."""
        return not self.ready or self.cordoned or (self.managed and not self.done)

    @property
    def draining(self) -> bool:
        """Whether the daemon asked for a drain that is not finished."""
        return self.drain_asked.startswith("drain-") and self.drain_asked != self.drain_done

    @property
    def rebooting(self) -> bool:
        """Whether it is drained and the daemon has not come back to ask for the uncordon."""
        return self.drain_asked.startswith("drain-") and self.drain_asked == self.drain_done

    def waits_for(self, target: str) -> str | None:
        """Return what it still lacks to be back in service with ``target``, or None."""
        if self.failing:
            return f"its daemon, which is {self.state}: {self.reason or 'no reason given'}"
        if self.desired != target:
            return "its turn" if self.ready and not self.cordoned else self._out_of_service()
        if self.draining:
            return "its drain" if self.cordoned else "its cordon"
        if self.rebooting:
            return "its reboot"
        if not self.done:
            return f"the daemon (state {self.state or 'unknown'})"
        return self._out_of_service() if not self.ready or self.cordoned else None

    def _out_of_service(self) -> str:
        return "being Ready" if not self.ready else "being uncordoned"


@dataclass(frozen=True)
class Pool:
    """A MachineConfigPool: what it should run, and what its controller says of it."""

    name: str
    labels: t.Mapping[str, str]
    resource_version: str
    generation: int
    observed_generation: int
    paused: bool
    marked: bool
    node_selector: Selector
    config_selector: Selector
    max_unavailable: t.Any
    target: str
    sources: t.FrozenSet[str]
    reached: str
    machines: int
    updated: int
    ready: int
    unavailable: int
    conditions: t.Mapping[str, t.Tuple[bool, str]]

    @property
    def ours(self) -> bool:
        """Whether this collection made the pool, or holds it."""
        return self.marked or self.labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER

    def condition(self, kind: str) -> str | None:
        """Return the message of a condition that is True, else None."""
        is_true, message = self.conditions.get(kind, (False, ""))
        return message if is_true else None

    def at_once(self, nodes: int) -> int:
        """Return how many of its ``nodes`` nodes the controller takes at a time: percentages round down, at least 1."""
        wanted = self.max_unavailable
        if isinstance(wanted, str) and wanted.endswith("%"):
            wanted = nodes * int(wanted[:-1]) // 100
        return max(1, int(wanted or 0))


@dataclass(frozen=True)
class Generator:
    """A KubeletConfig or ContainerRuntimeConfig: the controller makes MachineConfigs out of it."""

    kind: str
    name: str
    selector: Selector
    ours: bool
    deleting: bool
    current: bool
    accepted: bool
    message: str
    generates: t.FrozenSet[str]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Source:
    """A MachineConfig that pools render from: its files by path."""

    name: str
    labels: t.Mapping[str, str]
    ours: bool
    deleting: bool
    files: t.Mapping[str, str]

    @property
    def for_workers(self) -> bool:
        """Whether it is made for the worker role, which custom pools override."""
        return self.labels.get(ROLE_LABEL) == "worker"


@dataclass(frozen=True)
class Snapshot:
    """The cluster at one moment; ``rendered`` holds the files of the pools' target configurations."""

    nodes: t.Mapping[str, Node] = field(default_factory=dict)
    pools: t.Mapping[str, Pool] = field(default_factory=dict)
    generators: t.Sequence[Generator] = ()
    sources: t.Mapping[str, Source] = field(default_factory=dict)
    rendered: t.Mapping[str, t.Mapping[str, str]] = field(default_factory=dict)

    @property
    def workers(self) -> list[Node]:
        """All nodes that count in the share of disrupted workers."""
        return [node for node in self.nodes.values() if node.worker and self.pool_of(node) != "master"]

    def members(self, pool: str) -> list[Node]:
        """Return the nodes of a pool, by name."""
        return sorted((node for node in self.nodes.values() if self.pool_of(node) == pool), key=lambda node: node.name)

    def pool_of(self, node: Node) -> str | None:
        """Return the one pool that the controller serves a node from; None in no pool or in two custom ones."""
        matching = self._matching(node)
        custom = [name for name in matching if name not in _BUILT_IN_POOLS]
        if len(custom) > 1:
            return None
        for name in ("master", "arbiter", *custom, "worker"):
            if name in matching:
                return name
        return None

    def stray(self, pools: t.Collection[str]) -> dict[str, list[str]]:
        """Return the nodes that these pools select and another custom pool too: they are served from none."""
        found = {node.name: self._matching(node) for node in self.nodes.values() if self.pool_of(node) is None}
        return {name: matching for name, matching in found.items() if set(matching) & set(pools)}

    def _matching(self, node: Node) -> list[str]:
        if not node.managed:
            return []
        return sorted(name for name, pool in self.pools.items() if pool.node_selector.matches(node.labels))

    def generators_of(self, pool: Pool) -> list[Generator]:
        """Return the generators that select a pool."""
        return [generator for generator in self.generators if generator.selector.matches(pool.labels)]

    def sources_of(self, pool: Pool) -> dict[str, Source]:
        """Return the MachineConfigs that a pool selects now."""
        return {name: source for name, source in self.sources.items() if pool.config_selector.matches(source.labels)}


def parse_node(item: Object) -> Node:
    """Return the facts of a v1 Node."""
    meta = item["metadata"]
    notes = meta.get("annotations") or {}
    conditions = {entry["type"]: entry["status"] for entry in item.get("status", {}).get("conditions") or []}
    return Node(
        name=meta["name"],
        labels=meta.get("labels") or {},
        ready=(
            conditions.get("Ready") == "True"
            and conditions.get("DiskPressure", "False") == "False"
            and conditions.get("NetworkUnavailable", "False") == "False"
        ),
        cordoned=bool(item.get("spec", {}).get("unschedulable")),
        current=notes.get(f"{_DAEMON}currentConfig"),
        desired=notes.get(f"{_DAEMON}desiredConfig"),
        state=notes.get(f"{_DAEMON}state", ""),
        reason=notes.get(f"{_DAEMON}reason", ""),
        drain_asked=notes.get(f"{_DAEMON}desiredDrain", ""),
        drain_done=notes.get(f"{_DAEMON}lastAppliedDrain", ""),
    )


def parse_pool(item: Object) -> Pool:
    """Return the facts of a MachineConfigPool."""
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    target = spec.get("configuration") or {}
    conditions = {
        entry["type"]: (entry["status"] == "True", entry.get("message", "")) for entry in status.get("conditions") or []
    }
    return Pool(
        name=meta["name"],
        labels=meta.get("labels") or {},
        resource_version=meta.get("resourceVersion", ""),
        generation=meta.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        paused=bool(spec.get("paused")),
        marked=PAUSE_MARK in (meta.get("annotations") or {}),
        node_selector=Selector.parse(spec.get("nodeSelector")),
        config_selector=Selector.parse(spec.get("machineConfigSelector")),
        max_unavailable=spec.get("maxUnavailable"),
        target=target.get("name", ""),
        sources=frozenset(source["name"] for source in target.get("source") or []),
        reached=(status.get("configuration") or {}).get("name", ""),
        machines=status.get("machineCount", 0),
        updated=status.get("updatedMachineCount", 0),
        ready=status.get("readyMachineCount", 0),
        unavailable=status.get("unavailableMachineCount", 0),
        conditions=conditions,
    )


def parse_generator(kind: str, item: Object) -> Generator:
    """Return the facts of a KubeletConfig or ContainerRuntimeConfig.

    An empty selector is refused, because it configures no pool, and nevertheless stops the rendering of all.
    Conditions are a history, the newest last: only the last one counts. Releases from 4.23 say ``Accepted``
    with a status; older ones have ``Success`` or ``Failure``, both with the status True.
    """
    meta, status = item["metadata"], item.get("status") or {}
    last = (status.get("conditions") or [{}])[-1]
    accepted = last.get("type") == "Success" or (last.get("type") == "Accepted" and last.get("status") == "True")
    return Generator(
        kind=kind,
        name=meta["name"],
        selector=Selector.parse((item.get("spec") or {}).get("machineConfigPoolSelector"), empty_matches_all=True),
        ours=(meta.get("labels") or {}).get(MANAGED_BY_LABEL) == FIELD_MANAGER,
        deleting="deletionTimestamp" in meta,
        current=bool(last) and status.get("observedGeneration") == meta.get("generation"),
        accepted=accepted,
        message=last.get("message", ""),
        generates=frozenset(meta.get("finalizers") or ()),
    )


def parse_source(item: Object) -> Source:
    """Return the facts of a MachineConfig."""
    meta = item["metadata"]
    labels = meta.get("labels") or {}
    return Source(
        name=meta["name"],
        labels=labels,
        ours=labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER,
        deleting="deletionTimestamp" in meta,
        files=parse_files(item),
    )


def parse_files(item: Object) -> dict[str, str]:
    """Return the files of a MachineConfig's Ignition: path to the URL that holds the content."""
    storage = ((item.get("spec") or {}).get("config") or {}).get("storage") or {}
    return {entry["path"]: (entry.get("contents") or {}).get("source") or "" for entry in storage.get("files") or []}
