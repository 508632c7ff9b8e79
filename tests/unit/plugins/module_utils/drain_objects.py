# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a node that drains: pods, budgets and virtual machines as the API returns them, and an API of them."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Listing, Resource

Object = t.Dict[str, t.Any]
NAMESPACE = "shop"


def pod(name: str, node: str = "a", *, owner: str = "ReplicaSet", **change: t.Any) -> Object:
    """A running, ready pod; ``change``: labels, annotations, phase, ready, ending_grace_s, finalizers, conditions."""
    meta: Object = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "labels": change.get("labels", {"app": "db"}),
        "annotations": change.get("annotations", {}),
        "ownerReferences": [{"kind": owner, "name": "x", "controller": True}] if owner else [],
        "finalizers": change.get("finalizers", []),
    }
    if "ending_grace_s" in change:
        meta |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": change["ending_grace_s"]}
    ready = {"type": "Ready", "status": "True" if change.get("ready", True) else "False"}
    return {
        "metadata": meta,
        "spec": {"nodeName": node},
        "status": {"phase": change.get("phase", "Running"), "conditions": [ready, *change.get("conditions", [])]},
    }


def budget(name: str, *, selector: t.Any = "db", allowed: int = 0, healthy: int = 1, needed: int = 1) -> Object:
    """A PodDisruptionBudget for ``app: <selector>``, or with that very selector."""
    chosen = {"matchLabels": {"app": selector}} if isinstance(selector, str) else selector
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": chosen},
        "status": {"disruptionsAllowed": allowed, "currentHealthy": healthy, "desiredHealthy": needed},
    }


def launcher(vm: str, node: str = "a", **change: t.Any) -> Object:
    """The virt-launcher pod of a virtual machine."""
    labels = {"kubevirt.io": "virt-launcher", "kubevirt.io/created-by": f"uid-{vm}", **change.pop("labels", {})}
    name = change.pop("name", f"virt-launcher-{vm}")
    return pod(name, node, owner="", labels=labels, annotations={"kubevirt.io/domain": vm}, **change)


def machine(vm: str, node: str = "a", **change: t.Any) -> Object:
    """A VirtualMachineInstance that is told to leave; ``change``: migratable, strategy, evacuating, migration."""
    why_not = change.get("why_not")
    condition = {"type": "LiveMigratable", "status": "False" if why_not else "True", "message": why_not}
    status: Object = {"nodeName": node, "phase": "Running", "conditions": [condition]}
    if change.get("evacuating", True):
        status["evacuationNodeName"] = node
    if "migration" in change:
        status["migrationState"] = change["migration"]
    return {
        "metadata": {"name": vm, "namespace": NAMESPACE, "uid": f"uid-{vm}", "labels": {"kubevirt.io/nodeName": node}},
        "spec": {"domain": {}, "evictionStrategy": change.get("strategy", "LiveMigrate")},
        "status": status,
    }


class Api:
    """Answers lists with their selectors, as far as the drains need them; ``refusal`` is raised instead."""

    def __init__(self, **objects: t.List[Object]) -> None:
        self.objects = objects
        self.refusal: KubeError | None = None
        self.asked: list[str] = []

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        self.asked.append(" ".join(filter(None, [resource.plural, label_selector, field_selector])))
        if self.refusal is not None:
            raise self.refusal
        items = self.objects.get(resource.plural, [])
        if field_selector:
            path, value = field_selector.split("=")
            items = [item for item in items if _at(item, path) == value]
        if label_selector:
            items = [item for item in items if _labels_match(item, label_selector)]
        return Listing(items, "1")

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        self.asked.append(f"{resource.plural}/{name}")
        found = [item for item in self.objects.get(resource.plural, []) if item["metadata"]["name"] == name]
        return found[0] if found else None


def _at(item: Object, path: str) -> t.Any:
    for key in path.split("."):
        item = item[key]
    return item


def _labels_match(item: Object, selector: str) -> bool:
    labels = item["metadata"].get("labels") or {}
    among = re.fullmatch(r"(\S+) in \((.*)\)", selector)
    if among:
        return labels.get(among[1]) in among[2].split(",")
    key, value = selector.split("=")
    return bool(labels.get(key) == value)
