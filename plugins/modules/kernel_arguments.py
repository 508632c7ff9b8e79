#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_arguments
short_description: Keep kernel arguments in every boot entry, by the platform's own tool
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Where there is grubby, as in Red Hat's family, it is told the arguments, so that later kernels get them too.
  - Elsewhere a file of its own in C(/etc/default/grub.d) adds them, or marked lines at the end of C(/etc/default/grub)
    where grub-mkconfig reads no such files, and C(grub.cfg) is made again by C(update-grub) or C(grub-mkconfig).
  - All other arguments stay. An argument that somebody has set to something else is named, and nothing is changed.
  - The boot entries are read again afterwards. If the tool did anything else than asked, it is taken back.
  - Nothing is rebooted. RV(reboot_required) says that the running kernel was started otherwise.
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.attributes
options:
  name:
    description: What the arguments are for. Each name keeps its own, and gives back its own.
    type: str
    required: true
  arguments:
    description: The arguments. C(intel_iommu=on,sm_on) counts as C(intel_iommu=on).
    type: list
    elements: str
    default: []
  refused:
    description: Arguments that must not be there, because they undo the others.
    type: list
    elements: str
    default: []
  state:
    description: V(absent) gives back what this O(name) has set; what somebody else has set stays.
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
"""

EXAMPLES = r"""
- name: Let an Intel IOMMU be used from the next boot
  virtscale.tuning.kernel_arguments:
    name: iommu
    arguments: [intel_iommu=on, iommu=pt]
  register: kernel

- name: Reboot if that is necessary
  ansible.builtin.reboot:
  when: kernel.reboot_required
"""

RETURN = r"""
tool:
  description: The tool that was found, C(grubby) or C(grub).
  returned: success
  type: str
  sample: grub
file:
  description: Where it is kept which arguments are ours.
  returned: success
  type: str
  sample: /etc/default/grub.d/virtscale-iommu.cfg
entries:
  description: The boot entries as they are then, each a kernel and its command line.
  returned: success
  type: list
  elements: dict
  sample: [{kernel: /vmlinuz-6.1.0, line: root=/dev/sda1 ro quiet intel_iommu=on iommu=pt}]
reboot_required:
  description: Whether the running kernel was started otherwise.
  returned: success
  type: bool
  sample: true
rows:
  description: The boot entries and the running kernel as rows of the collection's records.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._boot.keep import keep_arguments

ARGUMENT_SPEC = {
    "name": {"type": "str", "required": True},
    "arguments": {"type": "list", "elements": "str", "default": []},
    "refused": {"type": "list", "elements": "str", "default": []},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    run_host_module(keep_arguments, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
