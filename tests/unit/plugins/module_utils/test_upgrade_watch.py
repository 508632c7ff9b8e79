# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rides along with an upgrade: the release as it is watched, and when pools may roll."""

from __future__ import annotations

import asyncio
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import MACHINE_CONFIGS, KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.watch import (
    CLUSTER_OPERATORS,
    CLUSTER_VERSIONS,
    VersionWatch,
)
from api_server import ApiServer
from rollout_cluster import NEW, node, pool, snapshot
from upgrade_objects import cluster_operator, cluster_version, condition, entry

Object = t.Dict[str, t.Any]
KEY = ("clusterversions", "", "version")
WORKING = "Working towards 4.9.23: 569 of 738 done (77% complete), waiting on network"
MADE_FOR = "machineconfiguration.openshift.io/release-image-version"
MADE_BY = "machineconfiguration.openshift.io/generated-by-controller-version"
Story = t.Callable[[ApiServer, VersionWatch], t.Awaitable[None]]


def watching(story: Story, *, failing_limit_s: float = 100.0) -> None:
    """Let a story be watched."""

    async def whole() -> None:
        async with ApiServer() as server:
            under_way = cluster_version(
                conditions=[condition("Progressing", "True", WORKING)],
                history=[entry("4.9.23", "Partial"), entry("4.9.15")],
            )
            server.put(CLUSTER_VERSIONS, under_way)
            server.put(CLUSTER_OPERATORS, cluster_operator("network"))
            client = KubeClient.connect(server.auth)
            watch = VersionWatch(client, "4.9.23", failing_limit_s, wall_clock=lambda: 1785585600.0 + 1500)
            await asyncio.to_thread(watch.follow)
            try:
                await story(server, watch)
            finally:
                watch.stop()

    asyncio.run(whole())


async def until(true: t.Callable[[], bool]) -> None:
    """Wait until a watch has told it."""
    for _attempt in range(200):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came true")


def at(**more: t.Any) -> Snapshot:
    return snapshot([node("a0", "zone-0", **more)], [pool("zone-0", target=NEW)], [], [], rendered="")


def completed() -> Object:
    ended = [condition("Progressing", "False", "Cluster version is 4.9.23"), condition("Failing", "False")]
    return {"status": {"history": [entry("4.9.23"), entry("4.9.15")], "conditions": ended}}


def test_pools_wait_for_the_control_plane_and_for_what_it_renders() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        watch.observe(at(), ["zone-0"], 1.0)
        assert watch.holding() == "4.9.23: 569 of 738 done (77 %) after 25 min, held up by network"
        assert watch.lagging() == watch.holding()
        assert watch.words("zone-0") == "control plane: 569 of 738 done (77 %)"
        before = watch.progress()
        server.change(KEY, completed())
        await until(lambda: watch.standing.completed)
        assert watch.progress() != before
        assert (watch.holding(), watch.words("zone-0")) == (
            "the controller to render what 4.9.23 brings to the nodes",
            "",
        )
        config: Object = {"metadata": {"name": NEW, "annotations": {MADE_FOR: "4.9.15"}}}
        server.put(MACHINE_CONFIGS, config)
        await asyncio.to_thread(watch.look_for_rendered)
        assert watch.holding() is not None
        config["metadata"]["annotations"][MADE_FOR] = "4.9.23"
        server.put(MACHINE_CONFIGS, config)
        await asyncio.to_thread(watch.look_for_rendered)
        assert (watch.holding(), watch.lagging()) == (None, None)

    watching(story)


def test_before_4_14_the_controller_tells_itself_by_its_version() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        server.change(KEY, completed())
        await until(lambda: watch.standing.completed)
        watch.observe(at(), ["zone-0"], 1.0)
        server.put(MACHINE_CONFIGS, {"metadata": {"name": "00-worker", "annotations": {MADE_BY: "new"}}})
        for version, rendered in (("old", False), ("new", True)):
            server.put(MACHINE_CONFIGS, {"metadata": {"name": NEW, "annotations": {MADE_BY: version}}})
            await asyncio.to_thread(watch.look_for_rendered)
            assert (watch.holding() is None) == rendered

    watching(story)


def test_operators_are_told_by_name_with_how_long_they_hold_it_up() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        watch.observe(at(), ["zone-0"], 1.0)
        assert "network" in str(watch.holding())
        server.put(CLUSTER_OPERATORS, cluster_operator("network", Degraded="True:no route"))
        await until(lambda: bool(watch.standing.waits_for.get("network")))
        for now in (10.0, 61.0):
            watch.observe(at(), ["zone-0"], now)
            told = watch.holding()
        assert "held up by network for 60 s, degraded (no route)" in str(told)
        assert watch.held_s == {"network": 60.0}

    watching(story)


def test_a_line_does_not_change_with_every_manifest() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        watch.observe(at(), ["zone-0"], 1.0)
        first = watch.holding()
        more = WORKING.replace("569", "570")
        server.change(KEY, {"status": {"conditions": [condition("Progressing", "True", more)]}})
        await until(lambda: watch.standing.done == (570, 738))
        watch.observe(at(), ["zone-0"], 3.0)
        assert watch.holding() == first
        watch.observe(at(), ["zone-0"], 17.0)
        assert "570 of 738" in str(watch.holding())

    watching(story)


def test_a_cluster_that_fails_for_too_long_ends_the_run() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        failing = [condition("Failing", "True", "Cluster operator network is degraded", "ClusterOperatorDegraded")]
        server.put(CLUSTER_OPERATORS, cluster_operator("network", Degraded="True:no route"))
        server.change(KEY, {"status": {"conditions": failing}})
        await until(lambda: bool(watch.standing.failing and watch.standing.waits_for))
        watch.observe(at(), ["zone-0"], 10.0)
        assert watch.obstacle() is None
        watch.observe(at(), ["zone-0"], 111.0)
        told = str(watch.obstacle())
        assert told.startswith("The upgrade to 4.9.23 has been failing for 2 min (failing_limit_s = 100 s)")
        assert "network is degraded (no route)" in told

    watching(story)


def test_somebody_who_asks_for_another_version_ends_the_run() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        assert watch.obstacle() is None
        server.change(KEY, {"spec": {"desiredUpdate": {"version": "4.9.25"}}})
        await until(lambda: bool(watch.standing.lost))
        assert watch.obstacle() == "Somebody has asked the cluster for 4.9.25 in the place of 4.9.23."

    watching(story)


def test_the_steps_of_nodes_are_kept_with_the_time_of_day() -> None:
    async def story(server: ApiServer, watch: VersionWatch) -> None:
        watch.observe(at(), ["zone-0"], 1.0)
        assert watch.nodes == {}
        watch.observe(at(desired=NEW, state="Working"), ["zone-0"], 2.0)
        watch.observe(at(config=NEW, drain=("uncordon-new", "uncordon-new")), ["zone-0"], 3.0)
        times = watch.nodes["a0"]
        assert (times.pool, times.selected, times.done) == ("zone-0", 1785587100.0, 1785587100.0)

    watching(story)
