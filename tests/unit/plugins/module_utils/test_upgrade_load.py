# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The light load beside an upgrade, in machines that are directories on this one."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency import crew as crew_module
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import Cell, plan_cells
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.crew import Crew
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Pool, Target
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade import load as load_module
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.load import Load, line
from latency_machines import SETTINGS, Machine, target

ONE = dataclasses.replace(SETTINGS, nodes=(2,), directions=("read",), migration_limit_s=600)


class Fleet:
    """Says where machines are, at times."""

    def __init__(self, targets: list[Target]) -> None:
        self.targets, self.asked = targets, 0

    async def locate(self) -> list[Target]:
        self.asked += 1
        if self.asked == 1:
            raise KubeError("The API restarts.", 503)
        return self.targets


def loaded(root: Path, said: list[str], *, fio: bool = True) -> tuple[Load, list[Machine], Fleet]:
    """A load in two machines."""
    targets = [target(number) for number in (1, 2)]
    machines = {one.vm: Machine(root / one.name, fio=fio) for one in targets}
    fleet = Fleet(targets)

    @contextlib.asynccontextmanager
    async def reached() -> t.AsyncIterator[tuple[Crew, list[Cell], Fleet]]:
        async def connect(one: Target) -> t.Any:
            return await machines[one.vm].connect(one)

        yield Crew(targets, ONE, connect, said.append), plan_cells(ONE, targets, [Pool()]), fleet

    return Load(t.cast(t.Any, reached), ONE, said.append), list(machines.values()), fleet


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "_LEAD_S", 0.3)
    monkeypatch.setattr(load_module, "_LOCATED_EVERY_S", 0.1)


def test_machines_are_under_load_until_the_end(tmp_path: Path) -> None:
    said: list[str] = []
    load, _machines, fleet = loaded(tmp_path, said)
    load.start()
    time.sleep(1.2)
    found = load.stop()
    assert (found["profile"], found["vms"], found["vms_measured"], found["failed"]) == ("load", 2, 2, [])
    assert said[0].endswith("2 VMs on 2 nodes, until the upgrade ends")
    assert fleet.asked > 1
    assert line(found).startswith("load: 2 of 2 VMs kept it up to the end, ")


def test_a_machine_that_was_lost_has_not_kept_it_up(tmp_path: Path) -> None:
    load, machines, _fleet = loaded(tmp_path, [])
    load.start()
    machines[0].away = "it restarted"
    found = load.stop()
    assert len(found["failed"]) + found["vms_measured"] == 2


def test_a_load_that_cannot_begin_stops_the_upgrade_before_it(tmp_path: Path) -> None:
    load, _machines, _fleet = loaded(tmp_path, [], fio=False)
    with pytest.raises(TuningError, match="The load could not begin: fio is missing"):
        load.start()
    assert line(load.stop()).startswith("load: not measured: fio is missing")
