# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One rollout over the zones by the real machine-config-controller, with all that may go wrong, and the way back.

The tests are the steps of one story and build on each other: a rollout of 100 nodes takes minutes.
"""

from __future__ import annotations

import time
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    NODES,
    KubeClient,
)

from .conftest import PLAY_S, ROLLBACK, ROLLOUT_S, SITE, ZONES, Play, cluster_state
from .drill import MARK
from .sampler import MCO, Sampler, pools_of, zone_of

pytestmark = pytest.mark.lab

MAX_UNAVAILABLE = 10


def paused_pools(client: KubeClient) -> list[str]:
    return [name for name, pool in pools_of(client).items() if pool["spec"].get("paused")]


def by_zone(client: KubeClient) -> set[tuple[str, str]]:
    """Each zone with the numbers of pods that its nodes take."""
    return {(zone_of(node), node["status"]["capacity"]["pods"]) for node in client.list(NODES).items}


@pytest.fixture(scope="module")
def watched(client: KubeClient, untouched: dict[str, t.Any]) -> t.Iterator[Sampler]:
    """A bystander who watches the whole way there."""
    with Sampler(client) as sampler:
        yield sampler


def test_two_kubelet_configs_on_one_pool_are_refused_beforehand(
    client: KubeClient, play: Play, untouched: dict[str, t.Any]
) -> None:
    run = play(SITE, tags="ocp_kubelet", ocp_kubelet_layout="seed")
    assert run.wait(PLAY_S) != 0
    assert "custom-scheduling would take away kubeAPIBurst 200, kubeAPIQPS 100, maxPods 500" in run.output
    assert cluster_state(client) == untouched


def test_nothing_moves_without_permission(client: KubeClient, play: Play, untouched: dict[str, t.Any]) -> None:
    run = play(SITE, allow_disruption=False)
    assert run.wait(PLAY_S) == 0, run.output[-4000:]
    assert cluster_state(client) == untouched
    pending = [row for row in run.rows("ocp_rollout", "plan") if row["status"] == "pending"]
    assert {row["where"] for row in pending} == {f"pool {zone}" for zone in ZONES}
    assert all("in 4 waves of 10: about" in row["why"] for row in pending)


@pytest.mark.long
def test_it_goes_on_when_the_api_server_restarts(
    client: KubeClient, play: Play, watched: Sampler, restart_api_server: t.Callable[[], None]
) -> None:
    run = play(SITE)
    run.wait_for("pool zone-0: released", PLAY_S)
    # Late in the zone: a cordon that the restart cuts off keeps the controller from this node for five minutes.
    run.wait_for(r"pool zone-0: (2[5-9]|3\d)/", PLAY_S)
    restart_api_server()
    run.wait_for("pool zone-1: released", ROLLOUT_S)
    run.wait_for(r"pool zone-1: [1-9]", PLAY_S)
    run.kill()
    assert MARK in pools_of(client)["zone-2"]["metadata"]["annotations"]


@pytest.mark.long
def test_a_persons_pause_is_reported_and_never_lifted(client: KubeClient, play: Play, watched: Sampler) -> None:
    # Without our mark the pause is that of a person.
    client.merge_patch(
        MACHINE_CONFIG_POOLS, "zone-2", {"metadata": {"annotations": {MARK: None}}}, field_manager="a-person"
    )
    run = play(SITE)
    assert run.wait(PLAY_S) != 0
    assert "Pool zone-2 is paused by somebody else and not up to date, so nothing more is released." in run.output
    assert paused_pools(client) == ["zone-2"]
    # What was released before is the controller's to end.
    until = time.monotonic() + ROLLOUT_S
    while (found := by_zone(client)) != {("zone-0", "500"), ("zone-1", "500"), ("zone-2", "250")}:
        assert time.monotonic() < until, found
        time.sleep(2)


@pytest.mark.long
def test_the_rest_rolls_when_the_person_lifts_it(client: KubeClient, play: Play, watched: Sampler) -> None:
    client.merge_patch(MACHINE_CONFIG_POOLS, "zone-2", {"spec": {"paused": False}}, field_manager="a-person")
    run = play(SITE)
    assert run.wait(ROLLOUT_S) == 0, run.output[-4000:]
    state = cluster_state(client)
    assert set(state["pods"].values()) == {"500"}
    assert not any(state["pools"].values())


@pytest.mark.long
def test_every_node_booted_once_and_the_limits_held(watched: Sampler) -> None:
    assert watched.samples > 100
    assert {tuple(pods) for pods in watched.pods.values()} == {("250", "500")}
    assert {ready.count("False") for ready in watched.ready.values()} == {1}
    assert {len(configs) for configs in watched.configs.values()} == {2}
    assert len(watched.ready) == 100
    assert {zone: most <= MAX_UNAVAILABLE for zone, most in watched.most_out.items()} == dict.fromkeys(ZONES, True)
    assert 5 < watched.most_out_at_once <= MAX_UNAVAILABLE
    assert watched.most_pools_at_once == 1


@pytest.mark.long
def test_the_second_run_changes_nothing_and_the_zones_stay(client: KubeClient, play: Play, watched: Sampler) -> None:
    before = cluster_state(client)
    run = play(SITE)
    assert run.wait(PLAY_S) == 0, run.output[-4000:]
    assert "changed=0" in run.output
    assert cluster_state(client) == before


@pytest.mark.long
def test_rollback_gives_everything_back_within_the_limits(
    client: KubeClient, play: Play, untouched: dict[str, t.Any]
) -> None:
    with Sampler(client) as sampler:
        run = play(ROLLBACK)
        assert run.wait(ROLLOUT_S) == 0, run.output[-4000:]
    assert cluster_state(client) == untouched
    assert sampler.most_out_at_once <= MAX_UNAVAILABLE
    assert {len(pods) for pods in sampler.pods.values()} == {2}
    states = {node["metadata"]["annotations"][f"{MCO}/state"] for node in client.list(NODES).items}
    assert states == {"Done"}
