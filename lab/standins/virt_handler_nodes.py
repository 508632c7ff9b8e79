# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-handler does for its node: labels by which launchers find it, devices, a heartbeat.

virt-controller takes a node for dead whose heartbeat is older than five minutes.
"""

from __future__ import annotations

import datetime
import time
import typing as t

from ansible_collections.virtscale.tuning.lab.standins.follow import log
from ansible_collections.virtscale.tuning.lab.standins.vmi_protocol import MACHINE_TYPE
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import NODES, KubeClient, KubeError, Object

FIELD_MANAGER = "virt-handler"
ROUND_S = 120.0
HEARTBEAT = "kubevirt.io/heartbeat"
CPU_MODEL = "Icelake-Server"

LABELS = {
    "kubevirt.io/schedulable": "true",
    "kubevirt.io/cpumanager": "false",
    "cpu-vendor.node.kubevirt.io/Intel": "true",
    f"cpu-model.node.kubevirt.io/{CPU_MODEL}": "true",
    f"cpu-model-migration.node.kubevirt.io/{CPU_MODEL}": "true",
    f"host-model-cpu.node.kubevirt.io/{CPU_MODEL}": "true",
    "machine-type.node.kubevirt.io/q35": "true",
    f"machine-type.node.kubevirt.io/{MACHINE_TYPE}": "true",
    # That of the reference architecture's templates.
    "machine-type.node.kubevirt.io/pc-q35-rhel8.4.0": "true",
}
DEVICES = {f"devices.kubevirt.io/{device}": "1k" for device in ("kvm", "tun", "vhost-net")}


def tend_nodes(client: KubeClient) -> t.NoReturn:
    """Tend all nodes at once at first, then one after the other, for ever."""
    first = True
    while True:
        try:
            nodes = client.list(NODES).items
            if first:
                client.for_each(lambda node: tend(client, node), nodes)
                log.info("%d nodes can run virtual machines", len(nodes))
                first = False
            for node in nodes:
                time.sleep(ROUND_S / len(nodes))
                now = client.get(NODES, node["metadata"]["name"])
                if now is not None:
                    tend(client, now)
        except (KubeError, ZeroDivisionError) as error:
            log.warning("nodes: %s", error)
            time.sleep(1)


def tend(client: KubeClient, node: Object) -> None:
    """Do a node's part, unless the node is down."""
    metadata, status = node["metadata"], node["status"]
    if not is_ready(node):
        return
    if any(status.get("allocatable", {}).get(device) != count for device, count in DEVICES.items()):
        devices = {"status": {"capacity": DEVICES, "allocatable": DEVICES}}
        client.merge_patch(NODES, f"{metadata['name']}/status", devices, field_manager=FIELD_MANAGER)
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    alive = {"metadata": {"annotations": {HEARTBEAT: now}, "labels": LABELS}}
    client.merge_patch(NODES, metadata["name"], alive, field_manager=FIELD_MANAGER)


def is_ready(node: Object) -> bool:
    """Whether a node says that it is Ready."""
    conditions = node["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
