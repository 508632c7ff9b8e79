# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Latencies as tables, and what follows from them: spreads between idle machines, and changes around a migration."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.paper import (
    IDLE_SPREAD_PERCENT,
    LOAD_PERCENT,
    MIGRATION_PERCENT,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Found, Row, recorded

DIRECTIONS = ("read", "write")
# What tells one series of cells from another, beside its run and direction.
SERIES_KEYS = ("profile", "replicas", "pool")

_PHASES = ("alone", "before", "during", "after")
_WHAT = ("phase", "profile", "direction", "nodes", "vms", "vms_per_node", "replicas", "pool")
_MEASURED = ("asked_iops_per_vm", "iops_per_vm", "mean_us", "p50_us", "p95_us", "p99_us", "p999_us")


def rows(role: RoleView) -> Found:
    """Return what the role measured: cells, differences to idle machines, spreads, and changes around a migration."""
    for latency in recorded(role, "latency", "cells"):
        factor = {"time_factor": latency.get("time_factor", 1)}
        cells = [cell for cell in latency["cells"] if cell.get("phase") in _PHASES and cell["direction"] in DIRECTIONS]
        for cell in cells:
            what = {key: cell.get(key) for key in (*_WHAT, *_MEASURED)}
            yield "latencies", {**what, "failed": len(cell.get("failed") or []), **factor}
            for failure in cell.get("failed") or []:
                yield "latency_failures", {key: cell.get(key) for key in ("phase", "direction", "nodes")} | failure
        for found in latency.get("differences") or []:
            keys = ("direction", "nodes", "replicas", "pool", "mean_percent", "p99_percent")
            kept = {key: found.get(key) for key in keys}
            yield "latency_differences", {**kept, "paper_percent": LOAD_PERCENT.get(found["direction"])}
        measured = [cell for cell in cells if cell.get("mean_us")]
        yield from (("latency_spreads", row) for row in _spreads(measured))
        yield from (("latency_phases", {**row, **factor}) for row in _phases(measured))
        if latency.get("migration"):
            yield "latency_migrations", {**_migration(latency["migration"]), **factor}


def _spreads(cells: list[Row]) -> t.Iterator[Row]:
    """Return how far the means of idle machines lie apart over numbers of nodes, in percent of the lowest."""
    series: dict[tuple[t.Any, ...], list[float]] = {}
    for cell in cells:
        if (cell["phase"], cell.get("profile")) == ("alone", "baseline"):
            series.setdefault((cell["direction"], cell.get("replicas"), cell.get("pool")), []).append(cell["mean_us"])
    for (direction, replicas, pool), means in series.items():
        if len(means) > 1:
            low, high = min(means), max(means)
            yield {
                "direction": direction,
                "replicas": replicas,
                "pool": pool,
                "lowest_us": low,
                "highest_us": high,
                "spread_percent": round(100 * (high - low) / low, 3),
                "paper_percent": IDLE_SPREAD_PERCENT,
            }


def _phases(cells: list[Row]) -> t.Iterator[Row]:
    """Return the cells around a migration, with their change to what was measured before it."""
    around = [cell for cell in cells if cell["phase"] != "alone"]

    def key(cell: Row) -> tuple[t.Any, ...]:
        return tuple(cell.get(name) for name in ("direction", *SERIES_KEYS))

    before = {key(cell): cell["mean_us"] for cell in around if cell["phase"] == "before"}
    for cell in sorted(around, key=lambda cell: (cell["direction"], _PHASES.index(cell["phase"]))):
        base = before.get(key(cell))
        changed = base is not None and cell["phase"] != "before"
        in_paper = (cell["phase"], cell.get("profile")) == ("during", "load")
        yield {
            **{name: cell.get(name) for name in ("direction", *SERIES_KEYS, "phase", "nodes", "vms")},
            **{name: cell.get(name) for name in ("mean_us", "p99_us", "asked_iops_per_vm", "iops_per_vm")},
            "percent": round(100 * (cell["mean_us"] / base - 1), 2) if changed else None,
            "paper_percent": MIGRATION_PERCENT[cell["direction"]] if in_paper else None,
        }


def _migration(migration: Row) -> Row:
    alone, loaded = migration.get("seconds_alone"), migration.get("seconds_loaded")
    percent = round(100 * (loaded / alone - 1), 2) if alone and loaded is not None else None
    return {"seconds_alone": alone, "seconds_loaded": loaded, "percent": percent}
