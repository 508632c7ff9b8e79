# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The decisions of a rollout: where each pool stands, and what is to be done next. No I/O, no clock, no memory.

rendering -> held -> (release) -> rolling -> updated        paused: by a person, ends the run
"""

from __future__ import annotations

import enum
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Node, Pool, Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.render import awaited, refused_generators


class Phase(enum.Enum):
    """Where a pool stands."""

    RENDERING = "rendering"
    HELD = "held"
    ROLLING = "rolling"
    UPDATED = "updated"
    PAUSED = "paused"


@dataclass(frozen=True)
class Verdict:
    """Where a pool stands and why; ``fault`` is what will not heal by waiting."""

    pool: Pool
    phase: Phase
    why: str = ""
    fault: str | None = None


@dataclass(frozen=True)
class Limits:
    """How much may be out of service at a time."""

    one_at_a_time: bool = True
    max_disrupted_share: float = 0.1

    def nodes(self, workers: int) -> int:
        """Return the number of workers that may be disrupted at once: rounded down, at least 1."""
        return max(1, int(workers * self.max_disrupted_share + 1e-9))


@dataclass(frozen=True)
class Step:
    """What to do next: release one pool, fail, or wait; nothing of these when all is done.

    ``beside`` is what is waited for where that is no matter of pools.
    """

    release: Pool | None = None
    fail: str | None = None
    wait: str | None = None
    beside: str | None = None


# Nodes that a sentence names before it counts the rest.
_NAMED = 3


def outdated(snapshot: Snapshot, pool: Pool) -> list[Node]:
    """Return the pool's nodes that do not run its target yet."""
    return [node for node in snapshot.members(pool.name) if node.current != pool.target or not node.done]


def judge(snapshot: Snapshot, pool: Pool, expected: t.AbstractSet[str] = frozenset()) -> Verdict:
    """Return where a pool stands.

    :param expected: names of MachineConfigs that must be rendered into it.
    """
    fault = _fault(snapshot, pool)
    missing = awaited(snapshot, pool, expected)
    if pool.paused and not pool.marked:
        if missing is None and not outdated(snapshot, pool):
            return Verdict(pool, Phase.UPDATED, "paused by somebody else, and up to date")
        return Verdict(pool, Phase.PAUSED, "paused by somebody else: this collection does not lift that pause")
    if missing is not None:
        return Verdict(pool, Phase.RENDERING, f"waits for {missing}", fault)
    if pool.paused:
        return Verdict(pool, Phase.HELD, "paused by this collection", fault)
    lacking = _lacking(snapshot, pool)
    if lacking is not None:
        return Verdict(pool, Phase.ROLLING, lacking, fault)
    return Verdict(pool, Phase.UPDATED, "", fault)


def next_step(snapshot: Snapshot, verdicts: t.Sequence[Verdict], limits: Limits) -> Step:
    """Return what is to be done now, given the pools in the order in which they are to roll.

    A person who pauses a pool, beforehand or as it rolls, wants no more of it: no other pool is released then either.
    With one pool at a time, the order is kept: a later pool does not overtake one that is still being rendered.
    """
    faults = [f"Pool {verdict.pool.name}: {verdict.fault}." for verdict in verdicts if verdict.fault]
    if faults:
        return Step(fail=" ".join(faults))
    paused = [verdict.pool.name for verdict in verdicts if verdict.phase is Phase.PAUSED]
    if paused:
        pools = f"Pool {paused[0]} is" if len(paused) == 1 else f"Pools {', '.join(paused)} are"
        return Step(
            fail=f"{pools} paused by somebody else and not up to date, so nothing more is released. Unpause and run "
            "again, or name the other pools only."
        )
    for verdict in verdicts:
        if verdict.pool.marked and not verdict.pool.paused:
            return Step(release=verdict.pool)  # somebody else unpaused it: only our mark is left to take away
    rolling = [verdict for verdict in verdicts if verdict.phase is Phase.ROLLING]
    if limits.one_at_a_time and rolling:
        return Step(wait=rolling[0].why)
    obstacle = rolling[0].why if rolling else None
    for verdict in verdicts:
        if verdict.phase is Phase.HELD:
            refusal = _no_room(snapshot, verdict.pool, [other.pool for other in rolling], limits)
            if refusal is None or refusal.fail:
                return refusal or Step(release=verdict.pool)
            obstacle = obstacle or refusal.wait
        elif verdict.phase is Phase.RENDERING:
            obstacle = obstacle or f"pool {verdict.pool.name} {verdict.why}"
        else:
            continue
        if limits.one_at_a_time:
            break
    return Step(wait=obstacle)


def disrupted(snapshot: Snapshot) -> list[Node]:
    """Return the workers of the whole cluster that are out of service or on their way there."""
    return [node for node in snapshot.workers if node.disrupted]


def describe_waiting(snapshot: Snapshot, verdicts: t.Sequence[Verdict], most: int = 10) -> str:
    """Return which nodes a rollout still waits for, and each for what."""
    told: list[str] = []
    for verdict in verdicts:
        if verdict.phase is Phase.ROLLING:
            waits = {node.name: node.waits_for(verdict.pool.target) for node in snapshot.members(verdict.pool.name)}
            nodes = [f"{name} waits for {what}" for name, what in waits.items() if what]
            told += [f"pool {verdict.pool.name}: {what}" for what in nodes or [verdict.why]]
        elif verdict.phase in (Phase.RENDERING, Phase.HELD):
            told.append(f"pool {verdict.pool.name}: {verdict.phase.value}, {verdict.why}")
    rest = f"; and {len(told) - most} more" if len(told) > most else ""
    return "; ".join(told[:most]) + rest


def _fault(snapshot: Snapshot, pool: Pool) -> str | None:
    """Return the operator's own message where waiting is no use."""
    for generator in refused_generators(snapshot, pool):
        return (
            f"the controller refused {generator} ({_one_line(generator.message)}), and renders nothing for "
            "this pool until it is corrected or deleted, although the pool says Updated"
        )
    rendering = pool.condition("RenderDegraded")
    if rendering is not None:
        return f"RenderDegraded: {_one_line(rendering)}"
    nodes = pool.condition("NodeDegraded")
    if nodes is not None and _stuck(snapshot, pool):
        return f"NodeDegraded: {_one_line(nodes)}"
    return None


def _one_line(message: str) -> str:
    return " ".join(message.split()).rstrip(".") or "no message"


def _stuck(snapshot: Snapshot, pool: Pool) -> bool:
    """Return whether a node fails for good: the condition outlasts its nodes, and some of them are helped by waiting.

    A node that fails at a configuration which the pool has left gets the new one as soon as the pool is released.
    One that fails at what it already runs, such as with a full disk, does not.
    """
    failing = [node for node in snapshot.members(pool.name) if node.failing]
    return any(node.desired in (node.current, pool.target) for node in failing)


def _lacking(snapshot: Snapshot, pool: Pool) -> str | None:
    """Return what a released pool still lacks; ``Updated=True`` alone is also the state before it starts."""
    members = snapshot.members(pool.name)
    behind = outdated(snapshot, pool)
    if behind:
        return f"{len(members) - len(behind)}/{len(members)} nodes updated"
    if pool.observed_generation != pool.generation or pool.reached != pool.target:
        return "waits for its controller"
    if pool.machines != len(members) or not pool.machines == pool.updated == pool.ready or pool.unavailable:
        return f"{pool.ready}/{len(members)} nodes ready, {pool.unavailable} unavailable"
    if pool.condition("Updated") is None or pool.condition("Degraded") is not None:
        return "waits for the condition Updated"
    return None


def _peak(snapshot: Snapshot, pool: Pool) -> int:
    """Return how many nodes of a pool may be out of service at a time once it rolls."""
    members = snapshot.members(pool.name)
    out = sum(node.disrupted for node in members)
    untouched = sum(not node.disrupted and node.current != pool.target for node in members)
    return max(out, min(pool.at_once(len(members)), out + untouched))


def _no_room(snapshot: Snapshot, pool: Pool, rolling: t.Sequence[Pool], limits: Limits) -> Step | None:
    """Return why a pool cannot be released: for now (wait) or ever (fail); None when it can."""
    peak = _peak(snapshot, pool)
    members = snapshot.members(pool.name)
    if all(node.current == pool.target for node in members):
        return None
    allowed = limits.nodes(len(snapshot.workers))
    share = f"{allowed} of {len(snapshot.workers)} workers (max_disrupted_share {limits.max_disrupted_share:g})"
    if pool.at_once(len(members)) > allowed and peak > allowed:
        return Step(
            fail=f"Pool {pool.name} would take {peak} nodes at once, but no more than {share} may be out of service: "
            "lower its maxUnavailable or raise max_disrupted_share."
        )
    taken = {other.name: _peak(snapshot, other) for other in rolling}
    elsewhere = [node.name for node in disrupted(snapshot) if snapshot.pool_of(node) not in (pool.name, *taken)]
    if peak + sum(taken.values()) + len(elsewhere) <= allowed:
        return None
    if len(elsewhere) > _NAMED:
        elsewhere = [*elsewhere[:_NAMED], f"{len(elsewhere) - _NAMED} more nodes"]
    others = [f"{count} of pool {name}" for name, count in taken.items()] + elsewhere
    beside = f" beside {', '.join(others)}" if others else ""
    return Step(wait=f"pool {pool.name} waits: {peak} nodes of it{beside} are more than {share}")
