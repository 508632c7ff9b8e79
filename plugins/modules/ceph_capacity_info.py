#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_capacity_info
version_added: 0.1.0
short_description: Read how much room the pools of a Ceph cluster have
description:
  - Reads C(ceph df) and the sizes of the pools over one connection.
  - The room of a pool is what can be written before its first OSD is full, as Ceph counts it, with the copies already
    taken off.
extends_documentation_fragment:
  - virtscale.tuning.ceph
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
author: The virtscale.tuning maintainers (@virtscale)
seealso:
  - module: virtscale.tuning.storage_profile
  - module: virtscale.tuning.ceph_pool_info
"""

EXAMPLES = r"""
- name: Read how much room the pools have
  virtscale.tuning.ceph_capacity_info:
  register: ceph_capacity
"""

RETURN = r"""
pools:
  description: One entry for each pool, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the pool.
      type: str
    replicas:
      description: Copies of each object; null for an erasure coded pool.
      type: int
    max_avail_bytes:
      description: Bytes that can still be written, of one copy.
      type: int
    stored_bytes:
      description: Bytes that are stored, of one copy.
      type: int
    used_bytes:
      description: Bytes that they take with all copies.
      type: int
  sample:
    - {"name": "vms", "replicas": 3, "max_avail_bytes": 109951162777600, "stored_bytes": 42949672960,
       "used_bytes": 128849018880}
via:
  description: The way to the cluster that was used.
  returned: success
  type: str
  sample: rados
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CEPH_ARGUMENTS, open_client
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.capacity import read_capacity


def compute(params: dict[str, t.Any], _check_mode: bool) -> dict[str, t.Any]:
    with open_client(params) as client:
        return {"changed": False, "pools": read_capacity(client), "via": client.via}


def main() -> None:
    run_module(compute, dict(CEPH_ARGUMENTS))


if __name__ == "__main__":
    main()
