#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: placement_groups
short_description: Compute how many placement groups a Ceph pool should have
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Computes PG counts from the number of OSDs, the pools' shares of the data and their replicas, by a rounding rule
    that has a name, and says what they put on each OSD, also with one host out.
  - Nothing is read from a cluster. M(virtscale.tuning.ceph_pool_info) measures the inputs and
    M(virtscale.tuning.ceph_pool_pgs) applies the plan.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  osds:
    description: How many OSDs lie under the pools' CRUSH rule.
    type: raw
    required: true
  replicas:
    description: On how many OSDs each PG sits, which is k+m for erasure coding. 3 unless O(pools) is given.
    type: raw
  target_pgs_per_osd:
    description: How many PG replicas each OSD should carry.
    type: raw
    default: 100
  data_share:
    description: The pool's share of the cluster's data, above 0 and at most 1. 0.85 unless O(pools) is given.
    type: raw
  rounding:
    description:
      - How the raw number becomes a power of two.
      - V(nearest) is 2**round(log2(x)), the reference architecture's rule.
      - V(pgcalc) is what Ceph's pgcalc does, with its minimum by the number of OSDs.
      - V(autoscaler) is what Ceph's pg_autoscaler does, with its minimum of 32.
      - V(up) is the next power of two.
    type: str
    choices: [nearest, pgcalc, autoscaler, up]
    default: nearest
  pools:
    description:
      - Several pools that share the same OSDs. Excludes O(replicas) and O(data_share).
      - The shares may sum to 1 at most.
    type: list
    elements: dict
    suboptions:
      name:
        description: The pool's name.
        type: str
        required: true
      replicas:
        description: On how many OSDs each PG sits. 3 unless given.
        type: raw
      data_share:
        description: The pool's share of the cluster's data, above 0 and at most 1.
        type: raw
        required: true
  max_pgs_per_osd:
    description: The cluster's C(mon_max_pg_per_osd).
    type: raw
    default: 250
  osds_per_host:
    description: The OSDs of the largest host, to check the limit with that host out. 0 leaves this check out.
    type: raw
    default: 0
  other_pg_replicas:
    description: The PGs x size that other pools already have on these OSDs.
    type: raw
    default: 0
"""

EXAMPLES = r"""
- name: The reference architecture's pool, 4096 PGs on 141 OSDs
  virtscale.tuning.placement_groups:
    osds: 141
    osds_per_host: 3
  delegate_to: localhost

- name: Two pools on the same OSDs
  virtscale.tuning.placement_groups:
    osds: 141
    pools:
      - {name: vms, data_share: 0.8}
      - {name: images, data_share: 0.05}
  delegate_to: localhost
"""

RETURN = r"""
pg_num:
  description: The PG count, or null with O(pools).
  returned: success
  type: int
  sample: 4096
raw:
  description: The number before rounding, summed over O(pools).
  returned: success
  type: float
  sample: 3995.0
pools:
  description: Each pool's name, replicas, raw number and PG count, in the order of O(pools).
  returned: success
  type: list
  elements: dict
  sample: [{"name": "vms", "replicas": 3, "raw": 3760.0, "pg_num": 4096}]
pgs_per_osd:
  description: PG replicas per OSD with this plan, other pools included.
  returned: success
  type: float
  sample: 87.1
pgs_per_osd_one_host_out:
  description: The same with the OSDs of one host out, or null without O(osds_per_host).
  returned: success
  type: float
  sample: 89.0
within_limit:
  description:
    - Whether O(max_pgs_per_osd) holds, with one host out where that is checked.
    - False is a finding, not a failure.
  returned: success
  type: bool
evidence:
  description: The calculation, in words that a person can check.
  returned: success
  type: str
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.placement_groups import plan_placement_groups

ARGUMENT_SPEC = {
    "osds": {"type": "raw", "required": True},
    "replicas": {"type": "raw"},
    "target_pgs_per_osd": {"type": "raw", "default": 100},
    "data_share": {"type": "raw"},
    "rounding": {"type": "str", "choices": ["nearest", "pgcalc", "autoscaler", "up"], "default": "nearest"},
    "pools": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "replicas": {"type": "raw"},
            "data_share": {"type": "raw", "required": True},
        },
    },
    "max_pgs_per_osd": {"type": "raw", "default": 250},
    "osds_per_host": {"type": "raw", "default": 0},
    "other_pg_replicas": {"type": "raw", "default": 0},
}


def main() -> None:
    run_module(lambda params, check_mode: {"changed": False, **plan_placement_groups(**params)}, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
