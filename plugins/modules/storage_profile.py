#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: storage_profile
version_added: 0.1.0
short_description: Set how CDI clones the disks of a StorageClass
description:
  - Sets C(cloneStrategy) of the StorageProfile that CDI keeps for a StorageClass, and waits until CDI's status says so.
    Left out, it only tells which strategy is effective.
  - Full copies are refused when they do not fit into the Ceph pool of the class, as far as its room is known.
  - What was there before is kept in an annotation of the profile, and returns with O(state=absent).
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
author: The virtscale.tuning maintainers (@virtscale)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  storage_class:
    description: Name of the StorageClass, which is also that of its profile.
    type: str
    default: ocs-external-storagecluster-ceph-rbd
  state:
    description: V(present) sets the strategy, V(absent) gives back what was there before.
    type: str
    choices: [present, absent]
    default: present
  clone_strategy:
    description:
      - V(copy) copies all bytes of the disk through two pods, V(csi-clone) lets the storage clone, V(snapshot) clones
        a snapshot of each disk.
      - The reference architecture advises V(copy) beyond 100 clones, for a bug of OpenShift 4.9 (BZ 2055595).
      - If not given, the strategy is left as it is.
    type: str
    choices: [copy, csi-clone, snapshot]
  planned_clones:
    description: How many disks are to be cloned, at least 0; V(0) asks for no room.
    type: raw
    default: 0
  disk_size:
    description: Size of each disk, as a quantity of Kubernetes.
    type: str
    default: 40Gi
  ceph_pools:
    description:
      - RV(virtscale.tuning.ceph_capacity_info#module:pools), read on a host of the Ceph cluster just before.
      - If not given, the room is reported as not checked.
    type: list
    elements: dict
  force_conflicts:
    description: Take over a strategy that somebody else set; that of a GitOps tool never.
    type: bool
    default: false
  timeout_s:
    description: Seconds that CDI may take to follow, above 0.
    type: raw
    default: 60
seealso:
  - module: virtscale.tuning.ceph_capacity_info
  - module: virtscale.tuning.golden_images
"""

EXAMPLES = r"""
- name: Tell how disks are cloned
  virtscale.tuning.storage_profile:
    storage_class: ocs-external-storagecluster-ceph-rbd

- name: Read how much room the pools have
  virtscale.tuning.ceph_capacity_info:
  delegate_to: ceph01
  register: ceph_capacity

- name: Copy disks, if 2,000 of them fit
  virtscale.tuning.storage_profile:
    clone_strategy: copy
    planned_clones: 2000
    ceph_pools: "{{ ceph_capacity.pools }}"
"""

RETURN = r"""
clone_strategy:
  description: The strategy that CDI's status names; in check mode that of before.
  returned: success
  type: str
  sample: csi-clone
provisioner:
  description: The provisioner of the class.
  returned: success
  type: str
  sample: openshift-storage.rbd.csi.ceph.com
pool:
  description: The Ceph pool that the class puts the data into; null where it names none.
  returned: success
  type: str
  sample: vms
rows:
  description: The strategy and the room for copies, with what was found, what is wanted, and why.
  returned: always, unless the profile is not found
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.profile import STRATEGIES, CloneWish
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.settle import settle_profile
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import Disk

ARGUMENT_SPEC: dict[str, t.Any] = {
    **AUTH_SPEC,
    "storage_class": {"type": "str", "default": Disk.storage_class},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "clone_strategy": {"type": "str", "choices": list(STRATEGIES)},
    "planned_clones": {"type": "raw", "default": 0},
    "disk_size": {"type": "str", "default": Disk.size},
    "ceph_pools": {"type": "list", "elements": "dict"},
    "force_conflicts": {"type": "bool", "default": False},
    "timeout_s": {"type": "raw", "default": 60},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    wish = CloneWish(
        strategy=params["clone_strategy"],
        clones=parse_int("planned_clones", params["planned_clones"], minimum=0),
        disk_bytes=Disk(size=params["disk_size"]).size_bytes,
        capacity=params["ceph_pools"],
        force_conflicts=params["force_conflicts"],
    )
    return settle_profile(
        KubeClient.connect(params),
        params["storage_class"],
        wish if params["state"] == "present" else None,
        timeout_s=float(parse_decimal("timeout_s", params["timeout_s"], above=0)),
        check_mode=check_mode,
    )


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
