# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated virt-handler takes a virtual machine through its life, from any point of it."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins.vmi_protocol import (
    FAILING_MIGRATIONS,
    NODE_LABEL,
    NOT_MIGRATABLE,
    TARGET_LABEL,
    Step,
    copy_age_s,
    ended_pod,
    live_migratable,
    next_step,
    taken,
)

Vmi = t.Dict[str, t.Any]
NOW = datetime.datetime(2026, 1, 1, 12, 0, 0, 999999, tzinfo=datetime.timezone.utc)


def scheduled() -> Vmi:
    """As virt-controller hands it over."""
    return {
        "metadata": {"name": "vm", "namespace": "ns", "labels": {NODE_LABEL: "node1"}},
        "spec": {"domain": {"devices": {}}},
        "status": {"phase": "Scheduled", "nodeName": "node1", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def running(**metadata: t.Any) -> Vmi:
    vmi = taken(scheduled(), Step.BOOT, NOW)
    vmi["metadata"].update(metadata)
    return vmi


def migrating(**metadata: t.Any) -> Vmi:
    """As virt-controller hands a migration over."""
    vmi = running(**metadata)
    vmi["metadata"].setdefault("labels", {})[TARGET_LABEL] = "node2"
    vmi["status"]["evacuationNodeName"] = "node1"
    vmi["status"]["migrationState"] = {
        "migrationUid": "1",
        "sourceNode": "node1",
        "sourcePod": "pod1",
        "targetNode": "node2",
        "targetPod": "pod2",
    }
    return vmi


def steps(vmi: Vmi) -> tuple[list[Step], Vmi]:
    """All steps until nothing is left to do, and the object then."""
    found = []
    while (step := next_step(vmi)) is not None:
        found.append(step)
        vmi = taken(vmi, step, NOW)
    return found, vmi


def test_a_guest_boots_and_can_migrate() -> None:
    found, vmi = steps(scheduled())
    assert found == [Step.BOOT]
    assert vmi["status"]["phase"] == "Running"
    entered = [entry["phase"] for entry in vmi["status"]["phaseTransitionTimestamps"]]
    assert entered == ["Running"]
    conditions = {condition["type"]: condition for condition in vmi["status"]["conditions"]}
    assert set(conditions) == {"Ready", "LiveMigratable", "StorageLiveMigratable"}
    # virt-controller compares conditions to the letter, with their empty times.
    empty = {"status": "True", "lastProbeTime": None, "lastTransitionTime": None}
    assert conditions["LiveMigratable"] == {"type": "LiveMigratable", **empty}


def test_a_guest_migrates() -> None:
    found, vmi = steps(migrating())
    assert found == [Step.PREPARE_TARGET, Step.START_COPY, Step.END_COPY, Step.COMPLETE]
    status = vmi["status"]
    assert status["nodeName"] == vmi["metadata"]["labels"][NODE_LABEL] == "node2"
    assert TARGET_LABEL not in vmi["metadata"]["labels"]
    assert "evacuationNodeName" not in status
    assert status["migrationState"]["completed"] is True
    assert ended_pod(vmi) == ("pod1", "Succeeded")


def test_times_are_whole_seconds() -> None:
    _found, vmi = steps(migrating())
    state = vmi["status"]["migrationState"]
    assert {state["startTimestamp"], state["endTimestamp"]} == {"2026-01-01T12:00:00Z"}
    assert copy_age_s(vmi, NOW + datetime.timedelta(seconds=5)) == pytest.approx(5.999999)


def test_a_migration_fails_as_often_as_asked_for() -> None:
    found, vmi = steps(migrating(annotations={FAILING_MIGRATIONS: "1"}))
    assert found == [Step.PREPARE_TARGET, Step.START_COPY, Step.END_COPY]
    state = vmi["status"]["migrationState"]
    assert state["failed"] is True
    assert FAILING_MIGRATIONS in state["failureReason"]
    assert vmi["status"]["nodeName"] == "node1"
    assert ended_pod(vmi) == ("pod2", "Failed")
    again = migrating(annotations=vmi["metadata"]["annotations"])
    assert steps(again)[1]["status"]["migrationState"]["completed"] is True


def test_a_migration_is_aborted() -> None:
    vmi = taken(taken(migrating(), Step.PREPARE_TARGET, NOW), Step.START_COPY, NOW)
    vmi["status"]["migrationState"]["abortRequested"] = True
    found, vmi = steps(vmi)
    assert found == [Step.ABORT_COPY]
    assert vmi["status"]["migrationState"]["abortStatus"] == "Succeeded"
    assert ended_pod(vmi) == ("pod2", "Failed")


def test_a_target_that_virt_controller_gave_up_is_forgotten() -> None:
    vmi = migrating()
    vmi["status"]["migrationState"].update(failed=True, completed=True, endTimestamp="2026-01-01T12:00:00Z")
    found, vmi = steps(vmi)
    assert found == [Step.TIDY]
    assert TARGET_LABEL not in vmi["metadata"]["labels"]


@pytest.mark.parametrize("vmi", [scheduled(), running(), migrating()], ids=["scheduled", "running", "migrating"])
def test_a_guest_shuts_down(vmi: Vmi) -> None:
    assert next_step(vmi, pod_ends=True) is Step.STOP
    vmi["metadata"]["deletionTimestamp"] = "2026-01-01T12:00:00Z"
    found, vmi = steps(vmi)
    assert found == [Step.STOP]
    assert vmi["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize("phase", ["Pending", "Scheduling", "Succeeded", "Failed"])
def test_other_phases_are_virt_controllers(phase: str) -> None:
    vmi = migrating()
    vmi["status"]["phase"] = phase
    assert next_step(vmi, pod_ends=True) is None


def volume(*modes: str) -> tuple[Vmi, Vmi]:
    """A volume on a claim with these access modes, and its status."""
    source = {"name": "root", "persistentVolumeClaim": {"claimName": "disk"}}
    return source, {"name": "root", "persistentVolumeClaimInfo": {"accessModes": list(modes)}}


@pytest.mark.parametrize(
    ("modes", "expected"),
    [(["ReadWriteMany"], "True"), (["ReadWriteOnce"], "False"), ([], "False"), (["ReadOnlyMany"], "False")],
)
def test_only_shared_disks_migrate(modes: list[str], expected: str) -> None:
    vmi = running()
    vmi["spec"]["volumes"], vmi["status"]["volumeStatus"] = ([part] for part in volume(*modes))
    status, reason, message = live_migratable(vmi)
    assert (status, reason) == ((expected, "") if expected == "True" else (expected, "DisksNotLiveMigratable"))
    assert expected == "True" or "PVC disk is not shared" in message


def test_a_claim_of_which_nothing_is_known_does_not_migrate() -> None:
    vmi = running()
    vmi["spec"]["volumes"] = [volume()[0]]
    assert live_migratable(vmi)[0] == "False"


def test_host_devices_do_not_migrate() -> None:
    vmi = running()
    vmi["spec"]["domain"]["devices"]["gpus"] = [{"name": "gpu", "deviceName": "vendor/gpu"}]
    assert live_migratable(vmi)[:2] == ("False", "HostDeviceNotLiveMigratable")


def test_what_changes_while_a_guest_runs_is_reported() -> None:
    vmi = running(annotations={NOT_MIGRATABLE: "its licence is bound to the host"})
    before = copy.deepcopy(vmi)
    found, vmi = steps(vmi)
    assert found == [Step.REPORT]
    condition = next(one for one in vmi["status"]["conditions"] if one["type"] == "LiveMigratable")
    assert (condition["status"], condition["message"]) == ("False", "its licence is bound to the host")
    del vmi["metadata"]["annotations"]
    assert steps(vmi)[1]["status"] == before["status"]
