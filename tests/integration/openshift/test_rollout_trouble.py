# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts of a few nodes that meet trouble: each ends early with one sentence, and a second run finishes it."""

from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins.node_protocol import NEVER_COMES_BACK
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    KubeClient,
    Resource,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.drains import GUESTS

from .conftest import Rolls
from .drill import NAMESPACE, Drill, Kubectl, budget, deployment, machine_config, virtual_machine
from .sampler import MCO, Sampler, pools_of

pytestmark = [pytest.mark.lab, pytest.mark.long]

MACHINES = Resource("kubevirt.io/v1", "virtualmachines")
FIRST, SECOND = "drill-a", "drill-b"
KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
# One node takes half a minute here; the rest is for a machine that is busy.
ROLL_S = 600


@pytest.fixture(scope="module")
def drill(client: KubeClient, kubectl: Kubectl, untouched: dict[str, t.Any]) -> t.Iterator[Drill]:
    with Drill(client, kubectl, drill_a=3, drill_b=3) as drill:
        yield drill


def prepare(drill: Drill, content: str, *pools: str, path: str = "/etc/drill-file", **spec: t.Any) -> None:
    """Hold the pools and give them something new, as the other roles of the collection do."""
    for pool in pools:
        drill.hold(pool, **spec)
        drill.kubectl.apply(machine_config(f"99-drill-{pool}", pool, path, content))


def states(drill: Drill, pool: str) -> list[str]:
    return sorted(drill.node(name)["metadata"]["annotations"][f"{MCO}/state"] for name in drill.nodes[pool])


def test_a_degraded_node_ends_the_run_and_a_corrected_configuration_heals_it(drill: Drill, roll: Rolls) -> None:
    prepare(drill, "not-a-kubelet-configuration", FIRST, path=KUBELET_CONF)
    degraded = roll(FIRST).result(ROLL_S)
    assert degraded["failed"]
    assert f"Pool {FIRST}: NodeDegraded: Node worker" in degraded["msg"]
    assert "is not a KubeletConfiguration" in degraded["msg"]
    # One at a time: the others still run what they ran.
    assert states(drill, FIRST) == ["Degraded", "Done", "Done"]
    prepare(drill, "corrected", FIRST)
    healed = roll(FIRST).result(ROLL_S)
    assert not healed["failed"], healed["msg"]
    assert states(drill, FIRST) == ["Done", "Done", "Done"]
    assert [(pool["phase"], pool["released"]) for pool in healed["pools"]] == [("updated", True)]


def test_a_budget_that_blocks_a_drain_is_named_and_the_next_run_finishes(drill: Drill, roll: Rolls) -> None:
    drill.kubectl.apply(deployment("db", FIRST), budget("db-stays", "db", minAvailable=1))
    drill.kubectl("rollout", "status", "deployment/db", "--namespace", NAMESPACE, "--timeout=120s")
    (pod,) = drill.kubectl("get", "pods", "--namespace", NAMESPACE, "--selector=app=db", "--output=name").stdout.split()
    pod = f"{NAMESPACE}/{pod.split('/')[1]}"
    prepare(drill, "with-a-budget", FIRST, maxUnavailable=3)
    run = roll(FIRST, drain_limit_s=40)
    why = f"PodDisruptionBudget {NAMESPACE}/db-stays allows 0 disruptions: it needs 1 healthy and has 1"
    run.wait_for(rf"pool {FIRST}: 2/3 updated, 1 draining, .*; worker\d+ blocked \d+ s by pod {pod} \({why}\)", ROLL_S)
    blocked = run.result(ROLL_S)
    assert blocked["failed"]
    (node,) = [one["node"] for one in blocked["blocked"]]
    assert node in drill.nodes[FIRST]
    assert blocked["msg"].startswith(f"Pool {FIRST}: the drain of node {node} has been blocked for ")
    assert f"(drain_limit_s = 40 s) by pod {pod}: {why}. Make more of its pods healthy" in blocked["msg"]
    # The controller says nothing of it: no pool and no node is degraded.
    assert states(drill, FIRST) == ["Done", "Done", "Working"]
    drill.kubectl.delete("poddisruptionbudget/db-stays")
    finished = roll(FIRST).result(ROLL_S)
    assert not finished["failed"], finished["msg"]
    assert [(pool["phase"], pool["released"]) for pool in finished["pools"]] == [("updated", False)]
    drill.kubectl.delete("deployment/db")


def test_machines_that_cannot_leave_are_named_and_those_that_wait_for_their_migration_are_not(
    client: KubeClient, drill: Drill, roll: Rolls
) -> None:
    pool, alone = {f"node-role.kubernetes.io/{FIRST}": ""}, {"kubernetes.io/hostname": drill.nodes[FIRST][0]}
    drill.kubectl.apply(
        virtual_machine("stays", alone, **{"not-migratable": "PVC disk is not shared"}),
        virtual_machine("pinned", alone),
        *(virtual_machine(f"moves-{letter}", pool) for letter in "ab"),
    )

    def running() -> set[str]:
        return {
            one["metadata"]["name"]
            for one in client.list(GUESTS, NAMESPACE).items
            if one.get("status", {}).get("phase") == "Running"
        }

    drill.wait_until(lambda: len(running()) == 4, "the machines run")
    prepare(drill, "with-machines", FIRST)
    blocked = roll(FIRST, drain_limit_s=60).result(ROLL_S)
    assert blocked["failed"]
    assert {one["node"] for one in blocked["blocked"]} == {drill.nodes[FIRST][0]}
    pinned, stays = sorted(one["why"] for one in blocked["blocked"])
    assert stays == f"virtual machine {NAMESPACE}/stays cannot live-migrate: PVC disk is not shared"
    assert pinned.startswith(
        f"the live migration of virtual machine {NAMESPACE}/pinned fails: no node takes its target"
    )
    assert f"Pool {FIRST}: the drain of node {drill.nodes[FIRST][0]} has been blocked for " in blocked["msg"]
    for name in ("stays", "pinned"):
        stop = {"spec": {"runStrategy": "Halted"}}
        client.merge_patch(MACHINES, name, stop, namespace=NAMESPACE, field_manager="a-person")
    finished = roll(FIRST).result(ROLL_S)
    assert not finished["failed"], finished["msg"]
    assert running() == {"moves-a", "moves-b"}


def test_a_node_that_does_not_come_back_is_named_and_the_next_run_finishes(drill: Drill, roll: Rolls) -> None:
    prepare(drill, "with-a-lost-node", FIRST)
    drill.kubectl("annotate", "nodes", *drill.nodes[FIRST], f"{NEVER_COMES_BACK}=")
    try:
        run = roll(FIRST, reboot_s=5, reboot_limit_s=20)
        lost = run.result(ROLL_S)
    finally:
        drill.kubectl("annotate", "nodes", *drill.nodes[FIRST], f"{NEVER_COMES_BACK}-")
    assert lost["failed"]
    assert re.match(rf"Pool {FIRST}: node worker\d+ was drained and has not come back for 2\d s ", lost["msg"])
    assert "(reboot_limit_s = 20 s): it is not Ready. " in lost["msg"]
    assert re.search(r" left; worker\d+ rebooting for 1\d s$", run.output, re.MULTILINE)
    finished = roll(FIRST).result(ROLL_S)
    assert not finished["failed"], finished["msg"]
    assert states(drill, FIRST) == ["Done", "Done", "Done"]


def test_a_daemon_that_is_silent_is_no_lost_node(
    drill: Drill, roll: Rolls, supervise: t.Callable[[str, str], None]
) -> None:
    prepare(drill, "with-a-silent-daemon", FIRST)
    run = roll(FIRST, reboot_s=5, reboot_limit_s=20)
    run.wait_for("1 draining", ROLL_S)
    supervise("stop", "machine-config-daemons")
    try:
        silent = run.result(ROLL_S)
    finally:
        supervise("start", "machine-config-daemons")
    assert silent["failed"]
    assert "its kubelet is Ready, but its machine-config-daemon is silent. " in silent["msg"]
    finished = roll(FIRST).result(ROLL_S)
    assert not finished["failed"], finished["msg"]


def test_a_person_who_pauses_a_rolling_pool_stops_the_run(client: KubeClient, drill: Drill, roll: Rolls) -> None:
    prepare(drill, "with-a-brake", FIRST, SECOND)
    run = roll(FIRST, SECOND)
    run.wait_for(f"pool {FIRST}: 1/3 updated", ROLL_S)
    client.merge_patch(MACHINE_CONFIG_POOLS, FIRST, {"spec": {"paused": True}}, field_manager="a-person")
    stopped = run.result(ROLL_S)
    assert stopped["failed"]
    assert stopped["msg"].startswith(f"Pool {FIRST} is paused by somebody else and not up to date")
    assert stopped["msg"].endswith(f"Still paused by this collection, for the next run: {SECOND}.")
    assert states(drill, SECOND) == ["Done", "Done", "Done"]
    client.merge_patch(MACHINE_CONFIG_POOLS, FIRST, {"spec": {"paused": False}}, field_manager="a-person")
    finished = roll(FIRST, SECOND).result(ROLL_S)
    assert not finished["failed"], finished["msg"]
    assert [pool["released"] for pool in finished["pools"]] == [False, True]


def test_several_pools_roll_at_once_and_their_lines_stay_apart(client: KubeClient, drill: Drill, roll: Rolls) -> None:
    prepare(drill, "together", FIRST, SECOND)
    with Sampler(client) as sampler:
        run = roll(FIRST, SECOND, one_at_a_time=False)
        result = run.result(ROLL_S)
    assert not result["failed"], result["msg"]
    assert {pool["name"]: pool["max_unavailable_seen"] for pool in result["pools"]} == {FIRST: 1, SECOND: 1}
    assert result["max_disrupted_seen"] == sampler.most_out_at_once == 2
    lines = [line.split(":")[0] for line in run.output.splitlines() if " updated, " in line]
    assert {*lines} == {f"pool {FIRST}", f"pool {SECOND}"}
    # They take turns, rather than one after the other.
    assert lines.index(f"pool {SECOND}") < len(lines) - 1 - lines[::-1].index(f"pool {FIRST}")
    assert all(not pool["spec"].get("paused") for pool in pools_of(client).values())
