# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module vm_fleet on the lab, kills it, and looks at the cluster with a client of its own."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DATA_VOLUMES,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    VIRTUAL_MACHINES,
    LabClient,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"
KUBECONFIG = str(LAB / "kubeconfig")
GOLDEN_SPACE = "fleet-golden-test"
# The lab's nodes offer this machine type to all.
Q35: Object = {"spec": {"template": {"spec": {"domain": {"machine": {"type": "q35"}}}}}}
GOLDEN = [{"kind": "pvc", "name": "golden", "namespace": GOLDEN_SPACE}]
MARK = "tuning.virtscale/fleet"


class Fleet:
    """One fleet of a test: how it is asked for, and what the cluster has of it."""

    def __init__(self, client: LabClient, directory: Path, name: str, groups: list[Object], **options: t.Any) -> None:
        self.client, self.directory, self.name = client, directory, name
        self.arguments: Object = {
            "name": name,
            "groups": groups,
            "namespaces": 4,
            "batch_size": 10,
            "failing_s": 8,
            "network_bridge": "br1",
            "kubeconfig": KUBECONFIG,
            **options,
        }

    def start(self, **options: t.Any) -> subprocess.Popen[str]:
        """Begin a run in a process group of its own."""
        task = {"virtscale.tuning.vm_fleet": {**self.arguments, **options}, "register": "found"}
        keep = {
            "ansible.builtin.copy": {
                "content": "{{ found | to_json }}",
                "dest": str(self.directory / "found.json"),
                "mode": "0600",
            }
        }
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {
                "virtscale_artifacts_dir": str(self.directory / "artifacts"),
                "ansible_python_interpreter": sys.executable,
            },
            "tasks": [task, keep],
        }
        path = self.directory / "play.yml"
        path.write_text(json.dumps([play]))
        command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(path)]
        return subprocess.Popen(
            command, cwd=CHECKOUT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def run(self, **options: t.Any) -> Object:
        """Run it to its end, and return what the module returned."""
        (self.directory / "found.json").unlink(missing_ok=True)
        process = self.start(**options)
        told, _nothing = process.communicate(timeout=900)
        assert process.returncode == 0, told
        return self.found()

    def found(self) -> Object:
        """Return what the module returned in the last run that came to its end."""
        found: Object = json.loads((self.directory / "found.json").read_text())
        return found

    def run_and_kill(self, after_s: float, *, workers_too: bool) -> bool:
        """Kill a run after a while; return whether it was still running then."""
        (self.directory / "found.json").unlink(missing_ok=True)
        process = self.start()
        try:
            process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            # Ansible's own process alone, or those of its tasks with it.
            os.killpg(process.pid, signal.SIGKILL) if workers_too else process.kill()
            process.communicate()
            return True
        return False

    def machines(self) -> dict[str, str]:
        """Return the uid of each VirtualMachine of the fleet."""
        return self._uids(VIRTUAL_MACHINES)

    def data_volumes(self) -> dict[str, str]:
        """Return the uid of each DataVolume of the fleet."""
        return self._uids(DATA_VOLUMES)

    def statuses(self) -> set[str]:
        """Return what the machines are said to be."""
        return {item["status"]["printableStatus"] for item in self.client.list(VIRTUAL_MACHINES, None, self.mark).items}

    def leftovers(self) -> list[str]:
        """Return whatever is still there of it."""
        kinds = (VIRTUAL_MACHINES, DATA_VOLUMES, DEPLOYMENTS, PODS, NAMESPACES)
        return [
            f"{kind.plural}/{item['metadata']['name']}"
            for kind in kinds
            for item in self.client.list(kind, None, self.mark).items
        ]

    @property
    def mark(self) -> str:
        """Return the label selector of all that it has made."""
        return f"{MARK}={self.name}"

    def timings(self, label: str = "batches-of-10") -> dict[str, dict[str, str]]:
        """Return the newest CSV of a way, a row for each machine."""
        files = sorted((self.directory / "artifacts").glob(f"*/{self.name}-{label}.csv"), key=os.path.getmtime)
        with files[-1].open() as file:
            return {row["vm"]: row for row in csv.DictReader(file)}

    def _uids(self, kind: t.Any) -> dict[str, str]:
        found = [item["metadata"] for item in self.client.list(kind, None, self.mark).items]
        return {f"{meta['namespace']}/{meta['name']}": meta["uid"] for meta in found}


def groups(rhel: int, windows: int, fedora: int) -> list[Object]:
    """Return groups of all kinds."""
    return [
        {"name": "rhel", "vms": rhel, "kind": "rhel", "sources": GOLDEN, "overrides": Q35},
        {"name": "windows", "vms": windows, "kind": "windows", "sources": GOLDEN, "overrides": Q35},
        {"name": "fedora", "vms": fedora, "kind": "fedora", "overrides": Q35},
    ]


def until(happens: t.Callable[[], t.Any], timeout_s: float, what: str) -> None:
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(0.5)
