# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Zones of workers: the labels and MachineConfigPools that a cluster lacks, and the way back."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import (
    POOL_KIND,
    ZONE_LABEL,
    Machines,
    disrupted_at_once,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import MachinePlan
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.label_selector import Requirement, Selector
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    Object,
    Path,
    differences,
    identified,
    labels_of,
    merged,
    remember,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import NEEDS_DISRUPTION, status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import (
    Conflict,
    conflicts,
    declaration,
    made_by_us,
    refusals,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    ROLE_LABEL,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.labels import assign, natural_key

PAUSED_WHY = "zones are being made; released by the rollout"
NODE_ROLE = "node-role.kubernetes.io/"
_POOL_NAME_LABEL = "pools.operator.machineconfiguration.openshift.io/"
_AT_ONCE = ("spec", "maxUnavailable")
# Values that the API sets where nobody chose: free to take.
_POOL_DEFAULTS: t.Dict[Path, t.Any] = {("spec", "paused"): False, _AT_ONCE: 1}


@dataclass(frozen=True)
class ZoneWishes:
    """How the workers are to be cut into zones."""

    zones: int
    prefix: str
    max_unavailable: int
    max_disrupted_share: Decimal
    allow_disruption: bool
    force_conflicts: bool
    rebalance: bool

    def name(self, zone: int) -> str:
        """Return the name of a zone, of its pool and of its role."""
        return f"{self.prefix}-{zone}"

    def zones_of(self, labels: t.Mapping[str, str]) -> list[int]:
        """Return the zones that the labels of a node put it into."""
        pattern = re.compile(re.escape(NODE_ROLE + self.prefix) + r"-(\d+)")
        return sorted(int(found[1]) for found in map(pattern.fullmatch, labels) if found)


def plan_zones(machines: Machines, wishes: ZoneWishes) -> MachinePlan:
    """Return what makes the zones: a pool each, then the labels that put nodes into them."""
    plan = MachinePlan()
    current = _current_zones(plan, machines, wishes)
    target = assign(current, wishes.zones, rebalance=wishes.rebalance)
    moving = [node for node in sorted(target, key=natural_key) if current[node] != target[node]]
    node_labels: dict[str, dict[str, str | None]] = {}
    pools: list[Object] = []
    drafts = [_Draft.make(machines, wishes, zone, target, moving) for zone in range(wishes.zones)]
    refused = {draft.name for draft in drafts if draft.stopped}
    arriving = {draft.name: draft.arriving for draft in drafts if draft.arriving and draft.name not in refused}
    at_once = {draft.name: value_at(draft.wanted, _AT_ONCE) for draft in drafts}
    pending = f"{NEEDS_DISRUPTION}; {machines.duration(arriving, at_once)}" if arriving else NEEDS_DISRUPTION
    for draft in drafts:
        plan.rows += draft.rows(wishes, pending)
        if not draft.stopped:
            pools.append(draft.planned)
            plan.definitions += draft.definitions(wishes)
            plan.force_conflicts |= draft.takes_over
    for node in sorted(target, key=natural_key):
        zone = wishes.name(target[node])
        moves, stopped = node in moving, zone in refused
        plan.rows.append(_node_row(node, current[node], zone, wishes, moves, stopped, pending))
        if moves and not stopped:
            node_labels[node] = _labels(current[node], zone, wishes)
            if wishes.allow_disruption:
                _add_node(plan, machines.nodes[node], node_labels[node])
    plan.rows += _surplus(machines, wishes, target) + _dropped(machines, pools)
    plan.planned = {"node_labels": node_labels, "pools": pools}
    return plan


@dataclass(frozen=True)
class _Draft:
    """One pool as it is, and as it is to be."""

    name: str
    live: Object
    wanted: Object
    hold: Object
    arriving: int
    found: list[Conflict]
    stopped: list[Conflict]
    evidence: str

    @classmethod
    def make(
        cls, machines: Machines, wishes: ZoneWishes, zone: int, target: t.Mapping[str, int], moving: t.Sequence[str]
    ) -> _Draft:
        name = wishes.name(zone)
        live = machines.pools.get(name, {})
        arriving = sum(1 for node in moving if target[node] == zone)
        at_once, evidence = _at_once(len(machines.workers()), wishes)
        wanted = _pool(name, at_once, _kubelet_labels(machines))
        if not live or made_by_us(live):
            wanted = merged(wanted, {"metadata": {"labels": {MANAGED_BY_LABEL: FIELD_MANAGER}}})
        rolls = arriving or not live or any(path != _AT_ONCE for path in differences(live, wanted))
        hold = machines.pause(name, PAUSED_WHY) if rolls else {}
        found = conflicts(live, merged(wanted, hold), _POOL_DEFAULTS)
        stopped = refusals(found, wishes.force_conflicts)
        return cls(name, live, wanted, hold, arriving, found, stopped, evidence)

    @property
    def planned(self) -> Object:
        """The whole pool after the writes."""
        return merged(self.wanted, self.hold)

    @property
    def takes_over(self) -> bool:
        """Whether a field changes hands, be it a default."""
        return bool(conflicts(self.live, self.planned))

    def definitions(self, wishes: ZoneWishes) -> list[Object]:
        """Return the definition to apply, if any is needed and allowed."""
        if (self.hold and not wishes.allow_disruption) or not differences(self.live, self.planned):
            return []
        if not self.live or made_by_us(self.live):
            return [declaration(self.live, self.planned)]
        # The pause has its own mark, and ends with the rollout.
        return [declaration(self.live, merged(remember(self.live, self.wanted), self.hold))]

    def rows(self, wishes: ZoneWishes, pending: str) -> list[Row]:
        """Return a row for each setting of the pool."""
        live_spec, spec = self.live.get("spec") or {}, self.wanted["spec"]
        allowed = wishes.allow_disruption or not self.hold
        rows = []
        for key in ("machineConfigSelector", "nodeSelector", "maxUnavailable"):
            before, wanted = live_spec.get(key), spec[key]
            status = "refused" if self.stopped else status_of(before == wanted, allowed)
            why = {"refused": "; ".join(map(str, self.stopped)), "pending": pending}.get(status, self._why(key))
            found = _text(before)
            rows.append(
                row(
                    f"pool {self.name}",
                    f"spec.{key}",
                    before=found,
                    wanted=_text(wanted),
                    effective=found,
                    status=status,
                    why=why,
                )
            )
        return rows

    def _why(self, key: str) -> str:
        return {
            "machineConfigSelector": "a custom pool takes the workers' configurations and those of its own name",
            "nodeSelector": "the label that puts a node into the zone",
            "maxUnavailable": self.evidence,
        }[key]


def _current_zones(plan: MachinePlan, machines: Machines, wishes: ZoneWishes) -> dict[str, int | None]:
    """Return the zone of each node that may be in one; the others get a row that says why not."""
    current: dict[str, int | None] = {}
    for node in sorted(machines.workers(), key=natural_key):
        zones = wishes.zones_of(labels_of(machines.nodes[node]))
        pool = machines.pool_of(node)
        in_zone_pool = pool in [wishes.name(zone) for zone in zones]
        where, what = f"node {node}", "zone"
        if len(zones) > 1:
            names = " and ".join(wishes.name(zone) for zone in zones)
            plan.rows.append(
                row(where, what, before=names, status="refused", why=f"it is in {names}: take one label off")
            )
        elif pool is None:
            why = "it is in no pool or in two custom ones, so the controller serves none: correct its role labels"
            plan.rows.append(row(where, what, status="refused", why=why))
        elif pool != "worker" and not in_zone_pool:
            why = f"it is in the custom pool {pool}: left alone"
            plan.rows.append(row(where, what, before=pool, effective=pool, status="note", why=why))
        else:
            current[node] = zones[0] if zones else None
    return current


def _at_once(workers: int, wishes: ZoneWishes) -> tuple[int, str]:
    limit = disrupted_at_once(workers, wishes.max_disrupted_share)
    at_once = min(wishes.max_unavailable, limit)
    share = f"{wishes.max_disrupted_share * 100:.0f} % of {workers} workers allow {limit}"
    return at_once, f"{wishes.max_unavailable} asked for; {share}"


def _pool(name: str, at_once: int, extra_labels: t.Mapping[str, str]) -> Object:
    roles = {"key": ROLE_LABEL, "operator": "In", "values": ["worker", name]}
    return {
        **POOL_KIND,
        "metadata": {"name": name, "labels": {f"{_POOL_NAME_LABEL}{name}": "", ZONE_LABEL: name, **extra_labels}},
        "spec": {
            "machineConfigSelector": {"matchExpressions": [roles]},
            "nodeSelector": {"matchLabels": {f"{NODE_ROLE}{name}": ""}},
            "maxUnavailable": at_once,
        },
    }


def _kubelet_labels(machines: Machines) -> dict[str, str]:
    """Return the labels by which our KubeletConfig selects the worker pool.

    A custom pool drops the worker pool's KubeletConfig, so a node that moves would lose its settings otherwise.
    """
    worker = machines.pools.get("worker", {})
    found: dict[str, str] = {}
    for config in machines.kubelet_configs.values():
        selector = (config.get("spec") or {}).get("machineConfigPoolSelector")
        if made_by_us(config) and Selector.parse(selector).matches(labels_of(worker)):
            found.update((selector or {}).get("matchLabels") or {})
    return found


def _labels(old: int | None, zone: str, wishes: ZoneWishes) -> dict[str, str | None]:
    taken = {} if old is None else {f"{NODE_ROLE}{wishes.name(old)}": None}
    return {**taken, f"{NODE_ROLE}{zone}": ""}


def _add_node(plan: MachinePlan, node: Object, labels: t.Mapping[str, str | None]) -> None:
    """Add the write that labels a node: an apply, or for a move one patch, so that it is in one zone at any time."""
    change = remember(node, {"metadata": {"labels": dict(labels)}})
    (plan.patches if None in labels.values() else plan.definitions).append(identified(node, change))


def _node_row(
    node: str, old: int | None, zone: str, wishes: ZoneWishes, moves: bool, stopped: bool, pending: str
) -> Row:
    before = None if old is None else wishes.name(old)
    status = "refused" if stopped else status_of(not moves, wishes.allow_disruption)
    why = {"refused": f"pool {zone} is refused", "pending": pending, "ok": "keeps its zone: a move is a reboot"}.get(
        status, "fills the smallest zone" if old is None else "moves, because a rebalance was asked for"
    )
    return row(f"node {node}", "zone", before=before, wanted=zone, effective=before, status=status, why=why)


def _surplus(machines: Machines, wishes: ZoneWishes, target: t.Mapping[str, int]) -> list[Row]:
    """Return notes on zones beyond the wanted number and on sizes that drifted apart."""
    rows = []
    sizes = [list(target.values()).count(zone) for zone in range(wishes.zones)]
    beyond = sorted({zone for zone in target.values() if zone >= wishes.zones})
    for zone in beyond:
        name = wishes.name(zone)
        why = f"beyond {wishes.zones} zones, its nodes stay; rebalance moves them, which reboots them"
        rows.append(row(f"pool {name}", "nodes", effective=list(target.values()).count(zone), status="note", why=why))
    if max(sizes) - min(sizes) > 1 and not wishes.rebalance:
        why = "the zones have grown apart; rebalance evens them out, which reboots the nodes that move"
        rows.append(row("zones", "nodes", effective=", ".join(map(str, sizes)), status="note", why=why))
    return rows


def _dropped(machines: Machines, pools: t.Sequence[Object]) -> list[Row]:
    """Return notes on the KubeletConfigs of others that the worker pool has and the zones would not."""
    worker = labels_of(machines.pools.get("worker", {}))
    rows = []
    for name, config in machines.kubelet_configs.items():
        selector = Selector.parse((config.get("spec") or {}).get("machineConfigPoolSelector"))
        without = [pool["metadata"]["name"] for pool in pools if not selector.matches(labels_of(pool))]
        if without and selector.matches(worker) and not made_by_us(config):
            why = f"it selects the worker pool, and {', '.join(without)} drop its settings: let it select them too"
            rows.append(row(f"KubeletConfig {name}", "zones", status="note", why=why))
    return rows


def _text(value: t.Any) -> str | None:
    """Return a selector as one line; other values as they are."""
    if not isinstance(value, dict):
        return None if value is None else str(value)
    return ", ".join(map(_requirement, Selector.parse(value).requirements)) or "nothing"


def _requirement(one: Requirement) -> str:
    if one.operator == "In" and len(one.values) == 1:
        return f"{one.key}={one.values[0]}"
    return f"{one.key} {one.operator} [{', '.join(one.values)}]"
