# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Taking the zones back: nodes first, then, once they run the worker pool's configuration, the pools.

The plan is made twice, around the rollout that the first half causes; each time it holds what can be done now. For
that time the worker pool takes as many nodes at once as a zone did: with its own limit of one, a hundred nodes would
take a day.
"""

from __future__ import annotations

import typing as t
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import (
    Machines,
    disrupted_at_once,
    is_zone_pool,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import MachinePlan
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    Object,
    Path,
    give_back,
    identified,
    leaves,
    merged,
    remember,
    remembered,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import (
    NEEDS_DISRUPTION,
    status_of,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import made_by_us
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.labels import natural_key
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.plan import NODE_ROLE

_PAUSED_WHY = "zones are being taken back; released by the rollout"
_AT_ONCE = ("spec", "maxUnavailable")


def plan_zones_given_back(machines: Machines, max_disrupted_share: Decimal, allow_disruption: bool) -> MachinePlan:
    """Return what can be taken back now: the nodes' labels, or the pools that no node uses any more."""
    plan = MachinePlan()
    leaving = [node for node in sorted(machines.nodes, key=natural_key) if _remembers_zone(machines.nodes[node])]
    at_once = disrupted_at_once(len(machines.workers()), max_disrupted_share)
    pending = f"{NEEDS_DISRUPTION}; {machines.duration({'worker': len(leaving)}, {'worker': at_once})}"
    if leaving:
        _speed_worker_up(plan, machines, at_once, status_of(False, allow_disruption))
    for node in leaving:
        item = machines.nodes[node]
        plan.patches.append(identified(item, give_back(item, _is_zone_label)))
        before = machines.pool_of(node)
        status = status_of(False, allow_disruption)
        why = pending if status == "pending" else "goes back to the worker pool"
        plan.rows.append(row(f"node {node}", "zone", before=before, effective=before, status=status, why=why))
    for name in machines.custom_pools():
        if is_zone_pool(machines.pools[name]):
            _plan_pool(plan, machines, name, bool(leaving), allow_disruption)
    if not leaving:
        _plan_worker(plan, machines)
    plan.foresee()
    if leaving and not allow_disruption:
        plan.withhold()
    return plan


def _plan_pool(plan: MachinePlan, machines: Machines, name: str, wait: bool, allow_disruption: bool) -> None:
    """Delete a pool that we made, or give back what an adopted one had, once no node needs it."""
    pool = machines.pools[name]
    users = _users(machines, name)
    ours = made_by_us(pool)
    why = "made by this collection" if ours else "was there before: its own settings return"
    if users and not wait:
        why = f"kept, because it is used, and not by a label of this collection: {', '.join(users)}"
        plan.rows.append(row(f"pool {name}", "pool", before="present", effective="present", status="note", why=why))
        return
    status = status_of(False, allow_disruption or not wait)
    plan.rows.append(row(f"pool {name}", "pool", before="present", effective="present", status=status, why=why))
    if ours and not wait:
        plan.absent.append(identified(pool, {}))
    elif not ours and remembered(pool) and not wait:
        plan.patches.append(identified(pool, give_back(pool)))


def _users(machines: Machines, pool: str) -> list[str]:
    """Return the nodes in a pool, and those whose daemon still holds a configuration rendered for it."""
    rendered = f"rendered-{pool}-"
    return [
        name
        for name, node in machines.snapshot.nodes.items()
        if machines.pool_of(name) == pool
        or any((used or "").startswith(rendered) for used in (node.current, node.desired))
    ]


def _speed_worker_up(plan: MachinePlan, machines: Machines, at_once: int, status: str) -> None:
    """Let the worker pool wait for all nodes, then take several at once; its own limit returns after the rollout."""
    worker = machines.pools["worker"]
    faster = remember(worker, {"spec": {"maxUnavailable": at_once}})
    plan.patches.append(identified(worker, merged(faster, machines.pause("worker", _PAUSED_WHY))))
    before = remembered(merged(worker, faster))
    if _AT_ONCE in leaves(before):
        why = f"{at_once} at once while the nodes leave their zones, then its own value again"
        plan.rows.append(_worker_row(worker, value_at(before, _AT_ONCE), status, why))


def _plan_worker(plan: MachinePlan, machines: Machines) -> None:
    """Give the worker pool its own limit back."""
    worker = machines.pools.get("worker", {})
    patch = give_back(worker, lambda path: path == _AT_ONCE) if worker else {}
    if patch:
        plan.patches.append(identified(worker, patch))
        plan.rows.append(_worker_row(worker, value_at(patch, _AT_ONCE), "would_change", "the value from before"))


def _worker_row(worker: Object, wanted: t.Any, status: str, why: str) -> Row:
    found = value_at(worker, _AT_ONCE)
    what = ".".join(_AT_ONCE)
    return row("pool worker", what, before=found, wanted=wanted, effective=found, status=status, why=why)


def _remembers_zone(node: t.Mapping[str, t.Any]) -> bool:
    return bool(give_back(node, _is_zone_label))


def _is_zone_label(path: Path) -> bool:
    return path[:2] == ("metadata", "labels") and path[2].startswith(NODE_ROLE)
