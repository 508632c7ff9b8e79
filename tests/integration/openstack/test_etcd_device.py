# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual machine that was given a device: etcd gets it, and no data is ever lost."""

from __future__ import annotations

import json

import pytest

from .conftest import Play, on, reboot

pytestmark = [pytest.mark.lab, pytest.mark.long]

HOST = "etcd-vm01"
PATH = "/var/lib/etcd"
# A master boot record with one Linux partition from sector 2048 on, in the escapes of printf.
PARTITION_TABLE = "\\0" * 450 + "\\203" + "\\0" * 4 + "\\010\\0\\0" + "\\0\\010\\0\\0" + "\\0" * 48 + "\\125\\252"


def device() -> str:
    """Return the device of qemu's that stands for the one that was passed through."""
    disks = json.loads(on(HOST, "lsblk --json --output NAME,SERIAL"))["blockdevices"]
    return f"/dev/{next(disk['name'] for disk in disks if disk.get('serial') == 'plain')}"


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> str:
    """Each test begins with an empty device."""
    name = device()
    on(HOST, f"umount {PATH} 2>/dev/null; sed -i '/{PATH.replace('/', '.')}/d; /device_mount/d' /etc/fstab")
    on(HOST, f"rm -rf {PATH}/*; blkdiscard -z {name} || dd if=/dev/zero of={name} bs=1M status=none || true")
    return name


def test_an_empty_device_becomes_etcds_and_comes_back_after_a_boot(play: Play, empty: str) -> None:
    assert play(HOST, "--check").statuses() == {PATH: "would_change"}
    assert not on(HOST, f"findmnt {PATH} || true")
    run = play(HOST)
    assert (run.status, run.statuses()) == (0, {PATH: "changed"}), run.output[-4000:]
    assert on(HOST, f"findmnt --noheadings --output SOURCE,FSTYPE {PATH}").split() == [empty, "xfs"]
    assert on(HOST, f"stat -c '%U:%G %a' {PATH}").split() == ["etcd:etcd", "700"]
    on(HOST, f"echo precious >{PATH}/member")
    again = play(HOST)
    assert (again.status, again.statuses()) == (0, {PATH: "ok"})
    reboot(HOST)
    assert on(HOST, f"findmnt --noheadings --output FSTYPE {PATH}; cat {PATH}/member").split() == ["xfs", "precious"]
    back = play(HOST, openstack_pci_state="absent")
    assert (back.status, back.statuses()) == (0, {PATH: "changed"})
    assert not on(HOST, f"grep {PATH} /etc/fstab || true")
    assert play(HOST).status == 0
    assert on(HOST, f"cat {PATH}/member") == "precious\n"


def test_without_being_asked_no_file_system_is_made(play: Play, empty: str) -> None:
    run = play(HOST, openstack_pci_etcd_format=False)
    assert (run.status, run.statuses()) == (0, {PATH: "pending"})
    assert on(HOST, f"blkid -p {empty}; echo $?") == "2\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("mkfs.ext4 -q {device}", "holds ext4"),
        (f"printf '{PARTITION_TABLE}' | dd of={{device}} status=none", "partition table"),
        ("echo data | dd of={device} bs=4096 seek=3 status=none", "no known file system"),
        ("mkfs.xfs -q {device} && mkdir -p /srv/x && mount {device} /srv/x", "is mounted at /srv/x"),
    ],
)
def test_whatever_is_on_a_device_stays(play: Play, empty: str, content: str, why: str) -> None:
    on(HOST, content.format(device=empty))
    try:
        digest = on(HOST, f"sha256sum {empty}")
        run = play(HOST)
        assert run.status != 0
        assert why in run.output
        assert on(HOST, f"sha256sum {empty}") == digest
    finally:
        on(HOST, "umount /srv/x 2>/dev/null || true")


def test_a_directory_with_data_is_not_covered(play: Play, empty: str) -> None:
    on(HOST, f"echo precious >{PATH}/member")
    run = play(HOST)
    assert run.status != 0
    assert f"{PATH} holds data (member)" in run.output
    assert on(HOST, f"blkid -p {empty}; echo $?") == "2\n"
