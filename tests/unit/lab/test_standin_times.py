# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The times of simulated things come from the file, and follow it."""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.times import Times, share_of_mean

VALUES = {
    "factor": 2.0,
    "reboot_s": 20,
    "boot_s": 2,
    "stop_s": 3,
    "migration_s": {"rhel": 14, "fedora": 23, "default": 10},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "times.json"
    found.write_text(json.dumps(VALUES))
    return found


def test_all_times_are_divided_by_the_factor(path: Path) -> None:
    times = Times(path)
    assert (times.reboot_s(), times.boot_s(), times.stop_s()) == (10, 1, 1.5)
    assert times.migration_s("rhel", "vm") == pytest.approx(7 * share_of_mean("vm"))


def test_an_unknown_system_has_the_default(path: Path) -> None:
    times = Times(path)
    assert times.migration_s("plan9", "vm") == pytest.approx(5 * share_of_mean("vm"))


def test_a_changed_file_is_read_again(path: Path) -> None:
    times = Times(path)
    assert times.reboot_s() == 10
    path.write_text(json.dumps({**VALUES, "factor": 1.0}))
    os.utime(path, ns=(1, 1))  # whatever the clock's resolution
    assert times.reboot_s() == 20


def test_a_file_that_is_half_written_changes_nothing(path: Path) -> None:
    times = Times(path)
    path.write_text('{"factor":')
    assert times.reboot_s() == 10
    path.unlink()
    assert times.reboot_s() == 10


def test_a_fleet_keeps_the_mean_and_a_third_is_quick() -> None:
    shares = [share_of_mean(f"ns/vm{number}") for number in range(4000)]
    assert statistics.mean(shares) == pytest.approx(1, abs=0.02)
    assert sum(share < 0.6 for share in shares) / len(shares) == pytest.approx(0.35, abs=0.03)
    assert len({round(share, 2) for share in shares}) > 50


def test_the_same_machine_takes_the_same_time() -> None:
    assert share_of_mean("ns/vm") == share_of_mean("ns/vm")
