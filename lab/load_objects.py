# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a load on the lab: virtual machines and Deployments, spread over namespaces and nodes.

Each has a home, the node that it prefers above all others. So it starts there, and yet may go anywhere when that
node is drained.
"""

from __future__ import annotations

import random
import typing as t

Object = t.Dict[str, t.Any]

MARK = "lab.virtscale/load"
# What the templates of OpenShift Virtualization call the systems.
TEMPLATE_OS = {"rhel": "rhel9", "fedora": "fedora", "windows": "windows2k22"}


def namespaces(count: int) -> list[Object]:
    """The namespaces of a load."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(number), "labels": {MARK: "true"}}}
        for number in range(count)
    ]


def namespace(number: int) -> str:
    return f"load-{number:02d}"


def virtual_machines(systems: t.Mapping[str, int], nodes: t.Sequence[str], spaces: int) -> list[Object]:
    """So many virtual machines of each operating system, mixed on every node and in every namespace."""
    names = [(system, number) for system, count in systems.items() for number in range(count)]
    random.Random(0).shuffle(names)
    return [
        virtual_machine(system, f"{system}-{number:04d}", namespace(place % spaces), nodes[place % len(nodes)])
        for place, (system, number) in enumerate(names)
    ]


def virtual_machine(system: str, name: str, space: str, home: str) -> Object:
    """One virtual machine that runs, small enough for a thousand to fit."""
    domain = {
        "cpu": {"cores": 1},
        "memory": {"guest": "128Mi"},
        "devices": {
            "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
            "interfaces": [{"name": "default", "masquerade": {}}],
        },
    }
    spec = {
        "affinity": prefers([home]),
        "domain": domain,
        "networks": [{"name": "default", "pod": {}}],
        "terminationGracePeriodSeconds": 30,
        "volumes": [{"name": "root", "containerDisk": {"image": f"registry.invalid/{system}"}}],
    }
    annotations = {"vm.kubevirt.io/os": TEMPLATE_OS.get(system, system)}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": space, "labels": {MARK: "true"}},
        "spec": {
            "runStrategy": "Always",
            "template": {"metadata": {"annotations": annotations, "labels": {MARK: "true"}}, "spec": spec},
        },
    }


def deployments(pods: int, nodes: t.Sequence[str], spaces: int) -> list[Object]:
    """One Deployment for the pods of each node."""
    found = []
    for place, node in enumerate(nodes):
        replicas = pods * (place + 1) // len(nodes) - pods * place // len(nodes)
        if replicas:
            found.append(deployment(f"service-{node}", namespace(place % spaces), node, replicas))
    return found


def deployment(name: str, space: str, home: str, replicas: int) -> Object:
    """Pods that do nothing."""
    labels = {"app": name, MARK: "true"}
    requests = {"cpu": "10m", "memory": "16Mi"}
    container = {"name": "service", "image": "registry.invalid/service", "resources": {"requests": requests}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": space, "labels": {MARK: "true"}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"affinity": prefers([home]), "containers": [container], "terminationGracePeriodSeconds": 30},
            },
        },
    }


def prefers(nodes: t.Sequence[str]) -> Object:
    """The affinity of what wants to be on these nodes, and may be elsewhere."""
    hostnames = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}
    term = {"weight": 100, "preference": {"matchExpressions": [hostnames]}}
    return {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}
