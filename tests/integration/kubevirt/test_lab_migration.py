# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KubeVirt's own controllers and the simulated nodes migrate virtual machines, as a drain asks for it."""

from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.lab.standins.lab_client import PODS, VIRTUAL_MACHINES, VMIS
from ansible_collections.virtscale.tuning.lab.standins.vmi_protocol import FAILING_MIGRATIONS, NOT_MIGRATABLE

from .conftest import HOME, SPACE, Machines, until

pytestmark = pytest.mark.lab

PHASES = ["Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running", "Succeeded"]


def migratable(machines: Machines, name: str) -> tuple[str, str]:
    conditions = {one["type"]: one for one in machines.vmi(name)["status"]["conditions"]}
    return conditions["LiveMigratable"]["status"], conditions["LiveMigratable"].get("message", "")


def test_machines_start_at_home_and_can_migrate(machines: Machines) -> None:
    for name in ("a", "b", "c", "d"):
        assert machines.vmi(name)["status"]["nodeName"] == HOME
        assert migratable(machines, name) == ("True", "")


def test_a_drain_migrates_within_the_limits(machines: Machines) -> None:
    before = {name: machines.vmi(name)["metadata"]["uid"] for name in ("a", "b", "c")}
    assert {machines.evict(name) for name in before} == {429}
    assert machines.evict("a") == 429  # and again, as a drain does every five seconds
    most = 0

    def left() -> bool:
        nonlocal most
        most = max(most, machines.active())
        return all(machines.vmi(name)["status"]["nodeName"] != HOME for name in before)

    until(left, 90, "three machines leave the node")
    assert most == 1
    assert {name: machines.vmi(name)["metadata"]["uid"] for name in before} == before
    for name in before:
        until(lambda name=name: sorted(machines.pods(name).values()) == ["Running", "Succeeded"], 15, "the source ends")
        (migration,) = machines.migrations(name)
        assert migration["metadata"]["annotations"]["kubevirt.io/evacuationMigration"] == HOME
        entered = [entry["phase"] for entry in migration["status"]["phaseTransitionTimestamps"]]
        assert entered == PHASES


def test_a_drained_machine_lets_its_old_pod_go(machines: Machines) -> None:
    (old,) = (pod for pod, phase in machines.pods("b").items() if phase == "Succeeded")
    machines.client.delete(PODS, old, SPACE)
    until(lambda: old not in machines.pods("b"), 15, "the old pod is gone")
    assert machines.vmi("b")["status"]["phase"] == "Running"


def test_a_failed_migration_leaves_the_machine_where_it_is(machines: Machines) -> None:
    node = machines.vmi("d")["status"]["nodeName"]
    machines.client.merge_patch(
        VMIS, "d", {"metadata": {"annotations": {FAILING_MIGRATIONS: "1"}}}, field_manager="test", namespace=SPACE
    )
    machines.migrate("d")

    def phase() -> str:
        return str((machines.migrations("d")[-1].get("status") or {}).get("phase"))

    until(lambda: phase() == "Failed", 60, "the migration fails")
    assert machines.vmi("d")["status"]["nodeName"] == node
    assert FAILING_MIGRATIONS in machines.vmi("d")["status"]["migrationState"]["failureReason"]
    until(lambda: sorted(machines.pods("d").values()) == ["Failed", "Running"], 15, "the target ends")
    machines.migrate("d")
    until(lambda: phase() == "Succeeded", 60, "the next migration succeeds")


def test_a_machine_that_cannot_migrate_holds_a_drain_up(machines: Machines) -> None:
    annotations = {NOT_MIGRATABLE: "its licence is bound to the host"}
    machines.client.merge_patch(
        VMIS, "c", {"metadata": {"annotations": annotations}}, field_manager="test", namespace=SPACE
    )
    until(lambda: migratable(machines, "c") == ("False", annotations[NOT_MIGRATABLE]), 15, "it says so")
    assert machines.evict("c") == 429
    assert "evacuationNodeName" not in machines.vmi("c")["status"]


def test_a_machine_stops(machines: Machines) -> None:
    machines.client.merge_patch(
        VIRTUAL_MACHINES, "a", {"spec": {"runStrategy": "Halted"}}, field_manager="test", namespace=SPACE
    )
    until(lambda: machines.client.get(VMIS, "a", SPACE) is None, 30, "the instance is gone")
    until(lambda: not machines.pods("a"), 30, "its pods are gone")
