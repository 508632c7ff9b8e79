# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as the API returns them, for the tests of a rollout's decisions."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    PAUSE_MARK,
    Snapshot,
    parse_files,
    parse_generator,
    parse_node,
    parse_pool,
    parse_source,
)

MCO = "machineconfiguration.openshift.io"
OLD, NEW = "rendered-old", "rendered-new"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"


def node(
    name: str, zone: str | None = "zone-0", *, config: str = OLD, desired: str | None = None, **change: t.Any
) -> t.Any:
    """Return a node of a zone's pool that runs ``config``; ``change``: ready, cordoned, state, reason, drain."""
    labels = {"node-role.kubernetes.io/worker": ""}
    if zone is not None:
        labels[f"node-role.kubernetes.io/{zone}"] = ""
    asked, done = change.get("drain", ("", ""))
    return {
        "metadata": {
            "name": name,
            "labels": {**labels, **change.get("labels", {})},
            "annotations": {
                f"{MCO}/currentConfig": config,
                f"{MCO}/desiredConfig": desired or config,
                f"{MCO}/state": change.get("state", "Done"),
                f"{MCO}/reason": change.get("reason", ""),
                f"{MCO}/desiredDrain": asked,
                f"{MCO}/lastAppliedDrain": done,
            },
        },
        "spec": {"unschedulable": True} if change.get("cordoned") else {},
        "status": {"conditions": [{"type": "Ready", "status": "True" if change.get("ready", True) else "Unknown"}]},
    }


def pool(
    name: str = "zone-0", *, paused: bool = False, marked: bool = False, target: str = NEW, **change: t.Any
) -> t.Any:
    """Return a zone's pool; ``change``: sources, reached, counts, conditions, max_unavailable, generations, labels."""
    counts = change.get("counts", (2, 2, 2, 0))
    reached = change.get("reached", target)
    generation, observed = change.get("generations", (3, 3))
    conditions = {"Updated": ("True", ""), **change.get("conditions", {})}
    return {
        "metadata": {
            "name": name,
            "resourceVersion": change.get("resource_version", "7"),
            "generation": generation,
            "labels": {f"pools.operator.{MCO}/{name}": "", **change.get("labels", {})},
            "annotations": {PAUSE_MARK: "true"} if marked else {},
        },
        "spec": {
            "paused": paused,
            "maxUnavailable": change.get("max_unavailable", 1),
            "nodeSelector": {"matchLabels": {f"node-role.kubernetes.io/{name}": ""}},
            "machineConfigSelector": {
                "matchExpressions": [{"key": f"{MCO}/role", "operator": "In", "values": ["worker", name]}]
            },
            "configuration": {
                "name": target,
                "source": [{"name": source} for source in change.get("sources", SOURCES)],
            },
        },
        "status": {
            "observedGeneration": observed,
            "configuration": {"name": reached},
            "machineCount": counts[0],
            "updatedMachineCount": counts[1],
            "readyMachineCount": counts[2],
            "unavailableMachineCount": counts[3],
            "conditions": [
                {"type": kind, "status": status, "message": message} for kind, (status, message) in conditions.items()
            ],
        },
    }


def machine_config(name: str, content: str | None, role: str = "worker", **meta: t.Any) -> t.Any:
    """Return a MachineConfig with one kubelet.conf, or with no file at all."""
    files = [] if content is None else [{"path": KUBELET_CONF, "contents": {"source": f"data:,{content}"}}]
    return {
        "metadata": {"name": name, "labels": {f"{MCO}/role": role}, **meta},
        "spec": {"config": {"storage": {"files": files}}},
    }


def kubelet_config(
    name: str = "virtscale-tuning", zone: str = "zone-0", *, condition: t.Any = None, **meta: t.Any
) -> t.Any:
    """Return a KubeletConfig that selects a zone's pool and was accepted, unless ``condition`` says otherwise."""
    last = condition or {"type": "Success", "status": "True", "message": "Success"}
    return {
        "metadata": {"name": name, "generation": 2, "finalizers": [f"99-{zone}-generated-kubelet"], **meta},
        "spec": {"machineConfigPoolSelector": {"matchLabels": {f"pools.operator.{MCO}/{zone}": ""}}},
        "status": {
            "observedGeneration": 2,
            "conditions": [{"type": "Failure", "status": "True", "message": "an older one"}, last],
        },
    }


WORKER_CONFIG = machine_config("01-worker-kubelet", "maxPods: 250")
ZONE_CONFIG = machine_config("99-zone-0-generated-kubelet", "maxPods: 500", "zone-0")
SOURCES = (WORKER_CONFIG["metadata"]["name"], ZONE_CONFIG["metadata"]["name"])


def snapshot(
    nodes: t.Sequence[t.Any] = (),
    pools: t.Sequence[t.Any] = (),
    kubelet_configs: t.Sequence[t.Any] | None = None,
    sources: t.Sequence[t.Any] = (WORKER_CONFIG, ZONE_CONFIG),
    rendered: str = "maxPods: 500",
) -> Snapshot:
    """Return the cluster with these objects; ``rendered`` is the kubelet.conf of the pools' target."""
    generators = [kubelet_config()] if kubelet_configs is None else kubelet_configs
    return Snapshot(
        nodes={item["metadata"]["name"]: parse_node(item) for item in nodes},
        pools={item["metadata"]["name"]: parse_pool(item) for item in pools},
        generators=[parse_generator("KubeletConfig", item) for item in generators],
        sources={item["metadata"]["name"]: parse_source(item) for item in sources},
        rendered={NEW: parse_files(machine_config(NEW, rendered))},
    )
