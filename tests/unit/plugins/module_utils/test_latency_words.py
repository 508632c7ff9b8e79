# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import csv
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.compare import (
    differences,
    during_migration,
    idle_spread,
    pools,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.tables import write_files
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.words import lines, rows

Json = t.Dict[str, t.Any]


def _cell(phase: str, profile: str, direction: str, nodes: int, mean_us: float | None, **more: t.Any) -> Json:
    asked = {"baseline": 1, "load": 1000}[profile]
    known = None if mean_us is None else mean_us * 2
    return {
        "phase": phase,
        "profile": profile,
        "direction": direction,
        "nodes": nodes,
        "vms": 15 * nodes,
        "vms_measured": 0 if mean_us is None else 15 * nodes,
        "vms_per_node": 15,
        "asked_iops_per_vm": asked,
        "iops_per_vm": None if mean_us is None else float(asked),
        "replicas": None,
        "pool": None,
        "mean_us": mean_us,
        "p50_us": mean_us,
        "p95_us": known,
        "p99_us": known,
        "p999_us": known,
        "min_us": mean_us,
        "max_us": known,
        "requests": 0 if mean_us is None else 900,
        "start_spread_s": 0.1,
        "slow": [],
        "failed": [],
        **more,
    }


# The reference architecture's own story: idle all the same, reads quicker and writes slower under load.
_SERIES = [
    _cell("alone", "baseline", "read", 1, 1000.0),
    _cell("alone", "baseline", "read", 4, 1000.3),
    _cell("alone", "baseline", "write", 1, 2000.0),
    _cell("alone", "baseline", "write", 4, 2000.6),
    _cell("alone", "load", "read", 1, 700.0),
    _cell("alone", "load", "read", 4, 720.216),
    _cell("alone", "load", "write", 1, 2400.0),
    _cell("alone", "load", "write", 4, 3761.128),
]
_MOVED = [
    _cell("before", "load", "read", 4, 700.0),
    _cell("during", "load", "read", 4, 763.0, iops_per_vm=999.0),
    _cell("after", "load", "read", 4, 700.0),
]
_WAVES = [
    {
        "profile": "baseline",
        "direction": "read",
        "pool": None,
        "wave_s": 60.0,
        "run": {"count": 30, "mean_s": 10.0},
        "failed": [],
    },
    {
        "profile": "load",
        "direction": "read",
        "pool": None,
        "wave_s": 65.0,
        "run": {"count": 10, "mean_s": 10.2},
        "failed": [{"vm": "vms/rhel-0007", "reason": "no room"}],
    },
    {
        "profile": "load",
        "direction": "write",
        "pool": None,
        "wave_s": 65.0,
        "run": {"count": 30, "mean_s": 10.6},
        "failed": [],
    },
]


def _latency(cells: list[Json], waves: t.Sequence[Json] = ()) -> Json:
    return {
        "cells": cells,
        "differences": differences(cells),
        "idle_spread_percent": idle_spread(cells),
        "pools": pools(cells),
        "migration": during_migration(cells, waves),
    }


def test_load_is_compared_with_the_baseline_of_the_same_machines():
    assert [(one["direction"], one["nodes"], one["mean_percent"]) for one in differences(_SERIES)] == [
        ("read", 1, -30.0),
        ("read", 4, -28.0),
        ("write", 1, 20.0),
        ("write", 4, 88.0),
    ]


def test_idle_machines_are_compared_over_numbers_of_nodes():
    assert idle_spread(_SERIES) == {"read": 0.03, "write": 0.03}
    assert idle_spread(_SERIES[:1]) == {"read": None}


def test_what_was_not_measured_is_compared_with_nothing():
    cells = [_cell("alone", "baseline", "read", 1, None), _cell("alone", "load", "read", 1, 700.0)]
    assert differences(cells)[0]["mean_percent"] is None
    assert idle_spread(cells) == {}
    assert "-" in "\n".join(lines(_latency(cells), Settings()))


def test_pools_are_compared_with_the_first():
    cells = [
        _cell("alone", "load", "write", 4, mean_us, pool=pool, replicas=replicas)
        for pool, replicas, mean_us in (("vms", 3, 3000.0), ("vms-2", 2, 2000.0))
    ]
    found = pools(cells)
    assert [(one["pool"], one["against"], one["mean_percent"]) for one in found] == [("vms-2", "vms", -33.333)]
    told = "\n".join(lines(_latency(cells), Settings()))
    assert "pool vms-2 (2 replicas) -33.3 % against vms (3 replicas)" in told


def test_migrations_are_compared_with_before_and_their_time_with_that_of_idle_machines():
    found = during_migration(_MOVED, _WAVES)
    assert [(one["phase"], one["mean_percent"], one["iops_percent"]) for one in found["changes"]] == [
        ("during", 9.0, -0.1),
        ("after", 0.0, 0.0),
    ]
    # Weighed by machines: 10 at 10.2 s, 30 at 10.6 s.
    assert (found["seconds_alone"], found["seconds_loaded"], found["percent"]) == (10.0, 10.5, 5.0)
    assert during_migration(_SERIES, []) is None


def test_one_screen_with_the_papers_figures_beside():
    told = "\n".join(lines(_latency([*_SERIES, *_MOVED], _WAVES), Settings()))
    for words in (
        "down to -30 %",
        "up to +88 %",
        "+88.0 %",
        "lie 0.03 % apart (the paper: below 0.04 %)",
        "read at 1,000 IOPS, during: mean +9.0 % (the paper: +9 %), p99 +9.0 %, IOPS -0.10 %",
        "a migration took 10.5 s beside 1,000 IOPS and 10.0 s beside 1: +5.0 % (the paper: 3 to 5 % longer)",
    ):
        assert words in told, told
    assert max(map(len, told.splitlines())) <= 120


def test_rows_tell_the_largest_number_of_nodes_and_everything_that_failed():
    cells = [dict(cell) for cell in _SERIES]
    cells[7]["slow"] = [{"vm": "vms/rhel-0003", "iops": 612.0}, {"vm": "vms/rhel-0004", "iops": 900.0}]
    cells[6]["failed"] = cells[7]["failed"] = [{"vm": "vms/rhel-0005", "reason": "port 22 did not answer"}]
    found = {(row["where"], row["what"]): row for row in rows(_latency([*cells, *_MOVED], _WAVES), Settings())}
    load = found["60 VMs on 4 nodes", "mean write latency at 1,000 IOPS"]
    assert (load["before"], load["effective"]) == ("2.001 ms at 1 IOPS", "3.761 ms")
    assert load["why"] == "+88.0 %; p99 +88.0 %; the paper: up to +88 %"
    slow = found["60 VMs on 4 nodes", "write IOPS, alone"]
    assert (slow["status"], slow["effective"]) == ("note", "2 VMs below")
    assert slow["why"] == "the slowest, vms/rhel-0003, made 612"
    failed = found["VM vms/rhel-0005", "latency"]
    assert (failed["status"], failed["why"]) == ("failed", "port 22 did not answer; in 2 of 11 cells")
    assert found["VM vms/rhel-0007", "live migration"]["status"] == "failed"
    assert found["VMs", "seconds of a migration"]["why"] == "+5.0 %; the paper: 3 to 5 % longer"


@pytest.mark.parametrize("cells", [_SERIES, _MOVED])
def test_files_hold_every_cell(tmp_path: Path, cells):
    machines = [{"phase": "alone", "vm": "vms/rhel-0001", "mean_us": 1.5, "failed": ""}]
    names = write_files(tmp_path, _latency(cells), machines)
    with (tmp_path / names[0]).open() as file:
        assert [float(row["mean_us"]) for row in csv.DictReader(file)] == [cell["mean_us"] for cell in cells]
    with (tmp_path / names[1]).open() as file:
        assert next(csv.DictReader(file))["vm"] == "vms/rhel-0001"
    assert json.loads((tmp_path / names[2]).read_text())["cells"] == cells
