#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_device_info
short_description: Find PCI devices, and tell whether they can be given to a virtual machine
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Reads C(/sys/bus/pci); lspci is not needed, and nothing is changed.
  - For each device it tells what speaks against giving it to a virtual machine - file systems, swap or anything else on
    its disks, other devices in its IOMMU group, virtual functions in use.
  - For the host it tells whether VT-x or AMD-V is there, which IOMMU the firmware announces, whether the running kernel
    uses it, and which kernel arguments that needs.
  - Disks that are claimed by something that no list names, such as ZFS, are found by root only.
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  vendor_id:
    description: Four hexadecimal digits, such as V(144d) for Samsung. Empty means any.
    type: str
    default: ""
  product_id:
    description: Four hexadecimal digits, such as V(a820) for the reference practice's NVMe device. Empty means any.
    type: str
    default: ""
  class_code:
    description: The class, or its first two or four hexadecimal digits, such as V(0108) for NVMe. Empty means any.
    type: str
    default: ""
  addresses:
    description: The only PCI addresses that are meant, such as V(0000:06:00.0). None means all.
    type: list
    elements: str
    default: []
seealso:
  - module: virtscale.tuning.pci_plan
  - module: virtscale.tuning.kernel_arguments
"""

EXAMPLES = r"""
- name: Find every NVMe device, of whatever make
  virtscale.tuning.pci_device_info:
    class_code: "0108"
  register: nvme

- name: Show those that a virtual machine could have
  ansible.builtin.debug:
    msg: "{{ nvme.devices | rejectattr('blockers') | map(attribute='address') }}"
"""

RETURN = r"""
host:
  description:
    - What the host has. RV(ignore:host.kernel_arguments) are those that its IOMMU needs, and
      RV(ignore:host.blockers) what only a person at the firmware's setup can change.
  returned: success
  type: dict
  sample:
    virtualization: VT-x
    iommu: intel
    iommu_active: true
    iommu_groups: 61
    cmdline: BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro intel_iommu=on iommu=pt
    kernel_arguments: [intel_iommu=on, iommu=pt]
    refused_arguments: []
    running_guests: 12
    blockers: []
devices:
  description: The devices that fit. A number that the kernel does not know is null.
  returned: success
  type: list
  elements: dict
  sample:
    - address: "0000:06:00.0"
      vendor_id: 144d
      product_id: a820
      class_code: "010802"
      device_type: type-PCI
      driver: nvme
      iommu_group: 42
      group_mates: []
      numa_node: 0
      sriov_totalvfs: 0
      sriov_numvfs: 0
      is_vf: false
      block_devices: [{name: nvme0n1, size_bytes: 1600321314816, uses: []}]
      blockers: []
rows:
  description: The findings as rows of the collection's records.
  returned: always
  type: list
  elements: dict
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.info import measure

ARGUMENT_SPEC = {
    "vendor_id": {"type": "str", "default": ""},
    "product_id": {"type": "str", "default": ""},
    "class_code": {"type": "str", "default": ""},
    "addresses": {"type": "list", "elements": "str", "default": []},
}


def compute(params: dict, check_mode: bool) -> dict:
    return {"changed": False, **measure(params)}


def main() -> None:
    run_host_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
