# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The facts from which placement groups are planned, in the shape of return values."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import Cluster
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.load import other_pg_replicas


def pool_facts(cluster: Cluster, name: str) -> t.Dict[str, t.Any]:
    """Return one pool with the OSDs of its CRUSH rule."""
    pool = cluster.pool(name)
    rule = cluster.rules[pool.rule_id]
    osds = cluster.osds_of(pool)
    per_host = collections.Counter(osd.host for osd in osds)
    return {
        "name": pool.name,
        "replicas": pool.size,
        "crush_rule": rule.name,
        "crush_roots": list(rule.roots),
        "failure_domain": rule.failure_domain,
        "device_classes": sorted({osd.device_class for osd in osds}),
        "osds": len(osds),
        "hosts": len(per_host),
        # A lost host takes its OSDs with it: the largest is the one to plan for.
        "osds_per_host": max(per_host.values(), default=0),
        "other_pg_replicas": other_pg_replicas(cluster, pool),
        "pg_num": pool.pg_num,
        "pg_num_target": pool.pg_num_target,
        "pgp_num": pool.pgp_num,
        "pgp_num_target": pool.pgp_num_target,
        "pg_autoscale_mode": pool.autoscale_mode,
        "flags": sorted(pool.flags),
    }


def osd_facts(cluster: Cluster) -> t.Dict[str, t.Any]:
    """Return how many OSDs are in, and how many PG replicas they hold now."""
    pgs = [osd.pgs for osd in cluster.osds.values()]
    return {
        "count": len(pgs),
        "hosts": len({osd.host for osd in cluster.osds.values()}),
        "pgs_min": min(pgs, default=0),
        "pgs_mean": round(sum(pgs) / len(pgs), 1) if pgs else 0.0,
        "pgs_max": max(pgs, default=0),
    }
