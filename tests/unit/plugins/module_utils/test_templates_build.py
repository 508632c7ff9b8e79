# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of a fleet; what KubeVirt itself says of them is asked on the lab (tests/integration/fleet)."""

from __future__ import annotations

import copy
import typing as t

import pytest
import yaml
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import operating_system
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.build import (
    KINDS,
    Disk,
    Login,
    Network,
    Source,
    own_virtual_machine,
    virtual_machine,
)
from hypothesis import given
from hypothesis import strategies as st

GOLDEN = Source("pvc", "rhel-dv", "default")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5uJz4dTmYr0sYcXQ0rW1xkQ9oYxJ0mGm3w2k8c1d2e operator"
DOMAIN = ("spec", "template", "spec", "domain")
MARKS = {"tuning.virtscale/fleet": "f", "tuning.virtscale/group": "g"}


def machine(kind: str, **more: t.Any) -> Object:
    source = {} if kind == "fedora" else {"source": GOLDEN}
    return virtual_machine(kind, **{"name": "f-g-0001", "namespace": "f-01", **source, **more})


def own(**spec: t.Any) -> Object:
    """A person's manifest with two data volumes."""
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "db", "namespace": "prod", "uid": "1-2", "labels": {"team": "x"}},
        "spec": {
            "running": False,
            "dataVolumeTemplates": [
                {"metadata": {"name": "db"}, "spec": {"source": {"pvc": {"name": "a", "namespace": "b"}}}},
                {"metadata": {"name": "log"}, "spec": {"source": {"blank": {}}}},
            ],
            "template": {
                "spec": {
                    "domain": {"devices": {"disks": [{"name": "one", "disk": {"bus": "virtio"}}, {"name": "two"}]}},
                    "volumes": [
                        {"name": "one", "dataVolume": {"name": "db"}},
                        {"name": "two", "persistentVolumeClaim": {"claimName": "log"}},
                    ],
                }
            },
            **spec,
        },
    }


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("rhel", ("spec", "runStrategy"), "Halted"),
        ("rhel", (*DOMAIN, "cpu"), {"cores": 1, "model": "host-passthrough", "sockets": 1, "threads": 1}),
        ("rhel", (*DOMAIN, "devices", "networkInterfaceMultiqueue"), True),
        ("rhel", (*DOMAIN, "devices", "rng"), {}),
        ("rhel", (*DOMAIN, "devices", "interfaces"), [{"name": "nic-0", "model": "virtio", "bridge": {}}]),
        ("rhel", (*DOMAIN, "resources"), {"requests": {"cpu": "1", "memory": "4G"}}),
        ("rhel", (*DOMAIN, "machine", "type"), "pc-q35-rhel8.4.0"),
        ("rhel", (*DOMAIN[:-1], "terminationGracePeriodSeconds"), 60),
        ("rhel", (*DOMAIN[:-1], "evictionStrategy"), "LiveMigrate"),
        ("rhel", (*DOMAIN[:-1], "networks"), [{"name": "nic-0", "multus": {"networkName": "linux-bridge"}}]),
        ("fedora", ("spec", "runStrategy"), "Always"),
        ("fedora", (*DOMAIN[:-1], "evictionStrategy"), "None"),
        ("fedora", (*DOMAIN[:-1], "terminationGracePeriodSeconds"), 0),
        ("fedora", (*DOMAIN, "resources", "requests"), {"memory": "256Mi", "cpu": "100m"}),
        ("fedora", (*DOMAIN, "resources", "limits"), {"cpu": "100m"}),
        ("fedora", ("spec", "template", "metadata", "annotations", "descheduler.alpha.kubernetes.io/evict"), "true"),
        ("windows", (*DOMAIN, "clock", "timer", "pit"), {"tickPolicy": "delay"}),
        ("windows", (*DOMAIN, "clock", "utc"), {}),
        ("windows", (*DOMAIN, "features", "hyperv", "synictimer"), {"direct": {}}),
        ("windows", (*DOMAIN, "features", "hyperv", "spinlocks"), {"spinlocks": 8191}),
        ("windows", (*DOMAIN, "devices", "blockMultiQueue"), False),
        ("windows", (*DOMAIN, "cpu", "model"), "host-passthrough"),
    ],
)
def test_the_settings_of_the_reference_architecture_are_kept(kind: str, path: tuple[str, ...], value: t.Any) -> None:
    assert value_at(machine(kind), path) == value


@pytest.mark.parametrize("kind", KINDS)
def test_the_operating_system_is_told_of_the_instance(kind: str) -> None:
    template = machine(kind)["spec"]["template"]
    assert operating_system({**template, "metadata": {**template["metadata"], "name": "x"}}) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_everything_carries_the_marks(kind: str) -> None:
    made = machine(kind, labels=MARKS)
    carriers = [made, made["spec"]["template"], *made["spec"].get("dataVolumeTemplates", ())]
    assert all(MARKS.items() <= one["metadata"]["labels"].items() for one in carriers)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (Source("pvc", "g", "n"), {"source": {"pvc": {"namespace": "n", "name": "g"}}}),
        (Source("snapshot", "g", "n"), {"source": {"snapshot": {"namespace": "n", "name": "g"}}}),
        (Source("datasource", "g", "n"), {"sourceRef": {"kind": "DataSource", "namespace": "n", "name": "g"}}),
    ],
)
def test_a_disk_clones_its_source(source: Source, expected: Object) -> None:
    made = machine("windows", source=source)
    (volume,) = made["spec"]["dataVolumeTemplates"]
    assert volume["metadata"]["name"] == "f-g-0001"
    assert volume["spec"].pop("pvc") == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "40Gi"}},
        "volumeMode": "Block",
        "storageClassName": "ocs-external-storagecluster-ceph-rbd",
    }
    assert volume["spec"] == expected
    assert made["spec"]["template"]["spec"]["volumes"] == [{"name": "rootdisk", "dataVolume": {"name": "f-g-0001"}}]


@pytest.mark.parametrize(("kind", "disks"), [("rhel", 1), ("fedora", 1), ("windows", 1)])
def test_io_threads_are_given_on_request_to_disks_with_data(kind: str, disks: int) -> None:
    def dedicated(made: Object) -> int:
        return sum(disk.get("dedicatedIOThread", False) for disk in value_at(made, (*DOMAIN, "devices", "disks")))

    assert dedicated(machine(kind)) == 0
    assert dedicated(machine(kind, dedicated_io_thread=True)) == disks


def user_data(made: Object) -> Object:
    volumes = made["spec"]["template"]["spec"]["volumes"]
    (text,) = [one["cloudInitNoCloud"]["userData"] for one in volumes if "cloudInitNoCloud" in one]
    assert text.startswith("#cloud-config\n")
    found: Object = yaml.safe_load(text)
    return found


def test_fedora_takes_the_password_of_the_reference_architecture() -> None:
    assert user_data(machine("fedora")) == {
        "password": "password",
        "chpasswd": {"expire": False},
        "ssh_pwauth": True,
        "runcmd": [
            ["sed", "-i", "-e", "s/PasswordAuthentication.*/PasswordAuthentication yes/", "/etc/ssh/sshd_config"],
            ["systemctl", "restart", "sshd"],
        ],
    }


def test_a_key_alone_opens_no_password() -> None:
    assert user_data(machine("rhel", login=Login(None, (KEY,)))) == {"ssh_authorized_keys": [KEY]}


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=60))
def test_any_password_reaches_cloud_init_as_it_is(password: str) -> None:
    assert user_data(machine("rhel", login=Login(password)))["password"] == password


def test_passwords_are_not_in_representations() -> None:
    assert "secret" not in repr(Login("secret"))


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: machine("solaris"), "kind is 'solaris'"),
        (lambda: machine("rhel", source=None), "source is None"),
        (lambda: machine("fedora", source=GOLDEN), "source is"),
        (lambda: machine("rhel", image="x"), "image is 'x'"),
        (lambda: machine("rhel", name="Upper"), "name is 'Upper'"),
        (lambda: machine("rhel", name="x" * 64), "name is"),
        (lambda: machine("rhel", labels={"a": True}), "labels[a] is True"),
        (lambda: machine("rhel", overrides=[]), "overrides is []"),
        (lambda: machine("rhel", overrides={"metadata": {"name": "x"}}), "overrides.metadata.name is 'x'"),
        (lambda: machine("rhel", overrides={"spec": {"template": None}}), "domain.devices is None"),
        (lambda: machine("rhel", overrides={"spec": {"runStrategy": "On"}}), "run_strategy is 'On'"),
        (lambda: machine("rhel", run_strategy="Sometimes"), "run_strategy is 'Sometimes'"),
        (lambda: machine("rhel", overrides={"spec": {"running": True}}), "running is True"),
        (
            lambda: machine("fedora", overrides={"spec": {"template": {"spec": {"evictionStrategy": "Restart"}}}}),
            "evictionStrategy is 'Restart'",
        ),
        (lambda: machine("fedora", overrides={"spec": {"template": {"spec": {"volumes": []}}}}), "'containerdisk'"),
        (lambda: machine("windows", login=Login("secret")), "login is 'a password and 0 SSH keys'"),
        (lambda: machine("rhel", login=Login("x", (f"{KEY}{'y' * 2100}",))), "login is"),
        (Login, "login is"),
        (lambda: Login("two\nlines"), "password is 'not shown'"),
        (lambda: Login(None, ("-----BEGIN OPENSSH PRIVATE KEY-----",)), "ssh_public_keys is"),
        (lambda: Source("image", "a", "b"), "source.kind is 'image'"),
        (lambda: Source("pvc", "a", ""), "source.namespace is ''"),
        (lambda: Disk(size="40 GiB"), "quantity is '40 GiB'"),
        (lambda: Disk(size="0"), "size is '0'"),
        (lambda: Disk(access_mode="RWX"), "access_mode is 'RWX'"),
        (lambda: Disk(volume_mode="block"), "volume_mode is 'block'"),
        (lambda: own_virtual_machine({"kind": "Pod"}, name="a", namespace="b"), "template is 'Pod'"),
        (lambda: own_virtual_machine(own(template={}), name="a", namespace="b"), "domain.devices is None"),
        (
            lambda: own_virtual_machine(own(dataVolumeTemplates=[]), name="a", namespace="b", source=GOLDEN),
            "source is 'pvc rhel-dv'",
        ),
        (lambda: own_virtual_machine(own(runStrategy="Always"), name="a", namespace="b"), "spec.running is False"),
        (lambda: own_virtual_machine(own(dataVolumeTemplates={}), name="a", namespace="b"), "dataVolumeTemplates"),
    ],
)
def test_what_cannot_be_is_refused_by_name(made: t.Callable[[], t.Any], named: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        made()
    message = str(caught.value)
    assert named in message
    assert message.count("\n") == 0
    assert "secret" not in message


def test_what_differs_is_merged_and_lists_are_replaced() -> None:
    patch = {
        "metadata": {"annotations": {"a": "b"}},
        "spec": {"template": {"spec": {"domain": {"cpu": {"cores": 4, "model": None}}, "networks": []}}},
    }
    made = machine("rhel", overrides=patch)
    assert value_at(made, (*DOMAIN, "cpu")) == {"cores": 4, "sockets": 1, "threads": 1}
    assert value_at(made, (*DOMAIN[:-1], "networks")) == []
    assert made["metadata"]["annotations"] == {"a": "b"}


def test_what_differs_cannot_take_the_marks_away() -> None:
    patch = {"metadata": {"labels": {"tuning.virtscale/fleet": "other", "mine": "yes"}}}
    assert machine("rhel", labels=MARKS, overrides=patch)["metadata"]["labels"] == {
        "mine": "yes",
        "kubevirt.io/vm": "f-g-0001",
        **MARKS,
    }


def test_an_own_template_becomes_a_machine_of_the_fleet() -> None:
    template = own()
    before = copy.deepcopy(template)
    made = own_virtual_machine(template, name="f-g-0007", namespace="f-01", labels=MARKS, source=GOLDEN)
    assert template == before
    assert made["metadata"] == {
        "name": "f-g-0007",
        "namespace": "f-01",
        "labels": {"team": "x", "kubevirt.io/vm": "f-g-0007", **MARKS},
    }
    root, log = made["spec"]["dataVolumeTemplates"]
    assert (root["metadata"]["name"], log["metadata"]["name"]) == ("f-g-0007", "f-g-0007-log")
    assert root["spec"] == {"source": {"pvc": {"namespace": "default", "name": "rhel-dv"}}}
    one, two = made["spec"]["template"]["spec"]["volumes"]
    assert one["dataVolume"]["name"] == "f-g-0007"
    assert two["persistentVolumeClaim"]["claimName"] == "f-g-0007-log"
    assert (made["spec"]["runStrategy"], "running" in made["spec"]) == ("Halted", False)


def test_two_machines_share_nothing() -> None:
    template = own()
    first = own_virtual_machine(template, name="f-g-0001", namespace="f-01", labels=MARKS)
    second = own_virtual_machine(template, name="f-g-0002", namespace="f-02", labels=MARKS)
    first["spec"]["template"]["spec"]["domain"]["cpu"] = {"cores": 8}
    assert "cpu" not in second["spec"]["template"]["spec"]["domain"]


def test_the_pod_network_needs_no_attachment() -> None:
    made = machine("rhel", network=Network(attachment=None))
    assert value_at(made, (*DOMAIN[:-1], "networks")) == [{"name": "nic-0", "pod": {}}]
    (interface,) = value_at(made, (*DOMAIN, "devices", "interfaces"))
    assert interface == {"name": "nic-0", "model": "virtio", "masquerade": {}}
