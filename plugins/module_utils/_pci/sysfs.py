# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""PCI devices as sysfs shows them: no lspci, no database of names.

Kernel documentation: Documentation/ABI/testing/sysfs-bus-pci and sysfs-kernel-iommu_groups.
"""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.block import BlockDevice, BlockDevices
from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import names, read_text

# Base class 06: bridges, which VFIO leaves to their own driver.
_BRIDGE = "06"
_ID = re.compile(r"[0-9a-f]{4}")
_ADDRESS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
_CLASS = re.compile(r"[0-9a-f]{2}(?:[0-9a-f]{2}){0,2}")


class Wanted(t.NamedTuple):
    """Which devices are meant; an empty field means any. ``class_code`` may be the beginning of one."""

    vendor_id: str
    product_id: str
    class_code: str
    addresses: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, vendor_id: t.Any, product_id: t.Any, class_code: t.Any, addresses: t.Sequence[t.Any] = ()) -> Wanted:
        """Return what the parameters ask for: hexadecimal digits, in either case, with or without ``0x``.

        :param addresses: the only ones that are meant, such as ``0000:06:00.0``; none means all.

        :raises InvalidValue: for anything else.
        """
        return cls(
            _hex("vendor_id", vendor_id, _ID, "four hexadecimal digits, such as '144d'"),
            _hex("product_id", product_id, _ID, "four hexadecimal digits, such as 'a820'"),
            _hex("class_code", class_code, _CLASS, "two, four or six hexadecimal digits, such as '0108' for NVMe"),
            frozenset(_hex("addresses", one, _ADDRESS, "PCI addresses such as '0000:06:00.0'") for one in addresses),
        )

    def fits(self, device: Device) -> bool:
        """Return whether a device is one of these."""
        return (
            self.vendor_id in ("", device.vendor_id)
            and self.product_id in ("", device.product_id)
            and device.class_code.startswith(self.class_code)
            and (not self.addresses or device.address in self.addresses)
        )


class Device(t.NamedTuple):
    """One PCI function. Numbers that the kernel does not know are None."""

    address: str
    vendor_id: str
    product_id: str
    class_code: str
    driver: str | None
    iommu_group: int | None
    group_mates: list[str]
    numa_node: int | None
    sriov_totalvfs: int
    sriov_numvfs: int
    is_vf: bool
    block_devices: list[BlockDevice]

    @property
    def device_type(self) -> str:
        """Return nova's name of the kind: a device that can have virtual functions is passed through as type-PF."""
        if self.is_vf:
            return "type-VF"
        return "type-PF" if self.sriov_totalvfs else "type-PCI"

    def blockers(self) -> list[str]:
        """Return why this device must not be given to a virtual machine; an empty list where nothing is against it.

        What an IOMMU group says counts only where there are groups: without them nothing can be passed through at
        all, which is the host's trouble and not the device's.
        """
        reasons = [f"/dev/{block.name} {use}" for block in self.block_devices for use in block.uses]
        if self.group_mates:
            mates = ", ".join(self.group_mates)
            reasons.append(
                f"shares IOMMU group {self.iommu_group} with {mates}, and a group goes to one owner as a whole"
            )
        if self.sriov_numvfs:
            reasons.append(f"has {self.sriov_numvfs} virtual functions in use")
        return reasons

    def facts(self) -> dict[str, t.Any]:
        """Return the device as the modules report it."""
        return {
            **self._asdict(),
            "device_type": self.device_type,
            "block_devices": [block._asdict() for block in self.block_devices],
            "blockers": self.blockers(),
        }


def read_devices(wanted: Wanted, root: str = "/") -> list[Device]:
    """Return every device that fits, in the order of their addresses."""
    directory = os.path.join(root, "sys/bus/pci/devices")
    addresses = sorted(names(directory))
    identities = {address: _identity(os.path.join(directory, address)) for address in addresses}
    blocks = BlockDevices(root)
    found = []
    for address, (vendor_id, product_id, class_code) in identities.items():
        path = os.path.join(directory, address)
        group = _link_name(path, "iommu_group")
        device = Device(
            address=address,
            vendor_id=vendor_id,
            product_id=product_id,
            class_code=class_code,
            driver=_link_name(path, "driver"),
            iommu_group=_number(group),
            group_mates=[],
            numa_node=_numa_node(path),
            sriov_totalvfs=_number(read_text(path, "sriov_totalvfs")) or 0,
            sriov_numvfs=_number(read_text(path, "sriov_numvfs")) or 0,
            is_vf=os.path.lexists(os.path.join(path, "physfn")),
            block_devices=[],
        )
        if wanted.fits(device):
            mates = [mate for mate in _group(root, group) if mate != address and not _is_bridge(identities, mate)]
            found.append(device._replace(group_mates=mates, block_devices=blocks.of(address)))
    return found


def _identity(path: str) -> tuple[str, str, str]:
    vendor, product, code = (read_text(path, name).removeprefix("0x") for name in ("vendor", "device", "class"))
    return vendor, product, code


def _group(root: str, group: str | None) -> list[str]:
    if group is None:
        return []
    return sorted(names(os.path.join(root, "sys/kernel/iommu_groups", group, "devices")))


def _is_bridge(identities: t.Mapping[str, tuple[str, str, str]], address: str) -> bool:
    return address in identities and identities[address][2].startswith(_BRIDGE)


def _numa_node(path: str) -> int | None:
    node = _number(read_text(path, "numa_node"))
    return None if node == -1 else node


def _link_name(path: str, name: str) -> str | None:
    try:
        return os.path.basename(os.readlink(os.path.join(path, name)))
    except OSError:
        return None


def _number(text: str | None) -> int | None:
    try:
        return int(text or "")
    except ValueError:
        return None


def _hex(parameter: str, value: t.Any, form: re.Pattern[str], allowed: str) -> str:
    # YAML makes an int of 1000 and a float of 10e2, and what was written cannot be known any more.
    if not isinstance(value, str):
        raise InvalidValue(parameter, value, f"{allowed}, in quotation marks")
    text = value.strip().lower().removeprefix("0x")
    if text and not form.fullmatch(text):
        raise InvalidValue(parameter, value, allowed)
    return text
