#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_disk
version_added: 0.1.0
short_description: Try etcd's way of writing on its file system
description:
  - Runs fio with the profile that etcd's storage is judged by - writes of 2,300 bytes up to 22 MiB, C(fdatasync)
    after each, C(ioengine=sync) - in a directory of its own beside etcd's data, and removes it.
  - The 99th percentile of C(fdatasync) must be below 10 ms.
  - Beside a member that runs, this takes the disk away from it for some seconds. Without O(beside_member) it is
    therefore refused. With it, give the hosts their turns with C(throttle=1), the leader's last, as the role
    C(etcd_host) does. It is refused while a member is not well.
  - Check mode tells what would be measured, and writes nothing.
options:
  directory:
    description:
      - Where to write. By default the directory of this host's member; before etcd is installed, name the one it will
        get.
      - Of a directory that is not there yet, the nearest one above it is taken.
    type: path
  beside_member:
    description:
      - Whether to measure where a member runs on this host.
    type: bool
    default: false
  turn:
    description:
      - Beside a member, measure only while it is the leader, or only while it is not; V(any) does not look.
    type: str
    choices: [any, follower, leader]
    default: any
  limit_ms:
    description:
      - What the 99th percentile must stay below, in milliseconds, above 0.
    type: raw
    default: 10
  block_bytes:
    description:
      - The size of a write, at least 1.
    type: raw
    default: 2300
  size_mib:
    description:
      - How much is written in all, 1 to 1024.
    type: raw
    default: 22
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.etcd
  - virtscale.tuning.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: N/A
    details:
      - Nothing stays changed.
  idempotent:
    support: full
    details:
      - Nothing stays changed.
author: The virtscale.tuning maintainers (@virtscale)
seealso:
  - module: virtscale.tuning.etcd_info
"""

EXAMPLES = r"""
- name: Judge the disk of a host that will get a member
  virtscale.tuning.etcd_disk:
    directory: /var/lib/etcd

- name: Measure beside the members that run, the leader aside
  virtscale.tuning.etcd_disk:
    beside_member: true
    turn: follower
  throttle: 1
"""

RETURN = r"""
turn:
  description: Whether the member was in the role that O(turn) asks for; if not, nothing was measured.
  returned: success
  type: bool
  sample: true
fdatasync:
  description: Latencies in milliseconds and writes a second; null where nothing was measured.
  returned: success
  type: dict
  sample: {"p50_ms": 0.7, "p99_ms": 2.1, "p999_ms": 4.2, "max_ms": 9.8, "writes": 10030, "iops": 1212.4}
fast_enough:
  description: Whether the 99th percentile is below the limit; null where nothing was measured.
  returned: success
  type: bool
  sample: true
rows:
  description: The verdict as a row of the collection's records.
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.disk_test import run
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.info import ARGUMENTS

ARGUMENT_SPEC = {
    **ARGUMENTS,
    "directory": {"type": "path"},
    "beside_member": {"type": "bool", "default": False},
    "turn": {"type": "str", "choices": ["any", "follower", "leader"], "default": "any"},
    "limit_ms": {"type": "raw", "default": 10},
    "block_bytes": {"type": "raw", "default": 2300},
    "size_mib": {"type": "raw", "default": 22},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    return {"changed": False, **run(params, check_mode)}


def main() -> None:
    run_host_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
