# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import (
    Pool,
    Target,
    in_pool,
    parse_hosts,
    steps,
    target_of,
)
from hypothesis import given
from hypothesis import strategies as st


def _fleet(nodes: int, vms: int) -> list[Target]:
    return [
        Target(f"rhel-{node:03d}-{vm:02d}", "127.0.0.1", f"worker{node:03d}", namespace="vms")
        for node in range(nodes)
        for vm in range(vms)
    ]


@pytest.mark.parametrize(
    ("nodes", "counts"),
    [
        (1, [1]),
        (2, [1, 2]),
        (3, [1, 2]),
        (24, [1, 2, 4, 8, 16]),
        (64, [1, 2, 4, 8, 16, 32, 64]),
        (100, [1, 2, 4, 8, 16, 32, 64]),
    ],
)
def test_the_series_doubles_up_to_64_nodes(nodes, counts):
    found = steps(_fleet(nodes, 15), 15, ())
    assert [step.nodes for step in found] == counts
    assert [len(step.targets) for step in found] == [15 * count for count in counts]


@given(st.integers(1, 20), st.integers(1, 6), st.randoms())
def test_a_step_holds_the_one_before_and_a_second_run_the_same_machines(nodes, vms, random):
    fleet = _fleet(nodes, vms)
    found = steps(fleet, vms, ())
    for smaller, larger in zip(found, found[1:]):
        assert larger.targets[: len(smaller.targets)] == smaller.targets
    random.shuffle(fleet)
    assert steps(fleet, vms, ()) == found


def test_nodes_with_too_few_machines_are_left_out():
    fleet = [*_fleet(3, 4), Target("alone", "127.0.0.9", "worker999")]
    found = steps(fleet, 4, [3])
    assert {target.node for target in found[0].targets} == {"worker000", "worker001", "worker002"}


@pytest.mark.parametrize(
    ("fleet", "vms", "counts", "says"),
    [
        ([], 15, (), "No node runs 15 machines: none is running with an address"),
        (_fleet(2, 9), 15, (), "worker000, which has the most, runs 9; set vms_per_node"),
        (_fleet(2, 15), 15, (1, 4), "4 nodes are asked for, but only 2 run 15 machines"),
    ],
)
def test_too_few_machines_are_told(fleet, vms, counts, says):
    with pytest.raises(TuningError) as failure:
        steps(fleet, vms, counts)
    assert says in str(failure.value)


def _vmi(**status: object) -> dict[str, object]:
    return {
        "metadata": {"name": "rhel-0001", "namespace": "vms", "labels": {"tuning.virtscale/group": "rhel"}},
        "spec": {"volumes": [{"name": "root", "dataVolume": {"name": "rhel-0001"}}, {"name": "init"}]},
        "status": {
            "phase": "Running",
            "nodeName": "worker001",
            "interfaces": [{}, {"ipAddress": "10.0.0.1"}],
            **status,
        },
    }


def test_a_running_instance_is_a_target():
    found = target_of(_vmi(), {"vms/rhel-0001": "three", "other/rhel-0001": "two"})
    assert found == Target("rhel-0001", "10.0.0.1", "worker001", 22, "vms", ("three",), "rhel")
    assert found.vm == "vms/rhel-0001"
    assert in_pool([found], Pool("a", 3, storage_class="three")) == [found]
    assert in_pool([found], Pool("a", 3, storage_class="two")) == []
    assert in_pool([found], Pool("a", 3, group="rhel")) == [found]
    assert in_pool([found], Pool("a", 3, group="fedora")) == []
    assert in_pool([found], Pool()) == [found]


@pytest.mark.parametrize("status", [{"phase": "Scheduling"}, {"interfaces": []}, {"nodeName": None}])
def test_one_that_cannot_be_reached_is_none(status):
    assert target_of(_vmi(**status), {}) is None


def test_one_that_is_deleted_is_none():
    leaving = _vmi()
    leaving["metadata"]["deletionTimestamp"] = "2026-08-01T12:00:00Z"
    assert target_of(leaving, {}) is None


def test_hosts_are_nodes_unless_they_name_one():
    hosts = parse_hosts([{"name": "localhost"}, {"name": "b", "address": "::1", "node": "n", "port": "2222"}])
    assert [(host.vm, host.node, host.port) for host in hosts] == [("localhost", "localhost", 22), ("b", "n", 2222)]
    assert hosts[1].address == "::1"
