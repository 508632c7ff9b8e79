# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's hosts, Ceph and API say of themselves, asked without this collection's roles."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Resource

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"

KEYS = (
    *("net.core.rmem_max", "net.core.wmem_max", "net.core.wmem_default", "net.core.netdev_budget"),
    *("net.core.netdev_budget_usecs", "net.core.netdev_max_backlog", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"),
    *("net.ipv4.neigh.default.gc_thresh1", "net.ipv4.neigh.default.gc_thresh2", "net.ipv4.neigh.default.gc_thresh3"),
    *("net.ipv4.conf.all.arp_filter", "net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce"),
    "net.ipv4.tcp_window_scaling",
)
_VALUES = f"for key in {' '.join(KEYS)}; do printf '%s=' $key; sysctl -n $key; done"
_FILES = "cd /etc/sysctl.d && grep -r . . | sort"

_API = "machineconfiguration.openshift.io/v1"
_KINDS = {
    "KubeletConfig": Resource(_API, "kubeletconfigs"),
    "MachineConfigPool": Resource(_API, "machineconfigpools"),
    "HyperConverged": Resource("hco.kubevirt.io/v1beta1", "hyperconvergeds"),
    "Node": Resource("v1", "nodes"),
}
# What controllers write all the time, and what every write moves.
_OF_THE_SERVER = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "finalizers")

State = t.Dict[str, t.Any]


def whole() -> State:
    """Return all that site changes, but for pg_num, which is never given back."""
    return {"hosts": hosts(), "ceph": ceph(), "kubernetes": kubernetes()}


def hosts() -> State:
    """Return what each Ceph host has in its kernel and below /etc/sysctl.d."""
    answers = on_hosts("ceph_hosts", f"{_VALUES}; {_FILES}")
    return {name: answer["stdout_lines"] for name, answer in answers.items()}


def on_hosts(pattern: str, script: str) -> dict[str, State]:
    """Run a shell script on hosts of the inventory, and return what each answers."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            ["ansible", pattern, "-m", "ansible.builtin.shell", "-a", script, "--tree", directory],
            cwd=CHECKOUT,
            check=True,
            capture_output=True,
        )
        return {path.name: json.loads(path.read_text()) for path in sorted(Path(directory).iterdir())}


def ceph() -> State:
    """Return Ceph's options, and each pool's mode of the autoscaler."""
    pools = ceph_command("osd", "pool", "ls", "detail")
    return {
        "options": {f"{o['section']}/{o['mask']} {o['name']}": o["value"] for o in ceph_command("config", "dump")},
        "autoscale": {pool["pool_name"]: pool["pg_autoscale_mode"] for pool in pools},
        "own keys": [key for key in ceph_command("config-key", "ls") if key.startswith("virtscale.tuning/")],
    }


def ceph_command(*words: str) -> t.Any:
    """Run a ``ceph`` command of the lab's cluster and return what it answers."""
    command = ["ceph", "--conf", str(LAB / "ceph" / "ceph.conf"), *words, "--format", "json"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(answer) if answer.strip() else None


def kubernetes() -> State:
    """Return the objects that site writes, without what the server and controllers keep in them."""
    return {
        kind: {item["metadata"]["name"]: _declared(item, kind) for item in client().list(resource).items}
        for kind, resource in _KINDS.items()
    }


def paused_pools() -> list[str]:
    """Return the MachineConfigPools that are paused now."""
    pools = client().list(_KINDS["MachineConfigPool"]).items
    return [pool["metadata"]["name"] for pool in pools if pool["spec"].get("paused")]


def client() -> KubeClient:
    """Return a client of the lab's API."""
    return KubeClient.connect({"kubeconfig": str(LAB / "kubeconfig")})


def _declared(item: State, kind: str) -> State:
    metadata = {key: value for key, value in item["metadata"].items() if key not in _OF_THE_SERVER}
    if kind == "Node":
        # The configuration's name is a hash of its content; what it comes to is the capacity.
        return {"labels": metadata["labels"], "pods": item["status"]["capacity"]["pods"]}
    spec = dict(item.get("spec") or {})
    spec.pop("configuration", None)
    return {"metadata": metadata, "spec": spec}
