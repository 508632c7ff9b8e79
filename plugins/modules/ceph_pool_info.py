#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_pool_info
version_added: 0.1.0
short_description: Read what the placement groups of Ceph pools are planned from
description:
  - Reads pools, the OSDs that each pool's CRUSH rule can choose, the effective limits, flags, the placement groups
    that the OSDs hold now, and the cluster's health, over one connection.
  - OSDs count when they are in and have a CRUSH weight; a rule for a device class counts that class alone.
extends_documentation_fragment:
  - virtscale.tuning.ceph
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
author: The virtscale.tuning maintainers (@virtscale)
options:
  pools:
    description:
      - Names of the pools to read; without it all pools.
    type: list
    elements: str
seealso:
  - module: virtscale.tuning.placement_groups
  - module: virtscale.tuning.ceph_pool_pgs
"""

EXAMPLES = r"""
- name: Read the pool that holds the disks of the virtual machines
  virtscale.tuning.ceph_pool_info:
    pools: [vms]
  register: ceph_pools
"""

RETURN = r"""
pools:
  description: One entry for each pool, in the order of O(pools).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the pool.
      type: str
    replicas:
      description: Size of the pool; k+m for an erasure coded one.
      type: int
    crush_rule:
      description: Name of its CRUSH rule.
      type: str
    crush_roots:
      description: What the rule takes from, such as V(default) or V(default~ssd).
      type: list
      elements: str
    failure_domain:
      description: What the rule spreads the copies over.
      type: str
    device_classes:
      description: Device classes of the OSDs.
      type: list
      elements: str
    osds:
      description: OSDs that the rule can choose.
      type: int
    hosts:
      description: Hosts of these OSDs.
      type: int
    osds_per_host:
      description: OSDs of the host that has the most of them.
      type: int
    other_pg_replicas:
      description: PG replicas of other pools on these OSDs, at their targets.
      type: int
    pg_num:
      description: Placement groups now.
      type: int
    pg_num_target:
      description: Placement groups that the pool moves to.
      type: int
    pgp_num:
      description: Placement groups for placement now.
      type: int
    pgp_num_target:
      description: Placement groups for placement that the pool moves to.
      type: int
    pg_autoscale_mode:
      description: Mode of the autoscaler for this pool.
      type: str
    flags:
      description: Flags of the pool.
      type: list
      elements: str
osds:
  description: OSDs of the cluster that are in, their hosts, and the PG replicas that they hold now.
  returned: success
  type: dict
  sample: {"count": 141, "hosts": 47, "pgs_min": 70, "pgs_mean": 87.2, "pgs_max": 104}
limits:
  description: Effective values of mon_max_pg_per_osd, mon_target_pg_per_osd and mon_max_pool_pg_num.
  returned: success
  type: dict
  sample: {"mon_max_pg_per_osd": 250, "mon_target_pg_per_osd": 100, "mon_max_pool_pg_num": 65536}
flags:
  description: Flags of the cluster.
  returned: success
  type: list
  elements: str
  sample: [sortbitwise]
release:
  description: The release that all OSDs must run at least.
  returned: success
  type: str
  sample: pacific
health:
  description: What M(virtscale.tuning.ceph_health_info) returns, with its default benign checks.
  returned: success
  type: dict
via:
  description: The way to the cluster that was used.
  returned: success
  type: str
  sample: rados
"""

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CEPH_ARGUMENTS, open_client
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import read_cluster
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import read_health
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_facts import osd_facts, pool_facts

ARGUMENT_SPEC = {**CEPH_ARGUMENTS, "pools": {"type": "list", "elements": "str"}}


def compute(params: dict[str, t.Any], _check_mode: bool) -> dict[str, t.Any]:
    with open_client(params) as client:
        cluster = read_cluster(client)
        return {
            "changed": False,
            "pools": [pool_facts(cluster, name) for name in params["pools"] or sorted(cluster.pools)],
            "osds": osd_facts(cluster),
            "limits": dataclasses.asdict(cluster.limits),
            "flags": sorted(cluster.flags),
            "release": cluster.release,
            "health": read_health(client).as_result(),
            "via": client.via,
        }


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
