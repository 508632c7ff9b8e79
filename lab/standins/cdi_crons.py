# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CDI's DataImportCrons and the snapshot controller's VolumeSnapshots, of the storage class of the lab.

A cron's image is imported when the cron is made: there is no registry to poll. From the DataVolume comes, where the
StorageProfile asks for it, a VolumeSnapshot that takes the DataVolume's place, and the cron's DataSource names it.
"""

from __future__ import annotations

import copy
import hashlib
import typing as t

from ansible_collections.virtscale.tuning.lab.standins import cdi_objects as objects
from ansible_collections.virtscale.tuning.lab.standins.cdi_sources import FIELD_MANAGER, Sources, condition
from ansible_collections.virtscale.tuning.lab.standins.follow import log
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DATA_IMPORT_CRONS,
    DATA_SOURCES,
    DATA_VOLUMES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    LabClient,
)
from ansible_collections.virtscale.tuning.lab.standins.store import Key, Store, annotations_of
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

CRON_LABEL = "cdi.kubevirt.io/dataImportCron"
DIGEST = "cdi.kubevirt.io/storage.import.sourceDesiredDigest"
LOOK_AGAIN_S = 1.0


def digest(cron: Object) -> str:
    """The digest of the image that a cron imports: its URL's, as nothing is fetched."""
    source = cron["spec"]["template"]["spec"].get("source") or {}
    url = (source.get("registry") or {}).get("url") or repr(sorted(source.items()))
    return "sha256:" + hashlib.sha256(url.encode()).hexdigest()


def import_name(cron: Object) -> str:
    """The name of the DataVolume, the claim and the snapshot of a cron's import."""
    return f"{cron['spec']['managedDataSource']}-{digest(cron).removeprefix('sha256:')[:12]}"


def data_volume(cron: Object) -> Object:
    """The DataVolume that a cron makes."""
    template = copy.deepcopy(cron["spec"]["template"])
    labels = {**(template.get("metadata", {}).get("labels") or {}), CRON_LABEL: cron["metadata"]["name"]}
    annotations = {
        **(template.get("metadata", {}).get("annotations") or {}),
        "cdi.kubevirt.io/storage.bind.immediate.requested": "true",
    }
    space = cron["metadata"]["namespace"]
    metadata = {"name": import_name(cron), "namespace": space, "labels": labels, "annotations": annotations}
    return {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "metadata": metadata,
        "spec": template["spec"],
    }


class Crons:
    """Keys are namespace and name of a DataImportCron or of a VolumeSnapshot."""

    def __init__(self, client: LabClient, sources: Sources, now: t.Callable[[], str]) -> None:
        self._client = client
        self._sources = sources
        self._now = now
        self._crons = Store(DATA_IMPORT_CRONS)
        self._contents = Store(SNAPSHOT_CONTENTS)
        self._removed_with: dict[Key, bool] = {}
        self._queue: WorkQueue[tuple[str, Key]] = WorkQueue(self._attempt, workers=2)

    def start(self) -> None:
        """Follow crons and snapshots."""
        self._crons.follow(self._client, self._cron_seen)
        self._contents.follow(self._client, lambda _key, _item: None)
        self._sources.snapshots.follow(self._client, self._snapshot_seen)

    def _cron_seen(self, key: Key, cron: Object | None) -> None:
        if cron is not None:
            self._removed_with[key] = cron["spec"].get("retentionPolicy") == "None"
        self._queue.add(("cron", key))

    def _snapshot_seen(self, key: Key, _snapshot: Object | None) -> None:
        self._sources.source_changed(key)
        self._queue.add(("snapshot", key))

    def _attempt(self, work: tuple[str, Key]) -> None:
        kind, key = work
        try:
            again = (self._keep_cron if kind == "cron" else self._keep_snapshot)(key)
        except KubeError as error:
            if error.status not in (404, 409):
                log.warning("%s %s: %s", kind, key[1], error)
            again = True
        if again:
            self._queue.add(work, LOOK_AGAIN_S)

    def _keep_snapshot(self, key: Key) -> bool:
        """Make a snapshot ready; returns whether it has to be looked at again."""
        snapshot = self._sources.snapshots.get(*key)
        if snapshot is None:
            self._remove_contents(key)
            return False
        if (snapshot.get("status") or {}).get("readyToUse"):
            return False
        claim_name = snapshot["spec"]["source"].get("persistentVolumeClaimName")
        pvc = self._sources.claims.get(key[0], claim_name) if claim_name else None
        if pvc is None or (pvc.get("status") or {}).get("phase") != "Bound":
            return bool(claim_name)
        metadata = snapshot["metadata"]
        content = f"snapcontent-{metadata['uid']}"
        class_name = snapshot["spec"].get("volumeSnapshotClassName")
        body = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotContent",
            "metadata": {"name": content},
            "spec": {
                "deletionPolicy": "Delete",
                "driver": objects.PROVISIONER,
                "source": {"volumeHandle": f"0001-{pvc['metadata']['uid']}"},
                "volumeSnapshotClassName": class_name,
                "volumeSnapshotRef": {"namespace": key[0], "name": key[1], "uid": metadata["uid"]},
            },
        }
        try:
            self._client.create(SNAPSHOT_CONTENTS, body)
        except KubeError as error:
            if error.status != 409:
                raise
        status = {
            "boundVolumeSnapshotContentName": content,
            "creationTime": self._now(),
            "readyToUse": True,
            "restoreSize": pvc["spec"]["resources"]["requests"]["storage"],
        }
        written = self._client.merge_patch(
            SNAPSHOTS, f"{key[1]}/status", {"status": status}, field_manager="snapshot-controller", namespace=key[0]
        )
        self._sources.snapshots.put(written)
        return False

    def _remove_contents(self, key: Key) -> None:
        for content in self._contents.all():
            reference = content["spec"]["volumeSnapshotRef"]
            if (reference["namespace"], reference["name"]) == key:
                self._client.delete(SNAPSHOT_CONTENTS, content["metadata"]["name"])

    def _remove_imports(self, key: Key) -> None:
        """Remove what a cron has made, when it says so."""
        if not self._removed_with.pop(key, False):
            return
        for store in (self._sources.data_sources, self._sources.data_volumes, self._sources.snapshots):
            for item in store.all():
                metadata = item["metadata"]
                if (metadata["namespace"], (metadata.get("labels") or {}).get(CRON_LABEL)) == key:
                    self._client.delete(store.resource, metadata["name"], metadata["namespace"])

    def _keep_cron(self, key: Key) -> bool:
        """Bring a cron forward; returns whether it has to be looked at again."""
        cron = self._crons.get(*key)
        if cron is None:
            self._remove_imports(key)
            return False
        if "deletionTimestamp" in cron["metadata"]:
            return False
        name = import_name(cron)
        self._ensure_data_source(cron)
        snapshot, maker = self._sources.snapshots.get(key[0], name), self._sources.data_volumes.get(key[0], name)
        pvc = self._sources.claims.get(key[0], name)
        source_format = self._format(cron)
        progressing = ("False", "NoImport", "No current import")
        ready = False
        if source_format == "snapshot" and snapshot is not None:
            ready = bool((snapshot.get("status") or {}).get("readyToUse"))
            if ready and maker is not None and "deletionTimestamp" not in maker["metadata"]:
                self._client.delete(DATA_VOLUMES, name, key[0])
        elif maker is None and pvc is None:
            self._client.create(DATA_VOLUMES, data_volume(cron))
        elif maker is not None and (maker.get("status") or {}).get("phase") != "Succeeded":
            progressing = _progress((maker.get("status") or {}).get("phase", ""))
        elif source_format == "snapshot":
            self._client.create(SNAPSHOTS, self._snapshot(cron, name))
        else:
            ready = True
        if ready:
            up_to_date = ("True", "UpToDate", "Latest import is up to date")
            self._point_data_source(cron, source_format, name)
        elif progressing[1] == "NoImport":
            up_to_date = ("False", "ImportProgressing", "Snapshot of imported data is progressing")
        else:
            up_to_date = ("False", "ImportProgressing", "Import is progressing")
        self._report(cron, name, source_format if ready else None, progressing, up_to_date)
        return not ready

    def _format(self, cron: Object) -> str:
        _name, profile = self._sources.storage_class(cron["spec"]["template"])
        return str(((profile or {}).get("status") or {}).get("dataImportCronSourceFormat", "pvc"))

    def _snapshot(self, cron: Object, name: str) -> Object:
        _class, profile = self._sources.storage_class(cron["spec"]["template"])
        labels = {**objects.CDI_LABELS, CRON_LABEL: cron["metadata"]["name"]}
        spec: Object = {"source": {"persistentVolumeClaimName": name}}
        class_name = ((profile or {}).get("status") or {}).get("snapshotClass")
        if class_name:
            spec["volumeSnapshotClassName"] = class_name
        return {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"name": name, "namespace": cron["metadata"]["namespace"], "labels": labels},
            "spec": spec,
        }

    def _ensure_data_source(self, cron: Object) -> None:
        space, name = cron["metadata"]["namespace"], cron["spec"]["managedDataSource"]
        if self._sources.data_sources.get(space, name) is not None:
            return
        body = {
            "apiVersion": "cdi.kubevirt.io/v1beta1",
            "kind": "DataSource",
            "metadata": {"name": name, "namespace": space, "labels": {CRON_LABEL: cron["metadata"]["name"]}},
            "spec": {"source": {}},
        }
        self._sources.data_sources.put(self._client.create(DATA_SOURCES, body))

    def _point_data_source(self, cron: Object, source_format: str, name: str) -> None:
        space = cron["metadata"]["namespace"]
        item = self._sources.data_sources.get(space, cron["spec"]["managedDataSource"])
        other = "pvc" if source_format == "snapshot" else "snapshot"
        wanted = {"name": name, "namespace": space}
        if item is None or (item["metadata"].get("labels") or {}).get(CRON_LABEL) != cron["metadata"]["name"]:
            return  # somebody else manages it
        if (item["spec"].get("source") or {}).get(source_format) != wanted:
            body = {"spec": {"source": {source_format: wanted, other: None}}}
            managed = item["metadata"]["name"]
            written = self._client.merge_patch(
                DATA_SOURCES, managed, body, field_manager=FIELD_MANAGER, namespace=space
            )
            self._sources.data_sources.put(written)

    def _report(
        self,
        cron: Object,
        name: str,
        source_format: str | None,
        progressing: tuple[str, str, str],
        up_to_date: tuple[str, str, str],
    ) -> None:
        metadata, before = cron["metadata"], cron.get("status") or {}
        present = before.get("conditions", [])
        status = {
            **before,
            "currentImports": [{"DataVolumeName": name, "Digest": digest(cron)}],
            "conditions": [
                condition("Progressing", *progressing, present, self._now()),
                condition("UpToDate", *up_to_date, present, self._now()),
            ],
        }
        if source_format:
            status["sourceFormat"] = source_format
            status["lastImportedPVC"] = {"name": name, "namespace": metadata["namespace"]}
            status.setdefault("lastImportTimestamp", self._now())
        annotated = annotations_of(cron).get(DIGEST) == digest(cron)
        if status == before and annotated:
            return
        body = {"metadata": {"annotations": {DIGEST: digest(cron)}}, "status": status}
        written = self._client.merge_patch(
            DATA_IMPORT_CRONS, metadata["name"], body, field_manager=FIELD_MANAGER, namespace=metadata["namespace"]
        )
        self._crons.put(written)


def _progress(phase: str) -> tuple[str, str, str]:
    if phase == "ImportScheduled":
        return "False", "ImportScheduled", "Import is scheduled"
    if phase == "ImportInProgress":
        return "True", "ImportProgressing", "Import is progressing"
    return "False", phase or "Pending", f"Import DataVolume phase {phase}"
