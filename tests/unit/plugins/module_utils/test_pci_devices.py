# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices, hosts and plans, from directories that look like sysfs."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.info import measure
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.plan import plan
from pci_tree import Host

NVME = "0000:06:00.0"
SEED = {"vendor_id": "144d", "product_id": "a820", "class_code": "", "addresses": [], "where": "compute01"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.table("DMAR")
    made.device("0000:00:01.0", "8086:0001", code="060400", group=1)
    return made


def look(host: Host, **params: t.Any) -> dict[str, t.Any]:
    return measure({**SEED, **params}, str(host.root))


def only(host: Host, **params: t.Any) -> dict[str, t.Any]:
    (device,) = look(host, **params)["devices"]
    return device


def test_a_free_device_is_found_with_all_that_sysfs_says(host: Host) -> None:
    host.device(NVME, "144d:a820", group=42, numa_node=1, sriov_totalvfs=0)
    host.disk("nvme0n1", NVME, "259:0")
    assert only(host) == {
        "address": NVME,
        "vendor_id": "144d",
        "product_id": "a820",
        "class_code": "010802",
        "device_type": "type-PCI",
        "driver": None,
        "iommu_group": 42,
        "group_mates": [],
        "numa_node": 1,
        "sriov_totalvfs": 0,
        "sriov_numvfs": 0,
        "is_vf": False,
        "block_devices": [{"name": "nvme0n1", "size_bytes": 1073741824, "uses": []}],
        "blockers": [],
    }


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [NVME]),
        ({"vendor_id": "0x144D"}, [NVME]),
        ({"product_id": ""}, [NVME, "0000:07:00.0"]),
        ({"vendor_id": "", "product_id": "", "class_code": "0108"}, [NVME, "0000:07:00.0", "0000:08:00.0"]),
        ({"vendor_id": "", "product_id": "", "class_code": "010802", "addresses": ["0000:08:00.0"]}, ["0000:08:00.0"]),
        ({"vendor_id": "1b36"}, []),
    ],
)
def test_devices_are_chosen_by_their_numbers(host: Host, params: dict[str, t.Any], found: list[str]) -> None:
    host.device(NVME, "144d:a820")
    host.device("0000:07:00.0", "144d:a824")
    host.device("0000:08:00.0", "8086:0a54")
    assert [device["address"] for device in look(host, **params)["devices"]] == found


@pytest.mark.parametrize(
    "params",
    [
        {"vendor_id": 144},
        {"vendor_id": "14d"},
        {"product_id": "a82g"},
        {"class_code": "010"},
        {"addresses": ["06:00.0"]},
    ],
)
def test_what_is_no_number_of_a_device_is_refused(host: Host, params: dict[str, t.Any]) -> None:
    with pytest.raises(InvalidValue):
        look(host, **params)


def test_mates_in_the_group_are_named_but_bridges_are_not(host: Host) -> None:
    host.device(NVME, "144d:a820", group=1)
    assert only(host)["blockers"] == []
    host.device("0000:06:00.1", "1af4:1005", code="00ff00", group=1)
    device = only(host)
    assert device["group_mates"] == ["0000:06:00.1"]
    assert "shares IOMMU group 1 with 0000:06:00.1" in device["blockers"][0]


def test_a_mounted_partition_is_named(host: Host) -> None:
    host.device(NVME, "144d:a820")
    host.disk("nvme0n1", NVME, "259:0", {"nvme0n1p1": "259:1"})
    host.mount("259:1", "/dev/nvme0n1p1", r"/srv/my\040data")
    assert only(host)["blockers"] == ["/dev/nvme0n1 is mounted at /srv/my data (partition nvme0n1p1)"]


def test_a_source_without_a_device_number_of_its_own_is_named(host: Host) -> None:
    host.device(NVME, "144d:a820")
    host.disk("nvme0n1", NVME, "259:0")
    host.mount("0:52", "/dev/nvme0n1", "/btrfs")
    assert only(host)["blockers"] == ["/dev/nvme0n1 is mounted at /btrfs"]


def test_swap_and_holders_are_named(host: Host) -> None:
    host.device(NVME, "144d:a820")
    host.disk("nvme0n1", NVME, "259:0")
    host.write("proc/swaps", "Filename\tType\n/dev/nvme0n1\tpartition\n")
    host.directory("sys/block/nvme0n1/holders/dm-3")
    assert only(host)["blockers"] == ["/dev/nvme0n1 is swap space", "/dev/nvme0n1 is part of dm-3"]


def test_a_namespace_of_native_multipath_is_found_once(host: Host) -> None:
    host.device(NVME, "144d:a820")
    host.multipath_disk("nvme0n1", NVME, "259:0")
    host.mount("259:0", "/dev/nvme0n1", "/srv")
    device = only(host)
    assert [block["name"] for block in device["block_devices"]] == ["nvme0n1"]
    assert device["blockers"] == ["/dev/nvme0n1 is mounted at /srv"]


def test_a_device_that_can_have_functions_is_a_pf(host: Host) -> None:
    host.device(NVME, "144d:a820", sriov_totalvfs=32, sriov_numvfs=0)
    assert (only(host)["device_type"], only(host)["blockers"]) == ("type-PF", [])


def test_functions_in_use_keep_their_device(host: Host) -> None:
    host.device(NVME, "144d:a820", sriov_totalvfs=32, sriov_numvfs=4)
    assert only(host)["blockers"] == ["has 4 virtual functions in use"]


@pytest.mark.parametrize(
    ("table", "kind", "arguments", "refused"),
    [("DMAR", "intel", ["intel_iommu=on", "iommu=pt"], []), ("IVRS", "amd", ["iommu=pt"], ["amd_iommu=off"])],
)
def test_the_iommu_decides_the_arguments(
    tmp_path: Path, table: str, kind: str, arguments: list[str], refused: list[str]
) -> None:
    host = Host(tmp_path)
    host.table(table)
    found = look(host)["host"]
    assert (found["iommu"], found["kernel_arguments"], found["refused_arguments"]) == (kind, arguments, refused)
    assert (found["iommu_active"], found["blockers"]) == (False, [])


def test_what_the_firmware_hides_is_said(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.cpu("")
    found = look(host)
    assert len(found["host"]["blockers"]) == 2
    assert [line["status"] for line in found["rows"]] == ["refused", "refused"]


def test_running_guests_are_counted(host: Host) -> None:
    for number, name in ((10, "qemu-kvm"), (11, "qemu-system-x86"), (12, "qemu-ga"), (13, "bash")):
        host.write(f"proc/{number}/comm", f"{name}\n")
    assert look(host)["host"]["running_guests"] == 2


def test_the_plan_is_the_seeds_alias_and_the_free_devices(host: Host) -> None:
    host.device(NVME, "144d:a820", group=42)
    host.device("0000:07:00.0", "144d:a820", group=43, sriov_numvfs=0)
    host.disk("nvme1n1", "0000:07:00.0", "259:5")
    host.mount("259:5", "/dev/nvme1n1", "/srv")
    made = plan({"compute01": look(host)}, "nvme")
    assert made["alias"] == {"vendor_id": "144d", "product_id": "a820", "device_type": "type-PCI", "name": "nvme"}
    assert made["hosts"]["compute01"]["devices"] == [{"address": NVME, "vendor_id": "144d", "product_id": "a820"}]
    assert made["flavor"] == {"pci_passthrough:alias": "nvme:1"}
    assert [line["status"] for line in made["rows"]] == ["ok", "refused"]


def test_nothing_is_given_away_before_the_groups_are_known(host: Host) -> None:
    (host.root / "sys/kernel").rename(host.root / "sys/no-kernel")
    host.device(NVME, "144d:a820")
    made = plan({"compute01": look(host)}, "nvme")
    assert made["alias"] is not None
    assert made["hosts"]["compute01"] == {"devices": [], "ready": False}
    assert [line["status"] for line in made["rows"]] == ["pending"]


def test_one_alias_cannot_mean_two_kinds(tmp_path: Path) -> None:
    plain, capable = Host(tmp_path / "a"), Host(tmp_path / "b")
    plain.device(NVME, "144d:a820")
    capable.device(NVME, "144d:a820", sriov_totalvfs=8)
    with pytest.raises(TuningError, match=r"several.*compute01 .*compute02"):
        plan({"compute01": look(plain), "compute02": look(capable)}, "nvme")


def test_without_a_device_there_is_no_alias(host: Host) -> None:
    made = plan({"compute01": look(host)}, "nvme")
    assert made["alias"] is None
    assert [line["status"] for line in made["rows"]] == ["note"]


@pytest.mark.parametrize("name", ["", "a b", "a:1", "a,b", 'a"', "x" * 257])
def test_a_name_must_fit_into_a_flavor(name: str) -> None:
    with pytest.raises(InvalidValue):
        plan({}, name)
