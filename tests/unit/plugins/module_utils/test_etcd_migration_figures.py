# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.figures import (
    Sample,
    Source,
    device_of,
    side_by_side,
    summarize,
    watch,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.load import Load


def test_rates_are_by_the_second_and_sizes_by_the_request() -> None:
    samples = [
        Sample(10.0, 1.0, 100 << 20, 0, 0, 0, 100, 0),
        Sample(11.0, 1.1, 120 << 20, 4096, 0, 0, 110, 10 * 4096),
        Sample(12.0, 1.5, 110 << 20, 8192, 2, 8192, 120, 10 * 4096 + 10 * 16384),
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
    found = summarize([Sample(1.0, 0.0, 1 << 20, 0), Sample(2.0, 0.0, 1 << 20, 0)])
    assert (found["write_iops"], found["write_kib"], found["read_kib_max"]) == (None, None, None)


def test_this_process_and_its_disk_are_read(tmp_path: Path) -> None:
    source = Source(os.getpid(), device_of(tmp_path))
    first = source.sample()
    sum(range(3_000_000))
    second = source.sample()
    assert second.cpu_s > first.cpu_s
    assert second.at > first.at
    assert first.rss_bytes > 1 << 20


def test_a_name_with_brackets_and_blanks_does_not_move_the_fields(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(str(number) for number in range(3, 45))
    (tmp_path / "7/stat").write_text(f"7 (a) b) {fields}\n")
    (tmp_path / "7/io").write_text("rchar: 1\nwrite_bytes: 5\n")
    (tmp_path / "diskstats").write_text("   8       0 sda 10 0 16 0 20 0 40 0 0 0 0\n")
    found = Source(7, (8, 0), tmp_path).sample()
    assert found.cpu_s == (14 + 15) / os.sysconf("SC_CLK_TCK")
    assert found.rss_bytes == 24 * os.sysconf("SC_PAGE_SIZE")
    assert (found.reads, found.read_bytes, found.writes, found.write_bytes) == (10, 16 * 512, 20, 40 * 512)
    assert Source(7, (9, 0), tmp_path).sample().writes is None


def test_a_process_that_has_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match="process 7 cannot be read"):
        watch(Source(7, (8, 0), tmp_path), 0.1)


def test_a_window_is_about_as_long_as_was_asked(tmp_path: Path) -> None:
    assert 0.3 <= watch(Source(os.getpid(), device_of(tmp_path)), 0.3)["seconds"] < 2


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
