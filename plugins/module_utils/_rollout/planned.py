# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The cluster as earlier steps of the same run would leave it, where they only previewed what they do."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import patched
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Pool, Snapshot, parse_pool


def planned_snapshot(snapshot: Snapshot, planned: t.Mapping[str, t.Any]) -> Snapshot:
    """Return ``snapshot`` with the labels and pools that are planned.

    :param planned: see ``_cluster.planned``. A pool that is planned as held by us gets a new configuration, which
        nobody can name yet.
    """
    nodes = dict(snapshot.nodes)
    for name, labels in (planned.get("node_labels") or {}).items():
        if name in nodes:
            nodes[name] = replace(nodes[name], labels=patched(nodes[name].labels, labels))
    pools = dict(snapshot.pools)
    for item in planned.get("pools") or []:
        pool = parse_pool(item)
        pools[pool.name] = _planned_pool(pools.get(pool.name), pool)
    gone = planned.get("kubelet_configs_absent") or []
    generators = [one for one in snapshot.generators if one.kind != "KubeletConfig" or one.name not in gone]
    return _counted(snapshot, replace(snapshot, nodes=nodes, pools=pools, generators=generators))


def _planned_pool(live: Pool | None, pool: Pool) -> Pool:
    if live is None:
        return pool
    at_once = live.max_unavailable if pool.max_unavailable is None else pool.max_unavailable
    live = replace(live, max_unavailable=at_once)
    return replace(live, paused=True, marked=True, target="") if pool.marked else live


def _counted(before: Snapshot, after: Snapshot) -> Snapshot:
    """Return ``after`` with the counts that a controller would come to for pools that nodes leave."""
    pools = dict(after.pools)
    for name, pool in after.pools.items():
        left = len(before.members(name)) - len(after.members(name)) if name in before.pools else 0
        if left > 0:
            counts = {count: max(0, getattr(pool, count) - left) for count in ("machines", "updated", "ready")}
            pools[name] = replace(pool, **counts)
    return replace(after, pools=pools)
