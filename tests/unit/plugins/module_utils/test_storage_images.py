# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden images against a small cluster in memory: what is made, waited for, told and taken away."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Listing, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.images import (
    CLAIMS,
    DATA_IMPORT_CRONS,
    DATA_SOURCES,
    DATA_VOLUMES,
    IMAGE_LABEL,
    IMAGE_SPEC,
    Image,
    differing,
    parse_images,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.imports import NAMESPACES, Imports, Patience
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.look import EVENTS, look_at_data_volume
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.result import refuse_others, result, rows

ERROR = "Unable to connect to http data source: expected status code 200, got 404. Status: 404 Not Found"


class Cluster:
    """Objects by kind and name, and what happens to them as time passes, which it also keeps."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {(NAMESPACES.plural, "default"): {"metadata": {}}}
        self.now = 0.0
        self.events: list[tuple[float, t.Callable[[], None]]] = []
        self.silent_until = 0.0
        self.created: list[str] = []

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        self._answer()
        found = self.objects.get((resource.plural, name))
        return copy.deepcopy(found)

    def list(self, resource: Resource, namespace: str | None = None, **_selectors: str) -> Listing:
        return Listing([item for (plural, _name), item in self.objects.items() if plural == resource.plural], "1")

    def create(self, resource: Resource, body: Object, *, field_manager: str) -> Object:
        self._answer()
        name = body["metadata"]["name"]
        if (resource.plural, name) in self.objects:
            raise KubeError("it exists", 409)
        self.put(resource, body)
        self.created.append(name)
        return body

    def delete(self, resource: Resource, name: str, namespace: str | None = None, *, uid: str) -> None:
        assert self.objects[resource.plural, name]["metadata"]["uid"] == uid
        del self.objects[resource.plural, name]

    def put(self, resource: Resource, body: Object, **status: t.Any) -> None:
        body = copy.deepcopy(body)
        body["metadata"].setdefault("uid", "1")
        if status:
            body["status"] = status
        self.objects[resource.plural, body["metadata"]["name"]] = body

    def at(self, when: float, resource: Resource, name: str, **status: t.Any) -> None:
        """Let an object have a status from some time on."""
        self.events.append((when, lambda: self.put(resource, self.objects[resource.plural, name], **status)))

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for event in [one for one in self.events if one[0] <= self.now]:
            self.events.remove(event)
            event[1]()

    def _answer(self) -> None:
        if self.now < self.silent_until:
            raise KubeError("no answer", 0)


def images(*given: Object) -> list[Image]:
    defaults = {name: option.get("default") for name, option in IMAGE_SPEC.items()}
    return parse_images([{**defaults, **one} for one in given])


def rhel(**more: t.Any) -> Object:
    return {"name": "rhel-dv", "url": "http://images/rhel8.qcow2", **more}


def fedora(**more: t.Any) -> Object:
    return {"name": "fedora", "registry": "docker://registry/fedora:35", **more}


def running(status: str, reason: str, message: str = "") -> Object:
    return {"type": "Running", "status": status, "reason": reason, "message": message}


class Run:
    """One use of the module."""

    def __init__(self, cluster: Cluster, *given: Object) -> None:
        self.said: list[str] = []
        self._cluster = cluster
        api = t.cast(t.Any, cluster)
        self._imports = Imports(api, images(*given), self.said.append, cluster.clock, cluster.sleep)

    def make(self, timeout_s: float = 100, attempts: int = 3) -> dict[str, t.Any]:
        courses = self._imports.look()
        refuse_others(courses)
        self._imports.make(courses, Patience(timeout_s, attempts))
        return result(courses, rows(courses, check_mode=False))

    def foresee(self, absent: bool = False) -> dict[str, t.Any]:
        courses = self._imports.look()
        return result(courses, rows(courses, check_mode=True, absent=absent))

    def remove(self) -> dict[str, t.Any]:
        courses = self._imports.look()
        self._imports.remove(courses, 60)
        return result(courses, rows(courses, check_mode=False, absent=True))


def told(found: dict[str, t.Any]) -> tuple[bool, list[str]]:
    return found["changed"], [line["status"] for line in found["rows"]]


def imported(cluster: Cluster, name: str = "rhel-dv", after_s: float = 10) -> None:
    cluster.at(after_s, DATA_VOLUMES, name, phase="Succeeded", progress="100.0%")


def test_the_data_volume_is_the_reference_architectures() -> None:
    (image,) = images(rhel())
    made = image.manifest()
    assert made["spec"] == {
        "source": {"http": {"url": "http://images/rhel8.qcow2"}},
        "pvc": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "40Gi"}},
            "volumeMode": "Block",
            "storageClassName": "ocs-external-storagecluster-ceph-rbd",
        },
    }
    assert made["metadata"]["annotations"] == {"cdi.kubevirt.io/storage.bind.immediate.requested": "true"}


def test_the_cron_takes_with_it_what_it_made() -> None:
    (image,) = images(fedora(imports_to_keep="5"))
    spec = image.manifest()["spec"]
    assert (spec["managedDataSource"], spec["retentionPolicy"], spec["importsToKeep"]) == ("fedora", "None", 5)
    assert spec["template"]["spec"]["source"] == {"registry": {"url": "docker://registry/fedora:35"}}
    assert (image.source().kind, image.source().name) == ("datasource", "fedora")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ([{"name": "a"}], "a url or a registry"),
        ([rhel(registry="docker://x/y")], "a url or a registry"),
        ([rhel(url="internal/rhel8.qcow2")], "images[rhel-dv].url is 'internal/rhel8.qcow2'"),
        ([fedora(registry="quay.io/x")], "images[fedora].registry is 'quay.io/x'"),
        ([rhel(name="RHEL")], "images[].name is 'RHEL'"),
        ([fedora(name="f" * 53)], "images[].name"),
        ([rhel(size="40 GB")], "images[rhel-dv].size is '40 GB'"),
        ([rhel(), rhel()], "images is 'default/rhel-dv'"),
        ([fedora(imports_to_keep=0)], "imports_to_keep is 0"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: list[Object], named: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        images(*given)
    assert named in str(caught.value)


def test_several_images_are_made_waited_for_and_found_again() -> None:
    cluster = Cluster()
    imported(cluster)
    cluster.at(4, DATA_VOLUMES, "win-dv", phase="ImportInProgress", progress="42.17%")
    imported(cluster, "win-dv", 20)
    given = (rhel(), rhel(name="win-dv"))
    assert told(Run(cluster, *given).foresee()) == (True, ["would_change"] * 2)
    assert cluster.created == []

    first = Run(cluster, *given)
    assert told(made := first.make()) == (True, ["changed"] * 2)
    assert [image["seconds"] for image in made["images"]] == [10.0, 20.0]
    assert first.said[0].startswith("golden images: 0 of 2 ready after 0 s; rhel-dv Pending")
    assert any("rhel-dv ready, win-dv ImportInProgress 42.17%" in line for line in first.said)

    assert told(Run(cluster, *given).make()) == told(Run(cluster, *given).foresee()) == (False, ["ok"] * 2)
    assert cluster.created == ["rhel-dv", "win-dv"]


def test_an_import_that_recovers_in_time_is_no_failure() -> None:
    cluster = Cluster()
    error = [running("False", "Error", ERROR)]
    cluster.at(2, DATA_VOLUMES, "rhel-dv", phase="ImportInProgress", restartCount=1, conditions=error)
    imported(cluster, after_s=20)
    run = Run(cluster, rhel())
    assert told(run.make(attempts=3)) == (True, ["changed"])
    assert any(ERROR in line for line in run.said)


def test_an_import_that_fails_says_so_in_cdis_words_and_the_others_go_on() -> None:
    cluster = Cluster()
    error = [running("False", "Error", ERROR)]
    cluster.at(2, DATA_VOLUMES, "rhel-dv", phase="ImportInProgress", restartCount=2, conditions=error)
    imported(cluster, "win-dv", 30)
    with pytest.raises(TuningError) as caught:
        Run(cluster, rhel(), rhel(name="win-dv")).make(attempts=3)
    message = str(caught.value)
    assert message.startswith("1 of 2 golden images failed. default/rhel-dv: ")
    assert f"after 3 attempts: {ERROR}" in message
    assert told(caught.value.details) == (True, ["failed", "changed"])


@pytest.mark.parametrize(
    ("status", "complaint", "failures", "lost"),
    [
        ({}, None, 0, False),
        ({"phase": "ImportInProgress", "conditions": [running("True", "Pod is running")]}, None, 0, False),
        ({"phase": "ImportInProgress", "restartCount": 2}, None, 2, False),
        ({"phase": "Succeeded", "conditions": [running("False", "Completed", "Import Complete")]}, None, 0, False),
        ({"phase": "Failed"}, "the DataVolume is in phase Failed", 0, True),
        (
            {"phase": "Failed", "conditions": [{"type": "Bound", "status": "False", "message": "Claim Lost"}]},
            "Claim Lost",
            0,
            True,
        ),
        (
            {"conditions": [{"type": "Bound", "status": "False", "reason": "Pending", "message": "PVC x Pending"}]},
            None,
            0,
            False,
        ),
        (
            {"conditions": [{"type": "Bound", "status": "False", "reason": "ErrQuota", "message": "exceeded quota"}]},
            "exceeded quota",
            0,
            False,
        ),
        ({"conditions": [running("False", "Error")]}, "the importer failed without a message", 1, False),
    ],
)
def test_a_complaint_is_what_cdi_says_goes_wrong(status: Object, complaint: t.Any, failures: int, lost: bool) -> None:
    seen = look_at_data_volume({"metadata": {}, "status": status})
    assert (seen.complaint, seen.failures, seen.lost) == (complaint, failures, lost)


def test_what_is_not_ready_in_time_names_where_it_is_and_the_last_warning() -> None:
    cluster = Cluster()
    event = {
        "metadata": {"name": "e1"},
        "involvedObject": {"name": "rhel-dv"},
        "reason": "ProvisioningFailed",
        "message": "storageclass not found",
        "lastTimestamp": "2026-08-01T12:00:00Z",
    }
    cluster.put(EVENTS, event)
    with pytest.raises(TuningError, match="not ready after 10 s: Pending; ProvisioningFailed: storageclass not found"):
        Run(cluster, rhel()).make(timeout_s=10)


def test_an_api_that_is_silent_for_a_while_is_waited_for() -> None:
    cluster = Cluster()
    imported(cluster)
    run = Run(cluster, rhel())
    cluster.events.append((4, lambda: setattr(cluster, "silent_until", 30.0)))
    assert told(run.make()) == (True, ["changed"])


def test_another_object_of_the_same_name_is_refused_before_anything_is_made() -> None:
    cluster = Cluster()
    (other,) = images(rhel(url="http://images/old.qcow2"))
    cluster.put(DATA_VOLUMES, other.manifest(), phase="Succeeded")
    with pytest.raises(TuningError, match=r"spec\.source\.http\.url is 'http://images/old\.qcow2'") as caught:
        Run(cluster, rhel(name="new"), rhel()).make()
    assert cluster.created == []
    assert [line["status"] for line in caught.value.details["rows"]] == ["would_change", "refused"]


def test_additions_of_cdi_are_no_difference() -> None:
    for given in (rhel(), fedora()):
        (image,) = images(given)
        live = image.manifest()
        live["spec"]["contentType"] = "kubevirt"
        live["metadata"]["annotations"] = {"cdi.kubevirt.io/x": "y"}
        assert differing(image, live) == []


def test_a_claim_whose_data_volume_was_collected_counts_as_imported() -> None:
    cluster = Cluster()
    meta = {"name": "rhel-dv", "namespace": "default", "labels": {IMAGE_LABEL: "rhel-dv"}}
    cluster.put(CLAIMS, {"kind": "PersistentVolumeClaim", "metadata": meta}, phase="Bound")
    assert told(Run(cluster, rhel()).make()) == (False, ["ok"])
    assert cluster.created == []
    assert told(Run(cluster, rhel()).remove()) == (True, ["changed"])
    assert (CLAIMS.plural, "rhel-dv") not in cluster.objects


def test_a_claim_of_another_import_is_refused() -> None:
    cluster = Cluster()
    annotations = {"cdi.kubevirt.io/storage.import.endpoint": "http://images/old.qcow2"}
    cluster.put(CLAIMS, {"metadata": {"name": "rhel-dv", "annotations": annotations}}, phase="Bound")
    with pytest.raises(TuningError, match=r"imported from http://images/old\.qcow2"):
        Run(cluster, rhel()).make()


def test_only_what_was_made_here_is_taken_away() -> None:
    cluster = Cluster()
    (theirs,) = images(rhel(name="theirs"))
    manifest = theirs.manifest()
    del manifest["metadata"]["labels"]
    cluster.put(DATA_VOLUMES, manifest, phase="Succeeded")
    imported(cluster)
    Run(cluster, rhel()).make()
    given = (rhel(), rhel(name="theirs"), rhel(name="never"))
    assert told(Run(cluster, *given).foresee(absent=True)) == (True, ["would_change", "note", "ok"])
    assert told(Run(cluster, *given).remove()) == (True, ["changed", "note", "ok"])
    assert told(Run(cluster, *given).remove()) == (False, ["ok", "note", "ok"])
    assert (DATA_VOLUMES.plural, "theirs") in cluster.objects


def test_an_import_that_somebody_else_began_is_waited_for_and_no_change() -> None:
    cluster = Cluster()
    (image,) = images(rhel())
    cluster.put(DATA_VOLUMES, image.manifest(), phase="ImportScheduled")
    imported(cluster)
    assert told(Run(cluster, rhel()).foresee()) == (False, ["note"])
    assert told(Run(cluster, rhel()).make()) == (False, ["ok"])


def condition(kind: str, status: str, message: str = "") -> Object:
    return {"conditions": [{"type": kind, "status": status, "message": message}]}


def test_a_cron_is_ready_when_its_data_source_is() -> None:
    cluster = Cluster()
    run = Run(cluster, fedora())
    current = {**condition("UpToDate", "False", "Import is progressing"), "currentImports": [{"DataVolumeName": "f-1"}]}
    cluster.at(2, DATA_IMPORT_CRONS, "fedora", **current)
    cluster.put(DATA_VOLUMES, {"metadata": {"name": "f-1"}}, phase="ImportInProgress", progress="7.00%")
    cluster.at(10, DATA_IMPORT_CRONS, "fedora", **condition("UpToDate", "True"))
    cluster.events.append(
        (20, lambda: cluster.put(DATA_SOURCES, {"metadata": {"name": "fedora"}}, **condition("Ready", "True")))
    )
    made = run.make()
    assert (told(made), made["images"][0]["seconds"]) == ((True, ["changed"]), 20.0)
    assert any("Import is progressing: ImportInProgress 7.00%" in line for line in run.said)


def test_a_crons_failing_import_is_told() -> None:
    cluster = Cluster()
    cluster.at(2, DATA_IMPORT_CRONS, "fedora", currentImports=[{"DataVolumeName": "f-1"}])
    error = [running("False", "Error", "manifest unknown")]
    cluster.put(DATA_VOLUMES, {"metadata": {"name": "f-1"}}, phase="ImportInProgress", restartCount=4, conditions=error)
    with pytest.raises(TuningError, match="after 5 attempts: manifest unknown"):
        Run(cluster, fedora()).make()


def test_a_namespace_that_is_not_there_is_named() -> None:
    with pytest.raises(TuningError, match="no namespace golden"):
        Run(Cluster(), rhel(namespace="golden")).foresee()
