# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.activity import Sample
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.figures import (
    device_of,
    side_by_side,
    summarize,
    watch,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.load import Load

KIB = 1024


def taken(at_s: float, cpu_s: float, mib: int, written: int, device: t.Sequence[int] | None = None) -> Sample:
    """A sample; of the device: reads, sectors read, writes, sectors written."""
    counted = None if device is None else (device[0], 0, device[1], 0, device[2], 0, device[3], 0, 0, 0, 0)
    return Sample(at_s, cpu_s, mib << 20, written, 0, counted)


def test_rates_are_by_the_second_and_sizes_by_the_request() -> None:
    samples = [
        taken(10.0, 1.0, 100, 0, (0, 0, 100, 0)),
        taken(11.0, 1.1, 120, 4 * KIB, (0, 0, 110, 10 * 8)),
        taken(12.0, 1.5, 110, 8 * KIB, (2, 16, 120, 10 * 8 + 10 * 32)),
    ]
    assert summarize(samples) == {
        "seconds": 2.0,
        "cpu_percent": 25.0,
        "rss_mib": 120.0,
        "process_write_kib_s": 4.0,
        "read_iops": 1.0,
        "write_iops": 10.0,
        "read_kib": 4.0,
        "write_kib": 10.0,
        "read_kib_max": 4.0,
        "write_kib_max": 16.0,
    }


def test_what_is_no_disk_has_no_requests() -> None:
    found = summarize([taken(1.0, 0.0, 1, 0), taken(2.0, 0.0, 1, 0)])
    assert (found["write_iops"], found["write_kib"], found["read_kib_max"]) == (None, None, None)


def test_the_device_below_a_directory_is_found_by_its_numbers(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    links = tmp_path / "sys/dev/block"
    links.mkdir(parents=True)
    assert device_of(tmp_path, tmp_path) is None
    (tmp_path / "sys/devices/nvme0n1").mkdir(parents=True)
    (links / f"{os.major(number)}:{os.minor(number)}").symlink_to("../../devices/nvme0n1")
    assert device_of(tmp_path, tmp_path) == "nvme0n1"


def test_a_process_that_has_gone_is_told() -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    with pytest.raises(TuningError, match=f"process {gone.pid} cannot be read"):
        watch(gone.pid, None, 0.1)


def test_a_window_is_about_as_long_as_was_asked(tmp_path: Path) -> None:
    found = watch(os.getpid(), device_of(tmp_path), 0.3)
    assert 0.3 <= found["seconds"] < 2
    assert found["rss_mib"] > 1


def test_a_table_has_before_beside_after() -> None:
    def figures(writes: float) -> dict[str, t.Any]:
        return {
            "write_iops": writes,
            "read_iops": 0.0,
            "cpu_percent": 1.5,
            "rss_mib": 64.0,
            "write_kib": None,
            "read_kib": 4.0,
        }

    found = side_by_side(
        {
            "etcd01": {"before": {"rest": figures(20.0), "load": {**figures(200.0), "puts_per_s": 50.0}}},
            "etcd02": {"before": {"rest": figures(21.0)}, "after": {"rest": figures(5.0)}},
        }
    )
    assert [" ".join(line.split()) for line in found] == [
        "writes/s reads/s CPU % memory MiB KiB a write KiB a read",
        "etcd01 v2 rest 20 0 1.5 64 - 4",
        "etcd02 v2 rest 21 0 1.5 64 - 4",
        "etcd02 v3 rest 5 0 1.5 64 - 4",
        "etcd01 v2 load 50/s 200 0 1.5 64 - 4",
    ]
    assert side_by_side({"etcd01": {}}) == []


def test_a_load_is_bounded_and_ends() -> None:
    puts: list[int] = []
    with Load(puts.append, 200) as running:
        time.sleep(0.5)
    assert 5 <= running.done == len(puts) <= 110
    count = len(puts)
    time.sleep(0.05)
    assert len(puts) == count


def test_a_load_that_is_refused_ends_with_its_reason() -> None:
    def refuse(_number: int) -> None:
        raise TuningError("no space")

    with Load(refuse, 100) as running:
        time.sleep(0.1)
    assert (running.done, str(running.error)) == (0, "no space")
