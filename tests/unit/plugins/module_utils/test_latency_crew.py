# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import dataclasses
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal, NoJournal
from ansible_collections.virtscale.tuning.plugins.module_utils._latency import crew as crew_module
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import AFTER, BEFORE, DURING, plan_cells
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.crew import Crew
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.run import Measurement, measure
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Dataset, Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Pool, Target
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.wave import Wave
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration
from latency_machines import DATASET, SETTINGS, Machine, target

Answer = t.TypeVar("Answer")


class Lab:
    """Machines, and what was said while they were measured in."""

    def __init__(self, root: Path, number: int) -> None:
        self.targets = [target(each) for each in range(1, number + 1)]
        self.machines = {one.vm: Machine(root / one.name) for one in self.targets}
        self.said: list[str] = []
        self.alive = True

    def __getitem__(self, number: int) -> Machine:
        return self.machines[self.targets[number].vm]

    def do(self, work: t.Callable[[Crew], t.Awaitable[Answer]], settings: Settings = SETTINGS) -> Answer:
        async def connect(one: Target) -> Machine:
            return await self.machines[one.vm].connect(one)

        def check() -> None:
            if not self.alive:
                raise TuningError("killed")

        async def run() -> Answer:
            return await work(Crew(self.targets, settings, connect, self.said.append, check_alive=check))

        return asyncio.run(run())

    def measure(self, settings: Settings, journal: t.Any = None, moves: t.Any = None) -> Measurement:
        async def work(crew: Crew) -> Measurement:
            await crew.look()
            cells = plan_cells(settings, self.targets, [Pool()])
            return await measure(cells, settings, crew, journal or NoJournal(), self.said.append, moves)

        return self.do(work, settings)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    # These machines are told within a moment.
    monkeypatch.setattr(crew_module, "_LEAD_S", 0.3)
    return Lab(tmp_path, 3)


async def _prepared(crew: Crew) -> bool:
    await crew.look()
    return await crew.lay_out()


_ONE = dataclasses.replace(SETTINGS, nodes=(3,), directions=("read",))


def test_looking_changes_nothing(lab):
    assert lab.do(Crew.look) == 3 * DATASET.total_bytes
    assert not any(machine.directory.exists() for machine in lab.machines.values())


def test_files_are_written_once(lab):
    assert lab.do(_prepared) is True
    first = {path: path.stat().st_mtime_ns for path in lab[0].files()}
    assert [path.stat().st_size for path in first] == [DATASET.file_bytes] * DATASET.count
    assert lab.do(_prepared) is False
    assert {path: path.stat().st_mtime_ns for path in lab[0].files()} == first
    assert lab.do(Crew.look) == 0


def test_what_a_killed_layout_left_is_written_again(lab):
    lab.do(_prepared)
    short, holes, whole = lab[1].files()[:3]
    short.write_bytes(b"half")
    holes.unlink()
    with holes.open("wb") as file:
        file.truncate(DATASET.file_bytes)
    kept = whole.stat().st_mtime_ns
    assert lab.do(Crew.look) == 2 * DATASET.file_bytes
    assert lab.do(_prepared) is True
    assert [path.stat().st_size for path in lab[1].files()] == [DATASET.file_bytes] * DATASET.count
    assert holes.stat().st_blocks * 512 >= DATASET.file_bytes
    assert whole.stat().st_mtime_ns == kept


def test_a_dataset_of_another_shape_makes_room(lab):
    lab.do(_prepared)
    other = Dataset(directories=1, files=2, file_mib=1)
    lab.do(_prepared, dataclasses.replace(SETTINGS, dataset=other))
    assert lab[0].files() == []
    assert len(list((lab[0].directory / other.name).glob("d*/f*"))) == 2


def _free(lab: Lab, number: int, kib: int) -> None:
    lab[number].put("df", f"#!/bin/sh\necho head\necho x x x {kib} x x\n")


def test_too_little_space_in_one_machine_stops_all_before_anything_is_written(lab):
    _free(lab, 2, 3 * 1024)
    with pytest.raises(TuningError) as failure:
        lab.do(Crew.look)
    assert "1 of 3 machines (vms/rhel-0003)" in str(failure.value)
    assert "The dataset of 2 x 2 x 1 MiB (0.0 GiB) does not fit" in str(failure.value)
    assert not any(machine.directory.exists() for machine in lab.machines.values())


def test_files_that_are_there_need_no_space(lab):
    lab.do(_prepared)
    _free(lab, 2, 0)
    assert lab.do(Crew.look) == 0


def test_a_machine_without_fio_is_named_with_what_to_do(lab):
    for number in (0, 2):
        (lab[number].tools / "fio").unlink()
    with pytest.raises(TuningError) as failure:
        lab.do(Crew.look)
    assert "fio is missing in 2 of 3 machines (vms/rhel-0001, vms/rhel-0003)" in str(failure.value)
    assert "packages: [fio]" in str(failure.value)


def test_no_machine_at_all_is_an_error(lab):
    for machine in lab.machines.values():
        machine.away = "port 22 did not answer within 3 s"
    with pytest.raises(TuningError) as failure:
        lab.do(Crew.look)
    assert "None of the 3 machines" in str(failure.value) and "port 22 did not answer" in str(failure.value)


def test_a_series(lab):
    done = lab.measure(dataclasses.replace(SETTINGS, nodes=(1, 3)))
    assert [(cell["profile"], cell["direction"], cell["nodes"], cell["vms_measured"]) for cell in done.cells] == [
        (profile, direction, nodes, nodes)
        for profile in ("baseline", "load")
        for direction in ("read", "write")
        for nodes in (1, 3)
    ]
    # Recorded: 5,002 requests of each machine, their mean 306.78 us.
    load = done.cells[5]
    assert (load["requests"], load["mean_us"], load["iops_per_vm"]) == (3 * 5001, 306.781, 1000.0)
    assert load["failed"] == [] and load["slow"] == []
    assert len(done.machines) == 2 * (1 + 3) * 2
    assert done.laid_out and not done.moved


def test_no_machine_begins_before_its_moment_whatever_its_clock_says(lab):
    # A clock that is an hour behind: date is asked for the moment, and tells when fio began.
    lab[1].put("date", f"#!/bin/sh\necho $(($({shutil.which('date')} $1) - 3600000000000))\n")
    done = lab.measure(_ONE)
    late = [entry["late_s"] for entry in done.machines]
    # A busy machine may answer late, and its clock is then known to half of that.
    assert all(-2 < seconds < 60 for seconds in late)


def test_one_that_does_not_answer_is_named_and_the_rest_counted(lab):
    lab[1].away = "port 22 did not answer within 3 s"
    done = lab.measure(_ONE)
    for cell in done.cells:
        assert cell["vms"] == 3 and cell["vms_measured"] == 2
        assert cell["failed"] == [{"vm": "vms/rhel-0002", "reason": "port 22 did not answer within 3 s"}]
    assert any("vms/rhel-0002 is left out" in line for line in lab.said)


def test_one_in_which_fio_fails_says_why(lab):
    lab.do(_prepared)
    lab[0].fails("direct=1 is not supported by the file system")
    done = lab.measure(_ONE)
    reasons = {entry["reason"] for cell in done.cells for entry in cell["failed"]}
    assert len(reasons) == 1 and "direct=1 is not supported by the file system" in reasons.pop()
    assert done.cells[0]["vms_measured"] == 2


def test_files_that_cannot_be_written_leave_a_machine_out(lab):
    lab[0].fails("No space left on device")
    done = lab.measure(_ONE)
    assert "its files could not be written" in done.cells[0]["failed"][0]["reason"]
    assert "No space left on device" in done.cells[0]["failed"][0]["reason"]


def test_a_session_that_breaks_after_a_command_was_done_is_opened_again(lab):
    lab.do(_prepared)
    done: list[Measurement] = []

    async def work(crew: Crew) -> None:
        await crew.look()
        lab[0].breaks = 1
        cells = plan_cells(_ONE, lab.targets, [Pool()])[:1]
        done.append(await measure(cells, _ONE, crew, NoJournal(), lab.said.append))

    lab.do(work, _ONE)
    assert done[0].cells[0]["failed"] == []


def test_a_measurement_that_was_killed_goes_on(lab, tmp_path):
    settings = dataclasses.replace(SETTINGS, nodes=(1, 3), directions=("read",))
    journal = Journal(tmp_path / "latency.jsonl")
    journal.append({"kind": "latency"})
    whole = lab.measure(settings, journal)
    journal.close()
    lines = (tmp_path / "latency.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "latency.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:40])
    lab.said.clear()
    again = lab.measure(settings, Journal(tmp_path / "latency.jsonl"))
    assert [line for line in lab.said if " of 4: " in line] == [
        "3 of 4: read at 1,000 IOPS, 1 VM on 1 node",
        "4 of 4: read at 1,000 IOPS, 3 VMs on 3 nodes",
    ]
    assert again.cells[:2] == whole.cells[:2]
    assert [cell["nodes"] for cell in again.cells] == [1, 3, 1, 3]
    assert len(again.machines) == len(whole.machines)


def test_when_the_playbook_is_killed_fio_ends_too(lab):
    settings = dataclasses.replace(_ONE, runtime_s=30)

    async def work(crew: Crew) -> None:
        await crew.look()
        await crew.lay_out()
        cell = plan_cells(settings, lab.targets, [Pool()])[0]
        measuring = asyncio.ensure_future(crew.measure(cell))
        while not all((machine.directory / "started").exists() for machine in lab.machines.values()):
            await asyncio.sleep(0.1)
            assert not measuring.done()
        lab.alive = False
        with pytest.raises(TuningError, match="killed"):
            await measuring

    lab.do(work, settings)
    lab.alive = True
    # The fio that was played back ends when it sees this file, and a real one by the signal.
    assert all((machine.directory / "stop").exists() for machine in lab.machines.values())
    assert lab.measure(_ONE).cells[0]["vms_measured"] == 3


class Moves:
    """A cluster that moves every machine in a moment, to another address."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.moved: list[str] = []

    async def wave(self, targets: t.Sequence[Target]) -> Wave:
        self.moved += [one.vm for one in targets]
        await asyncio.sleep(2)
        migration = Migration("1", vm=targets[0].vm, phase="Succeeded", created=0.0, started=1.0, ended=5.0)
        return Wave(0.5, [migration])

    async def locate(self) -> list[Target]:
        return [dataclasses.replace(one, address="127.91.0.1", node="elsewhere") for one in self.lab.targets]


def test_before_during_and_after_migrations(lab):
    settings = dataclasses.replace(_ONE, measure=("migration",), migration_limit_s=60)
    moves = Moves(lab)
    done = lab.measure(settings, moves=moves)
    assert [cell["phase"] for cell in done.cells] == [BEFORE, DURING, AFTER] * 2
    assert all(cell["vms_measured"] == 3 for cell in done.cells)
    assert moves.moved == [one.vm for one in lab.targets] * 2
    assert [(wave["profile"], wave["run"]["mean_s"]) for wave in done.waves] == [("baseline", 4.0), ("load", 4.0)]
    assert done.moved
    # Each was logged in to again, where it is now.
    assert lab[0].sessions > 1
