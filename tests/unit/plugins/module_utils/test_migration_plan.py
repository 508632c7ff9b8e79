# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import confirmed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.plan import (
    MigrationPlan,
    plan_migration,
    planned_pools,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.proof import prove
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import trigger
from kube_objects import managed, pool
from migration_facts import LATER, RUN, Object, facts, machine, triggered, wishes, zone_node, zone_pool

PAUSE = f"migration {RUN}; released by the rollout"
MACHINE_CONFIG = "machineconfiguration.openshift.io/v1"


def written(plan: MigrationPlan) -> list[tuple[str, str]]:
    return [(item["kind"], item["metadata"]["name"]) for item in plan.definitions]


def status(plan: MigrationPlan) -> dict[str, str | None]:
    return {str(row["where"]): row["status"] for row in plan.rows}


def zone(name: str, *runs: str | None) -> list[Object]:
    return [zone_node(f"{name[-1]}{number}", name, run) for number, run in enumerate(runs)]


def test_all_pools_are_held_before_the_first_one_rolls() -> None:
    plan = plan_migration(facts(), wishes())
    assert written(plan) == [
        ("MachineConfigPool", "zone-0"),
        ("MachineConfig", "99-zone-0-virtscale-migration"),
        ("MachineConfigPool", "zone-1"),
        ("MachineConfig", "99-zone-1-virtscale-migration"),
    ]
    hold = plan.definitions[0]
    assert hold["metadata"]["annotations"] == {"tuning.virtscale/paused": PAUSE}
    assert hold["spec"] == {"paused": True}
    assert plan.definitions[1] == trigger("zone-0", RUN)
    assert (plan.pools, plan.migration_id, plan.continues, plan.reboots) == (["zone-0", "zone-1"], RUN, False, True)
    assert plan.expect == {zone: [f"99-{zone}-virtscale-migration"] for zone in ("zone-0", "zone-1")}
    assert plan.rows[0] == {
        "where": "pool zone-0",
        "what": "migration trigger",
        "before": None,
        "wanted": RUN,
        "effective": None,
        "status": "would_change",
        "why": "5 of 5 nodes are drained, 1 at a time",
    }


def test_a_trigger_that_is_done_is_replaced() -> None:
    plan = plan_migration(migrated(), wishes(run_id=LATER, pools=["zone-0"], max_disrupted_share=1))
    assert [item for item in plan.definitions if item["kind"] == "MachineConfig"] == [trigger("zone-0", LATER)]
    assert (plan.rows[0]["before"], plan.rows[0]["wanted"], plan.rows[0]["effective"]) == (RUN, LATER, RUN)


def test_without_permission_it_is_pending() -> None:
    plan = plan_migration(facts(), wishes(allow_disruption=False))
    assert plan.empty
    assert status(plan) == {"pool zone-0": "pending", "pool zone-1": "pending"}
    assert plan.rows[0]["why"] == "needs allow_disruption: true; 5 of 5 nodes are drained, 1 at a time"


@pytest.mark.parametrize(
    "zone_0, triggers, migration_id, writes",
    [
        # Killed after the first trigger: the second pool follows under the same id.
        ((None, None), triggered(RUN, "zone-0"), RUN, ["zone-1"]),
        ((RUN, None), triggered(RUN, "zone-0", "zone-1"), RUN, []),
        ((RUN, RUN), triggered(RUN, "zone-0", "zone-1"), RUN, []),
        ((RUN, None), {**triggered(RUN, "zone-0"), **triggered(LATER, "zone-1")}, LATER, []),
        ((RUN, RUN), triggered(RUN, "zone-0"), "new", ["zone-0", "zone-1"]),
    ],
)
def test_an_interrupted_run_is_continued(
    zone_0: t.Sequence[str | None], triggers: Object, migration_id: str, writes: list[str]
) -> None:
    found = facts([*zone("zone-0", *zone_0), *zone("zone-1", None, None)], triggers=triggers)
    held = {"metadata": {"annotations": {"tuning.virtscale/paused": PAUSE}}, "spec": {"paused": True}}
    pools = [pool("master"), pool("worker"), *(zone_pool(f"zone-{number}", **held) for number in range(2))]
    plan = plan_migration({**found, "pools": pools}, wishes(run_id="new", max_disrupted_share=1))
    assert not plan.refused
    assert (plan.migration_id, plan.continues) == (migration_id, migration_id != "new")
    assert written(plan) == [("MachineConfig", f"99-{zone}-virtscale-migration") for zone in writes]
    assert plan.pools == ["zone-0", "zone-1"]


def test_what_is_continued_is_told() -> None:
    found = facts([*zone("zone-0", RUN, None), *zone("zone-1", None)], triggers=triggered(RUN, "zone-0"))
    plan = plan_migration(found, wishes(run_id=LATER, pools=["zone-0"], max_disrupted_share=1))
    assert plan.rows[0]["why"] == f"continues run {RUN}: 1 of 2 nodes are drained, 1 at a time"
    assert plan.rows[0]["effective"] == f"{RUN} on 1 of 2 nodes"
    [rolling] = plan.as_result()["rolling"]
    assert (rolling["name"], len(rolling["left"])) == ("zone-0", 1)


@pytest.mark.parametrize(
    "asked, error, words",
    [
        (["zone-9"], TuningError, "There is no MachineConfigPool zone-9; there are master, worker, zone-0, zone-1."),
        (["master"], InvalidValue, "pools is 'master', but must be a pool of workers"),
    ],
)
def test_pools_that_cannot_be_asked_for(asked: list[str], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as refusal:
        plan_migration(facts(), wishes(pools=asked))
    assert words in str(refusal.value)


def test_a_cluster_without_zones() -> None:
    with pytest.raises(TuningError, match="make the zones first"):
        plan_migration(facts(pools=[pool("master"), pool("worker")]), wishes())


def test_pools_keep_the_order_in_which_they_are_named() -> None:
    assert plan_migration(facts(), wishes(pools=["zone-1", "zone-0", "zone-1"])).pools == ["zone-1", "zone-0"]


@pytest.mark.parametrize(
    "manager, force, refused",
    [("kubectl-edit", False, True), ("kubectl-edit", True, False), ("argocd-controller", True, True)],
)
def test_a_trigger_that_somebody_changed(manager: str, force: bool, refused: bool) -> None:
    live = managed(trigger("zone-0", "by-hand"), manager, "Update", "spec/config/storage/files")
    carried = {"rendered-zone-0-none": "by-hand"}
    done = facts([*zone("zone-0", None), *zone("zone-1", None)], triggers={"zone-0": live}, rendered_triggers=carried)
    plan = plan_migration(done, wishes(pools=["zone-0"], force_conflicts=force, max_disrupted_share=1))
    assert plan.refused == refused and plan.empty == refused
    assert plan.force_conflicts == (not refused)


def test_a_machine_config_of_somebody_else_under_that_name() -> None:
    live = trigger("zone-0", "theirs")
    del live["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    carried = {"rendered-zone-0-none": "theirs"}
    for present in (True, False):
        found = facts(triggers={"zone-0": live}, rendered_triggers=carried)
        plan = plan_migration(found, wishes(pools=["zone-0"], present=present))
        assert plan.refused and plan.empty
        assert "was not made by this collection" in str(plan.rows[0]["why"])


def removal(**more: t.Any) -> t.Any:
    return wishes(present=False, run_id=LATER, max_disrupted_share=1, **more)


def migrated() -> Object:
    """Zone-0 after its migration."""
    found = facts([*zone("zone-0", RUN, RUN), *zone("zone-1", None)], triggers=triggered(RUN, "zone-0"))
    done = zone_pool("zone-0", spec={"configuration": {"name": f"rendered-zone-0-{RUN}"}})
    return {**found, "pools": [pool("master"), pool("worker"), done, zone_pool("zone-1")]}


def test_a_removal_is_a_rollout_like_the_first() -> None:
    plan = plan_migration(migrated(), removal())
    assert written(plan) == [("MachineConfigPool", "zone-0")]
    assert [item["metadata"]["name"] for item in plan.absent] == ["99-zone-0-virtscale-migration"]
    assert (plan.pools, plan.expect) == (["zone-0"], {})
    assert (plan.rows[0]["before"], plan.rows[0]["wanted"], plan.rows[0]["effective"]) == (RUN, None, RUN)
    assert any(row["what"] == "virtual machines that migrate" for row in plan.preflight)


def test_a_removal_that_was_interrupted_goes_on() -> None:
    found = facts(
        [*zone("zone-0", RUN, None), *zone("zone-1", None)],
        migrations=[{"namespace": "v", "vmi": "v", "phase": "Running"}],
    )
    plan = plan_migration(found, removal())
    assert not plan.refused
    assert (plan.pools, plan.definitions, plan.absent) == (["zone-0"], [], [])
    assert plan.rows[0]["why"] == "1 of 2 nodes are drained, 1 at a time"


def test_nothing_to_remove() -> None:
    plan = plan_migration(facts(), removal())
    assert (plan.pools, plan.rows, plan.empty) == ([], [], True)


def with_policy(found: Object, action: str | None) -> Object:
    """Our policy, asked for and in effect."""
    files = [{"path": "/etc/virtscale-migration", "actions": [{"type": action}]}] if action else []
    owned = {"f:spec": {"f:nodeDisruptionPolicy": {"f:files": {'k:{"path":"/etc/virtscale-migration"}': {}}}}}
    live = {
        "metadata": {"managedFields": [{"manager": "virtscale.tuning", "operation": "Apply", "fieldsV1": owned}]},
        "spec": {"nodeDisruptionPolicy": {"files": files}},
        "status": {"nodeDisruptionPolicyStatus": {"clusterPolicies": {"files": files}}},
    }
    return {**found, "disruption_policy": {"served": True, "object": live}}


def test_a_policy_comes_before_the_trigger() -> None:
    plan = plan_migration(facts(), wishes(drain_only=True))
    assert [item["kind"] for item in plan.policy] == ["MachineConfiguration"]
    assert plan.rows[0]["where"] == "MachineConfiguration cluster"
    assert not plan.reboots
    again = plan_migration(with_policy(facts(), "Drain"), wishes(drain_only=True))
    assert (again.policy, again.rows[0]["status"], again.reboots) == ([], "ok", False)


def test_a_policy_is_taken_back_after_the_last_trigger() -> None:
    plan = plan_migration(with_policy(migrated(), "Drain"), removal())
    assert (plan.policy, plan.reboots, len(plan.absent)) == ([], False, 1)
    assert [item["spec"] for item in plan.policy_after] == [{}]
    assert (plan.rows[-1]["where"], plan.rows[-1]["wanted"]) == ("MachineConfiguration cluster", None)
    alone = plan_migration(with_policy(facts(), "Drain"), removal())
    assert [item["spec"] for item in alone.policy_after] == [{}]
    without = plan_migration(with_policy(migrated(), "Drain"), removal(allow_disruption=False))
    assert (without.policy_after, without.rows[-1]["status"]) == ([], "pending")


def test_a_policy_stays_while_another_pool_has_its_trigger() -> None:
    plan = plan_migration(with_policy(migrated(), "Drain"), removal(pools=["zone-1"]))
    assert (plan.policy, plan.policy_after, plan.rows, plan.reboots) == ([], [], [], False)


def test_what_came_of_the_plan() -> None:
    plan = plan_migration(facts(), wishes(pools=["zone-0"]))
    done = facts([*zone("zone-0", RUN, RUN), *zone("zone-1", None)], triggers=triggered(RUN, "zone-0"))
    half = facts([*zone("zone-0", RUN, None), *zone("zone-1", None)], triggers=triggered(RUN, "zone-0"))
    for later, expected, effective in ((done, "changed", RUN), (half, "failed", f"{RUN} on 1 of 2 nodes")):
        now = plan_migration(later, wishes(pools=["zone-0"]), look=False)
        [row] = confirmed(plan.rows, now.rows, check_mode=False)
        assert (row["status"], row["effective"]) == (expected, effective)


def test_what_came_of_a_removal() -> None:
    plan = plan_migration(migrated(), removal())
    assert planned_pools(plan.rows) == ["zone-0"]
    now = plan_migration(facts(), removal(), look=False)
    [row] = confirmed(plan.rows, now.rows, check_mode=False, given_back=True)
    assert (row["status"], row["effective"]) == ("changed", None)


def test_lines_tell_the_refusals_alone() -> None:
    plan = plan_migration(facts(), wishes(pools=["zone-0"]))
    assert "pool zone-0, virtual machines that migrate: 5; 5 rhel" in plan.lines()
    assert f"pool zone-0, migration trigger: none -> {RUN}; 5 of 5 nodes are drained, 1 at a time" in plan.lines()
    stuck = plan_migration(
        facts(virtual_machines=[machine("v", "a0", live_migratable=False, why_not="no")]), wishes(pools=["zone-0"])
    )
    assert len(stuck.lines()) == 1
    assert stuck.lines()[0].startswith("refused: pool zone-0, virtual machines that cannot migrate: the drain would")


def proof(before: list[Object], after: list[Object], nodes: list[Object] | None = None) -> dict[str, tuple[t.Any, ...]]:
    rows = prove(facts(virtual_machines=before), facts(nodes, virtual_machines=after), ["zone-0"])
    return {str(row["what"]): (row["status"], row["effective"], row["why"]) for row in rows}


def test_everything_came_through() -> None:
    assert proof([machine("v", "a0")], [machine("v", "b0")]) == {
        "nodes back in service": ("ok", "5 of 5", "ready, uncordoned and done"),
        "running": ("ok", "1", "all that ran before"),
        "restarted": ("ok", "0", "each is the instance that ran before"),
    }


OFF = machine("off", "a0", phase="Scheduling")
FREE = machine("free", "a0", restart_allowed=True, eviction_strategy="None")


@pytest.mark.parametrize(
    "before, after, what, found",
    [
        (machine("v", "a0"), None, "running", ("failed", "0", "ran before and do not now: vms/v (gone)")),
        (
            machine("v", "a0"),
            machine("v", "b0", phase="Failed"),
            "running",
            ("failed", "0", "ran before and do not now: vms/v (Failed)"),
        ),
        (
            machine("v", "a0"),
            machine("v", "b0", uid="new"),
            "restarted",
            ("failed", "1", "started anew although their eviction strategy does not say so: vms/v"),
        ),
        (FREE, {**FREE, "uid": "new"}, "restarted", ("note", "1", "their eviction strategy says so")),
    ],
)
def test_virtual_machines_that_did_not(
    before: Object, after: Object | None, what: str, found: tuple[t.Any, ...]
) -> None:
    assert proof([before, OFF], [after] if after else [])[what] == found


def test_nodes_that_did_not() -> None:
    nodes = [zone_node("a0", "zone-0"), merged(zone_node("a1", "zone-0"), {"spec": {"unschedulable": True}})]
    found = proof([], [], nodes)
    assert found == {"nodes back in service": ("failed", "1 of 2", "not ready, cordoned or not done: a1")}
