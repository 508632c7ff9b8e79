# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A compute host from its boot loader to nova: real grub, real kernel, real IOMMU groups, and nova reads the file."""

from __future__ import annotations

import json
import typing as t

import pytest

from .conftest import Play, Played, boot_id, module, nova_reads, on

pytestmark = [pytest.mark.lab, pytest.mark.long]

HOST = "compute01"
FREE, CAPABLE, SHARED = "0000:01:00.0", "0000:02:00.0", "0000:04:01.0"
CONF = "/etc/nova/nova.conf"

# A file that has lived: comments, a repeated option, a list over several lines, a section that comes twice.
LIVED_IN = """\
# Written by hand. Do not touch!
[DEFAULT]
debug = true

[filter_scheduler]
# our filters
enabled_filters = ComputeFilter,
  ImagePropertiesFilter,
  NUMATopologyFilter

[pci]
alias = {"name": "gpu", "vendor_id": "10de", "product_id": "20b0", "device_type": "type-PF"}
#alias = {"name": "old"}
alias = { "name":"nic", "vendor_id":"8086", "product_id":"1572", "device_type":"type-VF" }
passthrough_whitelist = [{"vendor_id": "10de", "product_id": "20b0"}, {"vendor_id": "8086", "product_id": "1572"}]
[libvirt]
virt_type: kvm
[pci]
report_in_placement = false
"""

State = t.Dict[str, str]


def state() -> State:
    """Return all that the role may change."""
    return {
        "nova.conf": on(HOST, f"cat {CONF}; stat -c '%a %U %G' {CONF}"),
        "entries": on(HOST, "grep -E '^\\s*linux\\s' /boot/grub/grub.cfg"),
        "defaults": on(HOST, "cd /etc/default && tail -n +1 grub grub.d/* 2>/dev/null || true"),
        "services": on(HOST, "systemctl show -p MainPID nova-api nova-scheduler nova-compute"),
    }


@pytest.fixture(scope="module")
def before(play: Play) -> t.Iterator[State]:
    """The host as nobody has touched it, with a file that has lived."""
    given_back = play(HOST, openstack_pci_state="absent")
    assert given_back.status == 0, given_back.output[-4000:]
    on(HOST, f"cat >{CONF} <<'FILE'\n{LIVED_IN}FILE\nchmod 0640 {CONF}")
    yield state()
    on(HOST, f"cp /usr/share/nova-common/nova.conf {CONF}")


@pytest.fixture(scope="module")
def previewed(play: Play, before: State) -> Played:
    """A preview."""
    return play(HOST, "--check", "--diff")


@pytest.fixture(scope="module")
def set_up(play: Play, before: State, previewed: Played) -> Played:
    """The run that does it, reboot included."""
    assert state() == before
    return play(HOST, allow_disruption=True, openstack_pci_reboot=True)


def test_the_preview_says_what_then_happens(previewed: Played, set_up: Played) -> None:
    assert previewed.status == 0, previewed.output[-4000:]
    expected = {what: "would_change" if s == "changed" else s for what, s in set_up.statuses().items()}
    # The reboot is not a part of a preview.
    assert previewed.statuses() == {**expected, "running kernel": "pending", "boot entries": "would_change"}


def test_the_run_ends_well(set_up: Played) -> None:
    assert set_up.status == 0, set_up.output[-4000:]
    assert set(set_up.statuses().values()) <= {"ok", "changed", "note"}


def test_the_kernel_runs_with_the_arguments_and_all_that_it_had(before: State, set_up: Played) -> None:
    running = on(HOST, "cat /proc/cmdline").split()
    entry = before["entries"].splitlines()[0].split()[2:]
    assert sorted(running[1:]) == sorted([*entry, "intel_iommu=on", "iommu=pt"])


def test_the_iommu_lets_the_hosts_own_devices_past(set_up: Played) -> None:
    assert set(on(HOST, "cat /sys/kernel/iommu_groups/*/type").split()) == {"identity"}


def test_a_second_run_changes_nothing(play: Play, set_up: Played) -> None:
    there, boot = state(), boot_id(HOST)
    again = play(HOST, allow_disruption=True, openstack_pci_reboot=True)
    assert again.status == 0, again.output[-4000:]
    assert set(again.statuses().values()) <= {"ok", "note"}
    assert "changed=0" in again.output
    assert (state(), boot_id(HOST)) == (there, boot)


def test_every_line_that_was_there_is_there(set_up: Played) -> None:
    conf = on(HOST, f"cat {CONF}").splitlines()
    gone = ["enabled_filters = ComputeFilter,", "  ImagePropertiesFilter,", "  NUMATopologyFilter"]
    expected = [line for line in LIVED_IN.splitlines() if line not in gone]
    assert [line for line in conf if line in expected] == expected


def test_nova_reads_the_file_and_selects_the_device(set_up: Played) -> None:
    devices = module(HOST, "pci_device_info", class_code="0108")["devices"]
    assert [device["address"] for device in devices] == [FREE, CAPABLE, SHARED]
    answer = nova_reads(on(HOST, f"cat {CONF}"), devices, "nvme:1")
    assert answer["filters"] == ["ComputeFilter", "ImagePropertiesFilter", "NUMATopologyFilter", "PciPassthroughFilter"]
    assert [alias["name"] for alias in answer["aliases"]] == ["gpu", "nic", "nvme"]
    assert answer["matching"] == [FREE]
    assert answer["requests"][0]["spec"] == [{"vendor_id": "1b36", "product_id": "0010", "dev_type": "type-PCI"}]
    assert answer["supported"] is True
    assert answer["report_in_placement"] is False


def test_vfio_takes_the_device(set_up: Played) -> None:
    path = f"/sys/bus/pci/devices/{FREE}"
    take = f"modprobe vfio-pci; echo vfio-pci >{path}/driver_override; echo {FREE} >{path}/driver/unbind;"
    give = f"echo >{path}/driver_override; echo {FREE} >{path}/driver/unbind; echo {FREE} >/sys/bus/pci/drivers_probe"
    try:
        on(HOST, f"{take} echo {FREE} >/sys/bus/pci/drivers_probe")
        (device,) = module(HOST, "pci_device_info", vendor_id="1b36", product_id="0010")["devices"]
        assert (device["driver"], device["block_devices"], device["blockers"]) == ("vfio-pci", [], [])
        assert on(HOST, f"ls /dev/vfio/{device['iommu_group']}")
    finally:
        on(HOST, give)


def test_a_device_that_shares_its_group_is_refused(play: Play, set_up: Played) -> None:
    numbers = {"openstack_pci_vendor_id": "8086", "openstack_pci_product_id": "5845", "openstack_pci_alias": "shared"}
    run = play(HOST, "--check", **numbers, openstack_pci_addresses=[SHARED])
    assert run.status != 0
    assert run.statuses()[f"device {SHARED}"] == "refused"
    assert "shares IOMMU group" in run.why(f"device {SHARED}")


def test_two_kinds_under_one_name_are_refused(play: Play, set_up: Played) -> None:
    run = play(HOST, "--check", openstack_pci_vendor_id="8086", openstack_pci_product_id="5845")
    assert run.status != 0
    assert "The alias nvme can mean one kind of device" in run.output


def test_a_device_with_functions_is_a_pf_to_nova_too(play: Play, set_up: Played) -> None:
    numbers = {"openstack_pci_vendor_id": "8086", "openstack_pci_product_id": "5845", "openstack_pci_alias": "capable"}
    there = state()
    run = play(HOST, **numbers, openstack_pci_addresses=[CAPABLE])
    assert run.status == 0, run.output[-4000:]
    devices = module(HOST, "pci_device_info", class_code="0108")["devices"]
    answer = nova_reads(on(HOST, f"cat {CONF}"), devices, "capable:1")
    assert answer["matching"] == [FREE, CAPABLE]
    assert answer["requests"][0]["spec"][0]["dev_type"] == "type-PF"
    assert answer["supported"] is True
    back = play(HOST, **numbers, openstack_pci_addresses=[CAPABLE], openstack_pci_state="absent")
    assert back.status == 0, back.output[-4000:]
    assert state()["nova.conf"] == there["nova.conf"]


def test_a_mounted_device_is_refused_and_taken_from_the_list(play: Play, set_up: Played) -> None:
    disk = json.loads(on(HOST, "lsblk --json --output NAME,SERIAL"))
    name = next(one["name"] for one in disk["blockdevices"] if one.get("serial") == "plain")
    on(HOST, f"mkfs.ext4 -q /dev/{name} && mount /dev/{name} /mnt")
    try:
        run = play(HOST)
        assert run.status != 0
        assert "is mounted at /mnt" in run.why(f"device {FREE}")
        assert FREE not in on(HOST, f"cat {CONF}")
    finally:
        on(HOST, f"umount /mnt; wipefs -qa /dev/{name}")
    assert play(HOST).status == 0


def test_a_contradiction_in_the_boot_loader_is_refused(play: Play, set_up: Played) -> None:
    on(HOST, "echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX iommu=soft\"' >/etc/default/grub.d/zz.cfg; update-grub")
    try:
        run = play(HOST, "--check")
        assert run.status != 0
        assert "already say iommu=soft" in run.output
    finally:
        on(HOST, "rm /etc/default/grub.d/zz.cfg; update-grub")


def test_absent_gives_everything_back(play: Play, before: State, set_up: Played) -> None:
    run = play(HOST, openstack_pci_state="absent")
    assert run.status == 0, run.output[-4000:]
    there = state()
    for name in ("nova.conf", "entries", "defaults"):
        assert there[name] == before[name], name
    assert there["services"] != before["services"]
