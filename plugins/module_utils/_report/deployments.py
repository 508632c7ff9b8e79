# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Deployments of virtual machines: how long batches, all at once and a steady rate took."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import Bar, Line, Look, bars, lines
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import (
    SERIES,
    figure,
    lead,
    shown_seconds,
    table,
    timed,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.paper import FASTEST_BATCH, MOST_AT_ONCE
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import (
    Found,
    Row,
    Tables,
    label,
    recorded,
    runs_in,
)

# More failures than these a reader opens first.
_FAILURES_OPEN_MAX = 8

_STAGES = ("created", "cloned", "running")


def rows(role: RoleView) -> Found:
    """Return what the role deployed: series, their batches, groups, failures, and what it cost."""
    for fleet in recorded(role, "fleet", "series"):
        name = {"fleet": fleet.get("fleet")}
        for series in fleet["series"]:
            factor, this = fleet.get("time_factor", 1), {**name, "series": series["label"]}
            yield "deployments", {**this, **_series(series), "time_factor": factor}
            for batch in series.get("batches") or []:
                yield "deployment_batches", {**this, **_batch(batch), "time_factor": factor}
            for group, figures in (series.get("groups") or {}).items():
                for stage in _STAGES:
                    if (figures.get(stage) or {}).get("count"):
                        times = {**this, "group": group, "stage": stage, **figures[stage], "time_factor": factor}
                        yield "deployment_stages", times
            for failure in series.get("failed") or []:
                yield "deployment_failures", {**this, **failure}
        totals = {**(fleet.get("totals") or {}), **(fleet.get("cost") or {})}
        pods = {f"pods_{key}": value for key, value in (fleet.get("pods") or {}).items() if key.endswith("_s")}
        if totals or pods:
            yield "deployment_totals", {**name, **totals, **pods}


def _series(series: Row) -> Row:
    kept = ("mode", "batch_size", "rate_per_s", "vms", "timings")
    # Nothing took no time: what was there before was not deployed.
    failed, total_s = len(series.get("failed") or []), series.get("total_s") or None
    measured: int = series["measured"] if "measured" in series else series["vms"]
    done = max(0, measured - failed)
    rate = {"vms_per_minute": round(60 * done / total_s, 1) if total_s else None}
    return {**{key: series.get(key) for key in kept}, "total_s": total_s, "failed": failed, **rate}


def _batch(batch: Row) -> Row:
    ends = (batch.get(key) for key in ("cloned_s", "running_s", "created_s"))
    end_s = next((end for end in ends if end is not None), None)
    began_s = batch.get("began_s")
    return {**batch, "seconds": None if began_s is None or end_s is None else round(end_s - began_s, 3)}


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return pictures and tables of the deployments, none where nothing was deployed."""
    found = tables.get("deployments", [])
    if not found:
        return []
    parts = [lead(*_headlines(found, say)), _totals(found, say), *_batches(tables, say)]
    parts.append(_series_table(found, say))
    parts += [*_stages(tables.get("deployment_stages", []), say), *_cost(tables.get("deployment_totals", []), say)]
    return [*parts, *failures(tables.get("deployment_failures", []), say)]


def _headlines(found: list[Row], say: Language) -> t.Iterator[str]:
    timed_series = [row for row in found if row["vms_per_minute"]]
    if timed_series:
        best = max(timed_series, key=lambda row: float(row["vms_per_minute"]))
        yield say(
            "Fastest here: {series}, {rate:,.0f} VMs a minute",
            series=label(best, found, _words(best, say)),
            rate=best["vms_per_minute"],
        )
    yield say(
        "fastest in the paper: batches of {batch}; it deployed up to {most} at once, and gives no durations",
        batch=FASTEST_BATCH,
        most=MOST_AT_ONCE,
    )
    failed = sum(row["failed"] for row in found)
    if failed:
        yield say.many(failed, "{number:,} VM failed", "{number:,} VMs failed")


def _words(row: Row, say: Language) -> str:
    """Return how a series was deployed; one of no known mode bears the name that it was given."""
    if row["mode"] == "batches" and row["batch_size"]:
        return say("batches of {size:,}", size=row["batch_size"])
    if row["mode"] == "at_once":
        return say("all at once")
    if row["mode"] == "rate" and row["rate_per_s"]:
        return say("{rate:g} a second", rate=row["rate_per_s"])
    return str(row["series"])


def _totals(found: list[Row], say: Language) -> Markup:
    groups: dict[tuple[str, int], list[Bar]] = {}
    looks = {run: Look(SERIES[place % len(SERIES)]) for place, run in enumerate(runs_in(found))}
    for row in found:
        if row["total_s"] is not None:
            text = say(
                "{time}, {rate:,.0f} VMs a minute", time=say.seconds(row["total_s"]), rate=row["vms_per_minute"] or 0
            )
            groups.setdefault((_words(row, say), row["vms"]), []).append(Bar(row["total_s"], text, looks[row["run"]]))
    named = [
        (f"{words}{say(': ')}{say.many(vms, '{number:,} VM', '{number:,} VMs')}", drawn)
        for (words, vms), drawn in groups.items()
    ]
    caption = timed(say, say("How long a deployment took, by the size of its batches"), found)
    if not named:
        return Markup("")
    x = axes.seconds(
        lambda unit: say("from the first request to the last VM, {unit}", unit=say(unit)),
        [row["total_s"] or 0 for row in found],
        whole=True,
    )
    legend = list(looks.items()) if len(looks) > 1 else []
    return figure(caption, [("", bars(named, x))], legend)


def _batches(tables: Tables, say: Language) -> t.Iterator[Markup]:
    found = tables.get("deployment_batches", [])
    names = {(row["run"], row["series"]): _words(row, say) for row in tables["deployments"]}
    by_series: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        if row["seconds"] is not None:
            by_series.setdefault((row["run"], row["series"]), []).append(row)
    several = {key: batches for key, batches in by_series.items() if len(batches) > 1}
    if not several:
        return
    drawn: list[Line] = []
    for place, (series, batches) in enumerate(several.items()):
        name = names[series]
        look = Look(SERIES[place % len(SERIES)], ("", "dash", "dot")[place // len(SERIES) % 3])
        points, done = [], 0
        for batch in batches:
            done += batch["vms"]
            points.append((float(done), float(batch["seconds"])))
        told = [
            f"{label(batch, found, name)}, {say('batch {number}', number=batch['number'])}: "
            + say.seconds(batch["seconds"])
            for batch in batches
        ]
        drawn.append(Line(label(batches[0], found, name), look, points, told))
    x = axes.numbers(say("VMs deployed, with this batch"), [point[0] for line in drawn for point in line.points])
    y = axes.seconds(
        lambda unit: say("duration of a batch, {unit}", unit=say(unit)),
        [point[1] for line in drawn for point in line.points],
        whole=True,
    )
    caption = timed(say, say("How long each batch took until its last clone, as the fleet grew"), found)
    yield figure(caption, [("", lines(drawn, x, y))], [(line.label, line.look) for line in drawn])


def _series_table(found: list[Row], say: Language) -> Markup:
    head = ("", say("VMs"), say("failed"), say("from first to last"), say("VMs a minute"))
    cells = [
        (
            label(row, found, _words(row, say)),
            f"{row['vms']:,}",
            f"{row['failed']:,}",
            shown_seconds(say, row["total_s"]),
            "" if row["vms_per_minute"] is None else f"{row['vms_per_minute']:,.0f}",
        )
        for row in found
    ]
    return table(say, timed(say, say("The deployments in figures"), found), head, cells)


def _stages(found: list[Row], say: Language) -> t.Iterator[Markup]:
    if not found:
        return
    stages = {"created": say("created"), "cloned": say("cloned"), "running": say("running")}
    head = ("", say("VMs"), say("mean"), "p50", "p90", "p95", "p99", say("max"))
    keys = ("mean_s", "p50_s", "p90_s", "p95_s", "p99_s", "max_s")
    cells = [
        (
            label(row, found, row["series"], row["group"], stages[row["stage"]]),
            f"{row['count']:,}",
            *(shown_seconds(say, row.get(key)) for key in keys),
        )
        for row in found
    ]
    yield table(say, timed(say, say("How long a VM took, from its own request on"), found), head, cells, folded=True)


def _cost(found: list[Row], say: Language) -> t.Iterator[Markup]:
    shown = (
        ("vms", say("VMs"), "{:,}"),
        ("running", say("running"), "{:,}"),
        ("failed", say("failed"), "{:,}"),
        ("pods", say("pods"), "{:,}"),
        ("requests", say("requests"), "{:,}"),
        ("requests_per_vm", say("requests per VM"), "{:.2f}"),
    )
    cells = []
    for row in found:
        known = ("" if row.get(key) is None else form.format(row[key]) for key, _title, form in shown)
        memory = row.get("peak_memory_bytes")
        times = (shown_seconds(say, row.get(key)) for key in ("pods_created_s", "pods_running_s"))
        megabytes = "" if memory is None else f"{memory / 2**20:,.0f} MiB"
        cells.append((label(row, found, str(row["fleet"] or "")), *known, *times, megabytes))
    if cells:
        more = (say("pods created in"), say("pods running in"), say("memory of the controller, at most"))
        head = ("", *(title for _key, title, _form in shown), *more)
        yield table(say, say("The whole fleet, and what it cost"), head, cells)


def failures(found: list[Row], say: Language) -> t.Iterator[Markup]:
    """Return which machines failed, where and why."""
    if found:
        head = ("VM", say("where"), say("at"), say("reason"))
        places = ("series", "vms", "phase")
        cells = [
            (
                row["vm"],
                label(row, found, *(str(row[key]) for key in places if key in row)),
                str(row.get("stage") or ""),
                str(row.get("reason") or say("no reason was recorded")),
            )
            for row in found
        ]
        caption = say("{number:,} failures; no figure above counts them", number=len(found))
        yield table(say, caption, head, cells, folded=len(found) > _FAILURES_OPEN_MAX, words=True)
