# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Storms over machines that boot in a moment, with a real HTTP API and real SSH servers."""

from __future__ import annotations

import asyncio
import dataclasses
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.credentials import Credentials
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.memory import Clock, Memory, unfinished
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.result import result
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.run import run
from storm_cluster import FLEET, KEY, Cluster, Guest


def request(cluster: Cluster, **changes: t.Any) -> StormRequest:
    made = StormRequest(
        fleet=FLEET,
        label_selector=None,
        namespaces=(),
        counts=(),
        via="ip",
        probe="login",
        port=cluster.port,
        logins={None: Credentials("root", KEY)},
        interval_s=0.1,
        limit_s=60.0,
        max_connecting=50,
        stop_first=False,
        afterwards="running",
        time_factor=1.0,
    )
    return dataclasses.replace(made, **changes)


async def storm(cluster: Cluster, asked: StormRequest, journal: Path, said: list[str] | None = None) -> Memory:
    memory = Memory(Journal(journal), Clock())
    try:
        await run(cluster.auth, asked, memory, (said if said is not None else []).append)
    finally:
        memory.close()
    return memory


def by_key(machines: t.Sequence[Machine]) -> dict[str, Machine]:
    return {machine.key: machine for machine in machines}


@pytest.mark.parametrize("via", ["ip", "portforward"])
@pytest.mark.parametrize("probe", ["login", "banner"])
def test_every_machine_is_started_once_and_timed(tmp_path: Path, via: str, probe: str) -> None:
    async def body() -> None:
        async with Cluster(12, run_s=0.1, boot_s=0.3) as cluster:
            memory = await storm(cluster, request(cluster, via=via, probe=probe), tmp_path / "storm.jsonl")
            assert set(cluster.starts.values()) == {1} and len(cluster.starts) == 12
            assert cluster.calls["patch Always"] == 12
            for machine in memory.steps[0]:
                assert machine.answered is not None and not machine.late
                assert 0.1 <= machine.running_s < machine.answering_s
                assert machine.answering_s >= 0.4
            found = result(request(cluster), memory.steps, 0)["series"][0]
            assert (found["vms"], found["answered"], found["failed"]) == (12, 12, [])
            assert found["answering"]["count"] == found["running"]["count"] == 12
            assert found["curve"][-1] == [found["total_s"], 12]

    asyncio.run(body())


def test_a_machine_that_never_answers_is_a_failure_with_its_reason_and_no_number(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(8) as cluster:
            keys = sorted(cluster.vms)
            for key, kind in zip(keys, ("never", "unschedulable", "no address"), strict=False):
                cluster.guests[key].kind = kind
            cluster.vms[keys[3]]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            memory = await storm(cluster, request(cluster, limit_s=5), tmp_path / "storm.jsonl")
            found = by_key(memory.steps[0])
            assert keys[3] not in found
            assert [found[key].failure.stage for key in keys[:3]] == ["answer", "running", "answer"]
            assert "refused the connection" in found[keys[0]].failure.reason
            assert found[keys[0]].attempts > 5
            assert found[keys[0]].failure.address == cluster.guests[keys[0]].address
            assert "ErrorUnschedulable" in found[keys[1]].failure.reason
            assert "3 Insufficient memory" in found[keys[1]].failure.reason
            assert "no address" in found[keys[2]].failure.reason
            series = result(request(cluster), memory.steps, 0)["series"][0]
            assert (series["answered"], series["answering"]["count"], len(series["failed"])) == (4, 4, 3)
            assert series["running"]["count"] == 6
            assert series["total_s"] < 5

    asyncio.run(body())


def test_virt_api_says_why_it_does_not_forward(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(2, kind="never") as cluster:
            asked = request(cluster, via="portforward", limit_s=3)
            memory = await storm(cluster, asked, tmp_path / "storm.jsonl")
            for machine in memory.steps[0]:
                assert "connect: connection refused" in machine.failure.reason

    asyncio.run(body())


def test_a_refused_login_is_told_as_such(tmp_path: Path) -> None:
    import asyncssh

    async def body() -> None:
        async with Cluster(2) as cluster:
            logins = {None: Credentials("root", asyncssh.generate_private_key("ssh-ed25519"))}
            memory = await storm(cluster, request(cluster, logins=logins, limit_s=4), tmp_path / "storm.jsonl")
            for machine in memory.steps[0]:
                assert "the login as root was refused" in machine.failure.reason

    asyncio.run(body())


def test_hanging_machines_do_not_delay_the_others(tmp_path: Path) -> None:
    """Half of the machines take connections and say nothing; two may be connected to at a time."""

    async def hang(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def body() -> None:
        async with Cluster(20, boot_s=0.2) as cluster:
            silent = sorted(cluster.vms)[::2]
            servers = []
            for key in silent:
                cluster.guests[key].kind = "never"
                servers.append(await asyncio.start_server(hang, cluster.guests[key].address, cluster.port))
            memory = await storm(cluster, request(cluster, limit_s=6, max_connecting=2), tmp_path / "storm.jsonl")
            found = by_key(memory.steps[0])
            assert all(found[key].failure.stage == "answer" for key in silent)
            assert all(machine.answered for key, machine in found.items() if key not in silent)
            for server in servers:
                server.close()

    asyncio.run(body())


def test_a_series_stops_everything_between_its_steps(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(12) as cluster:
            asked = request(cluster, counts=(4, 8, 12), afterwards="stopped")
            memory = await storm(cluster, asked, tmp_path / "storm.jsonl")
            assert [len(step) for step in memory.steps] == [4, 8, 12]
            assert all(machine.answered for step in memory.steps for machine in step)
            assert sorted(cluster.starts.values()) == [1] * 4 + [2] * 4 + [3] * 4
            assert cluster.vmis == {}
            # The smaller steps take of every group and namespace.
            assert {(one.group, one.namespace) for one in memory.steps[0]} == {
                (group, f"{FLEET}-{number:02d}") for group in ("rhel", "windows") for number in (0, 1)
            }

    asyncio.run(body())


@pytest.mark.parametrize("strategy", ["Manual", "RerunOnFailure"])
def test_machines_that_people_start_are_started_by_virt_api(tmp_path: Path, strategy: str) -> None:
    async def body() -> None:
        async with Cluster(3, strategy=strategy) as cluster:
            asked = request(cluster, afterwards="stopped")
            memory = await storm(cluster, asked, tmp_path / "storm.jsonl")
            assert all(machine.answered for machine in memory.steps[0])
            assert (cluster.calls["start"], cluster.calls["stop"]) == (3, 3)
            assert {vm["spec"]["runStrategy"] for vm in cluster.vms.values()} == {strategy}
            assert cluster.vmis == {}

    asyncio.run(body())


@pytest.mark.parametrize("strategy", ["Halted", "Manual"])
@pytest.mark.parametrize("killed_after_s", [0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 1.2])
def test_a_killed_storm_goes_on(tmp_path: Path, killed_after_s: float, strategy: str) -> None:
    """Killed at any moment of a series, it ends as an undisturbed one: nothing doubled, nothing lost."""
    journal = tmp_path / "run" / "storm.jsonl"

    async def body() -> None:
        async with Cluster(9, run_s=0.1, boot_s=0.2, strategy=strategy) as cluster:
            asked = request(cluster, counts=(4, 9))
            first = asyncio.create_task(storm(cluster, asked, journal))
            await asyncio.sleep(killed_after_s)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            before = Memory(Journal(journal), Clock())
            before.close()
            accepted = {one.key: one.requested for step in before.steps[:1] for one in step if one.accepted}
            await asyncio.sleep(0.2)
            memory = await storm(cluster, asked, journal)
            assert all(machine.answered for step in memory.steps for machine in step)
            assert sorted(cluster.starts.values()) == [1] * 5 + [2] * 4
            after = {one.key: one.requested for one in memory.steps[0]}
            assert accepted.items() <= after.items()
            assert len(cluster.vmis) == 9

    asyncio.run(body())


def test_a_storm_is_continued_only_as_long_as_it_is_unfinished_and_the_same(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(3) as cluster:
            asked = request(cluster)
            journal = tmp_path / "20260101T000000Z-boot_storm" / "storm.jsonl"
            memory = await storm(cluster, asked, journal)
            assert unfinished(tmp_path, asked) == journal
            assert unfinished(tmp_path, dataclasses.replace(asked, counts=(2,))) is None
            ended = Memory(Journal(journal), Clock())
            assert ended.took_over and [len(step) for step in ended.steps] == [3]
            assert by_key(ended.steps[0]) == by_key(memory.steps[0])
            ended.end("20260101T000000Z-boot_storm")
            ended.close()
            # It was killed between its end and its report, so the figures are told by the next run.
            assert unfinished(tmp_path, asked) == journal
            reported = Run(tmp_path, "20260101T000000Z-boot_storm")
            reported.begin(check_mode=False)
            assert unfinished(tmp_path, asked) == journal
            reported.finish()
            assert unfinished(tmp_path, asked) is None
            again = Memory(Journal(journal), Clock())
            again.end()
            again.close()
            assert unfinished(tmp_path, asked) is None

    asyncio.run(body())


def test_a_restart_of_the_api_is_gone_through(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(10, run_s=0.4, boot_s=0.4) as cluster:
            said: list[str] = []
            storming = asyncio.create_task(storm(cluster, request(cluster), tmp_path / "storm.jsonl", said))
            await asyncio.sleep(0.25)
            await cluster.away()
            await asyncio.sleep(0.5)
            await cluster.serve()
            memory = await storming
            assert all(machine.answered for machine in memory.steps[0])
            assert set(cluster.starts.values()) == {1}
            # The machines ran while nobody could see it, and the API tells when.
            assert all(machine.running_s < machine.answering_s for machine in memory.steps[0])

    asyncio.run(body())


@pytest.mark.parametrize("forgets", [False, True])
def test_what_happened_while_the_api_was_away_has_the_time_that_the_api_gives(tmp_path: Path, forgets: bool) -> None:
    """Two machines run before the API goes and two in the gap, which is longer than any of them takes to boot."""

    async def body() -> None:
        async with Cluster(4, run_s=0.1, boot_s=60) as cluster:
            slow = sorted(cluster.vms)[:2]
            for key in slow:
                cluster.guests[key].run_s = 1.5
            storming = asyncio.create_task(storm(cluster, request(cluster, limit_s=10), tmp_path / "storm.jsonl"))
            await asyncio.sleep(1.2)
            await cluster.away()
            await asyncio.sleep(4)
            if forgets:
                cluster.forget()
            await cluster.serve()
            found = by_key((await storming).steps[0])
            for key in slow:
                # The API counts whole seconds; the gap ended more than 5 s after the request.
                assert 0.4 <= found[key].running_s <= 3.5

    asyncio.run(body())


def test_machines_that_stop_while_the_api_is_away_are_known_to_be_gone(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(4) as cluster:
            halt = cluster.stop

            async def stop_unseen(key: str) -> None:
                await asyncio.sleep(0.5)
                await cluster.away()
                await halt(key)

            cluster.stop = stop_unseen  # type: ignore[method-assign]
            asked = request(cluster, afterwards="stopped")
            storming = asyncio.create_task(storm(cluster, asked, tmp_path / "storm.jsonl"))
            while cluster.vmis or not cluster.starts:
                await asyncio.sleep(0.1)
            cluster.forget()
            await cluster.serve()
            await asyncio.wait_for(storming, 20)

    asyncio.run(body())


def test_who_answered_while_nobody_looked_is_counted_and_not_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ansible_collections.virtscale.tuning.plugins.module_utils._storm.prober._UNSEEN_S", 0.5)

    async def body() -> None:
        async with Cluster(4, run_s=0.05, boot_s=0.4) as cluster:
            journal, asked = tmp_path / "storm.jsonl", request(cluster)
            first = asyncio.create_task(storm(cluster, asked, journal))
            await asyncio.sleep(0.3)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            await asyncio.sleep(1.0)
            memory = await storm(cluster, asked, journal)
            series = result(asked, memory.steps, 0)["series"][0]
            assert (series["answered"], series["late"], series["answering"]["count"]) == (4, 4, 0)

    asyncio.run(body())


def test_fewer_machines_than_asked_for_is_said_before_anything_is_started(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(5) as cluster:
            keys = sorted(cluster.vms)
            cluster.vms[keys[0]]["status"] = {"printableStatus": "Provisioning"}
            cluster.vms[keys[1]].update(spec={"runStrategy": "Always"}, status={"printableStatus": "Running"})
            with pytest.raises(TuningError, match=r"4 virtual machines .* 3 stopped, 1 on, 1 Provisioning; stop_first"):
                await storm(cluster, request(cluster, counts=(2, 4)), tmp_path / "storm.jsonl")
            assert not cluster.starts and not cluster.calls

    asyncio.run(body())


def test_machines_that_are_on_are_stopped_first_where_that_is_asked_for(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(4) as cluster:
            for key, vm in cluster.vms.items():
                vm["spec"]["runStrategy"] = "Always"
                cluster.guests[key] = Guest(200 + int(key[-4:]))
                await cluster.start(key)
            asked_at = time.time()
            memory = await storm(cluster, request(cluster, stop_first=True), tmp_path / "storm.jsonl")
            assert set(cluster.starts.values()) == {2}
            assert all(machine.answered and machine.requested > asked_at for machine in memory.steps[0])

    asyncio.run(body())


def test_a_refused_start_fails_one_machine_alone(tmp_path: Path) -> None:
    async def body() -> None:
        async with Cluster(4) as cluster:
            gone = sorted(cluster.vms)[0]
            patch = cluster._patch_machine

            async def refusing(asked: t.Any) -> t.Any:
                if asked.match_info["name"] == gone.split("/")[1]:
                    cluster.vms.pop(gone, None)
                return await patch(asked)

            cluster._patch_machine = refusing  # type: ignore[method-assign]
            await cluster.away()
            await cluster.serve()
            memory = await storm(cluster, request(cluster), tmp_path / "storm.jsonl")
            found = by_key(memory.steps[0])
            assert found[gone].failure.stage == "start" and "not found" in found[gone].failure.reason
            assert sum(machine.answered is not None for machine in memory.steps[0]) == 3

    asyncio.run(body())
