# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host's disk is, how fast it is, and what of that etcd can live with."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import activity, device, fsync, schema, storage

MIB = 1024**2


def tree(root: Path, mounts: str, disks: dict[str, dict[str, str]]) -> str:
    """Make /proc/self/mountinfo and /sys of disks: their number, and any files below their directory."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text(mounts)
    (root / "sys/dev/block").mkdir(parents=True)
    for name, files in disks.items():
        place = root / "sys/devices" / name
        place.mkdir(parents=True)
        (root / "sys/dev/block" / files["number"]).symlink_to(place)
        for path, text in files.items():
            if path != "number":
                (place / path).parent.mkdir(parents=True, exist_ok=True)
                (place / path).write_text(f"{text}\n")
    return str(root)


def mount(point: str, number: str, kind: str = "xfs") -> str:
    return f"30 1 {number} / {point} rw,relatime shared:1 - {kind} /dev/x rw\n"


NVME = {"number": "259:0", "queue/rotational": "0", "device/model": "MZ1LB960HAJQ"}


@pytest.mark.parametrize(
    ("name", "files", "kind"),
    [
        ("nvme0n1", NVME, "nvme"),
        ("sda", {"number": "8:0", "queue/rotational": "1"}, "rotational"),
        ("sda", {"number": "8:0", "queue/rotational": "0"}, "ssd"),
        ("sda", {"number": "8:0", "queue/rotational": "0", "device/model": "Virtual disk"}, "virtual"),
        ("vda", {"number": "254:0", "queue/rotational": "1"}, "virtual"),
        ("rbd0", {"number": "252:0", "queue/rotational": "0"}, "network"),
    ],
)
def test_kinds_of_disks(tmp_path: Path, name: str, files: dict[str, str], kind: str) -> None:
    root = tree(tmp_path, mount("/", files["number"]), {name: files})
    found = device.below("/var/lib/etcd", root)
    assert [(each.name, each.kind) for each in found.devices] == [(name, kind)]


def test_a_partition_and_a_mapping_lead_to_the_disk_that_others_share(tmp_path: Path) -> None:
    mounts = mount("/", "8:1") + mount("/var/lib/etcd", "253:0") + mount("/proc", "0:5", "proc")
    disks = {
        "sda": {"number": "8:0", "queue/rotational": "1"},
        "sda/sda1": {"number": "8:1", "partition": "1"},
        "sda/sda2": {"number": "8:2", "partition": "2"},
        "dm-0": {"number": "253:0"},
    }
    root = tree(tmp_path, mounts, disks)
    slaves = tmp_path / "sys/devices/dm-0/slaves"
    slaves.mkdir()
    (slaves / "sda2").symlink_to(tmp_path / "sys/devices/sda/sda2")
    found = device.below("/var/lib/etcd/member", root)
    assert found.devices[0].path == ("dm-0", "sda2", "sda")
    assert found.devices[0].kind == "rotational"
    assert found.shared_with == ("/",)


@pytest.mark.parametrize(("kind", "told"), [("nfs4", "network"), ("ceph", "network"), ("tmpfs", "memory")])
def test_file_systems_without_a_disk(tmp_path: Path, kind: str, told: str) -> None:
    found = device.below("/data", tree(tmp_path, mount("/", "8:0") + mount("/data", "0:44", kind), {}))
    assert [each.kind for each in found.devices] == [told]


def test_this_machine_s_own_root_can_be_read() -> None:
    found = device.below("/")
    assert found.mount is not None and found.devices


def test_requests_their_sizes_and_bytes_come_from_counters(tmp_path: Path) -> None:
    first = activity.Sample(10.0, 1.0, 5 * MIB, 0, 0, (0, 0, 0, 0, 100, 0, 800, 0, 0, 1000, 0))
    second = activity.Sample(20.0, 1.5, 6 * MIB, 204800, 0, (5, 0, 40, 0, 200, 0, 2800, 0, 0, 2000, 0))
    assert activity.rates(first, second) == {
        "window_s": 10.0,
        "write_iops": 10.0,
        "read_iops": 0.5,
        "write_bytes_s": 102400.0,
        "read_bytes_s": 2048.0,
        "io_size_write_bytes": 10240.0,
        "io_size_read_bytes": 4096.0,
        "busy_percent": 10.0,
        "etcd_write_bytes_s": 20480.0,
        "etcd_read_bytes_s": 0.0,
        "cpu_percent": 5.0,
        "memory_bytes": 6.0 * MIB,
    }
    assert activity.rates(activity.sample(None, None), activity.sample(None, None))["write_iops"] is None


def test_a_name_with_brackets_and_blanks_does_not_move_the_fields(tmp_path: Path) -> None:
    process, disk = tmp_path / "proc/7", tmp_path / "sys/class/block/sda"
    process.mkdir(parents=True)
    disk.mkdir(parents=True)
    fields = " ".join(str(number) for number in range(3, 45))
    (process / "stat").write_text(f"7 (a) b) {fields}\n")
    (process / "statm").write_text("90 24 3\n")
    (process / "io").write_text("rchar: 1\nwrite_bytes: 5\n")
    (disk / "stat").write_text("  10  0  16  0  20  0  40  0  0  0  0\n")
    found = activity.sample(7, "sda", str(tmp_path))
    assert found.cpu_s == (14 + 15) / os.sysconf("SC_CLK_TCK")
    assert found.memory_bytes == 24 * os.sysconf("SC_PAGE_SIZE")
    assert (found.write_bytes, found.device) == (5, (10, 0, 16, 0, 20, 0, 40, 0, 0, 0, 0))


def test_this_process_is_counted() -> None:
    found = activity.sample(os.getpid(), None)
    assert found.memory_bytes and found.memory_bytes > MIB
    assert found.cpu_s is not None


@pytest.mark.parametrize(
    ("size_mib", "used_mib", "worth_it"),
    [
        (1000, 500, True),
        (1000, 560, False),
        (100, 55, True),
        (100, 56, False),
        (99, 1, False),
        (250, 130, True),
        (100, None, False),
    ],
)
def test_what_is_worth_defragmenting(size_mib: int, used_mib: int | None, worth_it: bool) -> None:
    assert storage.fragmented(size_mib * MIB, None if used_mib is None else used_mib * MIB) is worth_it


def report(p99_ns: int) -> str:
    percentile = {"50.000000": 500000, "99.000000": p99_ns, "99.900000": p99_ns}
    job = {
        "sync": {"lat_ns": {"max": p99_ns, "percentile": percentile}},
        "write": {"total_ios": 10030, "iops": 1200.123},
    }
    return "fio: a message\n" + json.dumps({"fio version": "fio-3.33", "jobs": [job]})


@pytest.mark.parametrize(("p99_ns", "status"), [(9_999_000, "ok"), (10_000_000, "note"), (30_000_000, "note")])
def test_the_verdict(p99_ns: int, status: str) -> None:
    told = fsync.judge("etcd01", "/var/lib/etcd", fsync.parse(report(p99_ns)), 10.0)
    assert told["status"] == status
    assert ("too slow" in str(told["why"])) is (status == "note")


def test_a_fio_that_says_nothing_of_fdatasync() -> None:
    with pytest.raises(TuningError, match=r"fio 3\.5"):
        fsync.parse(json.dumps({"fio version": "fio-2.2", "jobs": [{"write": {}}]}))


@pytest.mark.skipif(not shutil.which("fio"), reason="fio is not installed")
def test_fio_itself_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / ".virtscale-fsync-of-a-killed-run").mkdir()
    found = fsync.measure(str(tmp_path), fsync.Profile(size_mib=1))
    assert found.writes == MIB // 2300
    assert 0 < found.p50_ms <= found.p99_ms <= found.max_ms
    assert os.listdir(tmp_path) == []


def test_without_fio(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match="not installed"):
        fsync.measure(str(tmp_path), fsync.Profile(), "no-fio-here")


@pytest.mark.parametrize(
    ("platform", "etcd", "schemas"),
    [
        ("3.1", "2.x", ("v2",)),
        ("3.3", "2.x", ("v2",)),
        ("3.4", "3.x", ("v2",)),
        ("3.5.5", "3.x", ("v2",)),
        ("3.6", "3.x", ("v2", "v3")),
        ("3.7", "3.x", ("v3",)),
        ("3.11", "3.x", ("v3",)),
        ("4.12", "3.x", ("v3",)),
    ],
)
def test_the_table_of_versions(platform: str, etcd: str, schemas: tuple[str, ...]) -> None:
    found = schema.expected(platform)
    assert (found.etcd, found.schemas) == (etcd, schemas)


@pytest.mark.parametrize("platform", ["", "3", "three", "3.x"])
def test_what_is_no_version(platform: str) -> None:
    with pytest.raises(TuningError):
        schema.expected(platform)


@pytest.mark.parametrize(
    ("in_use", "etcd", "platform", "status", "word"),
    [
        ("v3", "3.4.23", "3.7", "ok", "3.7"),
        ("v2", "3.4.23", "3.7", "note", "to be migrated"),
        ("v2", "3.2.1", "3.6", "note", "before the upgrade to 3.7"),
        ("v2", "3.0.1", "3.5", "ok", "3.5"),
        ("v2", "2.3.7", "3.5", "note", "etcd is 2.3.7"),
        ("both", "3.4.23", "3.7", "note", "both storages"),
        ("v3", "3.4.23", None, "note", "platform_version"),
        (None, None, "3.7", "note", "neither"),
    ],
)
def test_schema_verdicts(in_use: str | None, etcd: str | None, platform: str | None, status: str, word: str) -> None:
    told, why = schema.judge(in_use, etcd, platform)
    assert told == status
    assert word in why
