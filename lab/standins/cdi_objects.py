# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that CDI 1.61 and a storage provisioner write for a DataVolume, from what is asked.

As with CDI's populators, the claim of a DataVolume stays Pending until the data is there, and is then bound to the
volume that holds it. Neither an import nor a clone that fails makes the DataVolume Failed: its condition Running
becomes False with the reason Error, and CDI tries again.
"""

from __future__ import annotations

import dataclasses
import typing as t

Object = t.Dict[str, t.Any]

PROVISIONER = "openshift-storage.rbd.csi.ceph.com"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
CLONE_TYPE = "cdi.kubevirt.io/cloneType"
# The lab's own annotations: of a volume the parent in which it keeps a snapshot, of a DataVolume why its clone fails.
PARENT = "lab.virtscale/parent"
FAILING_CLONE = "lab.virtscale/failing-clone"

CDI_LABELS = {"app": "containerized-data-importer"}
DONE = "100.0%"
RUNNING_PHASES = {
    "import": "ImportInProgress",
    "csi-clone": "CSICloneInProgress",
    "snapshot": "CloneFromSnapshotSourceInProgress",
    "copy": "CloneInProgress",
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the data of a DataVolume comes from."""

    kind: str
    """http, registry, blank, PersistentVolumeClaim or VolumeSnapshot."""
    name: str
    """The URL, or the object's name."""
    namespace: str = ""

    @property
    def clones(self) -> bool:
        return self.kind in ("PersistentVolumeClaim", "VolumeSnapshot")

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name


def source_of(data_volume: Object, data_source: t.Callable[[str, str], Object | None]) -> Source | None:
    """The source that a DataVolume names; None while its DataSource names none.

    ``data_source`` returns a DataSource by its namespace and name.
    """
    spec, namespace = data_volume["spec"], data_volume["metadata"]["namespace"]
    named = spec.get("source") or {}
    if "sourceRef" in spec:
        reference = spec["sourceRef"]
        namespace = reference.get("namespace") or namespace
        found = data_source(namespace, reference["name"])
        named = found["spec"].get("source", {}) if found else {}
    if named.get("pvc"):
        return Source("PersistentVolumeClaim", named["pvc"]["name"], named["pvc"].get("namespace") or namespace)
    if named.get("snapshot"):
        return Source("VolumeSnapshot", named["snapshot"]["name"], named["snapshot"].get("namespace") or namespace)
    for kind in ("http", "registry"):
        if named.get(kind):
            return Source(kind, named[kind].get("url", ""))
    return Source("blank", "") if "blank" in named else None


class Unfit(Exception):
    """No claim can be made from what the DataVolume says; the message is CDI's."""


def claim_spec(data_volume: Object, class_name: str | None, profile: Object | None, source_size: str | None) -> Object:
    """The spec of a DataVolume's claim.

    ``class_name`` is its storage class or the default one; what ``spec.storage`` leaves out comes from the profile,
    and the size from the source.

    :raises Unfit: when something is missing.
    """
    spec = data_volume["spec"]
    asked = dict(spec.get("pvc") or spec.get("storage") or {})
    if class_name is None:
        raise Unfit("no storage class is set and there is no default storage class")
    asked["storageClassName"] = class_name
    if "storage" in spec:
        sets = ((profile or {}).get("status") or {}).get("claimPropertySets") or []
        if not asked.get("accessModes") and not sets:
            raise Unfit(
                "DataVolume.storage spec is missing accessMode and volumeMode, "
                f"cannot get access mode from StorageProfile {class_name}"
            )
        if sets:
            asked.setdefault("accessModes", sets[0]["accessModes"])
            asked.setdefault("volumeMode", sets[0]["volumeMode"])
    if not ((asked.get("resources") or {}).get("requests") or {}).get("storage"):
        if source_size is None:
            raise Unfit("Target size not specified")
        asked["resources"] = {"requests": {"storage": source_size}}
    return asked


def claim(data_volume: Object, spec: Object, source: Source, clone_type: str | None) -> Object:
    """The claim that CDI makes for a DataVolume."""
    metadata = data_volume["metadata"]
    kind = "VolumeCloneSource" if source.clones else "VolumeImportSource"
    prefix = "volume-clone-source" if source.clones else "volume-import-source"
    annotations = {
        **(metadata.get("annotations") or {}),
        "cdi.kubevirt.io/createdForDataVolume": metadata["uid"],
        "cdi.kubevirt.io/storage.contentType": data_volume["spec"].get("contentType", "kubevirt"),
        "cdi.kubevirt.io/storage.pod.restarts": "0",
        "cdi.kubevirt.io/storage.preallocation.requested": "false",
        "cdi.kubevirt.io/storage.usePopulator": "true",
    }
    if clone_type:
        annotations[CLONE_TYPE] = clone_type
    if source.clones and source.namespace != metadata["namespace"]:
        annotations["cdi.kubevirt.io/dataSourceNamespace"] = source.namespace
    reference = {"apiGroup": "cdi.kubevirt.io", "kind": kind, "name": f"{prefix}-{metadata['uid']}"}
    owner = {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": {**CDI_LABELS, **(metadata.get("labels") or {})},
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": {**spec, "dataSourceRef": reference},
    }


def volume_name(pvc: Object) -> str:
    """The name of the volume that is made for a claim."""
    return f"pvc-{pvc['metadata']['uid']}"


def volume(pvc: Object, parent: str | None) -> Object:
    """The volume that is made for a claim; ``parent`` is what it keeps a snapshot in."""
    metadata, spec = pvc["metadata"], pvc["spec"]
    annotations = {PROVISIONED_BY: PROVISIONER}
    if parent:
        annotations[PARENT] = parent
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": volume_name(pvc), "annotations": annotations},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "csi": {"driver": PROVISIONER, "volumeHandle": f"0001-{metadata['uid']}"},
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
            "volumeMode": spec.get("volumeMode", "Filesystem"),
        },
    }


@dataclasses.dataclass(frozen=True)
class State:
    """What the conditions of a DataVolume say beside its phase: whether its transfer runs, and why not."""

    running: str = "False"
    reason: str = ""
    message: str = ""


def state(phase: str, clones: bool) -> State:
    """The state that goes with a phase in which nothing is wrong."""
    word = "Clone" if clones else "Import"
    if phase == "Succeeded":
        return State("False", "Completed", f"{word} Complete")
    if phase in ("", "Pending", "ImportScheduled", "CloneScheduled"):
        return State("False", "Pending", f"{word} Pending")
    return State("True", "Populator is running" if clones else "Pod is running")


def status(data_volume: Object, pvc: Object | None, phase: str, now_is: State, now: str, **fields: t.Any) -> Object:
    """The status of a DataVolume; a condition keeps its times while it stays the same."""
    before = data_volume.get("status") or {}
    known = {condition["type"]: condition for condition in before.get("conditions", [])}
    if pvc is None:
        bound = ("Unknown", now_is.reason or "NotFound", now_is.message or "No PVC found")
        running = ("False", "", "")
    else:
        claim_phase = (pvc.get("status") or {}).get("phase", "Pending")
        name = pvc["metadata"]["name"]
        bound = ("True" if claim_phase == "Bound" else "False", claim_phase, f"PVC {name} {claim_phase}")
        running = (now_is.running, now_is.reason, now_is.message)
    ready = ("True", "", "") if phase == "Succeeded" else ("False", "", "")
    if running[0] == "True":
        ready = ("False", "TransferRunning", "")
    return {
        **before,
        "progress": "N/A",
        **({"claimName": pvc["metadata"]["name"]} if pvc else {}),
        "phase": phase,
        "conditions": [
            _condition(kind, values, known.get(kind), now)
            for kind, values in (("Bound", bound), ("Ready", ready), ("Running", running))
        ],
        **fields,
    }


def _condition(kind: str, values: tuple[str, str, str], before: Object | None, now: str) -> Object:
    value, reason, message = values
    found = {"type": kind, "status": value, "reason": reason, "message": message}
    found = {key: text for key, text in found.items() if text}
    if before is None or before["status"] != value:
        return {**found, "lastTransitionTime": now, "lastHeartbeatTime": now}
    same = (before.get("reason", ""), before.get("message", "")) == (reason, message)
    beat = before.get("lastHeartbeatTime", now) if same else now
    return {**found, "lastTransitionTime": before.get("lastTransitionTime", now), "lastHeartbeatTime": beat}


def event(data_volume: Object, reason: str, message: str, now: str) -> Object:
    """A warning that CDI gives about a DataVolume."""
    metadata = data_volume["metadata"]
    about = {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": about,
        "source": {"component": "datavolume-controller"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
