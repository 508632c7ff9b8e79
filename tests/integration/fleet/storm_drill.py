# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small stopped fleet on the lab, the playbook that storms it, and a witness of what was really started."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import threading
import time
import typing as t
from collections import Counter
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.load_objects import virtual_machine
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    NAMESPACES,
    VIRTUAL_MACHINES,
    VMIS,
    LabClient,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import marks, selector
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

from .fleet_drill import CHECKOUT, KUBECONFIG, LAB, until

KEY = str(LAB / "ssh" / "id_ed25519")
FLEET, SPACES, GROUPS = "boot-storm-test", 3, ("rhel", "fedora", "windows")


class Drill:
    """The fleet, and its storms."""

    def __init__(self, client: LabClient, artifacts: Path) -> None:
        self.client = client
        self.artifacts = artifacts

    def make(self, count: int, *, never_boots: t.Collection[int] = (), impossible: t.Collection[int] = ()) -> None:
        """Make stopped machines; some are never reached over SSH, some ask for a node that does not exist."""
        for number in range(SPACES):
            space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"{FLEET}-{number:02d}"}}
            self.client.create(NAMESPACES, space)
        for number in range(count):
            vm = self._machine(number)
            if number in never_boots:
                vm["spec"]["template"]["metadata"]["annotations"]["lab.virtscale/never-boots"] = "true"
            if number in impossible:
                vm["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "nowhere"}
            self.client.create(VIRTUAL_MACHINES, vm)
        until(lambda: self.statuses() == {"Stopped"}, 60, "all are known to be stopped")

    def remove(self) -> None:
        for number in range(SPACES):
            with contextlib.suppress(KubeError):
                self.client.delete(NAMESPACES, f"{FLEET}-{number:02d}")
        gone = [f"{FLEET}-{number:02d}" for number in range(SPACES)]
        until(lambda: all(self.client.get(NAMESPACES, name) is None for name in gone), 180, "the namespaces are gone")

    def machines(self) -> list[Object]:
        return self.client.list(VIRTUAL_MACHINES, label_selector=selector(FLEET)).items

    def statuses(self) -> set[str]:
        return {(vm.get("status") or {}).get("printableStatus", "") for vm in self.machines()}

    def instances(self) -> dict[str, str]:
        """Namespace and name of each instance, and its uid."""
        found = self.client.list(VMIS, label_selector=selector(FLEET)).items
        return {name_of(vmi): vmi["metadata"]["uid"] for vmi in found}

    def stop(self) -> None:
        """Stop every machine."""
        for vm in self.machines():
            body = {"spec": {"runStrategy": "Halted"}}
            place = (vm["metadata"]["name"], body)
            self.client.merge_patch(
                VIRTUAL_MACHINES, *place, field_manager="test", namespace=vm["metadata"]["namespace"]
            )
        until(lambda: self.statuses() == {"Stopped"} and not self.instances(), 120, "all are stopped")

    def begin(self, *extra: str, **variables: t.Any) -> Storm:
        """Run the playbook; the storm is on its way when this returns."""
        settings = {
            "cnv_fleet_name": FLEET,
            "cnv_fleet_storm_vms": [],
            "cnv_fleet_storm_key_file": KEY,
            "cnv_fleet_storm_limit_s": 600,
            "virtscale_artifacts_dir": str(self.artifacts),
            **variables,
        }
        command = [
            "ansible-playbook",
            "-i",
            "inventory/lab",
            "--limit",
            "ocp_api,localhost",
            "playbooks/boot_storm.yml",
        ]
        environment = {**os.environ, "KUBECONFIG": KUBECONFIG}
        process = subprocess.Popen(
            [*command, "-e", json.dumps(settings), *extra],
            cwd=CHECKOUT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return Storm(process, self.artifacts)

    @staticmethod
    def _machine(number: int) -> Object:
        group, space = GROUPS[number % len(GROUPS)], f"{FLEET}-{number % SPACES:02d}"
        vm = virtual_machine(group, f"{FLEET}-{group}-{number:04d}", space, "none")
        vm["metadata"]["labels"] = vm["spec"]["template"]["metadata"]["labels"] = marks(FLEET, group)
        vm["spec"]["runStrategy"] = "Halted"
        return vm


class Storm:
    """A playbook that runs."""

    def __init__(self, process: subprocess.Popen[str], artifacts: Path) -> None:
        self._process = process
        self._artifacts = artifacts

    def kill(self, after_s: float) -> bool:
        """End the playbook's own process; return whether that was before it had told what it measured.

        What is left of it ends by itself.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(after_s)
            return False
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        runs = [json.loads(path.read_text()) for path in self._artifacts.glob("*/run.json")]
        return not any("finished_at" in run for run in runs)

    def end(self) -> t.Any:
        """Wait for the end, and return what was recorded."""
        output, _none = self._process.communicate(timeout=600)
        records = sorted(self._artifacts.glob("*/cnv_fleet.apply.json"), key=lambda path: path.stat().st_mtime)
        assert records, output
        host = json.loads(records[-1].read_text())["hosts"]
        (entry,) = host.values()
        assert entry["data"] and "storm" in entry["data"], output
        return {"output": output, "rows": entry["rows"], "directory": records[-1].parent, **entry["data"]["storm"]}


class Witness(threading.Thread):
    """Counts every instance that comes to be, whoever made it and however short it lives."""

    def __init__(self, client: LabClient) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._seen: dict[str, str] = {}
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                listing = self._client.list(VMIS, label_selector=selector(FLEET))
                self._take(listing.items)
                version = listing.resource_version
                for event, vmi in self._client.watch(VMIS, version, timeout_s=5, label_selector=selector(FLEET)):
                    if event != "BOOKMARK":
                        self._take([vmi])
            except (KubeError, OSError):
                time.sleep(0.5)

    def started(self) -> Counter[str]:
        """How often each machine was started."""
        return Counter(self._seen.values())

    def stop(self) -> None:
        self._stopped.set()

    def _take(self, vmis: t.Sequence[Object]) -> None:
        self._seen.update((vmi["metadata"]["uid"], name_of(vmi)) for vmi in vmis)


def name_of(item: Object) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def timings(storm: t.Mapping[str, t.Any], number: int = -1) -> list[dict[str, str]]:
    """The rows of a step's file."""
    path = storm["directory"] / storm["series"][number]["timings"]
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
