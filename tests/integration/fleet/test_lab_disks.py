# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab imports and clones disks as a cluster with CDI does."""

from __future__ import annotations

import shutil
import time
import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DATA_IMPORT_CRONS,
    DATA_SOURCES,
    DATA_VOLUMES,
    EVENTS,
    PERSISTENT_VOLUMES,
    PVCS,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    LabClient,
)

from .lab_fleet import CLASS, LAB, Space, image_url, restart, times, until

pytestmark = pytest.mark.lab

CLONE_S = 1.0


@pytest.fixture(scope="module")
def space() -> t.Iterator[Space]:
    """A namespace with one golden image, while imports and clones take their seconds."""
    found = Space(LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")}), "lab-disks-test")
    with times(factor=1.0, import_s=3, clone_s=CLONE_S, copy_s=3):
        found.make()
        try:
            found.disk("golden", {"source": {"http": {"url": image_url("rhel8.qcow2")}}})
            until(lambda: found.phase("golden") == "Succeeded", 60, "the import succeeds")
            yield found
        finally:
            found.remove()


def test_an_import_gives_a_bound_claim_and_tells_its_progress(space: Space) -> None:
    space.disk("second", {"source": {"http": {"url": image_url("rhel8.qcow2")}}})
    seen = set()

    def done() -> bool:
        status = space.status("second")
        seen.add((status.get("phase"), status.get("progress")))
        return status.get("phase") == "Succeeded"

    until(done, 60, "the import succeeds")
    assert any(phase == "ImportInProgress" and "%" in str(progress) for phase, progress in seen)
    assert space.status("second")["progress"] == "100.0%"
    pvc = space.client.get(PVCS, "second", space.name)
    assert pvc is not None
    assert pvc["status"]["phase"] == "Bound"
    assert (pvc["spec"]["accessModes"], pvc["spec"]["volumeMode"]) == (["ReadWriteMany"], "Block")
    assert pvc["spec"]["storageClassName"] == CLASS


def test_an_image_that_is_not_there_is_told_in_the_words_of_the_importer(space: Space) -> None:
    space.disk("missing", {"source": {"http": {"url": image_url("late.qcow2")}}})
    until(lambda: space.status("missing").get("restartCount"), 30, "the importer restarts")
    assert space.phase("missing") == "ImportInProgress"
    running = space.running("missing")
    message = "Unable to connect to http data source: expected status code 200, got 404. Status: 404 Not Found"
    assert (running["status"], running["reason"], running["message"]) == ("False", "Error", message)
    assert any(event["message"] == message for event in space.client.list(EVENTS, space.name).items)
    shutil.copy(LAB / "images/rhel8.qcow2", LAB / "images/late.qcow2")
    try:
        until(lambda: space.phase("missing") == "Succeeded", 90, "it is imported when it is there")
    finally:
        (LAB / "images/late.qcow2").unlink()


def test_clones_of_one_image_are_made_one_after_another(space: Space) -> None:
    names = [f"clone-{number}" for number in range(5)]
    began = time.monotonic()
    for name in names:
        space.disk(name, space.clone_of("golden"))
    until(lambda: all(space.phase(name) == "Succeeded" for name in names), 90, "the clones succeed")
    assert time.monotonic() - began >= len(names) * CLONE_S
    for name in names:
        pvc = space.client.get(PVCS, name, space.name)
        assert pvc is not None
        assert pvc["metadata"]["annotations"]["cdi.kubevirt.io/cloneType"] == "csi-clone"


def test_a_clone_that_fails_says_why_and_holds_nobody_up(space: Space) -> None:
    reason = "rpc error: code = Internal desc = the image is gone"
    space.disk("bad", space.clone_of("golden"), **{"lab.virtscale/failing-clone": reason})
    space.disk("good", space.clone_of("golden"))
    until(lambda: space.running("bad").get("message") == reason, 30, "the failure is told")
    assert (space.phase("bad"), space.running("bad")["reason"]) == ("CSICloneInProgress", "Error")
    until(lambda: space.phase("good") == "Succeeded", 30, "the other succeeds")
    metadata = {"annotations": {"lab.virtscale/failing-clone": None}}
    space.client.merge_patch(DATA_VOLUMES, "bad", {"metadata": metadata}, field_manager="test", namespace=space.name)
    until(lambda: space.phase("bad") == "Succeeded", 30, "it succeeds when nothing stands against it")


def test_a_clone_of_nothing_waits_for_it(space: Space) -> None:
    space.disk("early", space.clone_of("later"))
    conditions = until(lambda: space.status("early").get("conditions"), 30, "it says what is missing")
    assert any(one.get("message") == "The source pvc later doesn't exist" for one in conditions)
    space.disk("later", {"source": {"blank": {}}})
    until(lambda: space.phase("early") == "Succeeded", 60, "it is cloned when it is there")


def test_a_cron_gives_a_data_source_whose_clones_are_made_side_by_side(space: Space) -> None:
    source = {"source": {"registry": {"url": "docker://registry.invalid/rhel9"}}}
    template = {"spec": {**source, "storage": {"resources": {"requests": {"storage": "30Gi"}}}}}
    cron = {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataImportCron",
        "metadata": {"name": "rhel9", "namespace": space.name},
        "spec": {"managedDataSource": "rhel9", "schedule": "0 0 * * *", "template": template},
    }
    space.client.create(DATA_IMPORT_CRONS, cron)

    def condition(kind: t.Any, name: str, wanted: str) -> bool:
        found = (space.client.get(kind, name, space.name) or {}).get("status") or {}
        return any((one["type"], one["status"]) == (wanted, "True") for one in found.get("conditions", []))

    until(lambda: condition(DATA_IMPORT_CRONS, "rhel9", "UpToDate"), 60, "the cron is up to date")
    until(lambda: condition(DATA_SOURCES, "rhel9", "Ready"), 30, "the DataSource is ready")
    (snapshot,) = space.client.list(SNAPSHOTS, space.name).items
    assert snapshot["status"]["restoreSize"] == "30Gi"
    name = snapshot["metadata"]["name"]
    until(lambda: space.client.get(DATA_VOLUMES, name, space.name) is None, 30, "the snapshot takes the disk's place")

    began = time.monotonic()
    for number in range(8):
        space.disk(f"restored-{number}", {"sourceRef": {"kind": "DataSource", "name": "rhel9"}})
    until(lambda: all(space.phase(f"restored-{n}") == "Succeeded" for n in range(8)), 60, "the clones succeed")
    assert time.monotonic() - began < 8 * CLONE_S


def test_clones_go_on_when_their_maker_is_killed(space: Space) -> None:
    names = [f"kept-{number}" for number in range(6)]
    for name in names:
        space.disk(name, space.clone_of("golden"))
    until(lambda: any(space.phase(name) == "Succeeded" for name in names), 60, "the first clone succeeds")
    restart("cdi")
    until(lambda: all(space.phase(name) == "Succeeded" for name in names), 90, "all clones succeed")
    claims = {f"{space.name}/{name}" for name in names}
    volumes = [item["spec"].get("claimRef") or {} for item in space.client.list(PERSISTENT_VOLUMES).items]
    bound = [f"{claim.get('namespace')}/{claim.get('name')}" for claim in volumes]
    assert sorted(claim for claim in bound if claim in claims) == sorted(claims)


def test_what_is_deleted_leaves_nothing(space: Space) -> None:
    pvc = space.client.get(PVCS, "clone-0", space.name)
    assert pvc is not None
    space.client.delete(DATA_VOLUMES, "clone-0", space.name)
    until(lambda: space.client.get(PVCS, "clone-0", space.name) is None, 60, "the claim goes")
    until(lambda: space.client.get(PERSISTENT_VOLUMES, pvc["spec"]["volumeName"]) is None, 60, "the volume goes")


def test_the_namespace_leaves_nothing() -> None:
    """Runs on a namespace of its own, whose removal is the subject."""
    client = LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")})
    before = {item["metadata"]["name"] for item in client.list(PERSISTENT_VOLUMES).items}
    contents = {item["metadata"]["name"] for item in client.list(SNAPSHOT_CONTENTS).items}
    other = Space(client, "lab-disks-test-2")
    other.make()
    other.disk("blank", {"source": {"blank": {}}})
    until(lambda: other.phase("blank") == "Succeeded", 60, "the disk is made")
    pvc = client.get(PVCS, "blank", other.name)
    assert pvc is not None
    snapshot = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "snap", "namespace": other.name},
        "spec": {"source": {"persistentVolumeClaimName": "blank"}},
    }
    client.create(SNAPSHOTS, snapshot)
    ready = until(
        lambda: ((client.get(SNAPSHOTS, "snap", other.name) or {}).get("status") or {}).get("readyToUse"), 30, "it is"
    )
    assert ready
    mine = pvc["spec"]["volumeName"]
    (content,) = (
        item["metadata"]["name"]
        for item in client.list(SNAPSHOT_CONTENTS).items
        if item["metadata"]["name"] not in contents and item["spec"]["volumeSnapshotRef"]["namespace"] == other.name
    )
    other.remove()
    assert mine not in before
    until(lambda: client.get(PERSISTENT_VOLUMES, mine) is None, 60, "the volume goes")
    until(lambda: client.get(SNAPSHOT_CONTENTS, content) is None, 60, "the content goes")
