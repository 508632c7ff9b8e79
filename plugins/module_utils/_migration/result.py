# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A migration as return values, rows and a screen of text: what each machine, each node and the limits went through."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import distribution
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.history import History, Vm
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import (
    PER_CLUSTER,
    PER_NODE,
    MigrationLimits,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.stats import (
    by_os,
    curve,
    moving_s,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes

Json = t.Dict[str, t.Any]


def statistics(
    history: History, limits: MigrationLimits, end: float, *, time_factor: float = 1.0, journal: str | None = None
) -> Json:
    """Return all that is known of the migrations of a history.

    :param limits: those that hold; the highest, if they changed meanwhile.
    :param end: the moment at which unfinished things are counted.
    :param time_factor: by what the cluster's own durations are compressed; told, and nothing is multiplied by it.
    """
    migrations = sorted(history.migrations.values(), key=lambda migration: (migration.created or 0.0, migration.uid))
    done = [migration for migration in migrations if migration.outcome == "succeeded"]
    failed = [migration for migration in migrations if migration.outcome == "failed"]
    begin, last = _begin_and_end(history, migrations, end)
    moved_s = moving_s(migrations, end)
    seconds = curve(migrations, begin, last)
    return {
        "time_factor": time_factor,
        **by_os(done, time_factor),
        "held": distribution(migration.held_s for migration in done),
        "queued": distribution(migration.queued_s for migration in done),
        "prepare": distribution(migration.prepare_s for migration in done),
        "run": distribution(migration.run_s for migration in done),
        "total": distribution(migration.total_s for migration in done),
        "totals": {
            "began_at": begin,
            "seconds": round(last - begin, 3),
            "moving_s": moved_s,
            "waiting_s": round(max(0.0, last - begin - moved_s), 3),
            "migrations": len(migrations),
            "succeeded": len(done),
            "failed": len(failed),
            "unfinished": sum(migration.outcome == "unfinished" for migration in migrations),
            "lost": sum(migration.outcome == "lost" for migration in migrations),
            "vms_moved": len({migration.vm for migration in done}),
            "vms_to_move": sum(vm.pool is not None for vm in history.vms.values()),
            "times_seen": sum(migration.times_of == "seen" for migration in done),
        },
        "limits": _limits(history, limits, seconds),
        "failures": [_failure(vm, history.attempts(vm)) for vm in sorted(history.failing)],
        "retries": sum(_retries(history.attempts(vm)) for vm in history.failing),
        "restarted": [
            {"vm": vm.vm, "os": vm.os, "times": vm.restarts, "expected": not vm.stays_up}
            for vm in _sorted(history.vms.values())
            if vm.restarts
        ],
        "not_running": [
            {"vm": vm.vm, "os": vm.os, "phase": vm.phase, "expected": not vm.stays_up}
            for vm in _sorted(history.vms.values())
            if vm.phase != "Running"
        ],
        "concurrency": seconds,
        "nodes": [_node(times, history, migrations, begin) for _name, times in sorted(history.nodes.items())],
        "vms": [_vm(vm, history.attempts(vm)) for vm in sorted({migration.vm for migration in migrations})],
        "journal": journal,
    }


def _sorted(vms: t.Iterable[Vm]) -> list[Vm]:
    return sorted(vms, key=lambda vm: vm.vm)


def _begin_and_end(history: History, migrations: t.Sequence[Migration], end: float) -> tuple[float, float]:
    """Return when the first thing happened, and the last; API and watcher each say it by their own clock."""
    first = [migration.wanted_at for migration in migrations] + [times.selected for times in history.nodes.values()]
    begin = min((at for at in first if at is not None), default=end)
    unfinished = any(not migration.over for migration in migrations)
    unfinished = unfinished or any(times.done is None for times in history.nodes.values())
    closed = [migration.closed_at for migration in migrations] + [times.done for times in history.nodes.values()]
    last = end if unfinished else max((at for at in closed if at is not None), default=end)
    return begin, max(begin, last)


def _limits(history: History, limits: MigrationLimits, seconds: Json) -> Json:
    """Return each limit with the most that was seen, by counting each change and by the times that the API gives."""
    stamped = all(migration.times_of == "api" for migration in history.migrations.values() if migration.over)
    cluster = max([history.concurrency.most, *(seconds["running"] if stamped else ())])
    node = max([history.concurrency.most_on_node, *(seconds["busiest_node"] if stamped else ())])
    return {
        PER_CLUSTER: {"effective": limits.per_cluster, "max_seen": cluster, "passed": cluster > limits.per_cluster},
        PER_NODE: {
            "effective": limits.per_node,
            "max_seen": node,
            "passed": node > limits.per_node,
            "node": history.concurrency.busiest if node == history.concurrency.most_on_node else None,
        },
    }


def _failure(vm: str, attempts: t.Sequence[Migration]) -> Json:
    failed = [attempt for attempt in attempts if attempt.outcome == "failed"]
    return {
        "vm": vm,
        "os": failed[-1].os,
        "source": failed[-1].source,
        "failed": len(failed),
        "attempts": len(attempts),
        "reason": failed[-1].reason,
        "moved_at_last": attempts[-1].outcome == "succeeded",
    }


def _retries(attempts: t.Sequence[Migration]) -> int:
    return sum(before.outcome == "failed" for before in attempts[:-1])


def _vm(vm: str, attempts: t.Sequence[Migration]) -> Json:
    """Return the row of a machine; its seconds are the sums over its successful migrations, nearly always one.

    A sum of which a part is not known is not known.
    """
    done = [attempt for attempt in attempts if attempt.outcome == "succeeded"]
    sums: Json = {}
    for name in ("queued_s", "prepare_s", "run_s", "total_s"):
        seconds = [getattr(attempt, name) for attempt in done]
        sums[name] = None if not seconds or None in seconds else round(math.fsum(seconds), 3)
    return {
        "vm": vm,
        "os": attempts[-1].os,
        "source": attempts[0].source,
        "target": done[-1].target if done else None,
        "moves": len(done),
        "attempts": len(attempts),
        "outcome": attempts[-1].outcome,
        **sums,
        "times": "api" if all(attempt.times_of == "api" for attempt in done) else "seen",
    }


def _node(times: NodeTimes, history: History, migrations: t.Sequence[Migration], begin: float) -> Json:
    """Return the row of a node: total is wait, drain and reboot together, each None where its bounds were not seen.

    It waits from when the controller chose it until it is cordoned, and from its return until it is in service.
    """
    before, after = _between(times.selected, times.cordoned), _between(times.back, times.done)
    return {
        "node": times.node,
        "pool": times.pool,
        "began_s": None if times.selected is None else round(times.selected - begin, 3),
        "wait_s": None if before is None or after is None else round(before + after, 3),
        "wait_before_s": before,
        "drain_s": _between(times.cordoned, times.drained),
        "reboot_s": _between(times.drained, times.back),
        "total_s": _between(times.selected, times.done),
        "vms": sum(migration.source == times.node and migration.outcome == "succeeded" for migration in migrations),
        "late": times.node in history.late,
    }


def _between(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(0.0, end - start), 3)
