# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Boot storms: how long machines that start at once take until they answer."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import PAPER, Line, Look, lines
from ansible_collections.virtscale.tuning.plugins.module_utils._report.deployments import failures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import (
    ORDERED,
    SERIES,
    figure,
    lead,
    paper_words,
    shown_seconds,
    table,
    time_factors,
    timed,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import (
    Found,
    Row,
    Tables,
    label,
    recorded,
    runs_in,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.words import PAPER_TOTAL_S

_PERCENTILES = ("p50_s", "p75_s", "p90_s", "p95_s", "p99_s")
# What is drawn of each run where there are several.
_FEW = (("p50_s", "dot"), ("p99_s", "dash"), ("total_s", ""))


def rows(role: RoleView) -> Found:
    """Return what the role stormed: a row for each number of machines, its curve, and its failures."""
    for storm in recorded(role, "storm", "series"):
        factor = storm.get("time_factor", 1)
        how = {key: storm.get(key) for key in ("fleet", "via", "probe")}
        for series in storm["series"]:
            vms = series["vms"]
            failed = series.get("failed") or []
            counts = {"vms": vms, "answered": series.get("answered"), "late": series.get("late"), "failed": len(failed)}
            answering, running = series.get("answering") or {}, series.get("running") or {}
            times = {key: value for key, value in answering.items() if key not in ("count", "sum_s")}
            until = {f"running_{key}": running.get(key) for key in ("p50_s", "p99_s", "max_s")}
            paper = {"paper_s": PAPER_TOTAL_S.get(vms), "time_factor": factor}
            yield "boot_storms", {**how, **counts, "total_s": series.get("total_s"), **times, **until, **paper}
            for at_s, answered in series.get("curve") or []:
                yield "boot_storm_curves", {"vms": vms, "at_s": at_s, "answered": answered, "time_factor": factor}
            for failure in failed:
                yield "boot_storm_failures", {"vms": vms, **failure}


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return pictures and tables of the storms, none where nothing was started."""
    found = tables.get("boot_storms", [])
    if not found:
        return []
    parts = [lead(*_headlines(found, say))]
    if any(row.get("p50_s") is not None for row in found):
        parts.append(_percentiles(found, say))
    parts += [*_curves(tables.get("boot_storm_curves", []), say), _table(found, say)]
    return [*parts, *failures(tables.get("boot_storm_failures", []), say)]


def _headlines(found: list[Row], say: Language) -> t.Iterator[str]:
    most = max(found, key=lambda row: int(row["vms"]))
    if most["total_s"] is not None:
        yield say(
            "{answered:,} of {vms:,} VMs answered, the last after {time}",
            answered=most["answered"],
            vms=most["vms"],
            time=say.seconds(most["total_s"]),
        )
    yield say("the paper: 1:42 for 100 VMs and 17:45 for 1,000 (minutes and seconds), almost linear between")
    failed = sum(row["failed"] for row in found)
    if failed:
        yield say.many(failed, "{number:,} VM failed", "{number:,} VMs failed")


def _percentiles(found: list[Row], say: Language) -> Markup:
    drawn: list[Line] = []
    if len(runs_in(found)) == 1:
        looks = [(key, Look(name)) for key, name in zip(_PERCENTILES, ORDERED)]
        for key, look in [*looks, ("total_s", Look("ink"))]:
            drawn += _line(found, key, look, say)
    else:
        for place, run in enumerate(runs_in(found)):
            ours = [row for row in found if row["run"] == run]
            for key, dash in _FEW:
                drawn += _line(ours, key, Look(SERIES[place % len(SERIES)], dash), say, run)
    for factor in time_factors(found):
        points = [(float(vms), paper_s / factor) for vms, paper_s in PAPER_TOTAL_S.items()]
        told = [_told(paper_words(say, factor), vms, at_s, say) for vms, at_s in points]
        drawn.append(Line(paper_words(say, factor), PAPER, points, told))
    x = axes.numbers(say("VMs started at once"), [point[0] for line in drawn for point in line.points])
    y = axes.seconds(
        lambda unit: say("from the request until SSH answers, {unit}", unit=say(unit)),
        [point[1] for line in drawn for point in line.points],
        whole=True,
    )
    caption = timed(say, say("How long VMs took to answer, by how many started at once"), found)
    return figure(caption, [("", lines(drawn, x, y))], [(line.label, line.look) for line in drawn])


def _line(found: list[Row], key: str, look: Look, say: Language, run: str = "") -> t.Iterator[Line]:
    known = sorted((row["vms"], row[key]) for row in found if row.get(key) is not None)
    if known:
        name = say("the last VM") if key == "total_s" else key[:3]
        told = [_told(name, vms, at_s, say) for vms, at_s in known]
        words = ", ".join(part for part in (name, run) if part)
        yield Line(words, look, [(float(vms), float(at_s)) for vms, at_s in known], told)


def _told(name: str, vms: float, at_s: float, say: Language) -> str:
    return f"{name}{say(', ')}{say('{vms:,} VMs', vms=round(vms))}{say(': ')}{say.seconds(at_s)}"


def _curves(found: list[Row], say: Language) -> t.Iterator[Markup]:
    if not found:
        return
    looks = {run: Look(SERIES[place % len(SERIES)]) for place, run in enumerate(runs_in(found))}
    curves: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for row in found:
        points = curves.setdefault((row["run"], row["vms"]), [(0.0, 0.0)])
        points.append((float(row["at_s"]), float(row["answered"])))
    drawn = [
        Line(say("{vms:,} VMs", vms=vms), looks[run], points, end=f"{vms:,}", markers=False)
        for (run, vms), points in curves.items()
    ]
    x = axes.seconds(
        lambda unit: say("since the request, {unit}", unit=say(unit)),
        [point[0] for line in drawn for point in line.points],
    )
    y = axes.numbers(say("VMs that answer"), [point[1] for line in drawn for point in line.points])
    caption = timed(say, say("How many VMs answered when; each curve bears the number that started"), found)
    legend = list(looks.items()) if len(looks) > 1 else []
    yield figure(caption, [("", lines(drawn, x, y))], legend)


def _table(found: list[Row], say: Language) -> Markup:
    keys = ("total_s", "mean_s", *_PERCENTILES, "running_p99_s")
    head = (
        "",
        say("answered"),
        say("failed"),
        say("the last VM"),
        say("mean"),
        *(key[:3] for key in _PERCENTILES),
        say("running, p99"),
        say("the paper"),
    )
    cells = [
        (
            label(row, found, say("{vms:,} VMs", vms=row["vms"])),
            "" if row["answered"] is None else f"{row['answered']:,}",
            f"{row['failed']:,}",
            *(shown_seconds(say, row.get(key)) for key in keys),
            shown_seconds(say, row["paper_s"]),
        )
        for row in sorted(found, key=lambda row: (row["vms"], row["run"]))
    ]
    return table(say, timed(say, say("The storms in figures, from the request until SSH answers"), found), head, cells)
