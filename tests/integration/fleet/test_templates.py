# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubeVirt's own admission and the CRDs take what the templates make: dry runs, so nothing is left behind."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DATA_VOLUMES,
    NAMESPACES,
    PODS,
    VIRTUAL_MACHINES,
    VMIS,
    LabClient,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.build import (
    KINDS,
    Disk,
    Login,
    Network,
    Source,
    own_virtual_machine,
    virtual_machine,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.surroundings import (
    NETWORK_ATTACHMENTS,
    clone_permission,
    network_attachment,
    pause_pod,
)

pytestmark = pytest.mark.lab

LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"
SPACE = "default"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5uJz4dTmYr0sYcXQ0rW1xkQ9oYxJ0mGm3w2k8c1d2e operator"
SOURCES = {kind: Source(kind, "rhel-dv", "golden") for kind in ("pvc", "snapshot", "datasource")}
OWN = {
    "apiVersion": "kubevirt.io/v1",
    "kind": "VirtualMachine",
    "metadata": {"name": "mine", "namespace": "elsewhere", "resourceVersion": "17", "labels": {"team": "storage"}},
    "spec": {
        "running": True,
        "dataVolumeTemplates": [
            {
                "metadata": {"name": "mine-root"},
                "spec": {
                    "storage": {"resources": {"requests": {"storage": "10Gi"}}},
                    "sourceRef": {"kind": "DataSource", "name": "centos", "namespace": "golden"},
                },
            },
            {
                "metadata": {"name": "mine-data"},
                "spec": {"storage": {"resources": {"requests": {"storage": "1Gi"}}}, "source": {"blank": {}}},
            },
        ],
        "template": {
            "spec": {
                "domain": {
                    "memory": {"guest": "2Gi"},
                    "devices": {
                        "disks": [{"name": "a", "disk": {"bus": "virtio"}}, {"name": "b", "disk": {"bus": "virtio"}}]
                    },
                },
                "volumes": [
                    {"name": "a", "dataVolume": {"name": "mine-root"}},
                    {"name": "b", "dataVolume": {"name": "mine-data"}},
                ],
            },
        },
    },
    "status": {"ready": True},
}


@pytest.fixture(scope="module")
def client() -> LabClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")})


def admitted(client: LabClient, resource: Resource, body: Object) -> Object:
    """What the API would store; it refuses fields that its kinds do not have."""
    path = resource.path(namespace=body["metadata"]["namespace"])
    query = {"dryRun": "All", "fieldValidation": "Strict"}
    answer: Object = client._json("POST", path, query, body, "application/json")
    return answer


def refused(client: LabClient, resource: Resource, body: Object) -> str:
    with pytest.raises(KubeError) as caught:
        admitted(client, resource, body)
    return str(caught.value)


def kept(made: t.Any, stored: t.Any) -> bool:
    """Whether everything that was made is in what would be stored, whatever admission adds."""
    if isinstance(made, dict):
        return isinstance(stored, dict) and all(key in stored and kept(made[key], stored[key]) for key in made)
    if isinstance(made, list):
        return isinstance(stored, list) and len(made) == len(stored) and all(map(kept, made, stored))
    return bool(made == stored)


def machine(kind: str, source: str = "pvc", **more: t.Any) -> Object:
    given = None if kind == "fedora" else SOURCES[source]
    return virtual_machine(kind, name=f"storage-{kind}-0001", namespace=SPACE, source=given, **more)


@pytest.mark.parametrize("threads", [False, True], ids=["", "dedicated"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_a_template_is_stored(client: LabClient, kind: str, threads: bool) -> None:
    made = machine(kind, dedicated_io_thread=threads, labels={"tuning.virtscale/fleet": "test"})
    assert kept(made, admitted(client, VIRTUAL_MACHINES, made))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["rhel", "windows"])
def test_every_kind_of_source_is_taken(client: LabClient, kind: str, source: str) -> None:
    made = machine(kind, source)
    assert kept(made, admitted(client, VIRTUAL_MACHINES, made))


@pytest.mark.parametrize("kind", ["rhel", "fedora"])
@pytest.mark.parametrize(
    "login", [Login("secret: '#\""), Login(None, (KEY,)), Login("secret", (KEY, KEY))], ids=["password", "key", "both"]
)
def test_logins_are_taken(client: LabClient, kind: str, login: Login) -> None:
    made = machine(kind, login=login)
    assert kept(made, admitted(client, VIRTUAL_MACHINES, made))


def test_the_pod_network_is_taken(client: LabClient) -> None:
    made = machine("rhel", network=Network(attachment=None))
    assert kept(made, admitted(client, VIRTUAL_MACHINES, made))


def test_an_own_template_is_taken_with_what_differs(client: LabClient) -> None:
    patch = {"spec": {"template": {"spec": {"domain": {"memory": {"guest": "3Gi"}}}}}}
    made = own_virtual_machine(
        OWN, name="storage-own-0001", namespace=SPACE, overrides=patch, source=SOURCES["snapshot"]
    )
    stored = admitted(client, VIRTUAL_MACHINES, made)
    assert kept(made, stored)
    assert value_at(stored, ("spec", "template", "spec", "domain", "memory", "guest")) == "3Gi"
    assert [one["dataVolume"]["name"] for one in stored["spec"]["template"]["spec"]["volumes"]] == [
        "storage-own-0001-root",
        "storage-own-0001-data",
    ]
    assert stored["metadata"]["labels"]["team"] == "storage"
    assert stored["spec"]["runStrategy"] == "Always"


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"domain": {"machine": {"type": "pentium"}}}, "pentium"),
        ({"domain": {"devices": {"networkInterfaceMultiQueue": True}}}, "networkInterfaceMultiQueue"),
        ({"networks": [{"name": "other", "pod": {}}]}, "nic-0"),
        ({"volumes": [{"name": "rootdisk", "emptyDisk": {"capacity": "1Gi"}, "ephemeral": {}}]}, "volumes[0]"),
        ({"domain": {"resources": {"limits": {"cpu": "100m"}}}}, "cpu"),
    ],
)
def test_what_differs_wrongly_is_refused_in_the_apis_words(client: LabClient, patch: Object, message: str) -> None:
    made = machine("rhel", overrides={"spec": {"template": {"spec": patch}}})
    assert message in refused(client, VIRTUAL_MACHINES, made)


def test_the_seeds_eviction_strategy_is_what_kubevirt_refuses(client: LabClient) -> None:
    made = machine("fedora")
    made["spec"]["template"]["spec"]["evictionStrategy"] = "Restart"
    assert "unrecognized option: Restart" in refused(client, VIRTUAL_MACHINES, made)


def test_pods_and_permissions_are_taken(client: LabClient) -> None:
    pod = pause_pod(name="storage-pod-00001", namespace=SPACE, labels={"tuning.virtscale/fleet": "test"})
    assert kept(pod, admitted(client, PODS, pod))
    role, binding = clone_permission(source_namespace=SPACE, namespaces=["b-01", "b-02"])
    for body, plural in ((role, "roles"), (binding, "rolebindings")):
        assert kept(body, admitted(client, Resource("rbac.authorization.k8s.io/v1", plural), body))


def test_attachments_are_taken(client: LabClient) -> None:
    attachment = network_attachment(namespace=SPACE, vlan=100)
    assert kept(attachment, admitted(client, NETWORK_ATTACHMENTS, attachment))


ROLES = Resource("rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "rolebindings")
GOLDEN, RUNNING = "storage-templates-golden", "storage-templates"


def until(happens: t.Callable[[], t.Any], timeout_s: float, what: t.Callable[[], t.Any]) -> None:
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what()}"
        time.sleep(1)


@pytest.fixture
def spaces(client: LabClient) -> t.Iterator[None]:
    """A namespace with a golden image, and one for machines."""
    for name in (GOLDEN, RUNNING):
        client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    volume = {"source": {"blank": {}}, "pvc": Disk().claim()}
    meta = {"name": "rhel-dv", "namespace": GOLDEN}
    client.create(
        DATA_VOLUMES, {"apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume", "metadata": meta, "spec": volume}
    )
    yield
    for name in (GOLDEN, RUNNING):
        client.delete(NAMESPACES, name)
    until(
        lambda: all(client.get(NAMESPACES, name) is None for name in (GOLDEN, RUNNING)), 120, lambda: "namespaces stay"
    )


def test_every_template_runs_with_its_clone_and_its_network(client: LabClient, spaces: None) -> None:
    client.create(NETWORK_ATTACHMENTS, network_attachment(namespace=RUNNING))
    role, binding = clone_permission(source_namespace=GOLDEN, namespaces=[RUNNING])
    client.create(ROLES, role)
    client.create(ROLE_BINDINGS, binding)
    source = Source("pvc", "rhel-dv", GOLDEN)
    for kind in KINDS:
        given = None if kind == "fedora" else source
        made = virtual_machine(kind, name=f"storage-{kind}", namespace=RUNNING, source=given, run_strategy="Always")
        client.create(VIRTUAL_MACHINES, made)
    client.create(PODS, pause_pod(name="storage-pod", namespace=RUNNING))

    def states() -> dict[str, str]:
        found = {one["metadata"]["name"]: one["status"]["phase"] for one in client.list(VMIS, RUNNING).items}
        return {**found, "storage-pod": (client.get(PODS, "storage-pod", RUNNING) or {})["status"]["phase"]}

    names = [*(f"storage-{kind}" for kind in KINDS), "storage-pod"]
    until(lambda: states() == dict.fromkeys(names, "Running"), 120, states)
