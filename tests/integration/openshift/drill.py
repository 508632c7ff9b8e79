# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools of a few workers on which things go wrong, and the objects that make them go wrong."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    NODES,
    KubeClient,
    Object,
)

from .sampler import MCO, out_of_service, zone_of

MARK = "tuning.virtscale/paused"
NAMESPACE = "drill"
SETTLE_S = 240


class Kubectl:
    """What a person at a terminal does to the cluster."""

    def __init__(self, kubectl: str, kubeconfig: str) -> None:
        self._command = [kubectl, "--kubeconfig", kubeconfig]

    def __call__(self, *arguments: str, stdin: t.Any = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        text = None if stdin is None else json.dumps(stdin)
        done = subprocess.run([*self._command, *arguments], input=text, text=True, capture_output=True)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def apply(self, *objects: Object) -> None:
        for item in objects:
            self("apply", "--server-side", "--force-conflicts", "--filename", "-", stdin=item)

    def delete(self, *names: str) -> None:
        """Delete objects named ``kind/name``, in the namespace of the drill where they have one."""
        for name in names:
            self("delete", name, "--namespace", NAMESPACE, "--ignore-not-found", "--wait=true")


def pool(name: str, **spec: t.Any) -> Object:
    """A custom pool; a ``paused`` one carries the mark of this collection."""
    return {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfigPool",
        "metadata": {
            "name": name,
            "labels": {f"pools.operator.{MCO}/{name}": ""},
            "annotations": {MARK: "true"} if spec.get("paused") else {},
        },
        "spec": {
            "machineConfigSelector": {
                "matchExpressions": [{"key": f"{MCO}/role", "operator": "In", "values": ["worker", name]}]
            },
            "nodeSelector": {"matchLabels": {f"node-role.kubernetes.io/{name}": ""}},
            "maxUnavailable": 1,
            **spec,
        },
    }


def machine_config(name: str, role: str, path: str, content: str, **storage: t.Any) -> Object:
    """A MachineConfig that writes one file."""
    entry = {"path": path, "mode": 0o644, "overwrite": True, "contents": {"source": f"data:,{content}"}}
    return {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfig",
        "metadata": {"name": name, "labels": {f"{MCO}/role": role}},
        "spec": {"config": {"ignition": {"version": "3.2.0"}, "storage": {"files": [entry], **storage}}},
    }


def kubelet_config(name: str, selector: t.Any, **settings: t.Any) -> Object:
    return {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "KubeletConfig",
        "metadata": {"name": name},
        "spec": {"machineConfigPoolSelector": selector, "kubeletConfig": settings},
    }


def deployment(name: str, role: str, replicas: int = 1) -> Object:
    """Pods that run on one pool's nodes only."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": {f"node-role.kubernetes.io/{role}": ""},
                    "containers": [{"name": name, "image": "registry.invalid/drill"}],
                },
            },
        },
    }


def budget(name: str, app: str, **spec: t.Any) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"matchLabels": {"app": app}}, **spec},
    }


def virtual_machine(name: str, where: t.Mapping[str, str], **annotations: str) -> Object:
    """A virtual machine on nodes with these labels, which is to migrate when it is evicted."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "runStrategy": "Always",
            "template": {
                "metadata": {"annotations": {f"lab.virtscale/{key}": value for key, value in annotations.items()}},
                "spec": {
                    "nodeSelector": where,
                    "evictionStrategy": "LiveMigrate",
                    "domain": {"devices": {}, "memory": {"guest": "128Mi"}},
                },
            },
        },
    }


class Drill:
    """Custom pools of a few plain workers each, which are given back at the end with all that was put there."""

    def __init__(self, client: KubeClient, kubectl: Kubectl, **sizes: int) -> None:
        self.client = client
        self.kubectl = kubectl
        self.nodes: dict[str, list[str]] = {}
        self._sizes = {name.replace("_", "-"): size for name, size in sizes.items()}

    def __enter__(self) -> Drill:
        self._clean()
        for name in self._sizes:
            self.kubectl("label", "nodes", "--all", f"node-role.kubernetes.io/{name}-")
        self.kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        self.wait_until(lambda: len(self._spare()) >= sum(self._sizes.values()), "enough workers are in no custom pool")
        spare = self._spare()
        for name, size in self._sizes.items():
            self.nodes[name] = [spare.pop() for _index in range(size)]
            self.kubectl.apply(pool(name))
            if size:
                self.kubectl("label", "nodes", *self.nodes[name], f"node-role.kubernetes.io/{name}=")
        self.wait_until(self._settled, "the nodes are in their pools")
        return self

    def __exit__(self, *_error: object) -> None:
        self._clean()
        for name, nodes in self.nodes.items():
            # Nobody may be in the middle of an update when the pool goes.
            self.kubectl.apply(pool(name, paused=False, maxUnavailable=max(1, len(nodes))))
        self.wait_until(self._settled, "the nodes have given everything back")
        for name, nodes in self.nodes.items():
            if nodes:
                self.kubectl("label", "nodes", *nodes, f"node-role.kubernetes.io/{name}-")
        everyone = [node for nodes in self.nodes.values() for node in nodes]
        self.wait_until(
            lambda: all(self._config(node).startswith("rendered-worker-") for node in everyone), "the way back"
        )
        for name in self.nodes:
            self.kubectl("delete", f"machineconfigpool/{name}")

    def hold(self, name: str, **spec: t.Any) -> None:
        """Pause a pool as this collection does before it changes what is rendered."""
        self.kubectl.apply(pool(name, paused=True, **spec))

    def node(self, name: str) -> Object:
        found = self.client.get(NODES, name)
        assert found is not None
        return found

    def wait_until(self, true: t.Callable[[], bool], what: str, timeout_s: float = SETTLE_S) -> None:
        until = time.monotonic() + timeout_s
        while not true():
            if time.monotonic() > until:
                pytest.fail(f"waited {timeout_s:g} s, but not so: {what}")
            time.sleep(0.5)

    def _clean(self) -> None:
        """Delete what the tests put there; at the start too, for a run before this one may have been killed."""
        mine = self.kubectl("get", "kubeletconfigs,machineconfigs", "--output", "name").stdout.split()
        self.kubectl.delete(*(name for name in mine if name.split("/")[1].startswith("99-drill")))
        self.kubectl("delete", f"namespace/{NAMESPACE}", "--ignore-not-found")

    def _spare(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.client.list(NODES).items if self._plain(one)]

    def _settled(self) -> bool:
        return all(self._pool_settled(name, nodes) for name, nodes in self.nodes.items())

    def _pool_settled(self, name: str, nodes: t.Sequence[str]) -> bool:
        item = self.client.get(MACHINE_CONFIG_POOLS, name) or {}
        status, target = item.get("status") or {}, (item.get("spec") or {}).get("configuration") or {}
        return (
            bool(target.get("name"))
            and not any("99-drill" in source["name"] for source in target.get("source") or [])
            and status.get("machineCount") == status.get("updatedMachineCount") == len(nodes)
            and all(self._config(node) == target["name"] and not out_of_service(self.node(node)) for node in nodes)
        )

    def _config(self, name: str) -> str:
        return str(self.node(name)["metadata"]["annotations"].get(f"{MCO}/currentConfig", ""))

    def _plain(self, node: Object) -> bool:
        roles = {label for label in node["metadata"]["labels"] if label.startswith("node-role.kubernetes.io/")}
        # Those that a killed run has left in these very pools are as good.
        mine = {f"node-role.kubernetes.io/{name}" for name in self._sizes}
        return (
            roles - mine == {"node-role.kubernetes.io/worker"}
            and zone_of(node) == "worker"
            and not out_of_service(node)
        )
