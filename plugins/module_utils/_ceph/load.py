# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""PG replicas that each OSD will hold: all pools, after a change, with or without its worst host."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import Cluster, Pool


@dataclasses.dataclass(frozen=True)
class Load:
    """The fullest OSD of a projection, in PG replicas; ``host_out`` is the lost host, None for none."""

    osd_id: int
    pgs: float
    host_out: t.Optional[str]

    def __str__(self) -> str:
        lost = f" with host {self.host_out} out" if self.host_out else ""
        return f"osd.{self.osd_id} would hold {self.pgs:.1f} PG replicas{lost}"


def worst_load(cluster: Cluster, pg_nums: t.Mapping[str, int], one_host_out: bool) -> t.Optional[Load]:
    """Return the fullest OSD among those of the named pools, once all pools have reached their targets.

    CRUSH gives an OSD its share by weight; what an OSD holds today beyond that share counts on top, because no
    pool's change takes it away. With ``one_host_out`` every host is left out in turn and the worst case returned.

    :param pg_nums: the new pg_num of the pools that change; all others keep their targets.
    :returns: None where the rules choose no OSD.
    """
    concerned = {osd.osd_id for name in pg_nums for osd in cluster.osds_of(cluster.pool(name))}
    hosts = sorted({cluster.osds[osd_id].host for osd_id in concerned})
    lost: t.List[t.Optional[str]] = [*hosts] if one_host_out and len(hosts) > 1 else [None]
    uneven = _unevenness(cluster)
    loads = [
        Load(osd_id, pgs + uneven[osd_id], host)
        for host in lost
        for osd_id, pgs in _shares(cluster, _targets(cluster, pg_nums), host).items()
        if osd_id in concerned
    ]
    return max(loads, key=lambda load: load.pgs, default=None)


def other_pg_replicas(cluster: Cluster, pool: Pool) -> int:
    """Return the PG replicas of other pools, at their targets, on the OSDs of this pool's rule."""
    own = {osd.osd_id for osd in cluster.osds_of(pool)}
    targets = {other.name: other.pg_num_target for other in cluster.pools.values() if other.name != pool.name}
    return round(sum(pgs for osd_id, pgs in _shares(cluster, targets, None).items() if osd_id in own))


def _targets(cluster: Cluster, pg_nums: t.Mapping[str, int]) -> t.Dict[str, int]:
    return {pool.name: pg_nums.get(pool.name, pool.pg_num_target) for pool in cluster.pools.values()}


def _unevenness(cluster: Cluster) -> t.Dict[int, float]:
    now = _shares(cluster, {pool.name: pool.pg_num for pool in cluster.pools.values()}, None)
    return {osd_id: max(0.0, osd.pgs - now.get(osd_id, 0.0)) for osd_id, osd in cluster.osds.items()}


def _shares(cluster: Cluster, pg_nums: t.Mapping[str, int], host_out: t.Optional[str]) -> t.Dict[int, float]:
    """Return PG replicas by OSD, each pool spread by weight over the OSDs of its rule."""
    shares: t.Dict[int, float] = {}
    # Pools of one rule spread alike, so each rule is walked once.
    replicas_by_rule: t.Dict[int, float] = {}
    for name, pg_num in pg_nums.items():
        pool = cluster.pools[name]
        copies = _placed_copies(cluster, pool, host_out)
        replicas_by_rule[pool.rule_id] = replicas_by_rule.get(pool.rule_id, 0.0) + pg_num * copies
    for rule_id, replicas in replicas_by_rule.items():
        osds = [cluster.osds[osd_id] for osd_id in cluster.rules[rule_id].osd_ids]
        left = [osd for osd in osds if osd.host != host_out]
        weight = sum(osd.weight for osd in left)
        for osd in left:
            shares[osd.osd_id] = shares.get(osd.osd_id, 0.0) + replicas * osd.weight / weight
    return shares


def _placed_copies(cluster: Cluster, pool: Pool, host_out: t.Optional[str]) -> int:
    # With three copies on three hosts, the loss of one leaves two copies: nothing moves to the others.
    if cluster.rules[pool.rule_id].failure_domain != "host":
        return pool.size
    hosts = {osd.host for osd in cluster.osds_of(pool)} - {host_out}
    return min(pool.size, len(hosts))
