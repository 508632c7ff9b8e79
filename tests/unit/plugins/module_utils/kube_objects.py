# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kubernetes objects as a cluster shows them, for the tests of the plans."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged, patched

Object = t.Dict[str, t.Any]
ROLE = "machineconfiguration.openshift.io/role"


def node(
    name: str, roles: t.Sequence[str] = ("worker",), pods: int = 250, rendered: str = "rendered-worker-1"
) -> Object:
    """A Ready node whose daemon is done."""
    daemon = "machineconfiguration.openshift.io/"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {f"node-role.kubernetes.io/{role}": "" for role in roles} | {"kubevirt.io/schedulable": "true"},
            "annotations": {
                f"{daemon}currentConfig": rendered,
                f"{daemon}desiredConfig": rendered,
                f"{daemon}state": "Done",
            },
        },
        "spec": {"unschedulable": False},
        "status": {
            "capacity": {"pods": str(pods)},
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.32.2"},
        },
    }


def workers(count: int) -> list[Object]:
    """So many workers: worker001, worker002, ..."""
    return [node(f"worker{number:03}") for number in range(1, count + 1)]


def pool(name: str, **spec: t.Any) -> Object:
    """A pool that has rendered and reached its configuration."""
    roles = [name] if name in ("master", "worker") else ["worker", name]
    base: Object = {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfigPool",
        "metadata": {"name": name, "labels": {}, "annotations": {}, "generation": 1, "resourceVersion": "100"},
        "spec": {
            "machineConfigSelector": {"matchExpressions": [{"key": ROLE, "operator": "In", "values": roles}]},
            "nodeSelector": {"matchLabels": {f"node-role.kubernetes.io/{name}": ""}},
            "paused": False,
            "maxUnavailable": 1,
        },
        "status": {"observedGeneration": 1, "conditions": []},
    }
    return merged(base, {"spec": spec})


def managed(item: Object, manager: str, operation: str, *paths: str) -> Object:
    """The object with its fields owned: ``spec/paused``, ``metadata/labels/x``."""
    fields: Object = {}
    for path in paths:
        branch: Object = {}
        for key in reversed(path.split("/")):
            branch = {f"f:{key}": branch}
        fields = merged(fields, branch)
    entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": item["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    entries = [*item["metadata"].get("managedFields", []), entry]
    return merged(item, {"metadata": {"managedFields": entries}})


def kubelet_config(
    name: str,
    settings: Object,
    labels: t.Mapping[str, str],
    *,
    ours: bool = False,
    suffix: str | None = "",
    condition: t.Mapping[str, str] | None = None,
) -> Object:
    """A KubeletConfig that the controller has taken."""
    item: Object = {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "KubeletConfig",
        "metadata": {
            "name": name,
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app.kubernetes.io/managed-by": "virtscale.tuning"} if ours else {},
        },
        "spec": {"machineConfigPoolSelector": {"matchLabels": dict(labels)}, "kubeletConfig": settings},
        "status": {"observedGeneration": 1, "conditions": [condition or {"type": "Success", "status": "True"}]},
    }
    if suffix is not None:
        item["metadata"]["annotations"] = {"machineconfiguration.openshift.io/mc-name-suffix": suffix}
    return item


def after(facts: t.Mapping[str, t.Any], plan: t.Any) -> Object:
    """The facts of machines after the writes of a plan, in their order."""
    kinds = {"Node": "nodes", "MachineConfigPool": "pools", "KubeletConfig": "kubelet_configs"}
    stores = {kind: {item["metadata"]["name"]: item for item in facts.get(name, [])} for kind, name in kinds.items()}
    for patch in plan.patches:
        store, name = stores[patch["kind"]], patch["metadata"]["name"]
        store[name] = patched(store[name], patch)
    for definition in plan.definitions:
        store, name = stores[definition["kind"]], definition["metadata"]["name"]
        store[name] = merged(store.get(name, {}), definition)
    for item in plan.absent:
        del stores[item["kind"]][item["metadata"]["name"]]
    return {**facts, **{name: list(stores[kind].values()) for kind, name in kinds.items()}}
