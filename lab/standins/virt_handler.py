# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for virt-handler on every node and for virt-launcher in every pod of a virtual machine.

It answers the real virt-controller in the VirtualMachineInstances: guests boot, shut down and migrate, each in
its time. kwok runs the pods; what ends with a guest is ended here: the pod that a migration has left, and
pods that are deleted, once their guest is down. The nodes' part is in virt_handler_nodes.
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import threading
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.follow import follow, log, set_up_logging
from ansible_collections.virtscale.tuning.lab.standins.guest_protocol import Addresses, address_of
from ansible_collections.virtscale.tuning.lab.standins.lab_client import PODS, VMIS, LabClient
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.lab.standins.virt_handler_nodes import tend_nodes
from ansible_collections.virtscale.tuning.lab.standins.vmi_protocol import (
    Step,
    copy_age_s,
    ended_pod,
    next_step,
    taken,
)
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import operating_system
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

WORKERS = 16
LAUNCHERS = "kubevirt.io=virt-launcher"
DOMAIN_ANNOTATION = "kubevirt.io/domain"
RETRY_S, CONFLICT_RETRY_S = 2.0, 0.3
# Changes come by the watch; the whole list is only for what a broken watch has lost.
RESYNC_S = 300

Key = t.Tuple[str, str]


class Handlers:
    """All virt-handlers and virt-launchers. Keys are namespace and name of a VirtualMachineInstance."""

    def __init__(self, client: LabClient, times: Times, addresses: Addresses) -> None:
        self._client = client
        self._times = times
        self._addresses = addresses
        self._vmis: dict[Key, Object] = {}
        self._ending: dict[Key, dict[str, Object]] = {}
        self._begun: dict[Key, tuple[t.Any, float]] = {}
        self._ended: dict[Key, str] = {}
        self._queue: WorkQueue[Key] = WorkQueue(self._attempt, WORKERS)

    def vmi_seen(self, vmi: Object) -> None:
        key = key_of(vmi)
        known = self._vmis.get(key)
        if known is None or version(known) < version(vmi):
            address = address_of(vmi)
            if address:
                self._addresses.known(vmi["metadata"]["uid"], address)
            self._vmis[key] = vmi
            self._queue.add(key)

    def vmi_gone(self, vmi: Object) -> None:
        key = key_of(vmi)
        known = self._vmis.get(key)
        if known is not None:
            self._addresses.gone(known["metadata"]["uid"])
        for memory in (self._vmis, self._begun, self._ended):
            memory.pop(key, None)
        self._queue.add(key)

    def pod_seen(self, pod: Object) -> None:
        metadata = pod["metadata"]
        if "deletionTimestamp" in metadata:
            key = (metadata["namespace"], metadata["annotations"][DOMAIN_ANNOTATION])
            self._ending.setdefault(key, {})[metadata["name"]] = pod
            self._queue.add(key)

    def pod_gone(self, pod: Object) -> None:
        metadata = pod["metadata"]
        key = (metadata["namespace"], metadata["annotations"][DOMAIN_ANNOTATION])
        self._ending.get(key, {}).pop(metadata["name"], None)

    def _attempt(self, key: Key) -> None:
        try:
            self._advance(key)
        except KubeError as error:
            if error.status != 409:
                log.warning("%s: %s", "/".join(key), error)
            self._queue.add(key, CONFLICT_RETRY_S if error.status == 409 else RETRY_S)
        except Exception:
            log.exception("%s", "/".join(key))
            self._queue.add(key, RETRY_S)

    def _advance(self, key: Key) -> None:
        """Take the next step of one virtual machine, or come back when it has taken its time."""
        vmi = self._vmis.get(key)
        guest_ends = self._end_pods(key, vmi)
        if vmi is None:
            return
        self._end_left_pod(key, vmi)
        step = next_step(vmi, guest_ends)
        if step is None:
            return
        wait = self._left_s(key, vmi, step)
        if wait > 0:
            self._queue.add(key, wait)
            return
        now = datetime.datetime.now(datetime.timezone.utc)
        address = self._addresses.of(vmi["metadata"]["uid"]) if step is Step.BOOT else ""
        self.vmi_seen(self._client.replace(VMIS, taken(vmi, step, now, address)))

    def _left_s(self, key: Key, vmi: Object, step: Step) -> float:
        """How much of the step's time is left, counted from when it was first to be taken."""
        if step is Step.BOOT:
            takes = self._times.boot_s()
        elif step is Step.STOP:
            takes = self._times.stop_s()
        elif step is Step.END_COPY:
            takes = self._times.migration_s(operating_system(vmi), "/".join(key))
        else:
            return 0.0
        now = time.monotonic()
        what = (vmi["metadata"]["uid"], step, (vmi["status"].get("migrationState") or {}).get("migrationUid"))
        known, since = self._begun.get(key, (None, now))
        if known != what:
            since = now
            if step is Step.END_COPY:
                # Timestamps are whole seconds: only what an earlier process began is counted from them.
                age = copy_age_s(vmi, datetime.datetime.now(datetime.timezone.utc))
                since = now - age if age > 2 else now
            self._begun[key] = (what, since)
        return since + takes - now

    def _end_pods(self, key: Key, vmi: Object | None) -> bool:
        """Let pods go that are being deleted and have no guest; returns whether one that has a guest remains."""
        guest_ends = False
        for name, pod in list(self._ending.get(key, {}).items()):
            if vmi is not None and has_guest(pod, vmi):
                guest_ends = True
                continue
            try:
                uid = pod["metadata"]["uid"]
                options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
                self._client.delete(PODS, name, key[0], options)
            except KubeError as error:
                if error.status not in (404, 409):
                    raise
            self._ending[key].pop(name, None)
        return guest_ends

    def _end_left_pod(self, key: Key, vmi: Object) -> None:
        """End the pod that a finished migration has left, once per migration."""
        left = ended_pod(vmi)
        migration = (vmi["status"].get("migrationState") or {}).get("migrationUid", "")
        if left is None or self._ended.get(key) == migration:
            return
        name, phase = left
        pod = self._client.get(PODS, name, key[0])
        if pod is not None and pod["status"].get("phase") == "Running":
            ended = {"phase": phase, "conditions": not_ready(pod["status"].get("conditions", []))}
            self._client.merge_patch(
                PODS, f"{name}/status", {"status": ended}, field_manager="virt-launcher", namespace=key[0]
            )
        self._ended[key] = migration


def key_of(vmi: Object) -> Key:
    return vmi["metadata"]["namespace"], vmi["metadata"]["name"]


def version(item: Object) -> int:
    """A number that grows with each write (etcd's revision)."""
    return int(item["metadata"]["resourceVersion"])


def has_guest(pod: Object, vmi: Object) -> bool:
    """Whether a virtual machine's guest runs in this pod of its pods."""
    status = vmi.get("status", {})
    return (
        pod["metadata"].get("labels", {}).get("kubevirt.io/created-by") == vmi["metadata"]["uid"]
        and status.get("phase") in ("Scheduled", "Running")
        and pod["status"].get("phase") == "Running"
        and pod["spec"].get("nodeName") == status.get("nodeName")
    )


def not_ready(conditions: t.Iterable[Object]) -> list[Object]:
    """A pod's conditions when its containers have ended."""
    return [
        condition | {"status": "False", "reason": "PodCompleted"}
        if condition["type"] in ("Ready", "ContainersReady")
        else condition
        for condition in conditions
    ]


def listed(client: LabClient) -> list[Object]:
    """All VirtualMachineInstances, as soon as the API server answers."""
    while True:
        try:
            return client.list(VMIS).items
        except KubeError as error:
            log.warning("%s", error)
            time.sleep(RETRY_S)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-in for virt-handler and virt-launcher of every node.")
    parser.add_argument("--kubeconfig", required=True, help="of the account kubevirt-handler")
    parser.add_argument("--times", required=True, type=Path)
    parser.add_argument("--guests", required=True, type=ipaddress.IPv4Network, help="the network of their addresses")
    arguments = parser.parse_args()
    set_up_logging()
    auth = {"kubeconfig": arguments.kubeconfig}
    client = LabClient.connect(auth, max_connections=WORKERS + 2)
    addresses = Addresses(arguments.guests)
    for vmi in listed(client):
        if address_of(vmi):
            addresses.known(vmi["metadata"]["uid"], str(address_of(vmi)))
    handlers = Handlers(client, Times(arguments.times), addresses)

    def follow_pods() -> None:
        follow(client, PODS, handlers.pod_seen, gone=handlers.pod_gone, label_selector=LAUNCHERS, resync_s=RESYNC_S)

    threading.Thread(target=tend_nodes, args=(LabClient.connect(auth),), daemon=True).start()
    threading.Thread(target=follow_pods, daemon=True).start()
    follow(client, VMIS, handlers.vmi_seen, gone=handlers.vmi_gone, resync_s=RESYNC_S)


if __name__ == "__main__":
    main()
