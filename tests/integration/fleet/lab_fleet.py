# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and virtual machines on the lab, asked for without this collection's modules."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DATA_VOLUMES,
    NAMESPACES,
    VIRTUAL_MACHINES,
    VMIS,
    LabClient,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"
CLASS = "ocs-external-storagecluster-ceph-rbd"


def until(happens: t.Callable[[], t.Any], timeout_s: float, what: str) -> t.Any:
    """Wait until something is so, and return it."""
    end = time.monotonic() + timeout_s
    while not (found := happens()):
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(0.3)
    return found


@contextlib.contextmanager
def times(**settings: t.Any) -> t.Iterator[None]:
    """Let simulated things take other times for a while."""
    path = LAB / "times.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), **settings}))
    try:
        yield
    finally:
        path.write_text(before)


def image_url(name: str) -> str:
    """Where the lab serves an image."""
    found = re.search(r"http\.server (\d+)", (LAB / "supervisor/conf.d/storage.ini").read_text())
    assert found is not None
    return f"http://127.0.0.1:{found[1]}/{name}"


def ssh(address: str, command: str) -> subprocess.CompletedProcess[str]:
    """Log in to a guest."""
    words = ["ssh", "-F", "none", "-o", "ConnectTimeout=20", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
    words += ["-o", f"UserKnownHostsFile={LAB}/ssh/known_hosts", "-i", f"{LAB}/ssh/id_ed25519"]
    return subprocess.run([*words, f"root@{address}", command], capture_output=True, text=True, timeout=60)


def restart(program: str) -> None:
    """Kill a program of the lab; the supervisor starts it again."""
    supervisorctl = [str(Path(sys.executable).parent / "supervisorctl"), "-c", str(LAB / "supervisor/supervisord.conf")]
    pid = subprocess.run([*supervisorctl, "pid", program], check=True, capture_output=True, text=True).stdout
    os.kill(int(pid), signal.SIGKILL)


class Space:
    """One namespace and what is asked for in it."""

    def __init__(self, client: LabClient, name: str) -> None:
        self.client = client
        self.name = name

    def make(self) -> None:
        self.client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}})

    def remove(self) -> None:
        """Remove the namespace with all that is in it."""
        with contextlib.suppress(KubeError):
            self.client.delete(NAMESPACES, self.name)
        until(lambda: self.client.get(NAMESPACES, self.name) is None, 180, f"{self.name} goes")

    def disk(self, name: str, source: Object, **annotations: str) -> None:
        """Ask for a disk."""
        body = {
            "apiVersion": "cdi.kubevirt.io/v1beta1",
            "kind": "DataVolume",
            "metadata": {"name": name, "namespace": self.name, "annotations": annotations},
            "spec": {**source, "storage": {"resources": {"requests": {"storage": "40Gi"}}}},
        }
        self.client.create(DATA_VOLUMES, body)

    def clone_of(self, name: str) -> Object:
        """The source of a disk that is cloned."""
        return {"source": {"pvc": {"name": name, "namespace": self.name}}}

    def status(self, disk: str) -> Object:
        """The status of a disk."""
        found = self.client.get(DATA_VOLUMES, disk, self.name)
        return (found or {}).get("status") or {}

    def phase(self, disk: str) -> str:
        return str(self.status(disk).get("phase"))

    def running(self, disk: str) -> Object:
        """The condition Running of a disk."""
        conditions = self.status(disk).get("conditions", [])
        return next((one for one in conditions if one["type"] == "Running"), {})

    def machine(self, name: str, source: Object, **annotations: str) -> None:
        """Ask for a virtual machine with a disk of its own."""
        domain = {
            "memory": {"guest": "128Mi"},
            "devices": {
                "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
                "interfaces": [{"name": "default", "masquerade": {}}],
            },
        }
        template = {"metadata": {"name": f"{name}-root"}, "spec": {**source, "storage": {}}}
        body = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "VirtualMachine",
            "metadata": {"name": name, "namespace": self.name},
            "spec": {
                "runStrategy": "Always",
                "dataVolumeTemplates": [template],
                "template": {
                    "metadata": {"annotations": annotations},
                    "spec": {
                        "domain": domain,
                        "networks": [{"name": "default", "pod": {}}],
                        "volumes": [{"name": "root", "dataVolume": {"name": f"{name}-root"}}],
                    },
                },
            },
        }
        self.client.create(VIRTUAL_MACHINES, body)

    def instance(self, name: str) -> Object:
        """The running instance of a virtual machine, or nothing yet."""
        found = self.client.get(VMIS, name, self.name)
        return found if found and (found.get("status") or {}).get("phase") == "Running" else {}

    def address(self, name: str) -> str:
        """The address of a virtual machine, as soon as it runs."""
        instance = until(lambda: self.instance(name), 120, f"{name} runs")
        return str(instance["status"]["interfaces"][0]["ipAddress"])
