# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What must hold before a pool's number of placement groups may be changed."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import Cluster
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import Health
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.load import worst_load


def reasons_to_refuse(cluster: Cluster, health: Health, pg_nums: t.Mapping[str, int]) -> t.List[str]:
    """Return a sentence for each gate that is shut; none means that the change may be made.

    :param pg_nums: the new pg_num of each pool that is to change.
    """
    reasons = [*health.problems, *cluster.full()]
    for name, pg_num in pg_nums.items():
        reasons += _pool_reasons(cluster, name, pg_num)
    growing = {name: pg_num for name, pg_num in pg_nums.items() if pg_num > cluster.pool(name).pg_num_target}
    limit = cluster.limits.mon_max_pg_per_osd
    load = worst_load(cluster, growing, one_host_out=True)
    if load and load.pgs > limit:
        reasons.append(f"{load}, above mon_max_pg_per_osd {limit}")
    return reasons


def _pool_reasons(cluster: Cluster, name: str, pg_num: int) -> t.Iterator[str]:
    pool = cluster.pool(name)
    if "nopgchange" in pool.flags:
        yield f"pool {name} has the flag nopgchange"
    if pool.pg_num_min and pg_num < pool.pg_num_min:
        yield f"pool {name} has pg_num_min {pool.pg_num_min}"
    if pool.pg_num_max and pg_num > pool.pg_num_max:
        yield f"pool {name} has pg_num_max {pool.pg_num_max}"
    if pg_num > cluster.limits.mon_max_pool_pg_num:
        yield f"pg_num {pg_num} of pool {name} is above mon_max_pool_pg_num {cluster.limits.mon_max_pool_pg_num}"
