#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pci_plan
short_description: Plan which devices nova may give to virtual machines, and under which name
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Makes one alias of the devices of all compute hosts, with the type that nova has for them, and for each host the
    list of those that are free and alone in their IOMMU group.
  - An action plugin that computes on the controller; nothing is read or changed.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  hosts:
    description: What M(virtscale.tuning.pci_device_info) returned on each compute host, by its name.
    type: dict
    required: true
  alias:
    description: The name under which flavors ask for a device.
    type: str
    default: nvme
seealso:
  - module: virtscale.tuning.pci_device_info
  - module: virtscale.tuning.nova_pci
"""

EXAMPLES = r"""
- name: Plan the passthrough of the devices that were found
  virtscale.tuning.pci_plan:
    hosts: "{{ groups.openstack_computes | virtscale.tuning.host_results(hostvars, 'found', ['host', 'devices']) }}"
  run_once: true
  register: plan
"""

RETURN = r"""
alias:
  description: The C([pci] alias) of controllers and compute hosts; null where no host has such a device.
  returned: success
  type: dict
  sample: {vendor_id: 144d, product_id: a820, device_type: type-PCI, name: nvme}
hosts:
  description:
    - For each host the devices for C([pci] device_spec), and whether it is ready, which it is once its kernel uses
      the IOMMU.
  returned: success
  type: dict
  sample:
    compute01:
      ready: true
      devices: [{address: "0000:06:00.0", vendor_id: 144d, product_id: a820}]
flavor:
  description: The properties that a flavor needs to get one device.
  returned: success
  type: dict
  sample: {"pci_passthrough:alias": "nvme:1"}
rows:
  description: A row for each device, which says why one is left out.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.plan import plan

ARGUMENT_SPEC = {
    "hosts": {"type": "dict", "required": True},
    "alias": {"type": "str", "default": "nvme"},
}


def compute(params: dict, check_mode: bool) -> dict:
    return {"changed": False, **plan(params["hosts"], params["alias"])}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
