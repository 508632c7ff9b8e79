# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.facts import ClusterReader
from kube_lists import KubeLists

Object = t.Dict[str, t.Any]


def named(name: str, **more: t.Any) -> Object:
    return {"metadata": {"name": name, "namespace": "vms", "uid": name}, **more}


def instance(number: int, **spec: t.Any) -> Object:
    status = {
        "phase": "Running",
        "nodeName": f"n{number % 2}",
        "conditions": [{"type": "LiveMigratable", "status": "True"}],
        "guestOSInfo": {"id": "rhel"},
    }
    return named(f"vm{number}", spec=spec, status=status)


def launcher(number: int, node: str) -> Object:
    spec = {"nodeName": node, "containers": [{"resources": {"requests": {"cpu": "250m", "memory": "2Gi"}}}]}
    meta = {
        "name": f"virt-launcher-{number}-{node}",
        "namespace": "vms",
        "labels": {"kubevirt.io": "virt-launcher"},
        "annotations": {"kubevirt.io/domain": f"vm{number}"},
    }
    return {"metadata": meta, "spec": spec, "status": {"phase": "Running"}}


KUBEVIRT = named("kubevirt", spec={"configuration": {"evictionStrategy": "LiveMigrate"}})
LISTS: dict[str, list[Object]] = {
    "kubevirts": [KUBEVIRT],
    "virtualmachineinstances": [instance(1), instance(2), instance(3, evictionStrategy="None")],
    "virtualmachines": [named(f"vm{number}", spec={"runStrategy": "Always"}) for number in (1, 2, 3)],
    "virtualmachineinstancemigrations": [
        named("old", spec={"vmiName": "vm1"}, status={"phase": "Succeeded"}),
        named("new", spec={"vmiName": "vm1"}, status={"phase": "Running"}),
    ],
    # The first one migrates: its second pod is on the node where it is to go.
    "pods": [launcher(1, "n0"), launcher(1, "n1"), launcher(2, "n0")],
    "poddisruptionbudgets": [],
}


def read(lists: t.Mapping[str, list[Object]]) -> tuple[Object, list[str]]:
    client = KubeLists(lists)
    return ClusterReader(t.cast(t.Any, client)).read(["virtual_machines"]), client.asked


def test_virtual_machines_of_all_pages() -> None:
    facts, asked = read(LISTS)
    machines = {machine["name"]: machine for machine in facts["virtual_machines"]}
    assert list(machines) == ["vm1", "vm2", "vm3"]
    assert [machine["eviction_strategy"] for machine in machines.values()] == ["LiveMigrate", "LiveMigrate", "None"]
    assert [machine["restart_allowed"] for machine in machines.values()] == [False, False, True]
    assert machines["vm1"]["node"] == "n1" and machines["vm1"]["cpu_cores"] == 0.25
    assert machines["vm1"]["memory_bytes"] == 2 * 2**30
    assert facts["migrations"] == [{"name": "new", "namespace": "vms", "vmi": "vm1", "phase": "Running"}]
    assert {node: sums["moving_pods"] for node, sums in facts["node_pods"].items()} == {"n0": 2, "n1": 1}
    assert facts["kubevirt"]["metadata"]["name"] == "kubevirt"
    assert asked.count("kubevirts") == 1


@pytest.mark.parametrize("last, owners", [(instance(3), 0), (instance(3, evictionStrategy="None"), 1)])
def test_owners_are_read_where_they_know_more(last: Object, owners: int) -> None:
    _facts, asked = read({**LISTS, "virtualmachineinstances": [instance(1), last]})
    assert asked.count("virtualmachines") == owners


def test_a_cluster_without_virtual_machines() -> None:
    facts, _asked = read({"pods": [launcher(1, "n0")], "poddisruptionbudgets": []})
    assert (facts["virtual_machines"], facts["migrations"], facts["kubevirt"]) == ([], [], None)
    assert facts["node_pods"]["n0"]["pods"] == 1
