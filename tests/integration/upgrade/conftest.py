# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small cluster of its own for upgrades: rolling all nodes of the lab would take a quarter of an hour each time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    KubeClient,
    Object,
    Resource,
)
from ansible_collections.virtscale.tuning.tests.integration.openshift.conftest import CACHE, CHECKOUT, Command
from ansible_collections.virtscale.tuning.tests.integration.openshift.drill import Kubectl, pool

LAB = CACHE / "lab-upgrade"
ZONE = "zone-0"
WORKERS = [f"worker{number:03d}" for number in range(1, 7)]
CLUSTER_VERSIONS = Resource("config.openshift.io/v1", "clusterversions")
CLUSTER_OPERATORS = Resource("config.openshift.io/v1", "clusteroperators")
# With much room for a machine that is busy.
UP_S, RUN_S = 1800, 1800
# Beside the lab: other ports, other loopback addresses, and none of its network.
VARIABLES: dict[str, t.Any] = {
    "lab_dir": str(LAB),
    "lab_workers": WORKERS,
    "lab_kubernetes_api_port": 29443,
    "lab_kubernetes_etcd_port": 29379,
    "lab_kubernetes_etcd_peer_port": 29380,
    "lab_kubernetes_worker_namespace": "vslab-none",
    "lab_kubernetes_workload_pods": 12,
    "lab_openshift_metrics_port": 29897,
    "lab_kubevirt_api_port": 29843,
    "lab_kubevirt_controller_port": 29844,
    "lab_kubevirt_guests_network": "127.112.0.0/14",
    "lab_base_times": {
        "factor": 3.0,
        "reboot_s": 1.0,
        "boot_s": 2.0,
        "stop_s": 3.0,
        "migration_s": {"default": 14},
        "upgrade_s": 45,
        "operator_patience_s": 30,
    },
}


class Cluster:
    """The small cluster, as a person at a terminal and a bystander see it."""

    def __init__(self) -> None:
        self.kubeconfig = str(LAB / "kubeconfig")
        self.client = KubeClient.connect({"kubeconfig": self.kubeconfig})
        self.kubectl = Kubectl(str(CACHE / "tools/bin/kubectl"), self.kubeconfig)

    @property
    def version(self) -> Object:
        """The ClusterVersion."""
        found = self.client.get(CLUSTER_VERSIONS, "version")
        assert found is not None
        return found

    @property
    def paused(self) -> dict[str, bool]:
        """Which pools are paused."""
        pools = self.client.list(MACHINE_CONFIG_POOLS).items
        return {one["metadata"]["name"]: bool(one["spec"].get("paused")) for one in pools}

    def trouble(self, operator: str, what: str | None) -> None:
        """Let something be wrong with an operator, or nothing any more."""
        body = {"metadata": {"annotations": {"lab.virtscale/trouble": what}}}
        self.client.merge_patch(CLUSTER_OPERATORS, operator, body, field_manager="test")


class Upgrade(Command):
    """The playbook upgrade on the small cluster."""

    def __init__(self, directory: Path, artifacts: Path, to: str, *arguments: str, **variables: t.Any) -> None:
        self.artifacts = artifacts
        given = {
            "virtscale_artifacts_dir": str(self.artifacts),
            "max_disrupted_share": 0.34,
            "ocp_upgrade_to": to,
            "ocp_upgrade_time_factor": 3,
            **variables,
        }
        playbook = ("ansible-playbook", "playbooks/upgrade.yml", "--extra-vars", json.dumps(given), *arguments)
        super().__init__(directory, *playbook, KUBECONFIG=str(LAB / "kubeconfig"))

    def recorded(self, step: str) -> dict[str, t.Any]:
        """What the role recorded for a step."""
        record = json.loads((self.artifacts / "latest" / f"ocp_upgrade.{step}.json").read_text())
        entry: dict[str, t.Any] = record["hosts"]["ocp-api"]
        return entry

    def row(self, step: str, what: str) -> dict[str, t.Any]:
        """The one row about something."""
        (found,) = [row for row in self.recorded(step)["rows"] if row["what"] == what]
        return t.cast("dict[str, t.Any]", found)


Start = t.Callable[..., Upgrade]


def _lab(*command: str) -> None:
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=UP_S)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def cluster() -> t.Iterator[Cluster]:
    """A new cluster of six workers in two pools, with virtual machines, at the paper's first version."""
    _down()
    extra = json.dumps(VARIABLES)
    tags = ("--tags", "lab_kubernetes,lab_openshift,lab_kubevirt", "--skip-tags", "lab_network")
    try:
        _lab("ansible-playbook", "-i", "localhost,", "lab/up.yml", *tags, "--extra-vars", extra)
        cluster = Cluster()
        cluster.kubectl.apply(pool(ZONE, maxUnavailable=2))
        for name in WORKERS[:3]:
            cluster.kubectl("label", "node", name, f"node-role.kubernetes.io/{ZONE}=")
        conditions = ("--for=jsonpath={.status.updatedMachineCount}=3", "--timeout=300s")
        cluster.kubectl("wait", f"machineconfigpool/{ZONE}", *conditions)
        where = f"--nodes={WORKERS[0]},{WORKERS[1]},{WORKERS[3]}"
        load = ("up", where, "--vms=rhel=4,fedora=2,windows=2", "--pods=6", "--namespaces=3")
        _lab("lab/load", "--kubeconfig", cluster.kubeconfig, *load)
        yield cluster
    finally:
        _down()


def _down() -> None:
    conf = LAB / "supervisor/supervisord.conf"
    if conf.exists():
        subprocess.run(["supervisorctl", "-c", str(conf), "shutdown"], capture_output=True, timeout=UP_S)
        pid = LAB / "supervisor/supervisord.pid"
        if pid.exists():
            subprocess.run(["tail", "--pid", pid.read_text().strip(), "-f", os.devnull], timeout=120)
    shutil.rmtree(LAB, ignore_errors=True)


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Start]:
    """Start upgrades; what still runs at the end is killed. All record to one directory, as a person's would."""
    started: list[Upgrade] = []
    artifacts = tmp_path_factory.mktemp("artifacts")

    def start(to: str, *arguments: str, **variables: t.Any) -> Upgrade:
        started.append(Upgrade(tmp_path_factory.mktemp("run"), artifacts, to, *arguments, **variables))
        return started[-1]

    yield start
    for one in started:
        one.kill()
