# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Migrations on the page: how long machines took to move, and what went on at once from first to last."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import (
    PAPER,
    Drawing,
    Look,
    Rule,
    Span,
    histogram,
    lanes,
    steps,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import (
    figure,
    lead,
    paper_words,
    table,
    timed,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Row, Tables, label

_NAMES = {"rhel": "RHEL", "fedora": "Fedora", "windows": "Windows"}
_TIMES = ("mean_s", "p50_s", "p75_s", "p90_s", "p95_s", "p99_s", "max_s")
_LANE_COLOURS = {"wait": "bar-held", "drain": "bar", "reboot": "bar-deep"}
_MEAN = Look("ink")
# Bins are left out only where that makes the others this much wider.
_WORTH_CUTTING = 1.3


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return tables and pictures of the migrations, none where nothing moved."""
    parts: list[Markup] = []
    totals = tables.get("migration_totals", [])
    for row in totals:
        parts.append(lead(label(row, totals, *_headlines(row, say))))
    if totals:
        parts.append(_times_table(tables["migrations"], say))
    for total in totals:
        # The pictures of one run each: machines, limits and nodes of several would lie over each other.
        ours = {name: [row for row in rows if row["run"] == total["run"]] for name, rows in tables.items()}
        named = total["run"] if len(totals) > 1 else ""
        parts += [_histograms(ours, named, say), _course(ours, named, say)]
    if totals:
        parts.append(_spent_table(tables["migration_times"], say))
    return parts


def _headlines(row: Row, say: Language) -> t.Iterator[str]:
    yield say(
        "{vms:,} VMs moved in {migrations:,} live migrations off {nodes} nodes, {time} from first to last",
        vms=row["vms_moved"],
        migrations=row["succeeded"],
        nodes=row["nodes"],
        time=say.seconds(row["seconds"]),
    )
    counts = (
        (row["failed"], say.many(row["failed"], "1 migration failed", "{number:,} migrations failed")),
        (row["retries"], say("{number:,} retried", number=row["retries"])),
        (row["unfinished"], say("{number:,} not seen to end", number=row["unfinished"])),
        (row["restarted"], say.many(row["restarted"], "1 VM restarted", "{number:,} VMs restarted")),
        (row["not_running"], say.many(row["not_running"], "1 VM not running now", "{number:,} VMs not running now")),
    )
    yield from (words for number, words in counts if number)


def _name(part: str, say: Language) -> str:
    known = {
        **_NAMES,
        "unknown": say("unknown"),
        "held": say("asked to leave, no migration yet"),
        "queued": say("waiting for a place"),
        "prepare": say("being prepared"),
        "total": say("from creation to end"),
    }
    return known.get(part, part)


def _times_table(found: list[Row], say: Language) -> Markup:
    cells = []
    for row in found:
        share, paper_s = row.get("share_within"), row.get("paper_s")
        within = (
            ""
            if share is None
            else say("{percent} in {seconds:.3g} s", percent=_percent(share), seconds=row["within_s"])
        )
        paper = "" if paper_s is None else say.seconds(paper_s)
        if row.get("paper_share_within") is not None:
            paper += say(", {percent} in 7 s", percent=_percent(row["paper_share_within"]))
        times = ("" if row.get(key) is None else f"{row[key]:.1f}" for key in _TIMES)
        cells.append((label(row, found, _name(row["part"], say)), f"{row['machines']:,}", *times, within, paper))
    head = (
        "",
        say("machines"),
        say("mean"),
        *(key[:3] for key in _TIMES[1:-1]),
        say("max"),
        say("quick"),
        say("the paper"),
    )
    caption = say("Seconds in which the memory of machines moved, and what went before")
    return table(say, timed(say, caption, found), head, cells)


def _histograms(tables: Tables, named: str, say: Language) -> Markup:
    entries = {row["part"]: row for row in tables["migrations"] if row.get("within_s") is not None}
    bins: dict[str, list[Row]] = {name: [] for name in entries}
    for row in tables["migration_histograms"]:
        bins[row["os"]].append(row)
    counts = {name: [row["machines"] for row in rows] for name, rows in bins.items() if rows}
    wide = next(rows[0]["to_s"] for rows in bins.values() if rows)
    end_s = max(_bins_of_most(found) for found in counts.values()) * wide
    highest = max(100 * max(found) / sum(found) for found in counts.values())
    x = axes.seconds(lambda unit: say("duration, {unit}", unit=say(unit)), [end_s])
    y = axes.numbers(say("machines"), [highest], " %")
    panels: list[tuple[str, Drawing]] = []
    for name, found in counts.items():
        entry, total = entries[name], sum(found)
        shares = [(100 * count / total, _bin_words(row, count / total, say)) for row, count in zip(bins[name], found)]
        rules = [Rule(entry["mean_s"], _MEAN)]
        if entry["paper_s"] is not None:
            rules.insert(0, Rule(entry["paper_s"] / entry["time_factor"], PAPER))
        beyond = sum(found[round(end_s / wide) :])
        note = say("{number:,} more, up to {seconds:g} s", number=beyond, seconds=entry["max_s"] or 0) if beyond else ""
        title = say(
            "{name}: {number:,}, mean {mean}", name=_name(name, say), number=total, mean=say.seconds(entry["mean_s"])
        )
        panels.append((title, histogram(shares, wide, x, y, rules, note)))
    factor = tables["migration_totals"][0]["time_factor"]
    legend = [(say("mean here"), _MEAN), (say("mean in {paper}", paper=paper_words(say, factor)), PAPER)]
    caption = say("How many percent of the machines moved in how many seconds")
    return figure(timed(say, _of(caption, named), tables["migration_totals"]), panels, legend)


def _bin_words(row: Row, share: float, say: Language) -> str:
    return say(
        "{os}, {low} to {high} s: {machines:,} machines, {percent:.1f} %",
        os=_name(row["os"], say),
        low=row["from_s"],
        high=row["to_s"],
        machines=row["machines"],
        percent=100 * share,
    )


def _bins_of_most(counts: t.Sequence[int]) -> int:
    """Return in how many bins 99 % of the machines are: the few that took longest would squeeze all others."""
    total, found = sum(counts), 0
    for place, count in enumerate(counts):
        found += count
        if found >= 0.99 * total and len(counts) > _WORTH_CUTTING * (place + 1):
            return place + 1
    return len(counts)


def _course(tables: Tables, named: str, say: Language) -> Markup:
    totals, curve = tables["migration_totals"][0], tables["migration_courses"]
    nodes = sorted(tables.get("migration_lanes", []), key=lambda row: (row["pool"], row["from_s"], row["node"]))
    end_s = max([totals["seconds"], curve[0]["to_s"], *(row["to_s"] for row in nodes)])
    x = axes.seconds(lambda unit: say("since the first, {unit}", unit=say(unit)), [end_s])
    levels = (
        ("running", say("migrations at once"), totals["limit_per_cluster"]),
        ("busiest_node", say("migrations off the busiest node"), totals["limit_per_node"]),
        ("queued", say("machines in the queue"), None),
    )
    panels: list[tuple[str, Drawing]] = []
    untitled = axes.Axis("", x.start, x.end, x.ticks)
    for key, title, limit in levels:
        counts = [row[key] for row in curve]
        y = axes.numbers(title, [limit or 0, *counts])
        rule = None if limit is None else Rule(limit, Look("failed"), say("limit {limit:g}", limit=limit))
        over = limit is not None and max(counts) > limit
        look = Look("overridden" if over else "bar")
        last = x if not nodes and key == "queued" else untitled
        panels.append(("", steps(counts, curve[0]["to_s"], last, y, look, rule)))
    legend: list[tuple[str, Look]] = []
    if nodes:
        words = {
            "wait": say("waiting for its drain or its return"),
            "drain": say("draining"),
            "reboot": say("rebooting"),
        }
        legend = [(words[kind], Look(colour)) for kind, colour in _LANE_COLOURS.items()]
        panels.append(("", _nodes(nodes, x, words, say)))
    caption = say("From first to last: migrations against the limits, and what each node did")
    return figure(timed(say, _of(caption, named), [totals]), panels, legend, columns=1)


def _nodes(found: list[Row], x: axes.Axis, words: t.Mapping[str, str], say: Language) -> Drawing:
    groups: dict[str, list[Span]] = {}
    for row in found:
        told = f"{row['node']}: {words[row['kind']]}, {say.seconds(row['to_s'] - row['from_s'])}; "
        told += say.many(row["vms"], "{number:,} machine", "{number:,} machines")
        told += say(", a step seen late") if row["late"] else ""
        span = Span(row["node"], row["from_s"], row["to_s"], _LANE_COLOURS[row["kind"]], told)
        groups.setdefault(row["pool"], []).append(span)
    many = len({row["node"] for row in found})
    return lanes(groups, x, say.many(many, "{number} node", "{number} nodes"))


def _spent_table(found: list[Row], say: Language) -> Markup:
    words = {
        "moving": say("machines on the move"),
        "waiting": say("no machine on the move"),
        "whole": say("from first to last"),
        "node_wait": say("a node's waiting, mean of {number}"),
        "node_drain": say("a node's drain, mean of {number}"),
        "node_reboot": say("a node's reboot, mean of {number}"),
    }
    cells = [
        (
            label(row, found, words[row["what"]].format(number=row.get("nodes"))),
            say.seconds(row["seconds"]),
            "" if row["paper_s"] is None else say("{minutes} min", minutes=row["paper_s"] // 60),
        )
        for row in found
    ]
    return table(say, timed(say, say("How the time was spent"), found), ("", say("here"), say("the paper")), cells)


def _of(caption: str, named: str) -> str:
    return f"{caption} ({named})" if named else caption


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")
