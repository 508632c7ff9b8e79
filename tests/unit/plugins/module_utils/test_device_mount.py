# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on a device, by the real blkid on files, and fstab line by line; the rest needs a kernel of its own."""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._mount.content import is_blank, read_content
from ansible_collections.virtscale.tuning.plugins.module_utils._mount.fstab import Mounted, with_line, without_line
from ansible_collections.virtscale.tuning.plugins.module_utils._mount.keep import keep_mounted
from hypothesis import given
from hypothesis import strategies as st

ETCD = Mounted("UUID=1", "/var/lib/etcd", "xfs", "defaults,noatime")
MIB = 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk"
    with path.open("wb") as stream:
        stream.truncate(64 * MIB)
    return path


def test_zeros_are_empty(disk: Path) -> None:
    content = read_content(str(disk))
    assert (content.blank, content.describe()) == (True, "empty")


@pytest.mark.parametrize("place", [0, 3 * MIB, 64 * MIB - 1, 61 * MIB])
def test_a_byte_at_either_end_is_data(disk: Path, place: int) -> None:
    with disk.open("r+b") as stream:
        stream.seek(place)
        stream.write(b"x")
    content = read_content(str(disk))
    assert (content.blank, content.describe()) == (False, "data that is no known file system")


def test_a_small_device_is_looked_at_once(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(bytes(1000))
    assert is_blank(str(tmp_path / "small"))


@pytest.mark.skipif(shutil.which("mkfs.ext4") is None, reason="needs e2fsprogs")
def test_a_file_system_is_known_by_its_label(disk: Path) -> None:
    subprocess.run(["mkfs.ext4", "-q", "-L", "etcd-data", disk], check=True)
    content = read_content(str(disk))
    assert (content.kind, content.label, content.blank) == ("ext4", "etcd-data", False)
    assert content.uuid


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TuningError):
        is_blank(str(tmp_path / "nothing"))


@pytest.mark.parametrize("text", ["", "UUID=7 / ext4 defaults 0 1\n", "# no newline at the end"])
def test_our_line_comes_once_and_goes(text: str) -> None:
    added = with_line(text, ETCD)
    assert added.endswith("UUID=1 /var/lib/etcd xfs defaults,noatime 0 2\n")
    assert with_line(added, ETCD) == added
    assert without_line(added, ETCD.path).rstrip("\n") == text.rstrip("\n")


def test_another_device_of_ours_is_replaced() -> None:
    assert with_line(with_line("", ETCD), ETCD._replace(source="UUID=2")).count("/var/lib/etcd xfs") == 1


def test_a_line_of_somebody_else_is_kept_or_refused() -> None:
    same = "UUID=1 /var/lib/etcd xfs rw 0 0\n"
    assert with_line(same, ETCD) == same
    assert without_line(same, ETCD.path) == same
    with pytest.raises(TuningError, match="line 1 mounts /dev/sdb at /var/lib/etcd"):
        with_line("/dev/sdb /var/lib/etcd ext4 defaults 0 0\n", ETCD)


_LINE = st.sampled_from(["", "# comment", "UUID=7 / ext4 rw 0 1", "tmpfs /tmp tmpfs rw", "#x /var/lib/etcd y z"])


@given(st.lists(_LINE, max_size=6))
def test_whatever_was_there_stays(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    assert without_line(with_line(text, ETCD), ETCD.path) == text


@pytest.mark.parametrize(
    "params", [{"path": "/"}, {"path": "relative"}, {"path": "/a b"}, {"label": "far-too-long-label"}, {"label": "a/b"}]
)
def test_bad_parameters_are_refused(params: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidValue):
        keep_mounted({"path": "/var/lib/etcd", "label": "etcd-data", "state": "present", **params}, True)
