# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What KubeVirt, CDI and the Deployments' controller do to a fleet, in a moment, on a small API server."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    CLAIMS,
    DATA_VOLUMES,
    NAMESPACES,
    VIRTUAL_MACHINES,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import FLEET_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import NODES, Object
from api_server import ApiServer, Key, timestamp

CLONE_S, START_S = 0.05, 0.03
GOLDEN = {"kind": "pvc", "name": "rhel-dv", "namespace": "default"}


class FleetCluster(ApiServer):
    """Clones and starts what is made; :attr:`failing` are names of machines that cannot be cloned."""

    def __init__(self) -> None:
        super().__init__()
        self.failing: set[str] = set()
        self.most_clones = 0
        self._cloning: set[str] = set()
        self.controllers += [self._machine, self._volume, self._deployment]
        self.put(NAMESPACES, {"metadata": {"name": "kube-system", "uid": "12345678-0000"}})
        self.put(NAMESPACES, {"metadata": {"name": "default"}})
        self.put(CLAIMS, {"metadata": {"name": "rhel-dv", "namespace": "default"}, "status": {"phase": "Bound"}})
        node = {"name": "w1", "labels": {"node-role.kubernetes.io/worker": ""}}
        self.put(NODES, {"metadata": node, "spec": {}, "status": {"allocatable": {"pods": "250", "memory": "384Gi"}}})

    def machines(self) -> dict[str, str]:
        """The uid of each VirtualMachine by its name."""
        return {name: item["metadata"]["uid"] for name, item in self.of(VIRTUAL_MACHINES).items()}

    def _machine(self, key: Key, item: Object) -> None:
        if key[0] != "virtualmachines":
            return
        wanted = item["spec"]["runStrategy"] == "Always"
        now = (item.get("status") or {}).get("printableStatus")
        templates = item["spec"].get("dataVolumeTemplates") or []
        if now is None:
            self._say(key, "Provisioning" if templates else "Stopped")
            for template in templates:
                self._make_volume(key, item, template)
        elif now == "Stopped" and wanted:
            self._say(key, "Starting")
            self.later(START_S, lambda: self._say(key, "Running"))
        elif now == "Running" and not wanted:
            self._say(key, "Stopped")

    def _make_volume(self, key: Key, item: Object, template: Object) -> None:
        owner = {"kind": "VirtualMachine", "name": key[2], "uid": item["metadata"]["uid"]}
        meta = {**template["metadata"], "namespace": key[1], "ownerReferences": [owner]}
        self.put(DATA_VOLUMES, {"metadata": meta, "spec": template["spec"], "status": {"phase": "CSICloneInProgress"}})

    def _volume(self, key: Key, item: Object) -> None:
        status: t.Any = item.get("status") or {}
        owner = (item["metadata"].get("ownerReferences") or [{"name": ""}])[0]["name"]
        if key[0] != "datavolumes" or status.get("conditions") or not owner:
            return
        if status.get("phase") == "CSICloneInProgress" and owner in self.failing:
            trouble = {"type": "Running", "status": "False", "reason": "Error", "message": "the pool is full"}
            self.change(key, {"status": {"conditions": [trouble]}})
            self._say(("virtualmachines", key[1], owner), "DataVolumeError")
        elif status.get("phase") == "CSICloneInProgress":
            self._cloning.add(owner)
            self.most_clones = max(self.most_clones, len(self._cloning))
            self.later(CLONE_S, lambda: self._cloned(key, owner))

    def _cloned(self, key: Key, owner: str) -> None:
        self._cloning.discard(owner)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": timestamp()}
        self.change(key, {"status": {"phase": "Succeeded", "conditions": [ready]}})
        self._say(("virtualmachines", key[1], owner), "Stopped")

    def _say(self, key: Key, printable: str) -> None:
        ready = {"type": "Ready", "status": str(printable == "Running"), "lastTransitionTime": timestamp()}
        self.change(key, {"status": {"printableStatus": printable, "conditions": [ready]}})

    def _deployment(self, key: Key, item: Object) -> None:
        if key[0] == "deployments" and (item.get("status") or {}).get("readyReplicas") != item["spec"]["replicas"]:
            count = item["spec"]["replicas"]
            self.change(key, {"status": {"replicas": count, "readyReplicas": count}})


def arguments(groups: t.Sequence[Object], **options: t.Any) -> Object:
    """The options of vm_fleet, the defaults among them."""
    defaults = {name: spec.get("default") for name, spec in FLEET_SPEC.items()}
    return {**defaults, "name": "f", "groups": list(groups), "namespaces": 3, "failing_s": 0.5, "stall_s": 5, **options}


def rhel(vms: int, name: str = "rhel", **more: t.Any) -> Object:
    """A group of machines with a disk each."""
    return {"name": name, "vms": vms, "kind": "rhel", "sources": [GOLDEN], "network": "pod", **more}


def fedora(vms: int, **more: t.Any) -> Object:
    """A group of machines without."""
    return {"name": "fedora", "vms": vms, "kind": "fedora", **more}
