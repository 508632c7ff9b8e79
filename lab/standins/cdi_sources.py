# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to import from and to clone, and what CDI says of it: StorageProfiles and DataSources."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.virtscale.tuning.lab.standins import cdi_objects as objects
from ansible_collections.virtscale.tuning.lab.standins.follow import log
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DATA_SOURCES,
    DATA_VOLUMES,
    PERSISTENT_VOLUMES,
    PVCS,
    SNAPSHOT_CLASSES,
    SNAPSHOTS,
    STORAGE_CLASSES,
    STORAGE_PROFILES,
    LabClient,
)
from ansible_collections.virtscale.tuning.lab.standins.store import Key, Store, annotations_of
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

FIELD_MANAGER = "cdi-controller"
RETRY_S = 2.0
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
DEFAULT_VIRT_CLASS = "storageclass.kubevirt.io/is-default-virt-class"
CLONE_STRATEGY = "cdi.kubevirt.io/clone-strategy"

# What CDI knows of rbd's driver.
RBD_CLAIMS = [
    {"accessModes": ["ReadWriteMany"], "volumeMode": "Block"},
    {"accessModes": ["ReadWriteOnce"], "volumeMode": "Block"},
    {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"},
]


def profile_status(profile: Object, storage_class: Object, snapshot_class: str | None) -> Object:
    """The status of a StorageProfile: its spec goes before what the class says, and that before what CDI knows."""
    spec = profile.get("spec") or {}
    provisioner = storage_class["provisioner"]
    is_rbd = provisioner == objects.PROVISIONER
    strategy = spec.get("cloneStrategy") or annotations_of(storage_class).get(CLONE_STRATEGY)
    if not strategy:
        strategy = "csi-clone" if is_rbd else "snapshot" if snapshot_class else "copy"
    source_format = spec.get("dataImportCronSourceFormat") or ("snapshot" if is_rbd and snapshot_class else "pvc")
    status = {
        "storageClass": storage_class["metadata"]["name"],
        "provisioner": provisioner,
        "cloneStrategy": strategy,
        "dataImportCronSourceFormat": source_format,
        "claimPropertySets": spec.get("claimPropertySets") or (RBD_CLAIMS if is_rbd else []),
    }
    if snapshot_class:
        status["snapshotClass"] = snapshot_class
    return status


def condition(kind: str, status: str, reason: str, message: str, present: t.Sequence[Object], now: str) -> Object:
    """A condition of a DataSource or a DataImportCron; it keeps its times while it stays the same."""
    found = {"type": kind, "status": status, "reason": reason, "message": message}
    for old in present:
        if old["type"] == kind and old["status"] == status:
            if (old.get("reason"), old.get("message")) == (reason, message):
                return old
            return {**found, "lastTransitionTime": old["lastTransitionTime"], "lastHeartbeatTime": now}
    return {**found, "lastTransitionTime": now, "lastHeartbeatTime": now}


class Sources:
    """Reads from what is known, and keeps StorageProfiles and DataSources as CDI does."""

    def __init__(self, client: LabClient, now: t.Callable[[], str]) -> None:
        self._client = client
        self._now = now
        self.data_volumes = Store(DATA_VOLUMES)
        self.claims = Store(PVCS)
        self.volumes = Store(PERSISTENT_VOLUMES)
        self.data_sources = Store(DATA_SOURCES)
        self.snapshots = Store(SNAPSHOTS)
        self.snapshot_classes = Store(SNAPSHOT_CLASSES)
        self.classes = Store(STORAGE_CLASSES)
        self.profiles = Store(STORAGE_PROFILES)
        self._wanted: dict[Key, set[Key]] = {}
        self._lock = threading.Lock()
        self._queue: WorkQueue[tuple[str, Key]] = WorkQueue(self._attempt, workers=2)

    def load(self) -> None:
        """Read everything once."""
        for store in (
            self.data_volumes,
            self.claims,
            self.volumes,
            self.data_sources,
            self.snapshots,
            self.snapshot_classes,
            self.classes,
            self.profiles,
        ):
            store.load(self._client)

    def start(self) -> None:
        """Follow what nobody else follows."""
        self.classes.follow(self._client, lambda key, _item: self._queue.add(("profile", key)))
        self.profiles.follow(self._client, lambda key, _item: self._queue.add(("profile", key)))
        self.snapshot_classes.follow(self._client, lambda _key, _item: self._all_profiles())
        self.data_sources.follow(self._client, self._data_source_seen)

    def source_changed(self, key: Key) -> None:
        """Look again at the DataSources that name this claim or snapshot."""
        for name in self._wanted.get(key, ()):
            self._queue.add(("source", name))

    def problem(self, source: objects.Source) -> str | None:
        """What CDI says when there is no such thing to clone."""
        if source.kind == "PersistentVolumeClaim" and self.claims.get(*source.key) is None:
            return f"The source pvc {source.name} doesn't exist"
        if source.kind == "VolumeSnapshot" and self.snapshots.get(*source.key) is None:
            return f"The source snapshot {source.name} doesn't exist"
        return None

    def is_ready(self, source: objects.Source) -> bool:
        """Whether what is to be cloned is complete."""
        if source.kind == "VolumeSnapshot":
            snapshot = self.snapshots.get(*source.key)
            return bool(snapshot and (snapshot.get("status") or {}).get("readyToUse"))
        maker, pvc = self.data_volumes.get(*source.key), self.claims.get(*source.key)
        if maker is not None and (maker.get("status") or {}).get("phase") != "Succeeded":
            return False
        return bool(pvc and (pvc.get("status") or {}).get("phase") == "Bound")

    def size(self, source: objects.Source) -> str | None:
        """The size of what is to be cloned."""
        if source.kind == "PersistentVolumeClaim":
            pvc = self.claims.get(*source.key)
            return pvc["spec"]["resources"]["requests"]["storage"] if pvc else None
        if source.kind == "VolumeSnapshot":
            snapshot = self.snapshots.get(*source.key)
            return ((snapshot or {}).get("status") or {}).get("restoreSize")
        return None

    def storage_class(self, data_volume: Object) -> tuple[str | None, Object | None]:
        """Name and profile of the class that a DataVolume asks for, or of the default one."""
        spec = data_volume["spec"]
        name = (spec.get("pvc") or spec.get("storage") or {}).get("storageClassName") or self.default_class()
        return name, self.profiles.get("", name) if name else None

    def default_class(self) -> str | None:
        """The class for virtual machines' disks, else the cluster's default."""
        for mark in (DEFAULT_VIRT_CLASS, DEFAULT_CLASS):
            for found in self.classes.all():
                if annotations_of(found).get(mark) == "true":
                    return str(found["metadata"]["name"])
        return None

    def clone_type(self, source: objects.Source, profile: Object | None) -> str:
        """How CDI clones this."""
        if source.kind == "VolumeSnapshot":
            return "snapshot"
        return str(((profile or {}).get("status") or {}).get("cloneStrategy", "copy"))

    def _all_profiles(self) -> None:
        for found in self.classes.all():
            self._queue.add(("profile", ("", found["metadata"]["name"])))

    def _data_source_seen(self, key: Key, item: Object | None) -> None:
        if item is not None:
            with self._lock:
                self._wanted.setdefault(self._named(item).key, set()).add(key)
            self._queue.add(("source", key))

    @staticmethod
    def _named(data_source: Object) -> objects.Source:
        named, space = data_source["spec"].get("source") or {}, data_source["metadata"]["namespace"]
        for field, kind in (("pvc", "PersistentVolumeClaim"), ("snapshot", "VolumeSnapshot")):
            if named.get(field):
                return objects.Source(kind, named[field]["name"], named[field].get("namespace") or space)
        return objects.Source("", "", "")

    def _attempt(self, work: tuple[str, Key]) -> None:
        kind, key = work
        try:
            (self._keep_profile if kind == "profile" else self._keep_data_source)(key)
        except KubeError as error:
            if error.status not in (404, 409):
                log.warning("%s %s: %s", kind, key[1], error)
            self._queue.add(work, RETRY_S)

    def _keep_profile(self, key: Key) -> None:
        name = key[1]
        storage_class, profile = self.classes.get("", name), self.profiles.get("", name)
        if storage_class is None:
            if profile is not None:
                self._client.delete(STORAGE_PROFILES, name)
            return
        if profile is None:
            body = {
                "apiVersion": "cdi.kubevirt.io/v1beta1",
                "kind": "StorageProfile",
                "metadata": {"name": name, "labels": objects.CDI_LABELS},
                "spec": {},
            }
            profile = self._client.create(STORAGE_PROFILES, body)
            self.profiles.put(profile)
        wanted = profile_status(profile, storage_class, self._snapshot_class(profile, storage_class))
        if profile.get("status") != wanted:
            version = profile["metadata"]["resourceVersion"]
            body = {"metadata": {"resourceVersion": version}, "status": wanted}
            self.profiles.put(self._client.merge_patch(STORAGE_PROFILES, name, body, field_manager=FIELD_MANAGER))

    def _snapshot_class(self, profile: Object, storage_class: Object) -> str | None:
        named = (profile.get("spec") or {}).get("snapshotClass")
        if named:
            return str(named)
        fitting = [item for item in self.snapshot_classes.all() if item["driver"] == storage_class["provisioner"]]
        return min((item["metadata"]["name"] for item in fitting), default=None)

    def _keep_data_source(self, key: Key) -> None:
        item = self.data_sources.get(*key)
        if item is None or "deletionTimestamp" in item["metadata"]:
            return
        source = self._named(item)
        present = (item.get("status") or {}).get("conditions", [])
        wanted = condition("Ready", *self._readiness(source), present, self._now())
        status = {"source": item["spec"].get("source") or {}, "conditions": [wanted]}
        if item.get("status") != status:
            body = {"metadata": {"resourceVersion": item["metadata"]["resourceVersion"]}, "status": status}
            written = self._client.merge_patch(
                DATA_SOURCES, key[1], body, field_manager=FIELD_MANAGER, namespace=key[0]
            )
            self.data_sources.put(written)

    def _readiness(self, source: objects.Source) -> tuple[str, str, str]:
        if not source.name:
            return "False", "NoSource", "No source PVC set"
        if self.is_ready(source):
            return "True", "Ready", "DataSource is ready to be consumed"
        if source.kind == "VolumeSnapshot":
            if self.snapshots.get(*source.key) is None:
                return "False", "NotFound", "Snapshot not found"
            return "False", "SnapshotNotReady", "Snapshot phase is not ready"
        maker = self.data_volumes.get(*source.key)
        if maker is not None:
            phase = (maker.get("status") or {}).get("phase", "")
            return "False", phase or "Pending", f"Import DataVolume phase {phase}"
        return "False", "NotFound", "PVC not found"
