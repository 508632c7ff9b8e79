# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A migration planned: the pools held, their triggers written or taken back, an earlier run continued."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines, is_zone_pool
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import MachinePlan
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, identified
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import NEEDS_DISRUPTION, status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import (
    conflicts,
    declaration,
    made_by_us,
    refusals,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import (
    PER_CLUSTER,
    PER_NODE,
    MigrationLimits,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.policy import DisruptionPolicy, plan_policy
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.preflight import Leaving, check
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import (
    Triggered,
    check_run_id,
    trigger,
    trigger_name,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Node
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, any_refused, in_words, row

PAUSED_WHY = "migration {run}; released by the rollout"
_WHAT = "migration trigger"
_NO_NODES = "no node has to be drained"
_CONTROL_PLANE = ("master", "arbiter")


@dataclass(frozen=True)
class MigrationWishes:
    """Which pools are to be drained once, or to lose the triggers of earlier runs."""

    # In the order in which they roll; none named: every zone.
    pools: t.Sequence[str]
    run_id: str
    present: bool
    drain_only: bool
    max_disrupted_share: Decimal
    allow_disruption: bool
    force_conflicts: bool


@dataclass
class MigrationPlan(MachinePlan):
    """The writes, and what the rollout after them has to wait for."""

    # The policy, to be in effect before the rest is written.
    policy: list[Object] = field(default_factory=list)
    # To be applied after the rollout.
    policy_after: list[Object] = field(default_factory=list)
    migration_id: str = ""
    # The earlier run that is carried on.
    continues: bool = False
    pools: list[str] = field(default_factory=list)
    # The nodes that each of these pools has still to drain.
    left: dict[str, list[str]] = field(default_factory=dict)
    # MachineConfigs that must be rendered into each pool.
    expect: dict[str, list[str]] = field(default_factory=dict)
    preflight: list[Row] = field(default_factory=list)
    reboots: bool = True

    @property
    def refused(self) -> bool:
        """Whether a gate said no, so that nothing may be changed."""
        return any_refused([*self.preflight, *self.rows])

    def lines(self) -> list[str]:
        """Return what somebody has to know before it begins: what stands against it, else what it does."""
        return in_words([*self.preflight, *self.rows])

    def as_result(self) -> dict[str, t.Any]:
        """Return the plan as return values of a module."""
        return {
            **super().as_result(),
            "policy": self.policy,
            "policy_after": self.policy_after,
            "migration_id": self.migration_id,
            "continues": self.continues,
            "pools": self.pools,
            "rolling": [{"name": pool, "left": nodes} for pool, nodes in self.left.items()],
            "expect": self.expect,
            "preflight": self.preflight,
            "refused": self.refused,
            "reboots": self.reboots,
            "lines": self.lines(),
        }


def plan_migration(facts: t.Mapping[str, t.Any], wishes: MigrationWishes, *, look: bool = True) -> MigrationPlan:
    """Return the writes that start a migration, continue one or take its triggers back.

    :param look: whether to look for what stands against it; not when it is over.
    :raises TuningError: for a pool that does not exist or is not for virtual machines.
    """
    return _Planner(facts, wishes).plan(look)


def planned_pools(rows: t.Iterable[Row]) -> list[str]:
    """Return the pools of which a plan's rows tell."""
    return [str(one["where"]).partition(" ")[2] for one in rows if one["what"] == _WHAT]


class _Planner:
    """Makes one plan."""

    def __init__(self, facts: t.Mapping[str, t.Any], wishes: MigrationWishes) -> None:
        self._facts = facts
        self._wishes = wishes
        self._machines = Machines.from_facts(facts)
        self._states = {pool: Triggered.of(self._machines, facts, pool) for pool in self._machines.pools}
        self._plan = MigrationPlan(migration_id=check_run_id(wishes.run_id))

    def plan(self, look: bool) -> MigrationPlan:
        """Return it, with the look before where that is wanted."""
        plan, chosen = self._plan, [self._states[pool] for pool in self._chosen()]
        leaving = self._triggers(chosen) if self._wishes.present else self._removal(chosen)
        self._policy(chosen)
        if look:
            plan.preflight += check(self._machines, self._facts, leaving, float(self._wishes.max_disrupted_share))
            plan.preflight += _limit_rows(self._facts)
        if not plan.refused:
            plan.foresee()
        if plan.refused or not self._wishes.allow_disruption:
            plan.withhold()
            plan.policy, plan.policy_after = [], []
        return plan

    def _chosen(self) -> list[str]:
        """Return the pools in their order; for a removal without names, those that have something to lose."""
        known, asked = self._machines.pools, self._wishes.pools
        for pool in asked:
            if pool not in known:
                raise TuningError(f"There is no MachineConfigPool {pool}; there are {', '.join(sorted(known))}.")
            if pool in _CONTROL_PLANE:
                raise InvalidValue("pools", pool, "a pool of workers: the control plane is never drained here")
        if asked:
            return list(dict.fromkeys(asked))
        if not self._wishes.present:
            return sorted(name for name, state in self._states.items() if state.to_be_cleared)
        zones = [pool for pool in self._machines.custom_pools() if is_zone_pool(known[pool])]
        if not zones:
            raise TuningError("There is no pool of a zone: make the zones first, or name the pools to migrate.")
        return zones

    def _triggers(self, chosen: t.Sequence[Triggered]) -> list[Leaving]:
        started = [state.run_id for state in chosen if state.unfinished and state.run_id]
        if started:
            # Ids begin with the moment of their run; the newest one is what was interrupted last.
            self._plan.migration_id, self._plan.continues = max(started), True
        leaving = []
        for state in chosen:
            done = state.run_id == self._plan.migration_id and not state.unfinished
            nodes = state.lacking() if state.unfinished else [] if done else state.members
            leaving.append(Leaving.of(self._facts, state, nodes))
            self._plan.pools.append(state.name)
            self._plan.expect[state.name] = [trigger_name(state.name)]
            stopped = "" if done or state.unfinished else self._write(state)
            self._tell(state, state.run_id if state.unfinished else self._plan.migration_id, done, nodes, stopped)
        return leaving

    def _removal(self, chosen: t.Sequence[Triggered]) -> list[Leaving]:
        leaving = []
        for state in chosen:
            nodes = [node for node in state.members if state.carried[node.name] is not None]
            leaving.append(Leaving.of(self._facts, state, nodes))
            if not state.to_be_cleared:
                continue
            self._plan.pools.append(state.name)
            stopped = _not_ours(state) if state.live and not made_by_us(state.live) else ""
            if state.live:
                self._hold(state.name)
                self._plan.absent.append(identified(state.live, {}))
            self._tell(state, None, False, nodes, stopped)
        return leaving

    def _write(self, state: Triggered) -> str:
        """Add the writes of a new trigger, the pause before it; return what stands against them."""
        if state.live and not made_by_us(state.live):
            return _not_ours(state)
        wanted = trigger(state.name, self._plan.migration_id)
        found = conflicts(state.live, wanted)
        self._hold(state.name)
        self._plan.definitions.append(wanted)
        self._plan.force_conflicts |= bool(found)
        return "; ".join(map(str, refusals(found, self._wishes.force_conflicts)))

    def _hold(self, pool: str) -> None:
        """Add the write that pauses a pool as ours, so that all are rendered before the first one rolls."""
        hold = self._machines.pause(pool, PAUSED_WHY.format(run=self._plan.migration_id))
        if hold:
            live = self._machines.pools[pool]
            self._plan.definitions.append(identified(live, declaration(live, hold)))
            self._plan.force_conflicts |= bool(conflicts(live, hold))

    def _policy(self, chosen: t.Collection[Triggered]) -> None:
        """Add what makes the trigger drain only, or reboot; it outlives the last trigger, which it is for."""
        plan, wishes, now = self._plan, self._wishes, DisruptionPolicy.of(self._facts)
        names = [state.name for state in chosen]
        kept = [state for state in self._states.values() if state.to_be_cleared and state.name not in names]
        if not wishes.present and kept:
            plan.reboots = not now.drains_only
            return
        drain_only = wishes.drain_only and wishes.present
        found = plan_policy(now, drain_only, wishes.allow_disruption, wishes.force_conflicts)
        plan.force_conflicts |= found.force_conflicts
        if wishes.present:
            plan.policy, plan.rows, plan.reboots = found.definitions, [*found.rows, *plan.rows], found.reboots
        else:
            plan.policy_after, plan.reboots = found.definitions, not now.drains_only
            plan.rows += found.rows

    def _tell(self, state: Triggered, wanted: str | None, done: bool, nodes: t.Sequence[Node], stopped: str) -> None:
        """Add the row of a pool."""
        if nodes:
            self._plan.left[state.name] = [node.name for node in nodes]
        at_once = min(state.pool.at_once(len(state.members)), len(nodes))
        why = f"{len(nodes)} of {len(state.members)} nodes are drained, {at_once} at a time" if nodes else _NO_NODES
        if state.unfinished and wanted:
            why = f"continues run {wanted}: {why}"
        status = "refused" if stopped else status_of(done, self._wishes.allow_disruption)
        if status == "pending":
            why = f"{NEEDS_DISRUPTION}; {why}"
        effective = state.effective()
        self._plan.rows.append(
            row(
                f"pool {state.name}",
                _WHAT,
                before=state.run_id,
                wanted=wanted,
                effective=effective,
                status=status,
                why=stopped or why,
            )
        )


def _not_ours(state: Triggered) -> str:
    return f"MachineConfig {trigger_name(state.name)} was not made by this collection; rename or delete it"


def _limit_rows(facts: t.Mapping[str, t.Any]) -> list[Row]:
    """Return notes on the limits that are in effect for this run."""
    if not facts.get("kubevirt"):
        return []
    limits = MigrationLimits.of(facts["kubevirt"])
    where = f"KubeVirt {facts['kubevirt']['metadata']['name']}"
    told = ((PER_CLUSTER, limits.per_cluster, "in the cluster"), (PER_NODE, limits.per_node, "away from one node"))
    return [
        row(where, name, effective=value, status="note", why=f"so many migrate at once {place}")
        for name, value, place in told
    ]
