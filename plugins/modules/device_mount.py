#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: device_mount
short_description: Give the disk of a PCI device to a directory, and never overwrite data
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Finds the one disk of the PCI devices that fit, and mounts it at O(path), by UUID and for every boot.
  - A file system is made on an empty device only - one on which blkid finds nothing and whose first and last 4 MiB are
    zeros - and only with O(format). It gets O(label), by which the next run knows it.
  - A device with anything else on it, in use, or a directory with data in it is an error, and nothing is changed.
  - Owner and mode of the directory become those of the mounted file system.
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.attributes
options:
  path:
    description: The directory, such as etcd's data directory.
    type: path
    required: true
  vendor_id:
    description: Four hexadecimal digits. Empty means any.
    type: str
    default: ""
  product_id:
    description: Four hexadecimal digits. Empty means any.
    type: str
    default: ""
  class_code:
    description: The class, or its first two or four hexadecimal digits. Empty means any.
    type: str
    default: "0108"
  address:
    description: The one PCI address, such as V(0000:06:00.0), where several devices fit.
    type: str
    default: ""
  format:
    description: Whether a file system is made on an empty device.
    type: bool
    default: false
  fstype:
    description: The kind of a new file system.
    type: str
    choices: [xfs, ext4]
    default: xfs
  label:
    description: The label of a new file system, at most 12 characters.
    type: str
    default: etcd-data
  state:
    description: V(absent) unmounts what was mounted by this module; the file system and its data stay.
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
  - module: virtscale.tuning.pci_device_info
"""

EXAMPLES = r"""
- name: Give the NVMe device that this virtual machine was given to etcd
  virtscale.tuning.device_mount:
    path: /var/lib/etcd
    vendor_id: 144d
    product_id: a820
    format: true
"""

RETURN = r"""
device:
  description: The device.
  returned: success
  type: str
  sample: /dev/nvme0n1
uuid:
  description: The UUID of its file system; null where there is none yet.
  returned: success
  type: str
  sample: 6c0e8fd1-9d02-4a0e-9bb3-6d5c0a9c4b0e
rows:
  description: The directory as a row of the collection's records.
  returned: success
  type: list
  elements: dict
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._mount.keep import keep_mounted

ARGUMENT_SPEC = {
    "path": {"type": "path", "required": True},
    "vendor_id": {"type": "str", "default": ""},
    "product_id": {"type": "str", "default": ""},
    "class_code": {"type": "str", "default": "0108"},
    "address": {"type": "str", "default": ""},
    "format": {"type": "bool", "default": False},
    "fstype": {"type": "str", "choices": ["xfs", "ext4"], "default": "xfs"},
    "label": {"type": "str", "default": "etcd-data"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    run_host_module(keep_mounted, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
