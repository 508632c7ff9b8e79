# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load of the lab: as many as asked for, mixed and spread evenly."""

from __future__ import annotations

import argparse
import collections
import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.load_objects import deployments, namespaces, virtual_machines
from ansible_collections.virtscale.tuning.lab.load_run import systems

NODES = [f"worker{number:03d}" for number in range(1, 35)]
SYSTEMS = {"rhel": 400, "fedora": 400, "windows": 200}


def home(template: t.Mapping[str, t.Any]) -> str:
    terms = template["spec"]["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    (expression,) = terms[0]["preference"]["matchExpressions"]
    return str(expression["values"][0])


def test_machines_are_mixed_on_every_node() -> None:
    machines = virtual_machines(SYSTEMS, NODES, 20)
    assert len({(one["metadata"]["namespace"], one["metadata"]["name"]) for one in machines}) == 1000
    by_node: dict[str, t.Counter[str]] = collections.defaultdict(collections.Counter)
    for one in machines:
        by_node[home(one["spec"]["template"])][one["metadata"]["name"].split("-")[0]] += 1
    assert {sum(counts.values()) for counts in by_node.values()} == {29, 30}
    assert all(len(counts) == 3 for counts in by_node.values())
    spaces = collections.Counter(one["metadata"]["namespace"] for one in machines)
    assert set(spaces.values()) == {50}
    assert set(spaces) == {one["metadata"]["name"] for one in namespaces(20)}


def test_the_same_load_has_the_same_places() -> None:
    assert virtual_machines(SYSTEMS, NODES, 20) == virtual_machines(SYSTEMS, NODES, 20)


@pytest.mark.parametrize("pods", [0, 1, 33, 7000])
def test_all_pods_are_there(pods: int) -> None:
    replicas = [one["spec"]["replicas"] for one in deployments(pods, NODES, 20)]
    assert sum(replicas) == pods
    assert max(replicas, default=0) - min(replicas, default=0) <= 1


def test_systems_are_read() -> None:
    assert systems("rhel=400,fedora=1") == {"rhel": 400, "fedora": 1}


@pytest.mark.parametrize("text", ["rhel", "rhel=", "rhel=-1", "=3", "rhel=1,,fedora=2", "rhel 9=3"])
def test_bad_systems_are_named(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not SYSTEM=NUMBER"):
        systems(text)
