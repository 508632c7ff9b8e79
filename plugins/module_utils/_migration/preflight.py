# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What stands against draining pools of virtual machines, and what the drain does to each: facts in, rows out.

A refusal is one that waiting would not heal, or that would make the run harm what it must not: it stands in a row,
and nothing is changed.
"""

from __future__ import annotations

import typing as t
from collections import Counter
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import Fate, fate
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.plan import settled
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.room import lacking_room
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import Triggered
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import ROLE_LABEL, Node
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.render import refused_generators
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import Limits, disrupted, outdated
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

Facts = t.Mapping[str, t.Any]
# Names in a sentence before the rest is counted.
_NAMED = 10


@dataclass(frozen=True)
class Leaving:
    """The nodes of a pool that are going to be drained, and the virtual machines there."""

    state: Triggered
    nodes: t.Sequence[Node]
    machines: t.Sequence[Facts]

    @classmethod
    def of(cls, facts: Facts, state: Triggered, nodes: t.Sequence[Node]) -> Leaving:
        """Return them by measured facts."""
        names = {node.name for node in nodes}
        there = [one for one in facts.get("virtual_machines") or [] if one["node"] in names and _runs(one)]
        return cls(state, nodes, there)

    def fates(self, *wanted: Fate) -> list[Facts]:
        """Return the virtual machines to which the drain does one of these."""
        return [machine for machine in self.machines if fate(machine) in wanted]

    @property
    def where(self) -> str:
        """The place of its rows."""
        return f"pool {self.state.name}"


def check(machines: Machines, facts: Facts, leaving: t.Sequence[Leaving], share: float) -> list[Row]:
    """Return a row for each finding: refused, or a note of what is going to happen.

    :param share: of all workers, how many may be out of service at once.
    """
    rows = _check_cluster(facts, any(pool.state.under_way for pool in leaving))
    names = [pool.state.name for pool in leaving]
    for pool in leaving:
        if not pool.nodes:
            continue
        reasons = [*pool_reasons(machines, pool, names), *node_reasons(machines, pool, share)]
        rows += [_refused(pool, what, why) for what, why in reasons]
        rows += [*_machine_rows(pool), *_budget_rows(facts, pool), *_room_rows(machines, facts, pool)]
    return rows


def named(names: t.Sequence[str]) -> str:
    """Return the names of a sentence: some, and how many more."""
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest


def _check_cluster(facts: Facts, continues: bool) -> list[Row]:
    rows = []
    if not settled(facts):
        why = "KubeVirt does not have yet what HyperConverged says: let its operator follow, then run again"
        rows.append(row("KubeVirt", "limits", status="refused", why=why))
    active = facts.get("migrations") or []
    if active and not continues:
        names = named([f"{one['namespace']}/{one['vmi']} ({one['phase']})" for one in active])
        why = f"they would share the limits with this run: let them end first: {names}"
        rows.append(row("KubeVirt", "other migrations", effective=len(active), status="refused", why=why))
    return rows


def pool_reasons(machines: Machines, pool: Leaving, names: t.Collection[str]) -> t.Iterator[tuple[str, str]]:
    """Yield what keeps a pool from rolling, or would roll others with it."""
    found, snapshot = pool.state.pool, machines.snapshot
    if machines.held_by_person(found.name):
        yield "paused", "paused by somebody else: this collection does not lift that pause"
    for kind in ("RenderDegraded", "NodeDegraded", "Degraded"):
        message = found.condition(kind)
        if message is not None:
            yield "health", f"{kind}: {message.strip().rstrip('.') or 'no message'}"
            break
    for generator in refused_generators(snapshot, found):
        message = generator.message.strip().rstrip(".")
        yield "rendering", f"the controller refused {generator} ({message}), and renders nothing for this pool"
    behind = outdated(snapshot, found)
    if behind and not found.marked and not pool.state.under_way:
        nodes = f"{len(behind)} of {len(pool.state.members)} nodes"
        yield "updated nodes", f"{nodes} do not run its configuration yet: let that rollout end first"
    label = {ROLE_LABEL: found.name}
    others = [
        other.name
        for other in snapshot.pools.values()
        if other.name not in names and other.config_selector.matches(label) and snapshot.members(other.name)
    ]
    if others:
        yield "other pools", f"its MachineConfigs are rendered into {named(others)} too: name these pools in its place"


def node_reasons(machines: Machines, pool: Leaving, share: float) -> t.Iterator[tuple[str, str]]:
    """Yield what keeps its nodes from being drained: some are out of service, or too many would be."""
    out = [
        f"{node.name} is {'cordoned' if node.cordoned else 'not ready'}"
        for node in pool.nodes
        if (node.cordoned or not node.ready) and not _mid_update(node)
    ]
    if out:
        yield "nodes in service", f"{named(out)}: bring that back first, each takes a place of maxUnavailable"
    snapshot = machines.snapshot
    allowed = Limits(max_disrupted_share=share).nodes(len(snapshot.workers))
    at_once = min(pool.state.pool.at_once(len(pool.state.members)), len(pool.nodes))
    elsewhere = [node.name for node in disrupted(snapshot) if snapshot.pool_of(node) != pool.state.name]
    beside = f" beside {named(elsewhere)}, out of service already," if elsewhere else ""
    if at_once + len(elsewhere) > allowed:
        remedy = "bring those back" if elsewhere and at_once <= allowed else "lower its maxUnavailable"
        yield (
            "nodes at once",
            f"{at_once} at once{beside} are more than {allowed} of {len(snapshot.workers)} workers "
            f"(max_disrupted_share {share:g}): {remedy}, or raise max_disrupted_share",
        )


def _machine_rows(pool: Leaving) -> t.Iterator[Row]:
    """Yield what the drain does to the virtual machines, and who would not come through it."""
    stuck = pool.fates(Fate.BLOCKS)
    if stuck:
        names = named([f"{_name(one)} ({one['why_not']})" for one in stuck])
        why = f"the drain would wait for ever for {names}; stop them, or give them the eviction strategy None"
        yield _refused(pool, "virtual machines that cannot migrate", why, len(stuck))
    lost = pool.fates(Fate.STOPS)
    if lost:
        names = named([f"{_name(one)} (eviction strategy {one['eviction_strategy'] or 'not set'})" for one in lost])
        why = f"the drain would shut them down, and nothing starts them again: {names}; stop them first, or let them "
        yield _refused(pool, "virtual machines that would stay down", f"{why}migrate or run Always", len(lost))
    restarts = pool.fates(Fate.RESTARTS)
    if restarts:
        why = f"shut down by the drain and started elsewhere, as their eviction strategy says: {_names(restarts)}"
        yield _note(pool, "virtual machines that restart", len(restarts), why)
    external = pool.fates(Fate.EXTERNAL)
    if external:
        why = f"the drain waits until their own controllers have moved them: {_names(external)}"
        yield _note(pool, "virtual machines moved by others", len(external), why)
    moving = pool.fates(Fate.MIGRATES)
    systems = Counter(machine["os"] for machine in moving)
    why = ", ".join(f"{number} {name}" for name, number in sorted(systems.items())) or "none is on its nodes"
    yield _note(pool, "virtual machines that migrate", len(moving), why)


def _budget_rows(facts: Facts, pool: Leaving) -> t.Iterator[Row]:
    draining = {node.name for node in pool.nodes}
    for budget in facts.get("disruption_budgets") or []:
        held = [f"{name} on {node}" for node, names in budget["pods"].items() if node in draining for name in names]
        if held:
            what = f"PodDisruptionBudget {budget['namespace']}/{budget['name']}"
            why = f"it allows no disruption now ({budget['why']}), and the drain would wait for {named(held)}"
            yield _refused(pool, what, why, len(held))


def _room_rows(machines: Machines, facts: Facts, pool: Leaving) -> t.Iterator[Row]:
    at_once = pool.state.pool.at_once(len(pool.state.members))
    for what, why in lacking_room(machines, facts, [node.name for node in pool.nodes], at_once, pool.machines):
        yield _refused(pool, what, why)


def _refused(pool: Leaving, what: str, why: str, effective: t.Any = None) -> Row:
    return row(pool.where, what, effective=effective, status="refused", why=why)


def _note(pool: Leaving, what: str, effective: t.Any, why: str) -> Row:
    return row(pool.where, what, effective=effective, status="note", why=why)


def _names(found: t.Sequence[Facts]) -> str:
    return named([_name(machine) for machine in found])


def _name(machine: Facts) -> str:
    return f"{machine['namespace']}/{machine['name']}"


def _runs(machine: Facts) -> bool:
    return machine["phase"] not in ("Succeeded", "Failed")


def _mid_update(node: Node) -> bool:
    return node.current != node.desired or node.draining or node.rebooting
