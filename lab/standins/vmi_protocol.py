# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What virt-handler does next for a VirtualMachineInstance, decided from the object alone, and how it is written.

* Scheduled: the guest boots, then Running. To be deleted, or its pod is: the guest shuts down, then Succeeded.
* virt-controller names a migration and its target in migrationState: the target gives its address, the source
  starts to copy, the guest moves to the target, the migration is completed.

virt-controller compares what it reads with what it knows to the letter: times are whole seconds, and a condition
names its empty times.
"""

from __future__ import annotations

import copy
import datetime
import enum
import typing as t

from ansible_collections.virtscale.tuning.lab.standins.guest_protocol import with_address

Object = t.Dict[str, t.Any]

# The lab's own annotations of a VirtualMachineInstance, for tests.
FAILING_MIGRATIONS = "lab.virtscale/failing-migrations"  # how many of the next migrations fail
NOT_MIGRATABLE = "lab.virtscale/not-migratable"  # why it cannot be migrated

NODE_LABEL = "kubevirt.io/nodeName"
TARGET_LABEL = "kubevirt.io/migrationTargetNodeName"
NOT_SHARED = (
    "cannot migrate VMI: PVC {} is not shared, live migration requires that all PVCs must be shared"
    " (using ReadWriteMany access mode)"
)
MACHINE_TYPE = "pc-q35-rhel9.6.0"


class Step(enum.Enum):
    """The next step; those that take time take it before they are written."""

    BOOT = "boot"
    STOP = "stop"
    PREPARE_TARGET = "prepare target"
    START_COPY = "start copy"
    END_COPY = "end copy"
    ABORT_COPY = "abort copy"
    COMPLETE = "complete"
    TIDY = "tidy"
    REPORT = "report"


def next_step(vmi: Object, pod_ends: bool = False) -> Step | None:
    """What is to be done; None when it is virt-controller's turn or nothing is.

    ``pod_ends``: the pod in which the guest runs is being deleted.
    """
    status, metadata = vmi.get("status", {}), vmi["metadata"]
    if status.get("phase") not in ("Scheduled", "Running"):
        return None
    if pod_ends or metadata.get("deletionTimestamp"):
        return Step.STOP
    if status["phase"] == "Scheduled":
        return Step.BOOT
    return _migration_step(vmi) or (Step.REPORT if _reported(vmi) != live_migratable(vmi) else None)


def _migration_step(vmi: Object) -> Step | None:
    state = vmi["status"].get("migrationState") or {}
    if not state.get("migrationUid"):
        return None
    if state.get("failed") or state.get("completed"):
        return Step.TIDY if TARGET_LABEL in vmi["metadata"].get("labels", {}) else None
    if "endTimestamp" in state:
        return Step.COMPLETE
    if not state.get("targetNodeAddress"):
        return Step.PREPARE_TARGET
    if "startTimestamp" not in state:
        return Step.START_COPY
    return Step.ABORT_COPY if state.get("abortRequested") else Step.END_COPY


def taken(vmi: Object, step: Step, now: datetime.datetime, address: str = "") -> Object:
    """The object after a step; ``address`` is what the guest has from its boot on."""
    vmi = copy.deepcopy(vmi)
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    status = vmi["status"]
    state = status.get("migrationState") or {}
    if step is Step.BOOT:
        _enter(status, "Running", time)
        status["machine"] = {"type": MACHINE_TYPE}
        status["migrationMethod"] = "LiveMigration"
        status["selinuxContext"] = "none"
        status["interfaces"] = with_address(vmi, address)
        _report(vmi)
    elif step is Step.STOP:
        _enter(status, "Succeeded", time)
    elif step is Step.PREPARE_TARGET:
        state["targetNodeAddress"] = "127.0.0.1"
        state["targetDirectMigrationNodePorts"] = {"40001": 0, "40002": 49152}
    elif step is Step.START_COPY:
        state["startTimestamp"] = time
        state["mode"] = "PreCopy"
    elif step is Step.END_COPY and _take_failure(vmi):
        _fail(vmi, time, f"operation failed: migration out job: failed, as the annotation {FAILING_MIGRATIONS} asks")
    elif step is Step.END_COPY:
        state.update(targetNodeDomainDetected=True, targetNodeDomainReadyTimestamp=time, endTimestamp=time)
        vmi["metadata"]["labels"][NODE_LABEL] = status["nodeName"] = state["targetNode"]
        status.pop("evacuationNodeName", None)
    elif step is Step.ABORT_COPY:
        state["abortStatus"] = "Succeeded"
        _fail(vmi, time, "Live migration aborted")
    elif step is Step.COMPLETE:
        state["completed"] = True
        vmi["metadata"]["labels"].pop(TARGET_LABEL, None)
    elif step is Step.TIDY:
        del vmi["metadata"]["labels"][TARGET_LABEL]
    else:
        _report(vmi)
    return vmi


def ended_pod(vmi: Object) -> tuple[str, str] | None:
    """The pod that a finished migration leaves without a guest, and the phase in which it ends."""
    state = vmi.get("status", {}).get("migrationState") or {}
    if state.get("failed"):
        name, phase = state.get("targetPod"), "Failed"
    elif state.get("completed"):
        name, phase = state.get("sourcePod"), "Succeeded"
    else:
        return None
    return (name, phase) if name else None


def copy_age_s(vmi: Object, now: datetime.datetime) -> float:
    """For how long memory has been copied already."""
    started = datetime.datetime.strptime(vmi["status"]["migrationState"]["startTimestamp"], "%Y-%m-%dT%H:%M:%SZ")
    return (now - started.replace(tzinfo=datetime.timezone.utc)).total_seconds()


def live_migratable(vmi: Object) -> tuple[str, str, str]:
    """Status, reason and message of the condition LiveMigratable, by those rules of virt-handler that the lab meets."""
    spec = vmi["spec"]
    if NOT_MIGRATABLE in (vmi["metadata"].get("annotations") or {}):
        return "False", "NotMigratable", vmi["metadata"]["annotations"][NOT_MIGRATABLE]
    devices = spec["domain"].get("devices", {})
    if devices.get("hostDevices") or devices.get("gpus"):
        return "False", "HostDeviceNotLiveMigratable", "VMI uses a PCI host devices"
    volumes = {volume["name"]: volume for volume in vmi.get("status", {}).get("volumeStatus") or []}
    for volume in spec.get("volumes", []):
        source = volume.get("persistentVolumeClaim") or volume.get("dataVolume")
        claim = volumes.get(volume["name"], {}).get("persistentVolumeClaimInfo", {})
        if source and "ReadWriteMany" not in claim.get("accessModes", []):
            name = source.get("claimName") or source["name"]
            return "False", "DisksNotLiveMigratable", NOT_SHARED.format(name)
    return "True", "", ""


def _enter(status: Object, phase: str, time: str) -> None:
    status["phase"] = phase
    status.setdefault("phaseTransitionTimestamps", []).append({"phase": phase, "phaseTransitionTimestamp": time})


def _take_failure(vmi: Object) -> bool:
    """Count one failure down, where failures were asked for."""
    annotations = vmi["metadata"].get("annotations") or {}
    left = int(annotations.get(FAILING_MIGRATIONS, "0"))
    if left > 0:
        annotations[FAILING_MIGRATIONS] = str(left - 1)
    return left > 0


def _fail(vmi: Object, time: str, reason: str) -> None:
    vmi["status"]["migrationState"].update(failed=True, endTimestamp=time, failureReason=reason)
    vmi["metadata"]["labels"].pop(TARGET_LABEL, None)


def _reported(vmi: Object) -> tuple[str, str, str] | None:
    for condition in vmi["status"].get("conditions", []):
        if condition["type"] == "LiveMigratable":
            return condition["status"], condition.get("reason", ""), condition.get("message", "")
    return None


def _report(vmi: Object) -> None:
    status, reason, message = live_migratable(vmi)
    kept = [
        condition
        for condition in vmi["status"].get("conditions", [])
        if condition["type"] not in ("LiveMigratable", "StorageLiveMigratable")
    ]
    empty: Object = {"lastProbeTime": None, "lastTransitionTime": None}
    migratable = {"type": "LiveMigratable", "status": status, **empty}
    if reason:
        migratable.update(reason=reason, message=message)
    storage = {"type": "StorageLiveMigratable", "status": "True", **empty}
    vmi["status"]["conditions"] = [*kept, migratable, storage]
