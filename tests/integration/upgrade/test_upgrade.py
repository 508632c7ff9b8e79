# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both upgrades of the paper on real controllers: gates, an operator that is stuck, a bad pool, a killed watcher.

The tests are one story, in this order: 4.9.15 to 4.9.23, and 4.9.23 to 4.10.9.
"""

from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.tests.integration.openshift.drill import machine_config
from ansible_collections.virtscale.tuning.tests.integration.openshift.sampler import Sampler

from .conftest import RUN_S, ZONE, Cluster, Start

pytestmark = [pytest.mark.lab, pytest.mark.long]

GATE = "ack-4.9-kube-1.23-api-removals-in-4.10"
TO_410 = {"ocp_upgrade_channel": "candidate-4.10"}


def test_a_patch_upgrade_is_told_whole_although_its_watcher_was_killed(cluster: Cluster, upgrade: Start) -> None:
    preview = upgrade("4.9.23", "--check", "--diff")
    assert preview.wait(RUN_S) == 0, preview.output[-4000:]
    assert preview.row("plan", "version")["status"] == "would_change"
    assert "desiredUpdate" not in cluster.version["spec"]
    with Sampler(cluster.client) as sampler:
        killed = upgrade("4.9.23")
        killed.wait_for(rf"pool {ZONE}: .* [12] draining", RUN_S)
        killed.kill()
        assert cluster.paused == {"master": False, "worker": True, ZONE: False}
        run = upgrade("4.9.23")
        assert run.wait(RUN_S) == 0, run.output[-4000:]
    assert "4.9.23 was asked for before: its upgrade is watched to its end" in run.output
    assert "4.9.15 -> 4.9.23: " in run.output
    entry = run.recorded("apply")
    found = entry["data"]["upgrade"]
    assert (found["from"], found["to"], found["nodes"]) == ("4.9.15", "4.9.23", 6)
    assert found["total_s"] >= found["control_plane_s"] + found["pools_s"] > found["pools_s"] > 0
    assert found["vms"] == {"watched": 8, "lost": 0, "restarted": 0, "restarted_as_asked": 0, "migrated": 8}
    assert {row["status"] for row in entry["rows"]} <= {"ok", "changed", "note"}
    assert [one["state"] for one in cluster.version["status"]["history"][:1]] == ["Completed"]
    assert not any(cluster.paused.values())
    assert sampler.most_pools_at_once == 1
    assert sampler.most_out_at_once <= 2


def test_an_acknowledgement_is_asked_for_and_not_given(cluster: Cluster, upgrade: Start) -> None:
    acks = ("configmap/admin-acks", "--namespace", "openshift-config")
    gates: dict[str, object] = {"apiVersion": "v1", "kind": "ConfigMap"}
    gates["metadata"] = {"name": "admin-gates", "namespace": "openshift-config-managed"}
    gates["data"] = {GATE: "Kubernetes 1.23 removes APIs."}
    cluster.kubectl.apply(gates)
    refused = upgrade("4.10.9", **TO_410)
    assert refused.wait(RUN_S) != 0
    row = refused.row("plan", f"acknowledgement {GATE}")
    assert (row["status"], row["effective"]) == ("refused", "not given")
    assert "oc -n openshift-config patch cm admin-acks" in row["why"]
    assert GATE not in cluster.kubectl("get", *acks, "--output=yaml").stdout
    assert cluster.version["spec"]["channel"] == "stable-4.9"
    cluster.kubectl("patch", *acks, "--type=merge", "--patch", f'{{"data": {{"{GATE}": "true"}}}}')


def test_an_operator_that_is_stuck_is_named(cluster: Cluster, upgrade: Start) -> None:
    cluster.trouble("network", "slow")
    run = upgrade("4.10.9", ocp_rollout_stall_s=15, **TO_410)
    assert run.wait(RUN_S) != 0
    assert "channel stable-4.9 -> candidate-4.10" in run.output
    assert "Nothing moved for stall_s = 15 s: 4.10.9: " in run.output
    assert "held up by network for" in run.output
    assert cluster.version["status"]["history"][0]["state"] == "Partial"
    assert cluster.paused[ZONE]


def test_an_operator_that_is_degraded_ends_the_run_with_its_reason(cluster: Cluster, upgrade: Start) -> None:
    cluster.trouble("network", "degraded: no route to worker004")
    run = upgrade("4.10.9", ocp_upgrade_failing_limit_s=5)
    assert run.wait(RUN_S) != 0
    assert "The upgrade to 4.10.9 has been failing for" in run.output
    assert "network is degraded (no route to worker004)" in run.output
    cluster.trouble("network", None)


def test_a_pool_that_degrades_ends_the_run_and_heals(cluster: Cluster, upgrade: Start) -> None:
    linked = [{"path": "/etc/upgrade", "target": "/etc/other"}]
    cluster.kubectl.apply(machine_config("99-upgrade-link", ZONE, "/etc/upgrade-file", "x", links=linked))
    run = upgrade("4.10.9", ocp_upgrade_pool_fault_limit_s=5)
    assert run.wait(RUN_S) != 0
    assert f"Pool {ZONE}: RenderDegraded: Failed to render configuration for pool {ZONE}" in run.output
    cluster.kubectl("delete", "machineconfig", "99-upgrade-link")
    healed = upgrade("4.10.9")
    assert healed.wait(RUN_S) == 0, healed.output[-4000:]
    found = healed.recorded("apply")["data"]["upgrade"]
    assert (found["from"], found["to"], found["nodes"], found["vms"]["lost"]) == ("4.9.23", "4.10.9", 6, 0)
    assert "the paper's major upgrade: 136 min" in healed.output
    assert not any(cluster.paused.values())


def test_there_is_nothing_left_to_do(cluster: Cluster, upgrade: Start) -> None:
    again = upgrade("4.10.9")
    assert again.wait(RUN_S) == 0, again.output[-4000:]
    assert again.row("plan", "version")["status"] == "ok"
    assert "tuning.virtscale/upgrade" not in cluster.version["metadata"].get("annotations", {})
