# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How long a rollout will take, what it will wait for, and what each VM will go through."""

from __future__ import annotations

import bisect
import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast import path
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.model import simulate
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    DRAIN_ALARM_S,
    STAYS,
    Node,
    Pool,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.trace import PoolRun, Trace
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds

# What chance decides - which pod is evicted first, who looks first for a free slot - is simulated in several courses,
# and the one in the middle is the forecast. The larger a rollout, the less they differ: as many as fit into so many
# events.
_MOST_COURSES = 15
_EVENTS = 60_000

# Points of the curve: enough for a picture as wide as a page.
_CURVE_POINTS = 120
# Headings of the path that a sentence names; the rest is summed up.
_NAMED_PARTS = 4
_SMALL_SHARE = 0.03

Json = t.Dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What is going to happen, and why it takes as long; seconds count from the release of the first pool.

    ``blockers`` are what keeps a drain from ever ending: all numbers are of a rollout without them.
    """

    scenario: Scenario
    trace: Trace
    blockers: t.Sequence[str]
    waits_s: t.Mapping[str, float]
    totals_s: t.Sequence[float]

    @property
    def total_s(self) -> float:
        """Seconds until the last pool is through."""
        return self.trace.total_s

    @property
    def ends(self) -> bool:
        """Whether it ends by itself."""
        return not self.blockers

    @property
    def binding(self) -> str:
        """What the rollout waits for longest, in words."""
        return path.describe_wait(next(iter(self.waits_s), path.DELAYS), self.scenario)

    @property
    def range_s(self) -> tuple[float, float]:
        """Return how long the shortest and the longest course take that were simulated; equal if it was only one."""
        return min(self.totals_s), max(self.totals_s)

    def pools(self) -> list[Json]:
        """Return each pool's part."""
        return [_pool(run) for run in self.trace.pools]

    def nodes(self) -> list[Json]:
        """Return each node's part, in the order of their turns."""
        machines = [(run, machine) for run in self.trace.pools for machine in run.machines]
        machines.sort(key=lambda item: t.cast(float, item[1].targeted_at))
        return [
            {
                "node": machine.node.name,
                "pool": run.pool.name,
                "queued_s": _between(run.released_at, machine.targeted_at),
                "waited_for_worker_s": _between(machine.asked_at, machine.cordoned_at),
                "drain_s": _between(machine.cordoned_at, machine.drained_at),
                "attempts": len(machine.attempts),
                "reboot_s": _between(machine.rebooted_at, machine.back_at),
                "total_s": _between(machine.targeted_at, machine.done_at),
            }
            for run, machine in machines
        ]

    def migrations(self) -> list[Json]:
        """Return what VMs go through, by operating system: waiting, running and both, in seconds."""
        by_system: dict[str, list[tuple[float, float]]] = {}
        for move in self.trace.moves:
            if not move.restart:
                times = (move.started_at - move.marked_at, move.ended_at - move.started_at)
                by_system.setdefault(move.guest.vm.system, []).append(times)
        return [
            {
                "os": system,
                "count": len(times),
                "queued_s": spread([queued for queued, _run in times]),
                "run_s": spread([run for _queued, run in times]),
                "total_s": spread([queued + run for queued, run in times]),
            }
            for system, times in sorted(by_system.items())
        ]

    def curve(self) -> list[Json]:
        """Return how many of each there are at equal steps of time, for a picture."""
        moments, points = self.trace.moments, []
        times = [moment.at_s for moment in moments]
        for step in range(_CURVE_POINTS + 1 if moments else 0):
            at_s = self.total_s * step / _CURVE_POINTS
            index = bisect.bisect_right(times, at_s) - 1
            found = moments[index]._asdict() if index >= 0 else dict.fromkeys(moments[0]._fields, 0)
            points.append({**found, "at_s": round(at_s, 1)})
        return points

    def average_migrations(self) -> float:
        """Return how many migrations run on average, from the first to the last."""
        moves = [move for move in self.trace.moves if not move.restart]
        if not moves:
            return 0.0
        busy_s = sum(move.ended_at - move.started_at for move in moves)
        lasted_s = max(move.ended_at for move in moves) - min(move.started_at for move in moves)
        return busy_s / lasted_s if lasted_s else float(len(moves))

    def as_result(self) -> Json:
        """Return it as return values of a module."""
        return {
            "total_s": round(self.total_s, 1),
            "range_s": [round(seconds, 1) for seconds in self.range_s],
            "ends": self.ends,
            "blockers": list(self.blockers),
            "binding": self.binding,
            "waits": [
                {
                    "what": what,
                    "seconds": round(seconds, 1),
                    "share": round(seconds / self.total_s, 3),
                    "text": path.describe_wait(what, self.scenario),
                }
                for what, seconds in self.waits_s.items()
            ],
            "pools": self.pools(),
            "nodes": self.nodes(),
            "migrations": self.migrations(),
            "most_migrations": self.trace.most_migrations,
            "average_migrations": round(self.average_migrations(), 1),
            "curve": self.curve(),
            "lines": self.lines(),
        }

    def lines(self) -> list[str]:
        """Return it for a person."""
        lines = [f"never ends by itself: {blocker}" for blocker in self.blockers]
        if self.blockers:
            lines.append("without what blocks it:")
        lines += [_pool_line(run) for run in self.trace.pools]
        lines.append(f"about {describe_seconds(self.total_s)} in all{self._range()}, spent on {self._spent()}")
        return lines + self._migration_lines() + self._alarm_lines()

    def _range(self) -> str:
        shortest, longest = map(describe_seconds, self.range_s)
        return f" (by chance {shortest} to {longest})" if shortest != longest else ""

    def _spent(self) -> str:
        shown = [
            (what, seconds)
            for what, seconds in list(self.waits_s.items())[:_NAMED_PARTS]
            if seconds >= _SMALL_SHARE * self.total_s
        ]
        parts = [f"{path.describe_wait(what, self.scenario)} {describe_seconds(seconds)}" for what, seconds in shown]
        rest = self.total_s - sum(seconds for _what, seconds in shown)
        if shown and rest >= 1:
            parts.append(f"the rest {describe_seconds(rest)}")
        return ", ".join(parts) or "nothing"

    def _migration_lines(self) -> list[str]:
        moves = [move for move in self.trace.moves if not move.restart]
        if not moves:
            return []
        queued, run = (
            spread([move.started_at - move.marked_at for move in moves]),
            spread([move.ended_at - move.started_at for move in moves]),
        )
        again = len(moves) - len({move.guest for move in moves})
        twice = f", {again} of them of VMs that had moved before" if again else ""
        return [
            f"{counted(len(moves), 'migration')}{twice}: at most {self.trace.most_migrations} at once and "
            f"{self.average_migrations():.1f} on average; a VM waits {queued['mean']:.0f} s (95 % up to "
            f"{queued['p95']:.0f} s) and moves in {run['mean']:.0f} s"
        ]

    def _alarm_lines(self) -> list[str]:
        late = [one["node"] for one in self.nodes() if (one["drain_s"] or 0) > DRAIN_ALARM_S]
        if not late:
            return []
        return [
            f"the controller will report DrainFailed, and go on, for nodes that drain for over 1 h: {', '.join(late)}"
        ]


def forecast(scenario: Scenario) -> Forecast:
    """Return the forecast of a scenario.

    :raises TuningError: when it would take longer than a month.
    """
    blockers, free = _without_blockers(scenario)
    courses = simulate_courses(free)
    trace = courses[len(courses) // 2]
    waits_s = path.shares(path.critical_path(trace))
    return Forecast(scenario, trace, blockers, waits_s, [course.total_s for course in courses])


def simulate_courses(scenario: Scenario) -> list[Trace]:
    """Return an odd number of courses that a rollout may take, from the shortest to the longest.

    :raises TuningError: when one would take longer than a month.
    """
    first = simulate(scenario)
    more = min(_MOST_COURSES - 1, _EVENTS // first.events)
    seeds = range(scenario.seed + 1, scenario.seed + 1 + more - more % 2)
    courses = [first, *(simulate(dataclasses.replace(scenario, seed=seed)) for seed in seeds)]
    return sorted(courses, key=lambda course: course.total_s)


def counted(number: int, what: str) -> str:
    """Return ``1 node`` or ``1,000 nodes``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def spread(values: t.Sequence[float]) -> dict[str, float]:
    """Return mean, median, 95th percentile and maximum."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {"mean": round(sum(ordered) / len(ordered), 1), "p50": at(0.5), "p95": at(0.95), "max": at(1.0)}


def _without_blockers(scenario: Scenario) -> tuple[list[str], Scenario]:
    """Return what never leaves its node, in sentences, and the scenario without it."""
    blockers: list[str] = []
    pools: list[Pool] = []
    for pool in scenario.pools:
        nodes: list[Node] = []
        for node in pool.nodes:
            blockers += [f"VM {vm.name} on {node.name} {vm.why or STAYS}" for vm in node.vms if vm.leaves == STAYS]
            blockers += [f"pod {pod} on {node.name} may not be evicted: its budget allows none" for pod in node.blocked]
            vms = tuple(vm for vm in node.vms if vm.leaves != STAYS)
            nodes.append(dataclasses.replace(node, vms=vms, blocked=()))
        pools.append(dataclasses.replace(pool, nodes=tuple(nodes)))
    free = dataclasses.replace(scenario, pools=tuple(pools))
    if free.vms and len(free.rolling) + len(free.others) < 2:
        blockers.append("there is no other node that its VMs could go to")
        free = dataclasses.replace(
            free,
            pools=tuple(
                dataclasses.replace(pool, nodes=tuple(dataclasses.replace(node, vms=()) for node in pool.nodes))
                for pool in free.pools
            ),
        )
    return blockers, free


def _pool(run: PoolRun) -> Json:
    return {
        "pool": run.pool.name,
        "nodes": len(run.machines),
        "max_unavailable": run.pool.max_unavailable,
        "begins_s": round(t.cast(float, run.released_at), 1),
        "seconds": _between(run.released_at, run.ended_at),
    }


def _pool_line(run: PoolRun) -> str:
    vms = sum(len(machine.node.vms) for machine in run.machines)
    pods = sum(machine.node.pods for machine in run.machines)
    load = f" with {counted(vms, 'VM')} and {counted(pods, 'other pod')}" if vms or pods else ""
    seconds = t.cast(float, run.ended_at) - t.cast(float, run.released_at)
    return f"pool {run.pool.name}: {counted(len(run.machines), 'node')}{load}, at most {run.peak} at once: " + (
        f"about {describe_seconds(seconds)}"
    )


def _between(start: float | None, end: float | None) -> float:
    return round(t.cast(float, end) - t.cast(float, start), 1)
