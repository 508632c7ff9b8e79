# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Latency of virtual machines' disks: against nodes, against idle machines, and around a migration."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import (
    PAPER,
    Bar,
    Drawing,
    Line,
    Look,
    Rule,
    bars,
    lines,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.deployments import failures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import (
    SERIES,
    Looks,
    figure,
    lead,
    shown_percent,
    table,
    timed,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.latency_tables import DIRECTIONS, SERIES_KEYS
from ansible_collections.virtscale.tuning.plugins.module_utils._report.paper import (
    IDLE_SPREAD_PERCENT,
    LOAD_PERCENT,
    LONGER_PERCENT,
    MIGRATION_PERCENT,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Row, Tables, label, runs_in


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return pictures and tables of the latencies, none where none was measured."""
    found = tables.get("latencies", [])
    if not found:
        return []
    alone = [row for row in found if row["phase"] == "alone" and row["mean_us"] is not None]
    differences = [row for row in tables.get("latency_differences", []) if row["mean_percent"] is not None]
    phases = tables.get("latency_phases", [])
    parts = [lead(*_headlines(tables, say))]
    if alone:
        parts.append(_against_nodes(alone, say))
    if differences:
        parts.append(_against_baseline(differences, say))
    if phases:
        parts += [_around_migration(phases, say), _phase_table(phases, say)]
    parts += [*_spread_table(tables.get("latency_spreads", []), say), _cell_table(found, say)]
    return [*parts, *failures(tables.get("latency_failures", []), say)]


def _headlines(tables: Tables, say: Language) -> t.Iterator[str]:
    for row in tables.get("latency_migrations", []):
        if row["percent"] is not None:
            yield label(row, tables["latency_migrations"]) + say(
                "migrating took {time} with load, {percent} to {alone} without",
                time=say.seconds(row["seconds_loaded"]),
                percent=shown_percent(row["percent"]),
                alone=say.seconds(row["seconds_alone"]),
            )
    yield say(
        "the paper: under load read down to {read} and write up to {write}; while VMs migrate {moving_read} and "
        "{moving_write}, migrations {low:g} to {high:g} % longer",
        read=shown_percent(LOAD_PERCENT["read"], 0),
        write=shown_percent(LOAD_PERCENT["write"], 0),
        moving_read=shown_percent(MIGRATION_PERCENT["read"], 0),
        moving_write=shown_percent(MIGRATION_PERCENT["write"], 0),
        low=LONGER_PERCENT[0],
        high=LONGER_PERCENT[1],
    )


def _name(row: Row, found: list[Row], say: Language) -> str:
    """Return what tells a series apart; replicas and pools only where they differ."""
    profile = {"baseline": say("idle"), "load": say("under load")}.get(str(row.get("profile")), "")
    several = {key: len({other.get(key) for other in found}) > 1 for key in SERIES_KEYS}
    replicas = ""
    if several["replicas"] and row.get("replicas"):
        replicas = say("{number} replicas", number=row["replicas"])
    pool = say("pool {name}", name=row["pool"]) if several["pool"] and row.get("pool") and not replicas else ""
    return label(row, found, profile, replicas, pool)


def _title(direction: str, say: Language) -> str:
    return {"read": say("Random read, 4 KiB"), "write": say("Random write, 4 KiB")}[direction]


def _against_nodes(found: list[Row], say: Language) -> Markup:
    names = list(dict.fromkeys(_name(row, found, say) for row in found))
    colours = {name: SERIES[place % len(SERIES)] for place, name in enumerate(names)}
    kinds = (("mean_us", "", say("mean")), ("p99_us", "dash", "p99"))
    panels: list[tuple[str, Drawing]] = []
    legend: list[tuple[str, Look]] = []
    highest = [row[key] / 1000 for row in found for key, _dash, _word in kinds if row.get(key) is not None]
    y = axes.numbers(say("latency, ms"), highest)
    x = axes.doublings(say("nodes, VMs on each: {vms}", vms=_vms_per_node(found)), [row["nodes"] for row in found])
    for direction in DIRECTIONS:
        drawn: list[Line] = []
        for name in names:
            ours = [row for row in found if row["direction"] == direction and _name(row, found, say) == name]
            for key, dash, word in kinds:
                known = sorted((row["nodes"], row[key] / 1000) for row in ours if row.get(key) is not None)
                if known:
                    words = ", ".join(part for part in (name, word) if part)
                    told = [
                        f"{words}, {say.many(nodes, '{number} node', '{number} nodes')}: {ms:.2f} ms"
                        for nodes, ms in known
                    ]
                    drawn.append(Line(words, Look(colours[name], dash), known, told))
        if drawn:
            panels.append((_title(direction, say), lines(drawn, x, y)))
            legend += [(line.label, line.look) for line in drawn]
    return figure(timed(say, say("Latency against nodes"), found), panels, legend, columns=2)


def _vms_per_node(found: list[Row]) -> str:
    numbers = sorted({row["vms_per_node"] for row in found if row.get("vms_per_node") is not None})
    if not numbers:
        return "?"
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}–{numbers[-1]}"


def _against_baseline(found: list[Row], say: Language) -> Markup:
    names = list(dict.fromkeys(_name(row, found, say) for row in found))
    x = axes.doublings(say("nodes"), [row["nodes"] for row in found])
    y = axes.numbers(
        say("difference to idle VMs"), [*(row["mean_percent"] for row in found), *LOAD_PERCENT.values()], " %"
    )
    panels: list[tuple[str, Drawing]] = []
    legend: list[tuple[str, Look]] = []
    for direction in DIRECTIONS:
        drawn: list[Line] = []
        for place, name in enumerate(names):
            ours = [row for row in found if row["direction"] == direction and _name(row, found, say) == name]
            known = sorted((row["nodes"], row["mean_percent"]) for row in ours)
            words = name or say("mean")
            told = [
                f"{words}, {say.many(nodes, '{number} node', '{number} nodes')}: {shown_percent(percent)}"
                for nodes, percent in known
            ]
            if known:
                drawn.append(Line(words, Look(SERIES[place % len(SERIES)]), known, told))
        if drawn:
            most = LOAD_PERCENT[direction]
            rules = [Rule(0, Look("soft")), Rule(most, PAPER, shown_percent(most, 0))]
            panels.append((_title(direction, say), lines(drawn, x, y, rules)))
            legend += [(line.label, line.look) for line in drawn]
    caption = say("Mean latency under load, as a difference to idle VMs on as many nodes")
    return figure(caption, panels, [*legend, (say("at most in the paper"), PAPER)], columns=2)


def _around_migration(found: list[Row], say: Language) -> Markup:
    words = _phase_words(say)
    names = list(dict.fromkeys(_name(row, found, say) for row in found))
    looks = {name: Look(SERIES[place % len(SERIES)]) for place, name in enumerate(names)}
    groups: list[tuple[str, list[Bar]]] = []
    for direction in DIRECTIONS:
        for phase in ("during", "after"):
            ours = [row for row in found if (row["direction"], row["phase"]) == (direction, phase)]
            drawn = [
                Bar(row["percent"], shown_percent(row["percent"]), looks[_name(row, found, say)])
                for row in ours
                if row["percent"] is not None
            ]
            if any(row["paper_percent"] is not None for row in ours):
                percent = MIGRATION_PERCENT[direction]
                text = f"{shown_percent(percent, 0)} {say('in the paper')}"
                drawn.append(Bar(percent, text, Look("reference")))
            if drawn:
                groups.append((f"{_title(direction, say)}{say(': ')}{words[phase]}", drawn))
    if not groups:
        return Markup("")
    x = axes.numbers(
        say("mean latency, as a difference to before the migration"),
        [one.value * 1.15 for _name, group in groups for one in group],
        " %",
    )
    legend: Looks = [
        *((name or say("here"), look) for name, look in looks.items()),
        (say("the paper"), Look("reference")),
    ]
    return figure(say("Latency while VMs migrate, and after"), [("", bars(groups, x))], legend)


def _phase_words(say: Language) -> dict[str, str]:
    return {
        "alone": say("no migration"),
        "before": say("before the migration"),
        "during": say("during the migration"),
        "after": say("after the migration"),
    }


def _direction(row: Row, say: Language) -> str:
    return {"read": say("read"), "write": say("write")}[row["direction"]]


def _phase_table(found: list[Row], say: Language) -> Markup:
    words = _phase_words(say)
    cells = [
        (
            ", ".join(part for part in (_direction(row, say), _name(row, found, say), words[row["phase"]]) if part),
            *_latencies(row),
            shown_percent(row["percent"]),
            shown_percent(row["paper_percent"], 0),
            "" if row["iops_per_vm"] is None else f"{row['iops_per_vm']:,.1f}",
        )
        for row in found
    ]
    head = ("", say("mean, ms"), "p99, ms", say("to before"), say("the paper"), say("IOPS per VM"))
    return table(say, timed(say, say("Before, during and after the migration"), found), head, cells)


def _spread_table(found: list[Row], say: Language) -> t.Iterator[Markup]:
    cells = [
        (
            ", ".join(part for part in (_direction(row, say), _name(row, found, say)) if part),
            f"{row['lowest_us'] / 1000:.3f}",
            f"{row['highest_us'] / 1000:.3f}",
            f"{row['spread_percent']:.2f} %",
            say("below {percent:g} %", percent=IDLE_SPREAD_PERCENT),
        )
        for row in found
    ]
    if cells:
        head = ("", say("lowest mean, ms"), say("highest mean, ms"), say("apart"), say("the paper"))
        yield table(say, say("How far idle VMs' latencies lie apart over all numbers of nodes"), head, cells)


def _cell_table(found: list[Row], say: Language) -> Markup:
    words = _phase_words(say)
    several = len(runs_in(found)) > 1 or len({row["phase"] for row in found}) > 1
    cells = []
    for row in found:
        parts = (_direction(row, say), _name(row, found, say), words[row["phase"]] if several else "")
        kept = (
            ("", "")
            if row["iops_per_vm"] is None
            else (f"{row['iops_per_vm']:,.1f}", f"{row['asked_iops_per_vm'] or 0:,.0f}")
        )
        name = ", ".join(part for part in parts if part)
        cells.append(
            (
                name,
                f"{row['nodes']:,}",
                f"{row['vms']:,}",
                *_latencies(row, ("mean_us", "p50_us", "p95_us", "p99_us", "p999_us")),
                *kept,
                f"{row['failed']:,}",
            )
        )
    head = (
        "",
        say("nodes"),
        say("VMs"),
        say("mean, ms"),
        "p50",
        "p95",
        "p99",
        "p99.9",
        say("IOPS per VM"),
        say("asked"),
        say("failed"),
    )
    return table(say, timed(say, say("The latencies in figures"), found), head, cells, folded=True)


def _latencies(row: Row, keys: t.Sequence[str] = ("mean_us", "p99_us")) -> t.Iterator[str]:
    for key in keys:
        yield "" if row.get(key) is None else f"{row[key] / 1000:.2f}"
