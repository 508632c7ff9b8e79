# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Latency measured by real fio over real SSH: in hosts, and in virtual machines of the lab while they migrate."""

from __future__ import annotations

import contextlib
import csv
import shutil
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.lab_client import NAMESPACES, VIRTUAL_MACHINES, VMIS, LabClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

from .lab_fleet import LAB, until
from .latency_drill import SHAPE, Hosts

# The molecule scenario of the role is the short one.
pytestmark = [
    pytest.mark.lab,
    pytest.mark.long,
    pytest.mark.skipif(not (shutil.which("fio") and shutil.which("unshare")), reason="needs fio"),
]

NAMESPACE = "measure-latency-test"
FLEET = "measure-latency"
VMS = 4
POOLS = ("two-replicas", "three-replicas")
MIGRATIONS = Resource("kubevirt.io/v1", "virtualmachineinstancemigrations")


@pytest.fixture
def hosts(tmp_path: Path) -> t.Iterator[Hosts]:
    """Servers to measure in."""
    found = Hosts(tmp_path)
    yield found
    found.close()


def _targets(addresses: t.Sequence[str]) -> list[Object]:
    return [{"name": f"host{number}", "address": address} for number, address in enumerate(addresses, start=1)]


def test_hosts_are_measured_in_and_their_files_written_once(hosts: Hosts) -> None:
    addresses = [f"127.90.0.{number}" for number in (1, 2)]
    for address in addresses:
        hosts.start(address)
    looked = hosts.measure("--check", targets=_targets(addresses))
    assert looked["changed"] and "would measure 8 cells in 2 VMs, 4 s each" in looked["lines"][0]
    assert hosts.files(addresses[0]) == []

    found = hosts.measure(targets=_targets(addresses))
    latency = found["latency"]
    assert found["changed"]
    assert [len(hosts.files(address)) for address in addresses] == [SHAPE["directories"] * SHAPE["files"]] * 2
    assert [(cell["nodes"], cell["vms_measured"]) for cell in latency["cells"]] == [(1, 1), (2, 2)] * 4
    for cell in latency["cells"]:
        assert cell["mean_us"] > 0 and cell["min_us"] <= cell["p50_us"] * 1.01 <= cell["p99_us"] * 1.02
        assert cell["failed"] == []
        # fio makes no more requests than it is asked for; how many a busy machine makes is told and not tried here.
        assert cell["requests"] <= cell["asked_iops_per_vm"] * cell["vms"] * 4 * 1.02 + 2 * cell["vms"]
    assert len(latency["differences"]) == 4
    run = next((hosts.root / "artifacts").glob("*/latency.csv")).parent
    with (run / "latency-vms.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4 * (1 + 2)

    again = hosts.measure(targets=_targets(addresses), nodes=[1], directions=["read"])
    assert not again["changed"]


def test_a_killed_measurement_ends_in_the_machines_and_goes_on(hosts: Hosts) -> None:
    address = "127.90.0.3"
    hosts.start(address)
    options: Object = {"targets": _targets([address]), "directions": ["read"], "runtime_s": 6}
    process = hosts.begin(**options)
    journal = hosts.root / "artifacts"
    until(
        lambda: any(b'"cell"' in path.read_bytes() for path in journal.glob("*/latency.jsonl")), 120, "a cell is kept"
    )
    time.sleep(3)
    hosts.kill(process)
    assert hosts.running()
    found = hosts.measure(**options)
    assert "is continued" in found["told"]
    assert "1 of 2:" not in found["told"] and "2 of 2:" in found["told"]
    assert [cell["profile"] for cell in found["latency"]["cells"]] == ["baseline", "load"]
    assert all(cell["vms_measured"] == 1 for cell in found["latency"]["cells"])
    assert hosts.running() == []


@pytest.fixture
def fleet() -> t.Iterator[LabClient]:
    """A few virtual machines on nodes of their own."""
    client = LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")})
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    try:
        for number in range(1, VMS + 1):
            client.create(VIRTUAL_MACHINES, _machine(f"{FLEET}-{number}", POOLS[number % len(POOLS)]))
        yield client
    finally:
        with contextlib.suppress(KubeError):
            LabClient.delete(client, NAMESPACES, NAMESPACE)
        until(lambda: client.get(NAMESPACES, NAMESPACE) is None, 180, f"{NAMESPACE} goes")


def _machine(name: str, group: str) -> Object:
    labels = {"tuning.virtscale/fleet": FLEET, "tuning.virtscale/group": group}
    apart = {
        "labelSelector": {"matchLabels": {"tuning.virtscale/fleet": FLEET}},
        "topologyKey": "kubernetes.io/hostname",
    }
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "runStrategy": "Always",
            "template": {
                "metadata": {"labels": labels, "annotations": {"vm.kubevirt.io/os": "rhel8"}},
                "spec": {
                    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}},
                    "domain": {
                        "memory": {"guest": "128Mi"},
                        "devices": {
                            "disks": [{"name": "root", "disk": {"bus": "virtio"}}],
                            "interfaces": [{"name": "default", "masquerade": {}}],
                        },
                    },
                    "networks": [{"name": "default", "pod": {}}],
                    "volumes": [{"name": "root", "containerDisk": {"image": "registry.invalid/rhel"}}],
                },
            },
        },
    }


def _instances(client: LabClient) -> list[Object]:
    return [item for item in client.list(VMIS, NAMESPACE).items if (item.get("status") or {}).get("phase") == "Running"]


def test_a_fleet_before_during_and_after_migrations(hosts: Hosts, fleet: LabClient) -> None:
    until(lambda: len(_instances(fleet)) == VMS, 180, "all run")
    before = {item["metadata"]["name"]: item["status"]["nodeName"] for item in _instances(fleet)}
    for item in _instances(fleet):
        hosts.start(item["status"]["interfaces"][0]["ipAddress"])
    options: Object = {
        "fleet": FLEET,
        "groups": list(POOLS),
        "kubeconfig": str(LAB / "kubeconfig"),
        "measure": ["migration"],
        "nodes": [VMS],
        "directions": ["write"],
        "migration_limit_s": 300,
    }
    pending = hosts.measure(**options)
    assert [row["status"] for row in pending["rows"]] == ["pending"] and not pending["changed"]

    found = hosts.measure(**options, allow_disruption=True)
    after = {item["metadata"]["name"]: item["status"]["nodeName"] for item in _instances(fleet)}
    assert sorted(after) == sorted(before)
    cells = found["latency"]["cells"]
    assert [cell["phase"] for cell in cells] == ["before", "during", "after"] * 2
    assert all(cell["vms_measured"] == VMS and not cell["failed"] for cell in cells)
    migration = found["latency"]["migration"]
    assert [wave["run"]["count"] for wave in migration["waves"]] == [VMS, VMS]
    assert all(wave["failed"] == [] for wave in migration["waves"])
    assert migration["seconds_alone"] > 1 and migration["seconds_loaded"] > 1
    # fio went on for as long as the machines moved.
    assert cells[4]["requests"] > cells[3]["requests"]
    assert fleet.list(MIGRATIONS, NAMESPACE).items == []
    assert hosts.running() == []


def test_two_pools_are_compared_through_the_api_alone(hosts: Hosts, fleet: LabClient) -> None:
    until(lambda: len(_instances(fleet)) == VMS, 180, "all run")
    for item in _instances(fleet):
        hosts.start(item["status"]["interfaces"][0]["ipAddress"])
    found = hosts.measure(
        fleet=FLEET,
        kubeconfig=str(LAB / "kubeconfig"),
        via="portforward",
        pools=[{"name": name, "replicas": number, "group": name} for name, number in zip(POOLS, (2, 3))],
        nodes=[VMS // 2],
        directions=["read"],
    )
    latency = found["latency"]
    assert [(cell["profile"], cell["pool"], cell["vms_measured"]) for cell in latency["cells"]] == [
        ("baseline", POOLS[0], 2),
        ("load", POOLS[0], 2),
        ("baseline", POOLS[1], 2),
        ("load", POOLS[1], 2),
    ]
    means = {(cell["profile"], cell["pool"]): cell["mean_us"] for cell in latency["cells"]}
    assert [change["profile"] for change in latency["pools"]] == ["baseline", "load"]
    for change in latency["pools"]:
        first, second = (means[change["profile"], name] for name in POOLS)
        assert (change["against"], change["replicas"], change["against_replicas"]) == (POOLS[0], 3, 2)
        assert change["mean_percent"] == pytest.approx(100 * (second - first) / first, abs=0.1)
    assert f"pool {POOLS[1]} (3 replicas)" in found["told"]
    assert hosts.running() == []
