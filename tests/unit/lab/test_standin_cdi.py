# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for CDI brings DataVolumes to their end, against a cluster that is a few dictionaries."""

from __future__ import annotations

import collections
import copy
import itertools
import json
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins import cdi, http_import
from ansible_collections.virtscale.tuning.lab.standins.cdi_objects import FAILING_CLONE, PROVISIONER
from ansible_collections.virtscale.tuning.lab.standins.cdi_sources import Sources
from ansible_collections.virtscale.tuning.lab.standins.lab_client import LabClient
from ansible_collections.virtscale.tuning.lab.standins.store import Store
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

PATIENCE_S = 20.0


class Cluster:
    """The API server, and the controller that binds claims to volumes."""

    def __init__(self) -> None:
        self.stores: dict[str, Store] = {}
        self.phases: dict[str, list[str]] = collections.defaultdict(list)
        self.writes: t.Counter[str] = collections.Counter()
        self.events: list[str] = []
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()

    def create(self, resource: Resource, body: Object) -> Object:
        with self._lock:
            self.writes[f"create {resource.plural}"] += 1
            made = copy.deepcopy(body)
            number = str(next(self._numbers))
            made["metadata"].update(uid=f"uid-{number}", resourceVersion=number)
            if resource.plural == "events":
                self.events.append(body["message"])
                return made
            store = self.stores[resource.plural]
            if store.get(made["metadata"].get("namespace", ""), made["metadata"]["name"]):
                raise KubeError("it exists", 409)
            store.put(copy.deepcopy(made))
            if resource.plural == "persistentvolumes":
                claim = made["spec"]["claimRef"]
                pvc = self.stores["persistentvolumeclaims"].get(claim["namespace"], claim["name"])
                assert pvc is not None
                self._write("persistentvolumeclaims", pvc, {"status": {"phase": "Bound"}})
            return made

    def merge_patch(
        self, resource: Resource, name: str, body: Object, *, field_manager: str, namespace: str = ""
    ) -> Object:
        with self._lock:
            self.writes[f"patch {resource.plural}"] += 1
            name = name.partition("/")[0]
            item = self.stores[resource.plural].get(namespace, name)
            assert item is not None
            if resource.plural == "datavolumes":
                self.phases[name].append(body["status"]["phase"])
            return self._write(resource.plural, item, {"status": body["status"]})

    def _write(self, plural: str, item: Object, fields: Object) -> Object:
        written = copy.deepcopy({**item, **fields})
        written["metadata"]["resourceVersion"] = str(next(self._numbers))
        self.stores[plural].put(copy.deepcopy(written))
        return written


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    """A cluster with a storage class, a golden image and the stand-in at work."""

    def follow(store: Store, _client: LabClient, notice: t.Any) -> None:
        store._notice = notice

    monkeypatch.setattr(Store, "follow", follow)
    path = tmp_path / "times.json"
    path.write_text(json.dumps({"factor": 100, "import_s": 20, "clone_s": 1, "copy_s": 20}))
    found = Cluster()
    client = t.cast(LabClient, found)
    sources = Sources(client, cdi.now)
    stores = (sources.data_volumes, sources.claims, sources.volumes, sources.data_sources, sources.classes)
    found.stores = {store.resource.plural: store for store in (*stores, sources.profiles)}
    found.stores["storageclasses"].put({**item("rbd"), "provisioner": PROVISIONER})
    claims = [{"accessModes": ["ReadWriteMany"], "volumeMode": "Block"}]
    profile = {"claimPropertySets": claims, "cloneStrategy": "csi-clone"}
    found.stores["storageprofiles"].put({**item("rbd"), "status": profile})
    golden = {"spec": {"resources": {"requests": {"storage": "40Gi"}}}, "status": {"phase": "Bound"}}
    found.stores["persistentvolumeclaims"].put({**item("golden", "images"), **golden})
    cdi.DataVolumes(client, Times(path), sources).start()
    return found


def item(name: str, namespace: str = "") -> Object:
    metadata = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "0"}
    return {"metadata": metadata | ({"namespace": namespace} if namespace else {})}


def ask(cluster: Cluster, name: str, source: Object, **annotations: str) -> None:
    """Ask for a disk."""
    body = {
        "metadata": {"name": name, "namespace": "vms", "annotations": annotations},
        "spec": {
            "source": source,
            "storage": {"storageClassName": "rbd", "resources": {"requests": {"storage": "1Gi"}}},
        },
    }
    cluster.create(cdi.DATA_VOLUMES, body)


def status(cluster: Cluster, name: str) -> Object:
    found = cluster.stores["datavolumes"].get("vms", name)
    return (found or {}).get("status") or {}


def until(happens: t.Callable[[], t.Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


GOLDEN = {"pvc": {"name": "golden", "namespace": "images"}}


def test_a_clone_costs_five_writes(cluster: Cluster) -> None:
    for number in range(30):
        ask(cluster, f"d{number}", GOLDEN)
    until(lambda: all(status(cluster, f"d{number}").get("phase") == "Succeeded" for number in range(30)))
    assert cluster.phases["d0"] == ["CloneScheduled", "CSICloneInProgress", "Succeeded"]
    assert status(cluster, "d0")["progress"] == "100.0%"
    assert cluster.writes == {
        "create datavolumes": 30,  # the test's own
        "create persistentvolumeclaims": 30,
        "create persistentvolumes": 30,
        "patch datavolumes": 90,
    }


def test_an_import_that_fails_is_tried_again(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = ["no such image", None]
    monkeypatch.setattr(http_import, "problem", lambda _url: answers.pop(0))
    monkeypatch.setattr(cdi, "FIRST_RESTART_S", 0.2)
    ask(cluster, "d", {"http": {"url": "http://x"}})
    until(lambda: status(cluster, "d").get("restartCount") == 1)
    until(lambda: status(cluster, "d").get("phase") == "Succeeded")
    assert cluster.events == ["no such image"]
    assert status(cluster, "d")["restartCount"] == 1
    assert cluster.phases["d"][:2] == ["ImportScheduled", "ImportInProgress"]


def test_a_clone_that_fails_stays_as_it_is(cluster: Cluster) -> None:
    ask(cluster, "bad", GOLDEN, **{FAILING_CLONE: "the image is gone"})
    ask(cluster, "good", GOLDEN)
    until(lambda: status(cluster, "good").get("phase") == "Succeeded")
    until(lambda: cluster.events == ["the image is gone"])
    assert status(cluster, "bad")["phase"] == "CSICloneInProgress"
    assert cluster.writes["create persistentvolumes"] == 1


def test_a_clone_of_nothing_says_so(cluster: Cluster) -> None:
    ask(cluster, "d", {"pvc": {"name": "none", "namespace": "images"}})
    until(lambda: status(cluster, "d").get("conditions"))
    messages = {one["type"]: one.get("message") for one in status(cluster, "d")["conditions"]}
    assert messages["Bound"] == "The source pvc none doesn't exist"
    assert cluster.writes["create persistentvolumeclaims"] == 0
