# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The cells of a measurement: which machines, at which rate, in which direction, and what came of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._latency.fio import Measured
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.histogram import merged, summary
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import (
    MIGRATION,
    PROFILES,
    SERIES,
    Settings,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import (
    Pool,
    Step,
    Target,
    in_pool,
    steps,
)

Json = t.Dict[str, t.Any]

ALONE, BEFORE, DURING, AFTER = "alone", "before", "during", "after"
# Below this part of the rate a machine has not kept it; beside it, the one request that the end cuts off.
_KEPT = 0.98


@dataclass(frozen=True)
class Cell:
    """One measurement of a number of machines at the same time."""

    phase: str
    profile: str
    direction: str
    step: Step
    pool: Pool

    @property
    def key(self) -> list[t.Any]:
        """What tells it from the others of a run."""
        return [self.phase, self.profile, self.direction, self.step.nodes, self.pool.name]

    def words(self, iops: int) -> str:
        """Return it as a person says it."""
        machines = f"{many(len(self.step.targets), 'VM')} on {many(self.step.nodes, 'node')}"
        where = f", pool {self.pool.name}" if self.pool.name else ""
        when = "" if self.phase == ALONE else f", {self.phase} migrations"
        return f"{self.direction} at {iops:,} IOPS, {machines}{where}{when}"


@dataclass
class Outcome:
    """What the machines of a cell measured, or why they did not."""

    measured: dict[Target, Measured] = field(default_factory=dict)
    # How many seconds after its own moment each began.
    late_s: dict[Target, float] = field(default_factory=dict)
    failed: dict[Target, str] = field(default_factory=dict)


def plan_cells(settings: Settings, targets: t.Sequence[Target], pools: t.Sequence[Pool]) -> list[Cell]:
    """Return the cells in the order in which they are measured.

    The baselines come before the loads, whose writes keep storage busy for a while.

    :raises TuningError: when there are not enough machines.
    """
    cells: list[Cell] = []
    for pool in pools:
        where = f" of pool {pool.name}" if pool.name else ""
        series = steps(in_pool(targets, pool), settings.vms_per_node, settings.nodes, where)
        kinds = [(profile, direction) for profile in PROFILES for direction in settings.directions]
        if SERIES in settings.measure:
            cells += [Cell(ALONE, *kind, step, pool) for kind in kinds for step in series]
        if MIGRATION in settings.measure:
            cells += [Cell(phase, *kind, series[-1], pool) for kind in kinds for phase in (BEFORE, DURING, AFTER)]
    return cells


def result_of(cell: Cell, outcome: Outcome, settings: Settings) -> Json:
    """Return a cell as a return value; latencies are None where no machine measured any."""
    asked, number = settings.iops[cell.profile], len(outcome.measured)
    late = outcome.late_s.values()
    return {
        "phase": cell.phase,
        "profile": cell.profile,
        "direction": cell.direction,
        "nodes": cell.step.nodes,
        "vms": len(cell.step.targets),
        "vms_measured": number,
        "vms_per_node": settings.vms_per_node,
        "asked_iops_per_vm": asked,
        "iops_per_vm": round(sum(one.iops for one in outcome.measured.values()) / number, 2) if number else None,
        "replicas": cell.pool.replicas,
        "pool": cell.pool.name,
        **summary(merged(one.latencies for one in outcome.measured.values())),
        "requests": sum(one.requests for one in outcome.measured.values()),
        "start_spread_s": round(max(late) - min(late), 3) if late else None,
        "slow": [
            {"vm": target.vm, "iops": round(one.iops, 2)}
            for target, one in outcome.measured.items()
            if not kept(one, asked)
        ],
        "failed": [{"vm": target.vm, "reason": reason} for target, reason in outcome.failed.items()],
    }


def kept(measured: Measured, asked: int) -> bool:
    """Return whether a machine made as many requests as it was asked for."""
    return measured.requests + 1 >= asked * measured.runtime_s * _KEPT


def vm_results(cell: Cell, outcome: Outcome) -> list[Json]:
    """Return what each machine of a cell measured, one flat entry each."""
    head = dict(zip(("phase", "profile", "direction", "nodes", "pool"), cell.key))
    found = []
    for target in cell.step.targets:
        measured = outcome.measured.get(target)
        entry = {**head, "vm": target.vm, "node": target.node}
        if measured is None:
            found.append({**entry, "failed": outcome.failed.get(target, "not measured")})
        else:
            late_s = round(outcome.late_s[target], 3)
            told = {"iops": round(measured.iops, 2), **summary(measured.latencies), "late_s": late_s, "failed": ""}
            found.append({**entry, **told})
    return found


def many(number: int, thing: str) -> str:
    """Return a number of things in words."""
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"
