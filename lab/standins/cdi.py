# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for CDI's controllers and for the storage provisioner behind the lab's storage class.

What they write is real: claims, volumes, phases and conditions; no data is moved. An import asks its URL for real.
Clones are made as csi_driver says. What CDI does for StorageProfiles, DataSources and DataImportCrons is in
cdi_sources.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import threading
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins import cdi_objects as objects
from ansible_collections.virtscale.tuning.lab.standins import http_import
from ansible_collections.virtscale.tuning.lab.standins.cdi_crons import Crons
from ansible_collections.virtscale.tuning.lab.standins.cdi_sources import Sources
from ansible_collections.virtscale.tuning.lab.standins.csi_provisioner import Provisioner
from ansible_collections.virtscale.tuning.lab.standins.follow import log, set_up_logging
from ansible_collections.virtscale.tuning.lab.standins.lab_client import DATA_VOLUMES, EVENTS, PVCS, LabClient
from ansible_collections.virtscale.tuning.lab.standins.store import Key, annotations_of
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

WORKERS = 12
RETRY_S, LOOK_AGAIN_S = 2.0, 2.0
FIELD_MANAGER = "cdi-controller"
# How a kubelet delays the restart of an importer that ended.
FIRST_RESTART_S, LAST_RESTART_S = 10.0, 300.0


@dataclasses.dataclass
class Work:
    """What this process does for a DataVolume."""

    began: float
    asked: bool = False
    restarts: int = 0
    next_try: float = 0.0


class DataVolumes:
    """Brings every DataVolume to its end. Keys are namespace and name."""

    def __init__(self, client: LabClient, times: Times, sources: Sources) -> None:
        self._client = client
        self._times = times
        self._sources = sources
        self._store = sources.data_volumes
        self._work: dict[str, Work] = {}
        self._queue: WorkQueue[Key] = WorkQueue(self._attempt, WORKERS)
        self._provisioner = Provisioner(client, times, sources.volumes, self._claim_served)

    def start(self) -> None:
        """Follow what exists and changes."""
        self._provisioner.start()
        self._store.follow(self._client, self._data_volume_seen)
        self._sources.claims.follow(self._client, self._claim_seen)

    def _data_volume_seen(self, key: Key, data_volume: Object | None) -> None:
        self._sources.source_changed(key)
        if data_volume is None or (data_volume.get("status") or {}).get("phase") != "Succeeded":
            self._queue.add(key)

    def _claim_seen(self, key: Key, pvc: Object | None) -> None:
        self._sources.source_changed(key)
        if pvc is None:
            self._provisioner.claim_gone(key)
        if self._store.get(*key):
            self._queue.add(key)

    def _claim_served(self, pvc: Object) -> None:
        self._queue.add((pvc["metadata"]["namespace"], pvc["metadata"]["name"]))

    def _attempt(self, key: Key) -> None:
        try:
            wait = self._advance(key)
        except KubeError as error:
            if error.status not in (404, 409):
                log.warning("%s: %s", "/".join(key), error)
            wait = RETRY_S
        except Exception:
            log.exception("%s", "/".join(key))
            wait = RETRY_S
        if wait is not None:
            self._queue.add(key, wait)

    def _advance(self, key: Key) -> float | None:
        """Take the next step of a DataVolume; returns in how many seconds to come back without being told to."""
        data_volume = self._store.get(*key)
        if data_volume is None or "deletionTimestamp" in data_volume["metadata"]:
            return None
        phase = (data_volume.get("status") or {}).get("phase", "")
        if phase == "Succeeded":
            self._work.pop(data_volume["metadata"]["uid"], None)
            return None
        source = objects.source_of(data_volume, self._sources.data_sources.get)
        if source is None:
            return LOOK_AGAIN_S
        pvc = self._sources.claims.get(*key)
        if pvc is None or "deletionTimestamp" in pvc["metadata"]:
            return self._claim(data_volume, source)
        if (pvc.get("status") or {}).get("phase") == "Bound" or self._provisioner.has_served(pvc):
            return self._succeed(data_volume, pvc, source)
        work = self._work.setdefault(data_volume["metadata"]["uid"], Work(time.monotonic()))
        return (self._clone if source.clones else self._import)(data_volume, pvc, source, work)

    def _claim(self, data_volume: Object, source: objects.Source) -> float | None:
        """Make the claim, when the source is there."""
        problem = self._sources.problem(source)
        if problem:
            self._report(data_volume, None, "", objects.State("", "CloneWithoutSource", problem))
            return LOOK_AGAIN_S
        try:
            class_name, profile = self._sources.storage_class(data_volume)
            spec = objects.claim_spec(data_volume, class_name, profile, self._sources.size(source))
        except objects.Unfit as error:
            self._report(data_volume, None, "", objects.State("", "ErrClaimNotValid", str(error)))
            return LOOK_AGAIN_S
        clone_type = self._sources.clone_type(source, profile) if source.clones else None
        pvc = self._client.create(PVCS, objects.claim(data_volume, spec, source, clone_type))
        self._sources.claims.put(pvc)
        phase = "CloneScheduled" if source.clones else "ImportScheduled"
        self._report(data_volume, pvc, phase, objects.state(phase, source.clones))
        return 0.0

    def _import(self, data_volume: Object, pvc: Object, source: objects.Source, work: Work) -> float | None:
        now = time.monotonic()
        if now < work.next_try:
            return work.next_try - now
        if not work.asked:
            problem = http_import.problem(source.name) if source.kind == "http" else None
            if problem:
                work.restarts += 1
                work.next_try = now + min(FIRST_RESTART_S * 2 ** (work.restarts - 1), LAST_RESTART_S)
                self._fail(data_volume, pvc, "ImportInProgress", problem, restartCount=work.restarts)
                return work.next_try - now
            work.asked, work.began = True, now
        takes = 0.0 if source.kind == "blank" else self._times.import_s()
        return self._transfer(data_volume, pvc, "ImportInProgress", now - work.began, takes)

    def _clone(self, data_volume: Object, pvc: Object, source: objects.Source, work: Work) -> float | None:
        kind = annotations_of(pvc).get(objects.CLONE_TYPE, "copy")
        phase = objects.RUNNING_PHASES[kind]
        failure = annotations_of(data_volume).get(objects.FAILING_CLONE)
        if self._sources.problem(source) or not self._sources.is_ready(source):
            return LOOK_AGAIN_S
        if kind == "copy":
            if not work.asked:
                work.asked, work.began = True, time.monotonic()
            if not failure:
                elapsed = time.monotonic() - work.began
                return self._transfer(data_volume, pvc, phase, elapsed, self._times.copy_s())
        if failure:
            self._fail(data_volume, pvc, phase, failure)
            return None
        if not work.asked:
            if kind == "snapshot" and source.kind == "PersistentVolumeClaim":
                phase = "SnapshotForSmartCloneInProgress"
            self._report(data_volume, pvc, phase, objects.state(phase, True))
            work.asked = True
            self._provisioner.clone(pvc, source)
        return None

    def _transfer(self, data_volume: Object, pvc: Object, phase: str, elapsed: float, takes: float) -> float | None:
        """Show how far it is, and make the volume at the end."""
        left = takes - elapsed
        if left <= 0:
            self._provisioner.provision(pvc, None)
            return None
        progress = f"{100 * elapsed / takes:.2f}%"
        self._report(data_volume, pvc, phase, objects.state(phase, phase == "CloneInProgress"), progress=progress)
        return min(left, max(LOOK_AGAIN_S, takes / 20))

    def _succeed(self, data_volume: Object, pvc: Object, source: objects.Source) -> float | None:
        if (pvc.get("status") or {}).get("phase") != "Bound":
            return None  # the claim's next change is told
        self._report(data_volume, pvc, "Succeeded", objects.state("Succeeded", source.clones), progress=objects.DONE)
        return None

    def _fail(self, data_volume: Object, pvc: Object, phase: str, message: str, **fields: t.Any) -> None:
        before = data_volume.get("status") or {}
        self._report(data_volume, pvc, phase, objects.State("False", "Error", message), **fields)
        told = [condition for condition in before.get("conditions", []) if condition.get("message") == message]
        if not told:
            self._client.create(EVENTS, objects.event(data_volume, "Error", message, now()))

    def _report(
        self, data_volume: Object, pvc: Object | None, phase: str, state: objects.State, **fields: t.Any
    ) -> None:
        """Write the status, when it differs."""
        wanted = objects.status(data_volume, pvc, phase, state, now(), **fields)
        if wanted == data_volume.get("status"):
            return
        metadata = data_volume["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": wanted}
        written = self._client.merge_patch(
            DATA_VOLUMES,
            f"{metadata['name']}/status",
            body,
            field_manager=FIELD_MANAGER,
            namespace=metadata["namespace"],
        )
        self._store.put(written)


def now() -> str:
    """The time, as conditions carry it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def load(sources: Sources) -> None:
    """Read everything that there is, as soon as the API server answers."""
    while True:
        try:
            sources.load()
            return
        except KubeError as error:
            log.warning("%s", error)
            time.sleep(RETRY_S)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-in for CDI's controllers and for a storage provisioner.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--times", required=True, type=Path)
    arguments = parser.parse_args()
    set_up_logging()
    client = LabClient.connect({"kubeconfig": arguments.kubeconfig}, max_connections=WORKERS + 20)
    sources = Sources(client, now)
    load(sources)
    DataVolumes(client, Times(arguments.times), sources).start()
    sources.start()
    Crons(client, sources, now).start()
    log.info("CDI's stand-in works")
    threading.Event().wait()


if __name__ == "__main__":
    main()
