# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The reference architecture's three guests, every setting kept and every mistake mended.

The order of the fields is that of its manifests. What differs from them: ``runStrategy`` for the deprecated
``running``; ``evictionStrategy: None`` for ``Restart``, which does not exist; ``networkInterfaceMultiqueue`` and
``rng`` are the devices', not an interface's; Windows' features and machine are the domain's; ``synic`` for ``sync``;
annotations and the grace period are the instance's; cloud-init's ``password`` and ``runcmd`` where cloud-init reads
them; and the annotation ``vm.kubevirt.io/os``, by which migrations are told apart.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._templates import cloud_init

OS_ANNOTATION = "vm.kubevirt.io/os"
DESCHEDULER_ANNOTATION = "descheduler.alpha.kubernetes.io/evict"
FEDORA_IMAGE = "quay.io/kubevirt/fedora-container-disk-images:35"
MACHINE_TYPE = "pc-q35-rhel8.4.0"
ROOT_DISK = "rootdisk"


@dataclass(frozen=True)
class Network:
    """What the one interface of a machine is connected to.

    :param attachment: a NetworkAttachmentDefinition, ``name`` in the machine's own namespace or ``namespace/name``;
        None is the pod network.
    """

    attachment: str | None = "linux-bridge"


Login = cloud_init.Login
BRIDGE = Network()
POD_NETWORK = Network(attachment=None)


def rhel(network: Network | None, login: Login | None) -> Object:
    """Return the RHEL 8 server without its disk's source."""
    domain: Object = {
        "cpu": _one_host_cpu(),
        "devices": {
            "disks": [_virtio_disk(ROOT_DISK)],
            "networkInterfaceMultiqueue": True,
            "rng": {},
        },
        "machine": {"type": MACHINE_TYPE},
        "resources": {"requests": {"cpu": "1", "memory": "4G"}},
    }
    spec: Object = {
        "terminationGracePeriodSeconds": 60,
        "evictionStrategy": "LiveMigrate",
        "domain": domain,
        "volumes": [{"name": ROOT_DISK}],
    }
    _connect(spec, network or BRIDGE)
    if login is not None:
        _add_cloud_init(spec, login)
    return _manifest("rhel8", "Halted", spec)


def fedora(image: str, network: Network | None, login: Login | None) -> Object:
    """Return the ephemeral Fedora, which a container image holds."""
    domain: Object = {
        "cpu": {"cores": 1, "sockets": 1, "threads": 1},
        "devices": {"disks": [_virtio_disk("containerdisk")]},
        "machine": {"type": MACHINE_TYPE},
        "resources": {"requests": {"memory": "256Mi", "cpu": "100m"}, "limits": {"cpu": "100m"}},
    }
    spec: Object = {
        "terminationGracePeriodSeconds": 0,
        "evictionStrategy": "None",
        "domain": domain,
        "volumes": [{"name": "containerdisk", "containerDisk": {"image": image}}],
    }
    # Named although it is the default: KubeVirt's own default binding, a bridge, cannot migrate.
    _connect(spec, network or POD_NETWORK)
    _add_cloud_init(spec, login or cloud_init.REFERENCE_LOGIN)
    manifest = _manifest("fedora", "Always", spec)
    annotations = manifest["spec"]["template"]["metadata"]["annotations"]
    annotations.update({DESCHEDULER_ANNOTATION: "true", "kubevirt.io/provisionOnNode": ""})
    return manifest


def windows(network: Network | None, login: Login | None) -> Object:
    """Return the Windows 10 desktop without its disk's source."""
    if login is not None:
        raise InvalidValue("login", login.summary(), "left out for windows, which does not read cloud-init")
    domain: Object = {
        "clock": {
            "timer": {
                "hpet": {"present": False},
                "hyperv": {},
                "pit": {"tickPolicy": "delay"},
                "rtc": {"tickPolicy": "catchup"},
            },
            "utc": {},
        },
        "cpu": _one_host_cpu(),
        "devices": {"blockMultiQueue": False, "disks": [_virtio_disk(ROOT_DISK)]},
        "features": {
            "acpi": {},
            "apic": {},
            "hyperv": {
                "frequencies": {},
                "ipi": {},
                "reenlightenment": {},
                "relaxed": {},
                "reset": {},
                "runtime": {},
                "spinlocks": {"spinlocks": 8191},
                "synic": {},
                "synictimer": {"direct": {}},
                "vapic": {},
                "vpindex": {},
            },
        },
        "machine": {"type": MACHINE_TYPE},
        "resources": {"requests": {"cpu": "1", "memory": "4G"}},
    }
    spec: Object = {
        "terminationGracePeriodSeconds": 0,
        "evictionStrategy": "LiveMigrate",
        "domain": domain,
        "volumes": [{"name": ROOT_DISK}],
    }
    _connect(spec, network or BRIDGE)
    return _manifest("windows10", "Halted", spec)


def _manifest(operating_system: str, run_strategy: str, spec: Object) -> Object:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {},
        "spec": {
            "runStrategy": run_strategy,
            "template": {"metadata": {"annotations": {OS_ANNOTATION: operating_system}}, "spec": spec},
        },
    }


def _one_host_cpu() -> Object:
    return {"cores": 1, "model": "host-passthrough", "sockets": 1, "threads": 1}


def _virtio_disk(name: str) -> Object:
    return {"name": name, "disk": {"bus": "virtio"}}


def _connect(spec: Object, network: Network) -> None:
    """Give the machine its one interface."""
    interface: t.Dict[str, t.Any] = {"name": "nic-0", "model": "virtio"}
    if network.attachment is None:
        interface["masquerade"] = {}
        spec["networks"] = [{"name": "nic-0", "pod": {}}]
    else:
        interface["bridge"] = {}
        spec["networks"] = [{"name": "nic-0", "multus": {"networkName": network.attachment}}]
    spec["domain"]["devices"]["interfaces"] = [interface]


def _add_cloud_init(spec: Object, login: Login) -> None:
    spec["domain"]["devices"]["disks"].append(_virtio_disk("cloudinitdisk"))
    spec["volumes"].append({"name": "cloudinitdisk", "cloudInitNoCloud": {"userData": cloud_init.user_data(login)}})
