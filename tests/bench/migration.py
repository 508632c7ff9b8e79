#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrate a pool of the lab in one setting, watched from beside, and print it as an entry of forecast_runs.json.

    migration.py --nodes 34 --max-unavailable 10 --vms rhel=400,fedora=400,windows=200 --pods 7000

A pool ``bench`` takes the first workers, gets the load, and ``playbooks/migrate.yml`` runs on it. A sampler of its own
asks the API all the while what migrates and which nodes are out of service: the limits must hold by its count as well.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / ".collections"))

from ansible_collections.virtscale.tuning.lab.standins.lab_client import LabClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    NODES,
    KubeClient,
    KubeError,
    Resource,
)

LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"
ARTIFACTS = CHECKOUT / "artifacts/bench" / LAB.parent.name
LOAD = [str(CHECKOUT / "lab/load"), "--kubeconfig", str(LAB / "kubeconfig")]
POOL = "bench"
ROLE = f"node-role.kubernetes.io/{POOL}"
HYPERCONVERGEDS = Resource("hco.kubevirt.io/v1beta1", "hyperconvergeds")
KUBEVIRTS = Resource("kubevirt.io/v1", "kubevirts")
VMIS = Resource("kubevirt.io/v1", "virtualmachineinstances")
VMIMS = Resource("kubevirt.io/v1", "virtualmachineinstancemigrations")
# On a migration that an evacuation has begun: the node that is left.
EVACUATED = "kubevirt.io/evacuationMigration"
WAITING = ("Succeeded", "Failed", "Pending", "PhaseUnset", "")
# What the lab's stand-ins take, uncompressed, beside the reboot and the copies: a launcher's start, a pod's end.
STANDINS = {"target_start_s": 0.4, "pod_stop_s": 0.3, "daemon_poll_s": 0, "daemon_reacts_s": 0}

Json = t.Dict[str, t.Any]


class Sampler(threading.Thread):
    """Counts by itself, from one list of the API a second, how many migrations ran and how many nodes were out."""

    def __init__(self, client: KubeClient, nodes: t.Collection[str]) -> None:
        super().__init__(daemon=True)
        self._client, self._nodes = client, frozenset(nodes)
        self._over = threading.Event()
        self.most_migrations = self.most_from_a_node = self.most_out = self.samples = 0
        self.loads: list[float] = []

    def run(self) -> None:
        while not self._over.wait(1.0):
            try:
                self._sample()
            except KubeError as error:
                print(f"  not sampled: {error}", file=sys.stderr)

    def stop(self) -> None:
        """End it, and wait for its last sample."""
        self._over.set()
        self.join()

    def _sample(self) -> None:
        sources: t.Counter[str] = collections.Counter()
        running = 0
        for item in self._client.list(VMIMS).items:
            status = item.get("status") or {}
            if status.get("phase", "") not in WAITING:
                running += 1
                sources[(item["metadata"].get("annotations") or {}).get(EVACUATED, "")] += 1
        nodes = [node for node in self._client.list(NODES).items if node["metadata"]["name"] in self._nodes]
        self.most_migrations = max(self.most_migrations, running)
        self.most_from_a_node = max([self.most_from_a_node, *sources.values()])
        self.most_out = max(self.most_out, sum(map(is_out, nodes)))
        self.samples += 1
        self.loads.append(os.getloadavg()[0])


def is_out(node: Json) -> bool:
    """Return whether a node takes no work."""
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
    return bool(node["spec"].get("unschedulable")) or not ready


def prepare(client: LabClient, options: argparse.Namespace) -> list[str]:
    """Bring nodes, pool, limits and times to what the setting says; return the nodes."""
    names = sorted(node["metadata"]["name"] for node in client.list(NODES).items)[: options.nodes]
    for node in client.list(NODES).items:
        name, labelled = node["metadata"]["name"], ROLE in node["metadata"]["labels"]
        if labelled != (name in names):
            label = "" if name in names else None
            client.merge_patch(NODES, name, {"metadata": {"labels": {ROLE: label}}}, field_manager="bench")
    try:
        client.create(MACHINE_CONFIG_POOLS, pool(options.max_unavailable))
    except KubeError as error:
        if error.status != 409:
            raise
        size = {"spec": {"maxUnavailable": options.max_unavailable}}
        client.merge_patch(MACHINE_CONFIG_POOLS, POOL, size, field_manager="bench")
    [hyperconverged] = client.list(HYPERCONVERGEDS).items
    limits = {
        "parallelMigrationsPerCluster": options.per_cluster,
        "parallelOutboundMigrationsPerNode": options.per_node,
    }
    client.merge_patch(
        HYPERCONVERGEDS,
        hyperconverged["metadata"]["name"],
        {"spec": {"liveMigrationConfig": limits}},
        field_manager="bench",
        namespace=hyperconverged["metadata"]["namespace"],
    )
    times = json.loads((LAB / "times.json").read_text())
    times.update(factor=options.factor, reboot_s=options.reboot_s)
    (LAB / "times.json").write_text(json.dumps(times))
    await_pool(client, len(names))
    if not options.loaded:
        subprocess.run([*LOAD, "down"], check=True, stdout=subprocess.DEVNULL)
    load = [*LOAD, "up", "--nodes", ",".join(names), "--pods", str(options.pods)]
    subprocess.run(load + (["--vms", options.vms] if options.vms else []), check=True)
    return names


def pool(max_unavailable: int) -> Json:
    """Return the MachineConfigPool of the setting."""
    role = {"key": "machineconfiguration.openshift.io/role", "operator": "In", "values": ["worker", POOL]}
    return {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfigPool",
        "metadata": {"name": POOL},
        "spec": {
            "machineConfigSelector": {"matchExpressions": [role]},
            "nodeSelector": {"matchLabels": {ROLE: ""}},
            "maxUnavailable": max_unavailable,
        },
    }


def await_pool(client: KubeClient, nodes: int) -> None:
    """Return when the pool counts its nodes and none of them has anything left to do."""
    while True:
        status = (client.get(MACHINE_CONFIG_POOLS, POOL) or {}).get("status") or {}
        counts = {status.get(name) for name in ("machineCount", "updatedMachineCount", "readyMachineCount")}
        if counts == {nodes} and not status.get("unavailableMachineCount"):
            return
        time.sleep(1)


def machines(client: KubeClient) -> dict[str, str]:
    """Return the uid of each virtual machine that runs."""
    return {
        f"{item['metadata']['namespace']}/{item['metadata']['name']}": item["metadata"]["uid"]
        for item in client.list(VMIS).items
        if item["status"].get("phase") == "Running"
    }


def migrate(options: argparse.Namespace) -> Path:
    """Run the playbook; return the directory of its record."""
    variables = {
        "cnv_migration_pools": [POOL],
        "cnv_migration_drain_only": options.drain_only,
        "cnv_migration_time_factor": options.factor,
        "max_disrupted_share": 1,
        "virtscale_artifacts_dir": str(ARTIFACTS),
        "cnv_migration_durations": durations(options),
        "kubeconfig": str(LAB / "kubeconfig"),
        "allow_disruption": True,
    }
    command = ["ansible-playbook", "playbooks/migrate.yml", "--limit", "ocp_api", "-e", json.dumps(variables)]
    if subprocess.run(command, cwd=CHECKOUT, check=False).returncode:
        sys.exit("The migration failed; see above.")
    return (ARTIFACTS / "latest").resolve()


def durations(options: argparse.Namespace) -> Json:
    """Return what things take on the lab's own clock."""
    means = json.loads((LAB / "times.json").read_text())["migration_s"]
    return {
        **STANDINS,
        "reboot_s": 0 if options.drain_only else round(options.reboot_s / options.factor, 2),
        "migration_s": {name: round(seconds / options.factor, 2) for name, seconds in means.items()},
    }


def recorded(run: Path, step: str) -> Json:
    """Return what the one host of the play has recorded."""
    [host] = json.loads((run / f"cnv_migration.{step}.json").read_text())["hosts"].values()
    data: Json = host["data"]
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="what the entry is to be called")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--max-unavailable", type=int, default=10)
    parser.add_argument("--vms", default="", help="such as rhel=400,fedora=400,windows=200")
    parser.add_argument("--pods", type=int, default=0)
    parser.add_argument("--per-cluster", type=int, default=20)
    parser.add_argument("--per-node", type=int, default=4)
    parser.add_argument("--reboot-s", type=float, default=20.0)
    parser.add_argument("--drain-only", action="store_true", help="drain without a reboot")
    parser.add_argument("--factor", type=float, default=1.0, help="by what all times are compressed")
    parser.add_argument("--loaded", action="store_true", help="keep the load that is there, and add what is missing")
    options = parser.parse_args()
    client = LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")})
    names = prepare(client, options)
    before = machines(client)
    sampler = Sampler(client, names)
    sampler.start()
    record = migrate(options)
    sampler.stop()
    after = machines(client)
    applied, planned, facts = (
        recorded(record, "apply"),
        recorded(record, "plan"),
        recorded(record, "measure")["facts"],
    )
    restarted = sum(before[name] != uid for name, uid in after.items() if name in before)
    print(
        f"sampled {sampler.samples} times: at most {sampler.most_migrations} migrations at once, "
        f"{sampler.most_from_a_node} from one node, {sampler.most_out} of {len(names)} nodes out of service; "
        f"{len(after)} of {len(before)} machines run, {restarted} were restarted"
    )
    load = sum(sampler.loads) / len(sampler.loads)
    print(f"load of the machine: {load:.1f} on average")
    vms = dict(part.split("=") for part in options.vms.split(",") if part)
    entry = {
        "name": options.name,
        "measured_s": applied["pools"][0]["seconds"],
        "forecast_s": planned["forecast"]["total_s"],
        "range_s": planned["forecast"]["range_s"],
        "load": round(load, 1),
        "scenario": {
            "pools": [
                {
                    "name": POOL,
                    "nodes": options.nodes,
                    "max_unavailable": options.max_unavailable,
                    "vms": {name: int(count) for name, count in vms.items()},
                    "pods": sum(facts["node_pods"].get(name, {"count": 0})["count"] for name in names),
                }
            ],
            "other_nodes": len(client.list(NODES).items) - options.nodes,
            "limits": {
                "parallelMigrationsPerCluster": options.per_cluster,
                "parallelOutboundMigrationsPerNode": options.per_node,
            },
            "durations": durations(options),
        },
    }
    print(json.dumps(entry))


if __name__ == "__main__":
    main()
