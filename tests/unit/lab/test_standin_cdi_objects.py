# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What CDI writes for a DataVolume."""

from __future__ import annotations

import http.server
import threading
import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins import cdi_objects as objects
from ansible_collections.virtscale.tuning.lab.standins import http_import
from ansible_collections.virtscale.tuning.lab.standins.cdi_crons import data_volume as cron_data_volume
from ansible_collections.virtscale.tuning.lab.standins.cdi_sources import condition, profile_status

CLASS = {"metadata": {"name": "rbd"}, "provisioner": objects.PROVISIONER}
PROFILE = {"status": {"claimPropertySets": [{"accessModes": ["ReadWriteMany"], "volumeMode": "Block"}]}}
FIRST, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def data_volume(spec: objects.Object, **metadata: t.Any) -> objects.Object:
    return {"metadata": {"name": "disk", "namespace": "vms", "uid": "u1", **metadata}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "source"),
    [
        ({"source": {"http": {"url": "http://x/y"}}}, objects.Source("http", "http://x/y")),
        ({"source": {"registry": {"url": "docker://x"}}}, objects.Source("registry", "docker://x")),
        ({"source": {"blank": {}}}, objects.Source("blank", "")),
        ({"source": {"pvc": {"name": "a"}}}, objects.Source("PersistentVolumeClaim", "a", "vms")),
        (
            {"source": {"snapshot": {"name": "a", "namespace": "b"}}},
            objects.Source("VolumeSnapshot", "a", "b"),
        ),
        ({"sourceRef": {"kind": "DataSource", "name": "rhel"}}, objects.Source("VolumeSnapshot", "s", "vms")),
        ({"sourceRef": {"kind": "DataSource", "name": "none"}}, None),
        ({"source": {"upload": {}}}, None),
    ],
)
def test_the_source(spec: objects.Object, source: objects.Source | None) -> None:
    known = {("vms", "rhel"): {"spec": {"source": {"snapshot": {"name": "s", "namespace": "vms"}}}}}
    found = objects.source_of(data_volume(spec), lambda namespace, name: known.get((namespace, name)))
    assert found == source


def test_the_profile_and_the_source_fill_in_what_storage_leaves_out() -> None:
    found = objects.claim_spec(data_volume({"storage": {}}), "rbd", PROFILE, "40Gi")
    assert found == {
        "storageClassName": "rbd",
        "accessModes": ["ReadWriteMany"],
        "volumeMode": "Block",
        "resources": {"requests": {"storage": "40Gi"}},
    }


def test_a_claim_template_is_taken_as_it_is() -> None:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    found = objects.claim_spec(data_volume({"pvc": asked}), "rbd", PROFILE, None)
    assert found == {**asked, "storageClassName": "rbd"}


@pytest.mark.parametrize(
    ("class_name", "profile", "size", "message"),
    [
        (None, PROFILE, "1Gi", "no storage class"),
        ("other", None, "1Gi", "cannot get access mode from StorageProfile other"),
        ("rbd", PROFILE, None, "Target size not specified"),
    ],
)
def test_what_cannot_be_claimed(class_name: str, profile: objects.Object, size: str, message: str) -> None:
    with pytest.raises(objects.Unfit, match=message):
        objects.claim_spec(data_volume({"storage": {}}), class_name, profile, size)


def test_claim_and_volume_belong_to_each_other() -> None:
    asked = data_volume({"storage": {}}, labels={"a": "b"}, annotations={"c": "d"})
    source = objects.Source("PersistentVolumeClaim", "golden", "images")
    pvc = objects.claim(asked, objects.claim_spec(asked, "rbd", PROFILE, "40Gi"), source, "csi-clone")
    assert pvc["metadata"]["labels"] == {"app": "containerized-data-importer", "a": "b"}
    assert pvc["metadata"]["annotations"]["c"] == "d"
    assert pvc["metadata"]["annotations"][objects.CLONE_TYPE] == "csi-clone"
    (owner,) = pvc["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("DataVolume", "u1", True)
    pvc["metadata"]["uid"] = "u2"
    volume = objects.volume(pvc, "images/golden")
    assert volume["metadata"]["name"] == "pvc-u2"
    assert volume["spec"]["claimRef"]["uid"] == "u2"
    assert volume["metadata"]["annotations"][objects.PARENT] == "images/golden"


def conditions(status: objects.Object) -> dict[str, tuple[str, str, str]]:
    return {one["type"]: (one["status"], one.get("reason", ""), one.get("message", "")) for one in status["conditions"]}


def test_a_failed_import_is_no_failed_phase() -> None:
    state = objects.State("False", "Error", "it went wrong")
    pvc = {"metadata": {"name": "disk"}, "status": {"phase": "Pending"}}
    found = objects.status(data_volume({}), pvc, "ImportInProgress", state, FIRST, restartCount=1)
    assert (found["phase"], found["restartCount"], found["progress"]) == ("ImportInProgress", 1, "N/A")
    assert conditions(found) == {
        "Bound": ("False", "Pending", "PVC disk Pending"),
        "Ready": ("False", "", ""),
        "Running": ("False", "Error", "it went wrong"),
    }


def test_conditions_keep_their_times() -> None:
    pvc = {"metadata": {"name": "disk"}, "status": {"phase": "Pending"}}
    running = objects.state("CSICloneInProgress", True)
    before = objects.status(data_volume({}), pvc, "CSICloneInProgress", running, FIRST)
    same = objects.status({**data_volume({}), "status": before}, pvc, "CSICloneInProgress", running, LATER)
    assert same == before
    pvc["status"]["phase"] = "Bound"
    done = objects.state("Succeeded", True)
    after = objects.status({**data_volume({}), "status": before}, pvc, "Succeeded", done, LATER)
    assert conditions(after)["Ready"][0] == conditions(after)["Bound"][0] == "True"
    assert {one["lastTransitionTime"] for one in after["conditions"]} == {LATER}


@pytest.mark.parametrize(
    ("spec", "annotations", "strategy"),
    [
        ({}, {}, "csi-clone"),
        ({}, {"cdi.kubevirt.io/clone-strategy": "snapshot"}, "snapshot"),
        ({"cloneStrategy": "copy"}, {"cdi.kubevirt.io/clone-strategy": "snapshot"}, "copy"),
    ],
)
def test_the_clone_strategy_in_effect(spec: objects.Object, annotations: dict[str, str], strategy: str) -> None:
    storage_class = {**CLASS, "metadata": {"name": "rbd", "annotations": annotations}}
    found = profile_status({"spec": spec}, storage_class, "snapclass")
    assert found["cloneStrategy"] == strategy
    assert found["claimPropertySets"][0] == {"accessModes": ["ReadWriteMany"], "volumeMode": "Block"}
    assert found["dataImportCronSourceFormat"] == "snapshot"


def test_a_condition_that_stays_the_same_stays_as_it_is() -> None:
    old = condition("Ready", "False", "NotFound", "PVC not found", [], FIRST)
    assert condition("Ready", "False", "NotFound", "PVC not found", [old], LATER) == old
    other = condition("Ready", "False", "Pending", "", [old], LATER)
    assert (other["lastTransitionTime"], other["lastHeartbeatTime"]) == (FIRST, LATER)


def test_a_cron_imports_one_image_under_one_name() -> None:
    template = {"spec": {"source": {"registry": {"url": "docker://a"}}, "storage": {}}}
    cron = {
        "metadata": {"name": "c", "namespace": "images"},
        "spec": {"managedDataSource": "rhel9", "template": template},
    }
    made = cron_data_volume(cron)
    assert made["metadata"]["name"].startswith("rhel9-")
    assert made["metadata"]["labels"] == {"cdi.kubevirt.io/dataImportCron": "c"}
    assert made == cron_data_volume(cron)
    template["spec"]["source"]["registry"]["url"] = "docker://b"
    assert cron_data_volume(cron)["metadata"]["name"] != made["metadata"]["name"]


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: t.Any) -> None:
        pass


@pytest.fixture
def server() -> t.Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_an_image_that_is_there_is_no_problem(server: str) -> None:
    assert http_import.problem(f"{server}/200") is None


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/404", "expected status code 200, got 404. Status: 404 Not Found"),
        ("/503", "expected status code 200, got 503. Status: 503 Service Unavailable"),
        ("/204", "expected status code 200, got 204. Status: 204 No Content"),
    ],
)
def test_another_answer_is_told_as_the_importer_does(server: str, path: str, message: str) -> None:
    assert http_import.problem(server + path) == f"Unable to connect to http data source: {message}"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "nonsense", "http://no.such.host.invalid/x"])
def test_no_answer_is_told_too(url: str) -> None:
    found = http_import.problem(url)
    assert found is not None
    assert found.startswith(f'Unable to connect to http data source: HTTP request errored: Get "{url}": ')
