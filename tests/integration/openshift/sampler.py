# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a bystander sees of a rollout: every change of a node, judged by no code of the collection."""

from __future__ import annotations

import collections
import threading
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    NODES,
    KubeClient,
    KubeError,
    Object,
)

MCO = "machineconfiguration.openshift.io"
WATCH_S = 5


def readiness(node: Object) -> str:
    """What a node says of itself: True, False while it reboots, Unknown when a busy machine lost its heartbeat."""
    return next(str(one["status"]) for one in node["status"]["conditions"] if one["type"] == "Ready")


def out_of_service(node: Object) -> bool:
    """Whether a node reboots, is cordoned or in the middle of an update."""
    notes = node["metadata"]["annotations"]
    settled = notes.get(f"{MCO}/currentConfig") == notes.get(f"{MCO}/desiredConfig")
    return (
        readiness(node) == "False"
        or node["spec"].get("unschedulable", False)
        or not settled
        or notes.get(f"{MCO}/state") != "Done"
    )


def zone_of(node: Object) -> str:
    """The zone in a node's role labels, or worker."""
    roles = [label.removeprefix("node-role.kubernetes.io/") for label in node["metadata"]["labels"]]
    return next((role for role in roles if role.startswith("zone-")), "worker")


class Sampler:
    """Watches the nodes in a thread of its own, from ``with`` to the end of it."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sampler")
        self._nodes: dict[str, Object] = {}
        self.samples = 0
        self.most_out: t.Counter[str] = collections.Counter()
        self.most_out_at_once = 0
        self.most_pools_at_once = 0
        # Each node's pods, configurations and readiness in the order in which they were seen, repetitions left out.
        self.pods: dict[str, list[str]] = collections.defaultdict(list)
        self.configs: dict[str, list[str]] = collections.defaultdict(list)
        self.ready: dict[str, list[str]] = collections.defaultdict(list)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        version = ""
        while not self._end.is_set():
            try:
                if not version:
                    listing = self._client.list(NODES)
                    version = listing.resource_version
                    for node in listing.items:
                        self._note(node)
                for event, node in self._client.watch(NODES, version, timeout_s=WATCH_S):
                    version = node["metadata"]["resourceVersion"]
                    if event != "BOOKMARK":
                        self._note(node)
            except KubeError as error:  # the API server is restarted in the middle
                version = "" if error.expired else version
                self._end.wait(0.2)

    def _note(self, node: Object) -> None:
        name, notes = node["metadata"]["name"], node["metadata"]["annotations"]
        self._nodes[name] = node
        self.samples += 1
        out = collections.Counter(zone_of(one) for one in self._nodes.values() if out_of_service(one))
        self.most_out |= out
        self.most_out_at_once = max(self.most_out_at_once, out.total())
        self.most_pools_at_once = max(self.most_pools_at_once, len(out))
        _append(self.pods[name], node["status"]["capacity"]["pods"])
        _append(self.configs[name], notes.get(f"{MCO}/currentConfig", ""))
        _append(self.ready[name], readiness(node))


def pools_of(client: KubeClient) -> dict[str, Object]:
    """All MachineConfigPools by name."""
    return {pool["metadata"]["name"]: pool for pool in client.list(MACHINE_CONFIG_POOLS).items}


def _append(seen: list[t.Any], value: t.Any) -> None:
    if not seen or seen[-1] != value:
        seen.append(value)
