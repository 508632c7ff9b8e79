# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A measurement as a screen of text and as rows for the record, beside what the paper measured."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import ALONE, DURING, Cell, Json, many
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.run import milliseconds, seconds_of
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import (
    BASELINE,
    LOAD,
    Settings,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import compression
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

# The reference architecture, 15 machines a node on up to 64 nodes; migrations: its text says 5 %, its summary 3 %.
PAPER_IDLE = "below 0.04 %"
PAPER_LOAD = {"read": "down to -30 %", "write": "up to +88 %"}
PAPER_DURING = {"read": "+9 %", "write": "+13 %"}
PAPER_LONGER = "3 to 5 % longer"

_GIB = 1024**3


def lines(latency: Json, settings: Settings) -> list[str]:
    """Return one screen of what was measured."""
    told: list[str] = []
    for pool in dict.fromkeys(cell["pool"] for cell in latency["cells"]):
        for direction in settings.directions:
            told += _table(latency, settings, pool, direction)
    told += [
        f"idle {direction}: means over different numbers of nodes lie {_percent(spread, sign=False)} apart "
        f"(the paper: {PAPER_IDLE})"
        for direction, spread in latency["idle_spread_percent"].items()
        if spread is not None
    ]
    told += [_pool_line(change, settings) for change in latency["pools"] if change["profile"] == LOAD]
    if latency["migration"]:
        told += _migration_lines(latency["migration"], settings)
    if settings.time_factor != 1:
        told.append(compression(settings.time_factor))
    return [*told, *_trouble(latency)]


def preview(cells: t.Sequence[Cell], settings: Settings, missing_bytes: int, machines: int) -> list[str]:
    """Return what would be measured, how long that takes and how much space."""
    told = [f"would measure {many(len(cells), 'cell')} in {many(machines, 'VM')}, {settings.runtime_s:g} s each"]
    told += [f"  {cell.words(settings.iops[cell.profile])}" for cell in cells]
    told.append(f"dataset of a VM: {settings.dataset.words}; to be written: {missing_bytes / _GIB:.1f} GiB in all VMs")
    alone = [cell for cell in cells if cell.phase != DURING]
    takes = f"takes {describe_seconds(seconds_of(alone, settings))}, and the files"
    during = [cell for cell in cells if cell.phase == DURING]
    if during:
        moves = sum(len(cell.step.targets) for cell in during)
        takes += f", and {many(moves, 'live migration')} in {many(len(during), 'wave')}"
    return [*told, takes]


def rows(latency: Json, settings: Settings) -> list[Row]:
    """Return the figures that the paper has, and every machine that did not do its part."""
    found = [_load_row(latency, change, settings) for change in _widest(latency["differences"])]
    for direction, spread in latency["idle_spread_percent"].items():
        if spread is not None:
            why = f"how far its means over different numbers of nodes lie apart; the paper: {PAPER_IDLE}"
            apart = _percent(spread, sign=False)
            found.append(row("VMs", f"idle {direction} latency", effective=apart, status="ok", why=why))
    if latency["migration"]:
        found += _migration_rows(latency["migration"], settings)
    return [*found, *_slow_rows(latency["cells"]), *_failure_rows(latency["cells"], latency["migration"])]


def preview_rows(cells: t.Sequence[Cell], missing_bytes: int) -> list[Row]:
    """Return what would be measured, and then what would be changed for it: files, and where machines run."""
    moves = sum(len(cell.step.targets) for cell in cells if cell.phase == DURING)
    found = [row("VMs", "latency", wanted=many(len(cells), "cell"), status="would_change", why="measured with fio")]
    if missing_bytes:
        size = f"{missing_bytes / _GIB:.1f} GiB"
        found.append(row("VMs", "dataset", wanted=size, status="would_change", why="written once, and kept"))
    if moves:
        why = "all VMs of a cell at once"
        found.append(row("VMs", "live migrations", wanted=f"{moves:,}", status="would_change", why=why))
    return found


def pending_row() -> Row:
    """Return what is told where migrations are asked for and may not be."""
    why = "migrates every measured VM four times; needs allow_disruption"
    return row("VMs", "latency during migrations", status="pending", why=why)


def _table(latency: Json, settings: Settings, pool: str | None, direction: str) -> list[str]:
    found = {
        (cell["profile"], cell["nodes"]): cell
        for cell in latency["cells"]
        if (cell["phase"], cell["pool"], cell["direction"]) == (ALONE, pool, direction)
    }
    if not found:
        return []
    changes = {
        change["nodes"]: change
        for change in latency["differences"]
        if (change["pool"], change["direction"]) == (pool, direction)
    }
    title = f"{direction}, {settings.block_kib} KiB" + (f", pool {pool}" if pool else "")
    rates = "".join(f"{f'at {settings.iops[profile]:,} IOPS':>22}" for profile in (BASELINE, LOAD))
    told = [f"{title:<20}{rates}   difference (the paper: {PAPER_LOAD[direction]})"]
    told.append(f"{'nodes':>8}{'VMs':>12}{'mean':>11}{'p99':>11}{'mean':>11}{'p99':>11}{'mean':>13}{'p99':>11}")
    for nodes in dict.fromkeys(nodes for _profile, nodes in found):
        cells = [found.get((profile, nodes)) for profile in (BASELINE, LOAD)]
        vms = next(cell["vms"] for cell in cells if cell)
        figures = [milliseconds(cell[name] if cell else None) for cell in cells for name in ("mean_us", "p99_us")]
        change = changes.get(nodes, {})
        percents = f"{_percent(change.get('mean_percent')):>13}{_percent(change.get('p99_percent')):>11}"
        told.append(f"{nodes:>8}{vms:>12,}" + "".join(f"{figure:>11}" for figure in figures) + percents)
    return [*told, ""]


def _pool_line(change: Json, settings: Settings) -> str:
    replicas = [
        f" ({number} replicas)" if number else "" for number in (change["replicas"], change["against_replicas"])
    ]
    return (
        f"{change['direction']} at {settings.iops[LOAD]:,} IOPS on {many(change['nodes'], 'node')}: pool "
        f"{change['pool']}{replicas[0]} {_percent(change['mean_percent'])} against {change['against']}{replicas[1]}"
    )


def _migration_lines(migration: Json, settings: Settings) -> list[str]:
    told = ["latency beside that before the migrations; all VMs at once were asked to move:"]
    for change in migration["changes"]:
        paper = f" (the paper: {PAPER_DURING[change['direction']]})" if _in_paper(change) else ""
        # Of a request a second, one more or less at the end says nothing.
        kept = f", IOPS {_percent(change['iops_percent'])}" if change["profile"] == LOAD else ""
        told.append(
            f"  {change['direction']} at {settings.iops[change['profile']]:,} IOPS, {change['phase']}: "
            f"mean {_percent(change['mean_percent'])}{paper}, p99 {_percent(change['p99_percent'])}{kept}"
        )
    if migration["percent"] is not None:
        told.append(
            f"a migration took {migration['seconds_loaded']:.1f} s beside {settings.iops[LOAD]:,} IOPS and "
            f"{migration['seconds_alone']:.1f} s beside {settings.iops[BASELINE]:,}: {_percent(migration['percent'])} "
            f"(the paper: {PAPER_LONGER})"
        )
    return told


def _trouble(latency: Json) -> list[str]:
    told = []
    slow = {entry["vm"] for cell in latency["cells"] for entry in cell["slow"]}
    failed = {entry["vm"] for cell in latency["cells"] for entry in cell["failed"]}
    if slow:
        told.append(f"{many(len(slow), 'VM')} did not keep the rate, at least once")
    if failed:
        told.append(f"{many(len(failed), 'VM')} failed, at least once; the figures are those of the others")
    return told


def _load_row(latency: Json, change: Json, settings: Settings) -> Row:
    cells = {
        cell["profile"]: cell
        for cell in latency["cells"]
        if cell["phase"] == ALONE and all(cell[name] == change[name] for name in ("direction", "nodes", "pool"))
    }
    base, load = cells[BASELINE], cells[LOAD]
    where = f"{many(load['vms'], 'VM')} on {many(load['nodes'], 'node')}" + _of_pool(change)
    why = f"{_percent(change['mean_percent'])}; p99 {_percent(change['p99_percent'])}"
    return row(
        where,
        f"mean {change['direction']} latency at {settings.iops[LOAD]:,} IOPS",
        before=f"{milliseconds(base['mean_us'])} at {settings.iops[BASELINE]:,} IOPS",
        effective=milliseconds(load["mean_us"]),
        status="ok",
        why=f"{why}; the paper: {PAPER_LOAD[change['direction']]}",
    )


def _migration_rows(migration: Json, settings: Settings) -> t.Iterator[Row]:
    for change in migration["changes"]:
        if _in_paper(change):
            why = f"IOPS {_percent(change['iops_percent'])}; the paper: {PAPER_DURING[change['direction']]}, IOPS kept"
            yield row(
                "VMs" + _of_pool(change),
                f"mean {change['direction']} latency during migrations",
                effective=_percent(change["mean_percent"]),
                status="ok",
                why=why,
            )
    if migration["percent"] is not None:
        yield row(
            "VMs",
            "seconds of a migration",
            before=f"{migration['seconds_alone']:.1f} beside {settings.iops[BASELINE]:,} IOPS",
            effective=f"{migration['seconds_loaded']:.1f} beside {settings.iops[LOAD]:,} IOPS",
            status="ok",
            why=f"{_percent(migration['percent'])}; the paper: {PAPER_LONGER}",
        )


def _slow_rows(cells: t.Sequence[Json]) -> t.Iterator[Row]:
    for cell in cells:
        if cell["slow"]:
            worst = min(cell["slow"], key=lambda entry: entry["iops"])
            yield row(
                f"{many(cell['vms'], 'VM')} on {many(cell['nodes'], 'node')}" + _of_pool(cell),
                f"{cell['direction']} IOPS, {cell['phase']}",
                wanted=f"{cell['asked_iops_per_vm']:,} per VM",
                effective=f"{many(len(cell['slow']), 'VM')} below",
                status="note",
                why=f"the slowest, {worst['vm']}, made {worst['iops']:,.0f}",
            )


def _failure_rows(cells: t.Sequence[Json], migration: Json | None) -> t.Iterator[Row]:
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        for entry in cell["failed"]:
            reasons.setdefault(entry["vm"], []).append(entry["reason"])
    for vm, told in reasons.items():
        why = f"{told[-1]}; in {len(told)} of {many(len(cells), 'cell')}"
        yield row(f"VM {vm}", "latency", effective="not measured", status="failed", why=why)
    for wave in migration["waves"] if migration else ():
        for entry in wave["failed"]:
            yield row(
                f"VM {entry['vm']}", "live migration", effective="not moved", status="failed", why=entry["reason"]
            )


def _widest(changes: t.Sequence[Json]) -> list[Json]:
    """Return of each direction and pool the comparison over the most nodes."""
    found: dict[t.Any, Json] = {}
    for change in changes:
        key = (change["direction"], change["pool"])
        if key not in found or change["nodes"] > found[key]["nodes"]:
            found[key] = change
    return list(found.values())


def _in_paper(change: Json) -> bool:
    return bool(change["phase"] == DURING and change["profile"] == LOAD)


def _of_pool(entry: Json) -> str:
    return f", pool {entry['pool']}" if entry["pool"] else ""


def _percent(value: float | None, *, sign: bool = True) -> str:
    if value is None:
        return "-"
    digits = 1 if abs(value) >= 1 else 2
    return f"{value:+.{digits}f} %" if sign else f"{value:.{digits}f} %"
