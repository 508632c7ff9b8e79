# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a recorded migration gives to the page: tables and pictures, beside what the paper measured."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import PER_CLUSTER, PER_NODE
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.stats import WITHIN_S
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import (
    PAPER_MEAN_S,
    PAPER_MOVING_S,
    PAPER_WAITING_S,
    PAPER_WITHIN_7_S,
    compression,
    headlines,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.drawing import in_words
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.migration_pictures import (
    Histogram,
    Lane,
    Level,
    course,
    histograms,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.pictures import figure

Json = t.Dict[str, t.Any]

_COLUMNS = (("mean_s", "mean"), ("p50_s", "p50"), ("p75_s", "p75"), ("p90_s", "p90"), ("p95_s", "p95"),
            ("p99_s", "p99"), ("max_s", "max"))  # fmt: skip
_NAMES = {"rhel": "RHEL", "fedora": "Fedora", "windows": "Windows", "unknown": "unknown"}


def migrations_in(data: t.Any) -> Json | None:
    """Return the statistics of migrations in what a step recorded, or None."""
    found = data.get("migrations") if isinstance(data, dict) else None
    return found if isinstance(found, dict) and "concurrency" in found else None


def migration_figures(stats: Json) -> list[Markup]:
    """Return the tables and pictures of a migration; one in which nothing moved gives none."""
    if not stats["by_os"]:
        return []
    lead = tag("p", "; ".join(headlines(stats)), class_="lead")
    return [lead, _distribution_table(stats), _distribution_picture(stats), _course(stats), _time_table(stats)]


def _caption(text: str, stats: Json) -> Markup:
    factor = stats["time_factor"]
    return join((text, None if factor == 1 else tag("span", f" ({compression(factor)})", class_="aside")))


def _distribution_table(stats: Json) -> Markup:
    head = ("", "machines", *(title for _key, title in _COLUMNS), _within(stats), "the paper")
    rows = [
        (_name(name), f"{entry['vms']:,}", *_seconds(entry), _percent(entry["share_within_7_s"]), _paper(name))
        for name, entry in stats["by_os"].items()
    ]
    parts = (
        ("held", "asked to leave, no migration yet"),
        ("queued", "waiting for a place"),
        ("prepare", "being prepared"),
        ("total", "from creation to end"),
    )
    rows += [(title, "", *_seconds(stats[key]), "", "") for key, title in parts if stats[key].get("count")]
    text = "Seconds in which the memory of machines moved, and what went before"
    return tag("figure", tag("figcaption", _caption(text, stats)), _table(head, rows))


def _distribution_picture(stats: Json) -> Markup:
    panels = [_panel(name, entry, stats) for name, entry in stats["by_os"].items()]
    compressed = "" if stats["time_factor"] == 1 else ", compressed alike"
    legend = tag(
        "p",
        tag("span", tag("i", class_="rule mean"), "mean here"),
        tag("span", tag("i", class_="rule paper"), f"mean in the paper{compressed}"),
        class_="chips",
    )
    caption = _caption("How many percent of the machines moved in how many seconds", stats)
    return figure(caption, lambda width: histograms(panels, stats["bin_s"], width), legend)


def _panel(name: str, entry: Json, stats: Json) -> Histogram:
    paper_s = PAPER_MEAN_S.get(name)
    note = f"mean {entry['mean_s']:.1f} s, {_percent(entry['share_within_7_s'])} {_within(stats)}"
    scaled = None if paper_s is None else paper_s / stats["time_factor"]
    label = f"{_name(name)}, {entry['count']:,}"
    return Histogram(label, entry["histogram"], entry["mean_s"], entry["max_s"], scaled, note)


def _course(stats: Json) -> Markup:
    curve, limits = stats["concurrency"], stats["limits"]
    levels = [
        Level("Migrations at once", curve["running"], limits[PER_CLUSTER]["effective"]),
        Level("Off the busiest node", curve["busiest_node"], limits[PER_NODE]["effective"]),
        Level("Machines in the queue", curve["queued"]),
    ]
    lanes = [lane for node in stats["nodes"] if (lane := _lane(node))]
    lanes.sort(key=lambda lane: (lane.group, lane.parts[0][1], lane.label))
    words = {"wait": "waiting for its drain or its return", "drain": "draining", "reboot": "rebooting"}
    legend = None
    if lanes:
        chips = (tag("span", tag("i", class_=f"dot {kind}"), text) for kind, text in words.items())
        legend = tag("p", *chips, class_="chips")
    caption = _caption("From first to last: migrations against the limits, and what each node did", stats)
    seconds = stats["totals"]["seconds"]
    return figure(caption, lambda width: course(levels, curve["step_s"], lanes, seconds, width), legend)


def _lane(node: Json) -> Lane | None:
    """Return what a node went through, as far as it was seen; what lies between is waiting."""
    began_s, total_s = node["began_s"], node["total_s"]
    if began_s is None or total_s is None:
        return None
    end_s = began_s + total_s
    at_s = began_s
    parts: list[tuple[str, float, float]] = []
    for kind, length in (
        ("wait", node["wait_before_s"]),
        ("drain", node["drain_s"]),
        ("reboot", node["reboot_s"]),
    ):
        if length is None:
            break
        parts.append((kind, at_s, at_s + length))
        at_s += length
    if at_s < end_s:
        parts.append(("wait", at_s, end_s))
    late = ", a step seen late" if node["late"] else ""
    return Lane(f"{node['node']} ({node['vms']} machines{late})", node["pool"], parts)


def _time_table(stats: Json) -> Markup:
    totals = stats["totals"]
    rows = [
        ("machines on the move", in_words(totals["moving_s"]), f"{PAPER_MOVING_S // 60} min"),
        ("no machine on the move", in_words(totals["waiting_s"]), f"{PAPER_WAITING_S // 60} min of waiting"),
        ("from first to last", in_words(totals["seconds"]), f"{(PAPER_MOVING_S + PAPER_WAITING_S) // 60} min"),
    ]
    nodes = [node["total_s"] for node in stats["nodes"] if node["total_s"] is not None]
    if nodes:
        for key, title in (("wait_s", "waiting"), ("drain_s", "drain"), ("reboot_s", "reboot")):
            known = [node[key] for node in stats["nodes"] if node[key] is not None]
            if known:
                rows.append((f"a node's {title}, mean of {len(known)}", in_words(sum(known) / len(known)), ""))
    head = ("", "here", "the paper")
    return tag("figure", tag("figcaption", _caption("How the time was spent", stats)), _table(head, rows))


def _table(head: t.Sequence[str], rows: t.Sequence[t.Sequence[str]]) -> Markup:
    columns = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in head)))
    body = (tag("tr", tag("th", cells[0], scope="row"), *(tag("td", cell) for cell in cells[1:])) for cells in rows)
    return tag("div", tag("table", columns, tag("tbody", join(body)), class_="data figures"), class_="scroll")


def _seconds(entry: Json) -> t.Iterator[str]:
    for key, _title in _COLUMNS:
        yield "" if entry.get(key) is None else f"{entry[key]:.1f}"


def _within(stats: Json) -> str:
    """Return the paper's 7 s as this cluster counts them."""
    return f"within {WITHIN_S / stats['time_factor']:.3g} s"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}".replace("%", " %")


def _name(name: str) -> str:
    return _NAMES.get(name, name)


def _paper(name: str) -> str:
    if name not in PAPER_MEAN_S:
        return ""
    share = PAPER_WITHIN_7_S.get(name)
    return f"{PAPER_MEAN_S[name]} s" + (f", {_percent(share)} in 7 s" if share is not None else "")
