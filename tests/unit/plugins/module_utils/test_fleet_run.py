# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole deployments against a small API server: ways, failures, kills, restarts, removal."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import typing as t
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
pytest.importorskip("kubernetes")

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    DATA_VOLUMES,
    DEPLOYMENTS,
    NAMESPACES,
    ROLE_BINDINGS,
    VIRTUAL_MACHINES,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import parse_fleet
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.run import FleetRun, preview
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run
from api_server import status
from fleet_cluster import FleetCluster, arguments, fedora, rhel

Told = t.Dict[str, t.Any]
CONFIG_MAPS = Resource("v1", "configmaps")


class Site:
    """A cluster, and a directory for what runs leave."""

    def __init__(self, cluster: FleetCluster, directory: Path) -> None:
        self.cluster, self.directory = cluster, directory
        self.lines: list[str] = []
        self._runs = 0

    async def run(self, *groups: Object, **options: t.Any) -> Told:
        request = parse_fleet(arguments(groups, **options))
        self._runs += 1
        async with BulkClient.connect(self.cluster.auth, request.concurrency) as api:
            run = FleetRun(api, request, Run(self.directory, f"run{self._runs}"), self.lines.append)
            return await (run.remove() if request.state == "absent" else run.deploy())

    async def preview(self, *groups: Object, **options: t.Any) -> Told:
        request = parse_fleet(arguments(groups, **options))
        async with BulkClient.connect(self.cluster.auth) as api:
            return await preview(api, request)

    async def killed(self, machines: int, *groups: Object, **options: t.Any) -> None:
        """Run it, and let it end once so many machines are there."""
        task = asyncio.create_task(self.run(*groups, **options))
        while len(self.cluster.machines()) < machines:
            await asyncio.sleep(0.002)
            assert not task.done(), task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def timings(self, name: str) -> list[dict[str, str]]:
        with (self.directory / f"run{self._runs}" / name).open() as file:
            return list(csv.DictReader(file))


def on_a_cluster(directory: Path, test: t.Callable[[Site], t.Awaitable[None]]) -> None:
    async def main() -> None:
        async with FleetCluster() as cluster:
            await asyncio.wait_for(test(Site(cluster, directory)), 60)

    asyncio.run(main())


def test_batches_wait_for_their_clones(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        told = await site.run(rhel(12), fedora(3), state="started", batch_size=5, pods=31)
        fleet = told["fleet"]
        (way,) = fleet["series"]
        assert told["changed"] and way["failed"] == []
        assert fleet["totals"] == {"vms": 15, "running": 15, "failed": 0, "pods": 31}
        assert site.cluster.most_clones == 5
        assert [(batch["number"], batch["vms"]) for batch in way["batches"]] == [(1, 5), (2, 5), (3, 5)]
        for before, after in zip(way["batches"], way["batches"][1:]):
            assert after["began_s"] >= before["cloned_s"]
        assert {name: group["cloned"]["count"] for name, group in way["groups"].items()} == {"rhel": 12, "fedora": 0}
        assert way["groups"]["fedora"]["running"]["count"] == 3
        rows = site.timings("f-batches-of-5.csv")
        assert [row["batch"] for row in rows] == ["1"] * 5 + ["2"] * 5 + ["3"] * 5
        assert all(float(row["running_s"]) >= float(row["created_s"]) for row in rows)
        assert sorted(item["spec"]["replicas"] for item in site.cluster.of(DEPLOYMENTS).values()) == [11]
        spaces = [key[1] for key in site.cluster.objects if key[0] == "virtualmachines"]
        assert {spaces.count(space) for space in ("f-00", "f-01", "f-02")} == {5}
        assert site.cluster.count("POST", "virtualmachines") == 15

    on_a_cluster(tmp_path, test)


def test_a_second_run_changes_nothing_and_tells_the_same(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        first = await site.run(rhel(4), pods=4)
        before = site.cluster.machines()
        assert (await site.preview(rhel(4), pods=4))["changed"] is False
        again = await site.run(rhel(4), pods=4)
        assert (first["changed"], again["changed"]) == (True, False)
        assert again["fleet"] == first["fleet"]
        assert site.cluster.machines() == before
        # Another request has other figures: of what was there, none.
        other = await site.run(rhel(5), pods=4)
        assert other["fleet"]["series"][0]["measured"] == 1
        assert other["fleet"]["pods"]["running_s"] is None

    on_a_cluster(tmp_path, test)


def test_a_preview_tells_the_truth_and_touches_nothing(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        told = await site.preview(rhel(12), pods=7)
        assert told["changed"] is True
        assert all(method == "GET" for method, _path in site.cluster.calls)
        assert not list(tmp_path.iterdir())
        await site.run(rhel(12))
        told = await site.preview(rhel(15), state="started")
        (made, switched) = told["rows"][:2]
        assert (made["before"], made["wanted"], switched["wanted"]) == ("12", "15", "12")

    on_a_cluster(tmp_path, test)


def test_machines_that_are_there_are_started_and_stopped(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        await site.run(rhel(3))
        assert await states(site) == {"Stopped"}
        assert (await site.run(rhel(3), state="started"))["changed"] is True
        assert await states(site) == {"Running"}
        # Present leaves to themselves those that somebody has started.
        assert (await site.run(rhel(3)))["changed"] is False
        assert (await site.run(rhel(3), state="stopped"))["changed"] is True
        assert await states(site) == {"Stopped"}
        # Complete, and then stopped by somebody.
        await site.run(rhel(3), state="started")
        for key in [key for key in site.cluster.objects if key[0] == "virtualmachines"]:
            site.cluster.change(key, {"spec": {"runStrategy": "Halted"}})
        assert (await site.run(rhel(3), state="started"))["changed"] is True
        assert await states(site) == {"Running"}

    async def states(site: Site) -> set[str]:
        return {item["status"]["printableStatus"] for item in site.cluster.of(VIRTUAL_MACHINES).values()}

    on_a_cluster(tmp_path, test)


def test_what_fails_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        site.cluster.failing = {"f-rhel-0003"}

        def refuse(method: str, path: str, body: Object | None) -> t.Any:
            if method == "POST" and body and body["metadata"]["name"] == "f-rhel-0005":
                return status(403, "exceeded quota: count/virtualmachines")
            return None

        site.cluster.faults.append(refuse)
        told = await site.run(rhel(8), state="started", batch_size=4)
        (way,) = told["fleet"]["series"]
        assert [(one["vm"].partition("/")[2], one["stage"], one["reason"]) for one in way["failed"]] == [
            ("f-rhel-0003", "clone", "CSICloneInProgress: the pool is full"),
            ("f-rhel-0005", "create", "exceeded quota: count/virtualmachines (HTTP 403)"),
        ]
        assert told["fleet"]["totals"] == {"vms": 7, "running": 6, "failed": 2, "pods": 0}
        assert way["groups"]["rhel"]["running"]["count"] == 6
        assert [row["status"] for row in told["rows"]] == ["failed"] * 3
        # Another run tries again.
        site.cluster.faults.clear()
        again = await site.run(rhel(8), state="started", batch_size=4)
        assert again["fleet"]["series"][0]["measured"] == 1
        assert again["fleet"]["totals"]["vms"] == 8

    on_a_cluster(tmp_path, test)


def test_nothing_that_moves_is_a_failure_in_the_end(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        site.cluster.controllers.clear()
        told = await site.run(rhel(2), stall_s=0.8)
        (way,) = told["fleet"]["series"]
        assert [one["stage"] for one in way["failed"]] == ["clone", "clone"]
        assert "in which nothing moved" in way["failed"][0]["reason"]

    on_a_cluster(tmp_path, test)


@pytest.mark.parametrize(
    "options", [{"batch_size": 6}, {"mode": "at_once", "concurrency": 4}, {"mode": "rate", "rate_per_s": 40}]
)
def test_killed_again_and_again_and_continued(tmp_path: Path, options: Object) -> None:
    async def test(site: Site) -> None:
        site.cluster.delay_s = 0.01
        known: dict[str, str] = {}
        for machines in (5, 20, 40, 60):
            await site.killed(machines, rhel(50), fedora(20), state="started", **options)
            now = site.cluster.machines()
            assert {name: now.get(name) for name in known} == known
            known = now
        assert len(known) < 70
        told = await site.run(rhel(50), fedora(20), state="started", **options)
        assert told["fleet"]["totals"]["running"] == 70
        assert told["fleet"]["series"][0]["measured"] == 70
        assert len(site.cluster.machines()) == 70
        assert len(site.cluster.of(DATA_VOLUMES)) == 50
        rows = site.timings(f"f-{told['fleet']['series'][0]['label'].replace(' ', '-')}.csv")
        assert len(rows) == 70 and all(row["created_s"] and row["running_s"] for row in rows)
        assert {row["times"] for row in rows} == {"api", "seen"}
        # Requests of the runs that were killed count too.
        assert told["fleet"]["cost"]["requests"] >= 70

    on_a_cluster(tmp_path, test)


def test_the_api_restarts_meanwhile(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        running = asyncio.create_task(site.run(rhel(20), state="started", batch_size=5))
        for _time in range(3):
            await asyncio.sleep(0.15)
            await site.cluster.down()
            await asyncio.sleep(0.05)
            site.cluster.forget_history()
            await site.cluster.up()
        told = await running
        assert told["fleet"]["totals"] == {"vms": 20, "running": 20, "failed": 0, "pods": 0}
        assert len(site.cluster.machines()) == 20

    on_a_cluster(tmp_path, test)


def test_a_series_compares_ways_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        ways = [{"mode": "batches", "batch_size": 2}, {"mode": "at_once"}, {"mode": "rate", "rate_per_s": 20}]
        await site.killed(3, rhel(6), series=ways)
        told = await site.run(rhel(6), series=ways)
        series = told["fleet"]["series"]
        assert [(way["label"], way["measured"]) for way in series] == [
            ("batches of 2", 6),
            ("at once", 6),
            ("20 per second", 6),
        ]
        asked = [float(row["asked_s"]) for row in site.timings("f-20-per-second.csv")]
        # Never faster; on a busy machine slower.
        assert asked[-1] - asked[0] >= 5 / 20 - 0.02
        assert len(site.cluster.machines()) == 6
        with pytest.raises(TuningError, match="has 6; remove it with state absent"):
            await site.run(rhel(7), series=ways)

    on_a_cluster(tmp_path, test)


def test_only_what_the_fleet_has_made_is_removed(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        await site.run(rhel(4), fedora(2), pods=6)
        await site.run(fedora(2), name="other")
        theirs = {"name": "f-theirs", "namespace": "f-01", "labels": {"tuning.virtscale/fleet": "f"}}
        site.cluster.put(VIRTUAL_MACHINES, {"metadata": theirs, "spec": {"runStrategy": "Halted"}})
        preview = await site.preview(state="absent")
        assert preview["lines"] == ["f: would remove 3 Deployments, 1 RoleBinding, 1 Role, 6 VMs, 3 namespaces"]
        told = await site.run(state="absent")
        assert set(site.cluster.machines()) == {"f-theirs", "other-fedora-0001", "other-fedora-0002"}
        assert {"f-01", "other-00"} <= set(site.cluster.of(NAMESPACES))
        assert not {"f-00", "f-02"} & set(site.cluster.of(NAMESPACES))
        assert [row["why"] for row in told["rows"] if row["status"] == "note"] == [
            "stays: virtualmachines/f-theirs is in it"
        ]
        assert (await site.run(state="absent"))["changed"] is False

    on_a_cluster(tmp_path, test)


def test_machines_of_other_namespaces_may_be_cloned(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        await site.run(rhel(1))
        (binding,) = site.cluster.of(ROLE_BINDINGS).values()
        assert binding["metadata"]["namespace"] == "default"
        assert {subject["name"] for subject in binding["subjects"]} == {
            f"system:serviceaccounts:f-{number:02d}" for number in range(3)
        }

    on_a_cluster(tmp_path, test)


def test_without_its_golden_image_nothing_begins(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        missing = [{"kind": "pvc", "name": "nowhere", "namespace": "default"}]
        told = await site.preview(rhel(2, sources=missing))
        assert [row["status"] for row in told["rows"]] == ["refused"]
        with pytest.raises(TuningError, match="golden image pvc default/nowhere does not exist"):
            await site.run(rhel(2, sources=missing))
        assert all(method == "GET" for method, _path in site.cluster.calls)

    on_a_cluster(tmp_path, test)


def test_two_runs_of_one_fleet_exclude_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.virtscale.tuning.plugins.module_utils._journal._LOCK_S", 0.1)

    async def test(site: Site) -> None:
        first = asyncio.create_task(site.run(rhel(10), batch_size=2))
        await asyncio.sleep(0.2)
        with pytest.raises(TuningError, match="Another run is writing to the journal"):
            await site.run(rhel(10), batch_size=2)
        assert (await first)["fleet"]["totals"]["vms"] == 10

    on_a_cluster(tmp_path, test)
