# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations looked at once: what would be watched, and what the cluster still knows."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.survey import (
    known_migrations,
    survey,
    survey_line,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import lines
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.rollout_cluster import node, pool
from kubevirt_cluster import Cluster, instance, kubevirt, migration, moved, stamp


def client(*items: t.Any) -> KubeClient:
    return t.cast(KubeClient, Cluster(kubevirt(), *items))


def test_what_would_be_watched_are_the_machines_on_the_nodes_that_roll() -> None:
    items = [
        {"plural": "nodes", **node("worker1")},
        {"plural": "nodes", **node("worker9", "zone-1")},
        {"plural": "machineconfigpools", **pool("zone-0")},
        {"plural": "machineconfigpools", **pool("zone-1")},
    ]
    vms = [instance("a", "worker1"), instance("b", "worker1", os="fedora39"), instance("c", "worker9")]
    pools = [{"name": "zone-0", "nodes_to_roll": 1}, {"name": "zone-1", "nodes_to_roll": 0}]
    found = survey(client(*items, *vms, migration("c", "m", 0, {"Running": 0})), pools)
    assert found == {
        "vms_to_move": 2,
        "by_os": {"fedora": {"vms": 1}, "rhel": {"vms": 1}},
        "limits": {
            "parallelMigrationsPerCluster": {"effective": 20},
            "parallelOutboundMigrationsPerNode": {"effective": 4},
        },
        "unfinished": 1,
    }
    assert survey_line(found) == "VMs: 2 to move (1 fedora, 1 rhel), at most 20 at once and 4 off one node"


@pytest.mark.parametrize(("since", "expected"), [(None, {"a", "b", "c"}), (stamp(10), {"b", "c"})])
def test_what_the_cluster_knows_is_told_from_a_time_on(since: str | None, expected: set[str]) -> None:
    vms = [instance(name, "worker9", os="windows11") for name in "abc"]
    known = [moved("a", "m1", 5), moved("b", "m2", 20, run=9), migration("c", "m3", 1, {"Running": 2})]
    found = known_migrations(client(*vms, *known), since)
    assert {vm["vm"] for vm in found["vms"]} == {f"vms/{name}" for name in expected}
    assert found["by_os"]["windows"]["max_s"] == 9
    assert found["totals"]["unfinished"] == 1
    assert found["limits"]["parallelMigrationsPerCluster"]["effective"] == 20
    assert "windows" in "\n".join(lines(found))


def test_a_release_that_stamps_nothing_is_not_timed_by_when_somebody_looked() -> None:
    state = {"startTimestamp": stamp(3), "endTimestamp": stamp(10), "sourceNode": "worker1"}
    found = known_migrations(client(migration("a", "m", 0, {"Succeeded": 0}, stamped=False, state=state)), None)
    (vm,) = found["vms"]
    assert found["run"]["sum_s"] == 7
    assert (vm["queued_s"], vm["run_s"], vm["total_s"]) == (None, 7.0, 10.0)
    assert found["queued"] == {"count": 0}


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue, match="since is 'yesterday'"):
        known_migrations(client(), "yesterday")


def test_a_cluster_without_virtual_machines_is_one_sentence() -> None:
    cluster = Cluster(kubevirt())
    cluster.fail(KubeError("not found", 404))
    with pytest.raises(KubeError, match="OpenShift Virtualization is not there"):
        known_migrations(t.cast(KubeClient, cluster), None)
