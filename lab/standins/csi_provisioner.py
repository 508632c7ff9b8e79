# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the volumes of claims in their time, and removes those that Kubernetes has released.

Which volumes keep a snapshot in which parent is written on the volumes themselves, so it outlives this process.
"""

from __future__ import annotations

import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.lab.standins import cdi_objects as objects
from ansible_collections.virtscale.tuning.lab.standins.csi_driver import Driver, Request
from ansible_collections.virtscale.tuning.lab.standins.follow import log
from ansible_collections.virtscale.tuning.lab.standins.lab_client import PERSISTENT_VOLUMES, LabClient
from ansible_collections.virtscale.tuning.lab.standins.store import Key, Store, annotations_of
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object

WORKERS = 6
RETRY_S, LOOK_S = 2.0, 5.0


class Provisioner:
    """Work is queued by the volume's name; ``served`` is called with each claim whose volume was made."""

    def __init__(self, client: LabClient, times: Times, volumes: Store, served: t.Callable[[Object], None]) -> None:
        self._client = client
        self._times = times
        self._volumes = volumes
        self._served = served
        self._driver = Driver()
        self._changed = threading.Condition()
        self._claims: dict[str, tuple[Object, str | None]] = {}
        self._cloning: dict[str, Object] = {}
        self._flattened: set[str] = set()
        self._queue: WorkQueue[str] = WorkQueue(self._attempt, WORKERS)

    def start(self) -> None:
        """Begin with what the volumes say."""
        self._volumes.follow(self._client, self._volume_seen)
        threading.Thread(target=self._run_driver, daemon=True).start()

    def clone(self, pvc: Object, source: objects.Source) -> None:
        """Make a claim's volume as a clone, when its turn comes."""
        parent = f"{source.namespace}/{source.name}"
        with self._changed:
            self._cloning[objects.volume_name(pvc)] = pvc
            self._driver.want(Request(objects.volume_name(pvc), parent, source.kind == "VolumeSnapshot"))
            self._changed.notify()

    def provision(self, pvc: Object, parent: str | None) -> None:
        """Make a claim's volume now."""
        name = objects.volume_name(pvc)
        self._claims[name] = (pvc, parent)
        self._queue.add(name)

    def has_served(self, pvc: Object) -> bool:
        """Whether a claim's volume is there."""
        return self._volumes.get("", objects.volume_name(pvc)) is not None

    def claim_gone(self, key: Key) -> None:
        """Forget a claim that has no volume yet."""
        with self._changed:
            names = [name for name, pvc in self._cloning.items() if _key(pvc) == key]
            for name in names:
                del self._cloning[name]
                self._driver.forget(name)

    def _volume_seen(self, key: Key, volume: Object | None) -> None:
        name = key[1]
        if volume is None:
            with self._changed:
                self._driver.forget(name)
            return
        annotations = annotations_of(volume)
        if annotations.get(objects.PROVISIONED_BY) != objects.PROVISIONER:
            return
        if objects.PARENT in annotations and name not in self._flattened:
            with self._changed:
                self._driver.keep(annotations[objects.PARENT], name)
        if (volume.get("status") or {}).get("phase") == "Released":
            self._queue.add(name)

    def _run_driver(self) -> None:
        while True:
            with self._changed:
                result = self._driver.advance(time.monotonic(), self._times.clone_limits())
                for request in result.made:
                    pvc = self._cloning.pop(request.clone, None)
                    if pvc is not None:
                        self.provision(pvc, None if request.from_snapshot else request.parent)
                for name in result.flattened:
                    self._flattened.add(name)
                    self._queue.add(name)
                self._changed.wait(min(result.look_again_s, LOOK_S))

    def _attempt(self, name: str) -> None:
        try:
            self._advance(name)
        except KubeError as error:
            if error.status not in (404, 409):
                log.warning("%s: %s", name, error)
                self._queue.add(name, RETRY_S)
        except Exception:
            log.exception("%s", name)
            self._queue.add(name, RETRY_S)

    def _advance(self, name: str) -> None:
        """Make a volume, note that it is flattened, or remove it: whatever is to be done."""
        if name in self._claims:
            pvc, parent = self._claims[name]
            try:
                self._volumes.put(self._client.create(PERSISTENT_VOLUMES, objects.volume(pvc, parent)))
            except KubeError as error:
                if error.status != 409:
                    raise
            self._claims.pop(name, None)
            self._served(pvc)
            return
        volume = self._volumes.get("", name)
        if volume is None:
            return
        if (volume.get("status") or {}).get("phase") == "Released":
            self._client.delete(PERSISTENT_VOLUMES, name)
            self._flattened.discard(name)
        elif name in self._flattened and objects.PARENT in annotations_of(volume):
            body = {"metadata": {"annotations": {objects.PARENT: None}}}
            self._client.merge_patch(PERSISTENT_VOLUMES, name, body, field_manager="csi-driver")


def _key(pvc: Object) -> Key:
    return pvc["metadata"]["namespace"], pvc["metadata"]["name"]
