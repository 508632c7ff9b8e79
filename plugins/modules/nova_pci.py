#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nova_pci
short_description: Keep nova.conf as the passthrough of PCI devices needs it
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Adds the lines that are missing, each below a comment that says what was there before. Comments, order and repeated
    options of the file stay as they are.
  - For a scheduler C(PciPassthroughFilter) is put behind the filters that are there already, or behind the default list
    of the installed nova, read from its source.
  - C([pci] report_in_placement) and C([filter_scheduler] pci_in_placement) are left as they are.
  - A line of ours that a person has changed since is left to that person.
  - Nothing is restarted. RV(restart) names the services that run with an older file, also when it was written by an
    earlier run that was killed.
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.attributes
options:
  name:
    description: What the lines are for. Each name keeps its own, and gives back its own.
    type: str
    required: true
  conf:
    description: The file that nova's services on this host read.
    type: path
    default: /etc/nova/nova.conf
  scheduler:
    description: Whether the host's scheduler needs the filter.
    type: bool
    default: false
  alias:
    description: The alias, as RV(virtscale.tuning.pci_plan#module:alias). It is an error where its name is taken.
    type: dict
  devices:
    description: The devices that nova may give away on this host, each a dictionary as nova's C(device_spec).
    type: list
    elements: dict
    default: []
  device_option:
    description:
      - The name of the option for O(devices). V(auto) takes C(device_spec) where the installed nova knows it, which it
        does since Zed (26), and C(passthrough_whitelist) before.
    type: str
    choices: [auto, device_spec, passthrough_whitelist]
    default: auto
  filters:
    description:
      - The list of filters to begin with where no file has one. By default that of the installed nova.
      - Needed where nova runs in containers, so that no package tells.
    type: list
    elements: str
    default: []
  services:
    description: The services that read the file, by nova's names. C(openstack-) before them is found too.
    type: list
    elements: str
    default: []
  state:
    description: V(absent) gives back what was there before the lines of this O(name).
    type: str
    choices: [present, absent]
    default: present
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: virtscale.tuning.pci_plan
"""

EXAMPLES = r"""
- name: Let the scheduler and the API know the alias
  virtscale.tuning.nova_pci:
    name: nvme
    scheduler: true
    alias: {vendor_id: 144d, product_id: a820, device_type: type-PCI, name: nvme}
    services: [nova-api, nova-scheduler]
  register: nova

- name: Let a compute host give its device away
  virtscale.tuning.nova_pci:
    name: nvme
    alias: {vendor_id: 144d, product_id: a820, device_type: type-PCI, name: nvme}
    devices:
      - address: "0000:06:00.0"
        vendor_id: 144d
        product_id: a820
    services: [nova-compute]
"""

RETURN = r"""
restart:
  description: The units that run with an older file and are to be restarted.
  returned: success
  type: list
  elements: str
  sample: [nova-api, nova-scheduler]
nova_version:
  description: The version of the installed nova, null where none is installed.
  returned: success
  type: str
  sample: 26.2.2
rows:
  description: The settings as rows of the collection's records.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.keep import keep_conf

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "conf": {"type": "path", "default": "/etc/nova/nova.conf"},
    "scheduler": {"type": "bool", "default": False},
    "alias": {"type": "dict"},
    "devices": {"type": "list", "elements": "dict", "default": []},
    "device_option": {
        "type": "str",
        "choices": ["auto", "device_spec", "passthrough_whitelist"],
        "default": "auto",
    },
    "filters": {"type": "list", "elements": "str", "default": []},
    "services": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    run_host_module(keep_conf, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
