# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A few virtual machines on the lab, with its times compressed and its limits low; both are given back."""

from __future__ import annotations

import json
import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.load_objects import virtual_machine
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    NAMESPACES,
    PODS,
    VIRTUAL_MACHINES,
    VMI_MIGRATIONS,
    VMIS,
    LabClient,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"
HYPERCONVERGEDS = Resource("hco.kubevirt.io/v1beta1", "hyperconvergeds")
KUBEVIRTS = Resource("kubevirt.io/v1", "kubevirts")
SPACE, HOME = "lab-migration-test", "worker100"
COMPRESSION = 4.0
ACTIVE = ("Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running")
LIMITS = {"parallelMigrationsPerCluster": 5, "parallelOutboundMigrationsPerNode": 1}


class Machines:
    """The test's virtual machines as the API shows them."""

    def __init__(self, client: LabClient) -> None:
        self.client = client

    def vmi(self, name: str) -> Object:
        found = self.client.get(VMIS, name, SPACE)
        assert found is not None, f"there is no VirtualMachineInstance {name}"
        return found

    def launchers(self, name: str) -> list[Object]:
        """The pods of a virtual machine."""
        return self.client.list(PODS, SPACE, f"vm.kubevirt.io/name={name}").items

    def pods(self, name: str) -> dict[str, str]:
        """The phase of each of them."""
        return {pod["metadata"]["name"]: pod["status"]["phase"] for pod in self.launchers(name)}

    def migrations(self, name: str) -> list[Object]:
        """The migrations of a virtual machine, the oldest first."""
        found = self.client.list(VMI_MIGRATIONS, SPACE).items
        mine = [one for one in found if one["spec"]["vmiName"] == name]
        return sorted(
            mine, key=lambda one: (one["metadata"]["creationTimestamp"], int(one["metadata"]["resourceVersion"]))
        )

    def active(self) -> int:
        """How many migrations hold a slot now."""
        found = self.client.list(VMI_MIGRATIONS, SPACE).items
        return sum((one.get("status") or {}).get("phase") in ACTIVE for one in found)

    def migrate(self, name: str) -> None:
        """Ask for a migration, as virtctl does."""
        self.client.create(
            VMI_MIGRATIONS,
            {
                "apiVersion": "kubevirt.io/v1",
                "kind": "VirtualMachineInstanceMigration",
                "metadata": {"generateName": f"{name}-", "namespace": SPACE},
                "spec": {"vmiName": name},
            },
        )

    def evict(self, name: str) -> int:
        """Ask for the eviction of a virtual machine's launcher, as a drain does; returns the HTTP status."""
        node = self.vmi(name)["status"]["nodeName"]
        (pod,) = (pod["metadata"]["name"] for pod in self.launchers(name) if pod["spec"].get("nodeName") == node)
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": SPACE},
        }
        try:
            self.client.create(Resource("v1", f"pods/{pod}/eviction"), eviction)
        except KubeError as error:
            return error.status
        return 201


def until(happens: t.Callable[[], t.Any], timeout_s: float, what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def client() -> LabClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")})


@pytest.fixture(scope="module")
def compressed() -> t.Iterator[None]:
    """Simulated things take a quarter of their time."""
    path = LAB / "times.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), "factor": COMPRESSION}))
    yield
    path.write_text(before)


@pytest.fixture(scope="module")
def low_limits(client: LabClient) -> t.Iterator[None]:
    """One migration a node at a time."""

    def put(limits: Object) -> None:
        body = {"spec": {"liveMigrationConfig": limits}}
        client.merge_patch(HYPERCONVERGEDS, name, body, field_manager="test", namespace=space)

    (found,) = client.list(HYPERCONVERGEDS).items
    name, space = found["metadata"]["name"], found["metadata"]["namespace"]
    before = {key: found["spec"]["liveMigrationConfig"][key] for key in LIMITS}
    put(LIMITS)

    def in_effect() -> bool:
        (kubevirt,) = client.list(KUBEVIRTS).items
        return LIMITS.items() <= kubevirt["spec"]["configuration"]["migrations"].items()

    until(in_effect, 30, "the limits reach the KubeVirt object")
    yield
    put(before)


@pytest.fixture(scope="module")
def machines(client: LabClient, compressed: None, low_limits: None) -> t.Iterator[Machines]:
    """Four virtual machines that run on one node."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}
    client.create(NAMESPACES, namespace)
    try:
        for name in ("a", "b", "c", "d"):
            client.create(VIRTUAL_MACHINES, virtual_machine("rhel", name, SPACE, HOME))
        until(
            lambda: [one["status"].get("phase") for one in client.list(VMIS, SPACE).items] == ["Running"] * 4,
            60,
            "four virtual machines run",
        )
        yield Machines(client)
    finally:
        client.delete(NAMESPACES, SPACE)
        until(lambda: client.get(NAMESPACES, SPACE) is None, 60, "the namespace is gone")
