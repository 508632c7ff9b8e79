# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against an upgrade, which pools are held for it, and what it came to."""

from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.plan import (
    UpgradePlan,
    UpgradeWishes,
    plan_upgrade,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.proof import prove_upgrade
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import WANTED_SPEC, Wanted
from kube_objects import pool
from migration_facts import Object, machine, zone_node, zone_pool
from migration_facts import facts as machines_facts
from upgrade_objects import cluster_operator, cluster_version, condition, entry, image, release

NONE = {name: spec["default"] for name, spec in WANTED_SPEC.items()}
OFFERED = {"availableUpdates": [release("4.9.23")]}
MINOR = {"availableUpdates": [release("4.10.9")]}
GATE = "ack-4.9-kube-1.23-api-removals-in-4.10"


def wishes(to: str = "4.9.23", **more: t.Any) -> UpgradeWishes:
    options = {name: more.pop(name) for name in list(more) if name in WANTED_SPEC}
    given: Object = {
        "wanted": Wanted.parse({**NONE, "to": to, **options}),
        "one_at_a_time": True,
        "max_disrupted_share": Decimal("0.1"),
        "allow_disruption": True,
    }
    return UpgradeWishes(**{**given, **more})


def facts(version: Object | None = None, **more: t.Any) -> Object:
    found = machines_facts(
        cluster_version=version or cluster_version(**OFFERED),
        cluster_operators=[cluster_operator("etcd"), cluster_operator("network")],
        admin_gates={},
        admin_acks={},
    )
    return {**found, **more}


def refused(plan: UpgradePlan) -> list[tuple[str, str]]:
    rows = [*plan.preflight, *plan.rows]
    return [(str(one["where"]), str(one["what"])) for one in rows if one["status"] == "refused"]


def test_a_healthy_cluster_is_upgraded_and_its_zones_are_held() -> None:
    plan = plan_upgrade(facts(), wishes())
    assert not plan.refused
    assert (plan.before, plan.to, plan.continues, plan.done) == ("4.9.15", "4.9.23", False, False)
    assert plan.pools == plan.hold == ["zone-0", "zone-1"]
    assert plan.lines()[0] == "cluster, version: 4.9.15 -> 4.9.23"
    assert plan.rows[0]["status"] == "would_change"


def test_nothing_is_held_where_pools_may_roll_together() -> None:
    assert plan_upgrade(facts(), wishes(one_at_a_time=False, max_disrupted_share=Decimal("0.2"))).hold == []
    assert plan_upgrade(facts(), wishes(one_at_a_time=False)).hold == ["zone-0", "zone-1"]


def test_one_pool_within_the_share_is_left_to_its_controller() -> None:
    nodes = [zone_node(f"a{number}", "zone-0") for number in range(10)]
    found = facts(nodes=nodes, virtual_machines=[], pools=[pool("master"), zone_pool("zone-0")], node_pods={})
    assert plan_upgrade(found, wishes()).hold == []


def test_without_permission_it_is_pending() -> None:
    plan = plan_upgrade(facts(), wishes(allow_disruption=False))
    assert [(one["status"], one["why"]) for one in plan.rows] == [("pending", "needs allow_disruption: true")]


def test_what_another_channel_offers_is_known_later() -> None:
    plan = plan_upgrade(facts(), wishes("4.10.9", channel="candidate-4.10", allow_explicit_channel=True))
    assert not plan.refused
    assert plan.lines()[0].startswith(
        "ClusterVersion version, channel: stable-4.9 -> candidate-4.10; candidate-4.10 is"
    )
    assert plan.lines()[1] == "cluster, version: 4.9.15 -> 4.10.9; once candidate-4.10 offers it"


def test_a_channel_that_is_not_known_is_refused() -> None:
    plan = plan_upgrade(facts(), wishes("4.10.9", channel="candidate-4.10"))
    assert refused(plan) == [("ClusterVersion version", "channel")]


def test_a_version_that_is_not_offered_is_refused() -> None:
    assert refused(plan_upgrade(facts(), wishes("4.9.25"))) == [("cluster", "version")]


@pytest.mark.parametrize(
    "found, where",
    [
        (
            {"cluster_version": cluster_version(conditions=[condition("Failing", "True", "x")], **OFFERED)},
            ("ClusterVersion version", "state"),
        ),
        (
            {"cluster_operators": [cluster_operator("etcd", Degraded="True:a member is down")]},
            ("ClusterOperator etcd", "health"),
        ),
        (
            {"cluster_operators": [cluster_operator("etcd", Available="False:no quorum")]},
            ("ClusterOperator etcd", "health"),
        ),
    ],
)
def test_a_cluster_that_is_not_well(found: Object, where: tuple[str, str]) -> None:
    assert refused(plan_upgrade(facts(**found), wishes())) == [where]
    warned = plan_upgrade(facts(**found), wishes(allow_upgrade_with_warnings=True))
    assert not warned.refused
    assert any("passed over: allow_upgrade_with_warnings is set" in str(one["why"]) for one in warned.preflight)


def notes(plan: UpgradePlan, what: str) -> str:
    return next(str(one["why"]) for one in plan.preflight if one["what"] == what)


@pytest.mark.parametrize(
    "to, options, acks, says, no",
    [
        ("4.9.23", {}, {}, "not given, not needed within a minor version", False),
        ("4.10.9", {}, {}, "It is yours to give", True),
        ("4.10.9", {}, {GATE: "yes"}, "It is yours to give", True),
        ("4.10.9", {"force": True}, {}, "not given, force passes over it", False),
        ("4.10.9", {}, {GATE: "true"}, "given by an administrator", False),
    ],
)
def test_acknowledgements_are_shown_and_never_given(
    to: str, options: Object, acks: Object, says: str, no: bool
) -> None:
    upgradeable = condition("Upgradeable", "True" if acks.get(GATE) == "true" else "False", "apis", "AdminAckRequired")
    version = cluster_version(conditions=[upgradeable], availableUpdates=[release("4.9.23"), release("4.10.9")])
    gates = {GATE: "APIs are removed.\nSee 1.", "ack-4.8-kube-1.22": "old", "not-a-gate": "x"}
    plan = plan_upgrade(facts(version, admin_gates=gates, admin_acks=acks), wishes(to, **options))
    assert says in notes(plan, f"acknowledgement {GATE}")
    assert refused(plan) == ([("ConfigMap admin-acks", f"acknowledgement {GATE}")] if no else [])
    if no:
        assert f'--patch \'{{"data": {{"{GATE}": "true"}}}}\' --type=merge' in notes(plan, f"acknowledgement {GATE}")


@pytest.mark.parametrize("to, force, no", [("4.9.23", False, False), ("4.10.9", False, True), ("4.10.9", True, False)])
def test_upgradeable_stops_minor_upgrades_only(to: str, force: bool, no: bool) -> None:
    version = cluster_version(
        conditions=[condition("Upgradeable", "False", "etcd says no.", "EtcdSaysNo")],
        availableUpdates=[release("4.9.23"), release("4.10.9")],
    )
    plan = plan_upgrade(facts(version), wishes(to, force=force))
    assert refused(plan) == ([("ClusterVersion version", "Upgradeable")] if no else [])
    assert "etcd says no" in notes(plan, "Upgradeable")


def test_a_taint_of_hyperconverged_is_told() -> None:
    live = {"metadata": {"name": "kubevirt-hyperconverged", "annotations": {"kubevirt.kubevirt.io/jsonpatch": "[]"}}}
    plan = plan_upgrade(facts(hyperconverged={"object": live, "api": {}}, kubevirt=None), wishes())
    assert "take them away before an upgrade" in notes(plan, "annotation kubevirt.kubevirt.io/jsonpatch")


def test_pools_and_machines_are_looked_at_as_for_a_migration() -> None:
    stuck = machine("stuck", "b1", live_migratable=False, why_not="a local disk")
    pools = [pool("master"), pool("worker"), zone_pool("zone-0", spec={"paused": True}), zone_pool("zone-1")]
    plan = plan_upgrade(facts(pools=pools, virtual_machines=[stuck]), wishes())
    assert refused(plan) == [
        ("pool zone-0", "paused"),
        ("pool zone-1", "virtual machines that cannot migrate"),
    ]


def test_a_control_plane_that_is_not_whole_is_refused() -> None:
    master = merged(
        pool("master"), {"status": {"conditions": [{"type": "NodeDegraded", "status": "True", "message": "m"}]}}
    )
    found = facts()
    nodes = [*found["nodes"], merged(zone_node("m0", "master"), {"spec": {"unschedulable": True}})]
    plan = plan_upgrade({**found, "nodes": nodes, "pools": [master, *found["pools"][1:]]}, wishes())
    assert ("pool master", "health") in refused(plan)
    assert ("pool master", "nodes in service") in refused(plan)


def test_gitops_would_write_it_back() -> None:
    fields = {"f:spec": {"f:channel": {}}}
    manager = {
        "manager": "argocd-controller",
        "operation": "Apply",
        "apiVersion": "config.openshift.io/v1",
        "fieldsV1": fields,
    }
    version = merged(cluster_version(**OFFERED), {"metadata": {"managedFields": [manager]}})
    plan = plan_upgrade(facts(version), wishes())
    assert "argocd-controller sets the channel or the version" in plan.lines()[0]


def test_an_upgrade_that_has_begun_is_watched_and_not_looked_at() -> None:
    version = cluster_version(
        conditions=[condition("Progressing", "True", "Working towards 4.9.23: 5 of 738 done (0% complete)")],
        history=[entry("4.9.23", "Partial"), entry("4.9.15")],
    )
    plan = plan_upgrade(facts(version), wishes())
    assert (plan.continues, plan.done, plan.refused, plan.preflight, plan.hold) == (True, False, False, [], [])
    assert "is under way, and is watched to its end: Working towards 4.9.23" in plan.lines()[0]


def test_an_upgrade_is_done_when_the_nodes_have_followed_and_it_was_told() -> None:
    version = cluster_version("4.9.23", "4.9.15")
    done = plan_upgrade(facts(version), wishes())
    assert (done.done, done.rows[0]["status"]) == (True, "ok")
    behind = [pool("master"), zone_pool("zone-0", spec={"configuration": {"name": "rendered-zone-0-new"}})]
    rolling = plan_upgrade(facts(version, pools=behind), wishes())
    assert (rolling.done, rolling.continues) == (False, True)
    assert "5 nodes are still to follow" in str(rolling.rows[0]["why"])
    untold = merged(version, {"metadata": {"annotations": {"tuning.virtscale/upgrade": "4.9.23/run"}}})
    assert not plan_upgrade(facts(untold), wishes()).done


def test_an_image_alone_tells_no_version() -> None:
    asked = {"image": image("4.9.23"), "allow_explicit_upgrade": True}
    plan = plan_upgrade(facts(cluster_version()), wishes("", **asked))
    assert (plan.to, plan.refused) == ("", False)
    assert plan_upgrade(facts(cluster_version("4.9.23", "4.9.15")), wishes("", **asked)).done


def test_no_cluster_version() -> None:
    with pytest.raises(TuningError, match="only OpenShift 4"):
        plan_upgrade({**facts(), "cluster_version": None}, wishes())


def test_the_proof_compares_with_before() -> None:
    after = facts(cluster_version("4.9.23", "4.9.15"))
    rows = {(str(one["where"]), str(one["what"])): one for one in prove_upgrade(facts(), after, wishes())}
    version = rows["cluster", "version"]
    assert (version["before"], version["effective"], version["status"]) == ("4.9.15", "4.9.23", "changed")
    assert {one["status"] for one in rows.values()} == {"ok", "changed"}
    lost = {**after, "virtual_machines": [], "cluster_operators": [cluster_operator("etcd", Degraded="True:x")]}
    failed = [one["what"] for one in prove_upgrade(facts(), lost, wishes()) if one["status"] == "failed"]
    assert failed == ["available and not degraded", "running"]
    halfway = facts(cluster_version(history=[entry("4.9.23", "Partial"), entry("4.9.15")]))
    assert prove_upgrade(facts(), halfway, wishes())[0]["status"] == "failed"
