# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a rollout waited for: the chain of nodes that ends last, each second of it under one heading.

The node that is through last had to wait for its turn until another was through, that one for a third, and so on to
the release of the first pool. What these nodes waited for adds up to the whole time.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.cluster import Machine, Move
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.migrations import CLUSTER_LIMIT, NODE_LIMIT
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    CONTROLLER_DELAY_S,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.trace import PoolRun, Trace

REBOOT = "reboot"
MIGRATION = "migration"
CLUSTER_SLOT = "cluster_slot"
NODE_SLOT = "node_slot"
PODS = "pods"
REQUESTS = "requests"
VIRT_API = "virt_api"
WORKERS = "workers"
RETRY = "retry"
TURN = "turn"
DELAYS = "delays"

_SLOTS = {CLUSTER_LIMIT: CLUSTER_SLOT, NODE_LIMIT: NODE_SLOT}


class Part(t.NamedTuple):
    """Some seconds of the chain, and what they were spent on."""

    what: str
    start_s: float
    end_s: float
    node: str


def critical_path(trace: Trace) -> list[Part]:
    """Return the chain from the release of the first pool to the end; without gaps, in order."""
    parts: list[Part] = []
    run = _last(trace.pools, before=None)
    while run is not None and run.released_at is not None and run.ended_at is not None:
        parts = _of_pool(run) + parts
        before = _last(trace.pools, before=run)
        if before is not None:
            parts.insert(0, Part(DELAYS, before.ended_at or 0.0, run.released_at, ""))
        run = before
    return [part for part in parts if part.end_s > part.start_s]


def shares(parts: t.Sequence[Part]) -> dict[str, float]:
    """Return the seconds under each heading, the longest first."""
    found: dict[str, float] = {}
    for part in parts:
        found[part.what] = found.get(part.what, 0.0) + part.end_s - part.start_s
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def describe_wait(what: str, scenario: Scenario) -> str:
    """Return one heading of the path in words, with the limit that it stands for."""
    controllers = scenario.controllers
    client = "a daemon's client" if controllers.drain_by_daemon else "the drain controller's client"
    return {
        REBOOT: "reboots",
        MIGRATION: "migrations that run",
        CLUSTER_SLOT: f"VMs that wait for one of {scenario.limits.per_cluster} migrations in the cluster",
        NODE_SLOT: f"VMs that wait for one of {scenario.limits.per_node} migrations from their node",
        PODS: "pods and VMs that shut down",
        REQUESTS: f"{client}, which sends {controllers.requests_per_s:g} requests a second",
        VIRT_API: f"virt-api, whose clients send {scenario.virt_api.requests_per_s:g} requests a second",
        WORKERS: f"nodes that wait for one of {controllers.drain_workers} drain workers",
        RETRY: "the pauses between two attempts at a drain",
        TURN: "the node controller, which gives nodes their turn",
        DELAYS: "the fixed delays of controller and daemons",
    }[what]


def _last(runs: t.Sequence[PoolRun], before: PoolRun | None) -> PoolRun | None:
    """Return the pool that ended last; with ``before``, the one whose end let that pool begin."""
    limit = float("inf") if before is None else t.cast(float, before.released_at)
    ended = [run for run in runs if run.ended_at is not None and run.ended_at <= limit and run is not before]
    return max(ended, key=lambda run: t.cast(float, run.ended_at), default=None) if limit > 0 else None


def _of_pool(run: PoolRun) -> list[Part]:
    ended_at, released_at = t.cast(float, run.ended_at), t.cast(float, run.released_at)
    machine = max(run.machines, key=_done_at, default=None)
    if machine is None:
        return [Part(TURN, released_at, ended_at, "")]
    parts = [Part(TURN, _done_at(machine), ended_at, "")]
    while machine is not None:
        turn_at = machine.turn_by_look_at
        before = max((one for one in run.machines if _done_at(one) <= turn_at), key=_done_at, default=None)
        begin = released_at if before is None else _done_at(before)
        parts = _of_machine(machine, begin) + parts
        machine = before
    return parts


def _done_at(machine: Machine) -> float:
    return t.cast(float, machine.done_at)


def _of_machine(machine: Machine, begin: float) -> list[Part]:
    """Return what a machine waited for, from when its turn could have come until it was done."""
    steps = t.cast(
        "tuple[float, ...]",
        (
            machine.targeted_at,
            machine.asked_at,
            machine.cordoned_at,
            machine.drained_at,
            machine.rebooted_at,
            machine.back_at,
            machine.uncordoning_at,
            machine.uncordoned_at,
            machine.done_at,
        ),
    )
    targeted, asked, cordoned, drained, rebooted, back, uncordoning, uncordoned, done = steps
    spans = [
        (TURN, begin, targeted),
        (DELAYS, targeted, asked),
        *_by_worker(asked, cordoned),
        *_of_drain(machine, cordoned, drained),
        (DELAYS, drained, rebooted),
        (REBOOT, rebooted, back),
        *_by_worker(back, uncordoning),
        (REQUESTS, uncordoning, uncordoned),
        (DELAYS, uncordoned, done),
    ]
    return [Part(what, start, end, machine.node.name) for what, start, end in spans]


def _by_worker(asked: float, began: float) -> list[tuple[str, float, float]]:
    """Split the wait for the drain controller: its delay, then until one of its workers is free."""
    delayed = min(asked + CONTROLLER_DELAY_S, began)
    return [(DELAYS, asked, delayed), (WORKERS, delayed, began)]


def _of_drain(machine: Machine, start: float, end: float) -> list[tuple[str, float, float]]:
    last = machine.last
    asked = min(max(last.asked_at, start), end) if last.gone_at else start
    gone = min(max(last.gone_at, asked), end)
    marking = max(start, asked - (last.move.marking_s if last.move else 0))
    spans = [*_outside_attempts(machine, start, marking), (VIRT_API, marking, asked)]
    spans += _of_move(last.move, asked, gone) if last.move else [(PODS, asked, gone)]
    return spans + _outside_attempts(machine, gone, end)


def _outside_attempts(machine: Machine, start: float, end: float) -> list[tuple[str, float, float]]:
    """Split a time in which nothing had to be waited for but the drain itself: attempts, pauses, waits for a worker."""
    spans = []
    at = start
    for (_began, paused), (resumed, _ended), pause_s in zip(machine.attempts, machine.attempts[1:], machine.pauses_s):
        until = min(paused + pause_s, resumed)
        for what, low, high in ((RETRY, paused, until), (WORKERS, until, resumed)):
            low, high = max(low, at), min(high, end)
            if low < high:
                spans += [(REQUESTS, at, low), (what, low, high)]
                at = high
    return [*spans, (REQUESTS, at, end)]


def _of_move(move: Move, asked: float, gone: float) -> list[tuple[str, float, float]]:
    if move.restart:
        return [(PODS, asked, gone)]
    started = min(max(move.started_at, asked), gone)
    held = sum(move.held_s.values())
    spans = []
    at = asked
    for limit, seconds in sorted(move.held_s.items()):
        until = at + (started - asked) * seconds / held
        spans.append((_SLOTS[limit], at, until))
        at = until
    return [*spans, (MIGRATION, at, gone)]
