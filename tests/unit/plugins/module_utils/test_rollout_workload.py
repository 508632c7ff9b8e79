# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import estimate
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.workload import Pace, Workload

NODES = [f"worker{number}" for number in range(10)]
OTHERS = [f"other{number}" for number in range(20)]
PACE = Pace.parse({"reboot_s": 60, "pod_stop_s": 30})


def _machine(number: int, **changed: t.Any) -> dict[str, t.Any]:
    return {
        "name": f"vm{number}",
        "namespace": "shop",
        "node": NODES[number % len(NODES)],
        "os": "rhel",
        "live_migratable": True,
        "why_not": None,
        "eviction_strategy": "LiveMigrate",
        "memory_bytes": 1 << 30,
        "restart_allowed": False,
        **changed,
    }


def _facts(vms: int, pods: int = 1, per_cluster: int = 20, per_node: int = 4) -> dict[str, t.Any]:
    limits = {"parallelMigrationsPerCluster": per_cluster, "parallelOutboundMigrationsPerNode": per_node}
    return {
        "virtual_machines": [_machine(number) for number in range(vms)],
        "node_pods": {name: {"count": pods, "grace_s": 600} for name in NODES},
        "disruption_budgets": [],
        "kubevirt": {"spec": {"configuration": {"migrations": limits}}},
    }


def test_nodes_without_machines_take_as_long_as_where_nothing_is_known() -> None:
    known = Workload(_facts(0), PACE).estimate("zone-0", NODES, OTHERS, 5)
    assert known.seconds == pytest.approx(estimate(10, 5, drain_s=30, reboot_s=60).seconds, rel=0.05)


def test_machines_that_have_to_move_make_it_longer() -> None:
    without = Workload(_facts(0), PACE).estimate("zone-0", NODES, OTHERS, 5)
    with_them = Workload(_facts(200), PACE).estimate("zone-0", NODES, OTHERS, 5)
    assert with_them.seconds > 2 * without.seconds
    assert "VMs that wait for one of 20 migrations" in str(with_them) or "migrations" in with_them.limit


def test_the_limits_in_effect_count() -> None:
    few = Workload(_facts(200, per_cluster=2, per_node=1), PACE).estimate("zone-0", NODES, OTHERS, 5)
    many = Workload(_facts(200), PACE).estimate("zone-0", NODES, OTHERS, 5)
    assert few.seconds > 2 * many.seconds


def test_only_the_nodes_that_are_behind_count() -> None:
    workload = Workload(_facts(200), PACE)
    assert workload.estimate("zone-0", NODES[:1], OTHERS, 5).nodes == 1
    assert workload.estimate("zone-0", [], OTHERS, 5).seconds == 0


def test_a_machine_that_cannot_leave_does_not_keep_an_estimate_from_being_made() -> None:
    facts = {**_facts(1), "virtual_machines": [_machine(0, live_migratable=False, why_not="a host disk")]}
    assert Workload(facts, PACE).estimate("zone-0", NODES, OTHERS, 5).seconds > 0


@pytest.mark.parametrize("given", [{"reboot_s": -1}, {"migration_s": {"rhel": "soon"}}, {"migration_s": 5}])
def test_what_is_no_duration_is_refused(given: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidValue):
        Pace.parse(given)
