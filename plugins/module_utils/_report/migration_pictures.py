# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The pictures of a migration: how long machines took to move, and what went on at once from first to last."""

from __future__ import annotations

import dataclasses
import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.drawing import (
    in_words,
    round_ticks,
    svg,
    time_ticks,
    write,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, number, tag

_NARROW_PX = 500
# Bins are left out only where that makes the others this much wider.
_WORTH_CUTTING = 1.3


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How many machines took how long: a count for each bin from 0 on."""

    label: str
    counts: t.Sequence[int]
    mean_s: float
    longest_s: float
    # What the paper's mean is on this axis, and what is told below the label.
    paper_s: float | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Level:
    """How many there were in each part of the time, and the limit that none may pass."""

    label: str
    counts: t.Sequence[int]
    limit: int | None = None


@dataclasses.dataclass(frozen=True)
class Lane:
    """What one node went through: kind, first and last second of each part, one after the other."""

    label: str
    group: str
    parts: t.Sequence[t.Tuple[str, float, float]]


def histograms(panels: t.Sequence[Histogram], bin_s: int, width: int) -> Markup:
    """Draw a histogram for each panel in percent of its machines, all on the same scales."""
    columns = 1 if width < _NARROW_PX else min(3, len(panels))
    gap, height, head = 28, 130, 52
    each = (width - gap * (columns - 1)) / columns
    row = head + height + 34
    end_s = max(_bins_of_most(panel.counts) for panel in panels) * bin_s
    shares = max(100 * max(panel.counts) / sum(panel.counts) for panel in panels)
    scale = _Scale(end_s, round_ticks(shares), each, height)
    marks: list[Markup] = []
    for position, panel in enumerate(panels):
        left, top = (each + gap) * (position % columns), row * (position // columns)
        marks += _histogram(panel, bin_s, scale, left, top + head)
        marks.append(write(left, top + 16, panel.label, "start", "label strong"))
        marks.append(write(left, top + 33, panel.note, "start"))
    rows = math.ceil(len(panels) / columns)
    return svg(width, row * rows, marks, f"Histograms of {', '.join(panel.label for panel in panels)}")


@dataclasses.dataclass(frozen=True)
class _Scale:
    """The axes that all panels share: seconds to the right, percent upwards."""

    end_s: float
    percents: t.Sequence[float]
    width: float
    height: float

    left: t.ClassVar[int] = 40

    def x(self, seconds: float) -> float:
        return self.left + (self.width - self.left) * seconds / self.end_s

    def y(self, percent: float) -> float:
        return self.height * (1 - percent / self.percents[-1])


def _histogram(panel: Histogram, bin_s: int, scale: _Scale, left: float, top: float) -> t.Iterator[Markup]:
    bottom = top + scale.height
    for percent in scale.percents:
        y = top + scale.y(percent)
        yield tag("line", x1=left + scale.left, x2=left + scale.width, y1=y, y2=y, class_="grid")
        yield write(left + scale.left - 6, y + 4, f"{percent:g}{' %' if percent == scale.percents[-1] else ''}", "end")
    total = sum(panel.counts)
    wide = scale.x(bin_s) - scale.x(0)
    shown = round(scale.end_s / bin_s)
    for place, count in enumerate(panel.counts[:shown]):
        if not count:
            continue
        percent = 100 * count / total
        span = f"{place} s" if bin_s == 1 else f"{place * bin_s} to {(place + 1) * bin_s} s"
        title = tag("title", f"{panel.label}, {span}: {count:,} machines, {percent:.1f} %")
        y = top + scale.y(percent)
        box = {"x": left + scale.x(place * bin_s) + 0.5, "y": y, "width": max(1.0, wide - 1), "height": bottom - y}
        yield tag("rect", title, class_="bar", **box)
    for kind, at_s in (("paper", panel.paper_s), ("mean", panel.mean_s)):
        if at_s is not None and at_s <= scale.end_s:
            x = left + scale.x(at_s)
            yield tag("line", x1=x, x2=x, y1=top - 6, y2=bottom, class_=kind)
    beyond = sum(panel.counts[shown:])
    if beyond:
        text = f"{beyond:,} more, up to {panel.longest_s:g} s"
        yield write(left + scale.width, top + 14, text, "end")
    ticks = [tick for tick in round_ticks(scale.end_s) if tick <= scale.end_s]
    for tick in ticks:
        text = f"{tick:g} s" if tick == ticks[-1] else f"{tick:g}"
        at_end = scale.x(tick) > scale.width - 12
        yield write(left + scale.x(tick), bottom + 17, text, "end" if at_end else "middle")


def _bins_of_most(counts: t.Sequence[int]) -> int:
    """Return in how many bins 99 % of the machines are: the few that took longest would squeeze all others."""
    total, found = sum(counts), 0
    for place, count in enumerate(counts):
        found += count
        if found >= 0.99 * total and len(counts) > _WORTH_CUTTING * (place + 1):
            return place + 1
    return len(counts)


def course(levels: t.Sequence[Level], step_s: int, lanes: t.Sequence[Lane], seconds: float, width: int) -> Markup:
    """Draw what went on at once: levels above each other, below them what each node went through."""
    end_s = max([seconds, step_s, *(part[2] for lane in lanes for part in lane.parts)])
    ticks, unit_s, unit = time_ticks(end_s, 4 if width < _NARROW_PX else 10)
    right = width - 12
    per_s = right / end_s
    marks: list[Markup] = []
    y = 4.0
    for level in levels:
        y += 16
        marks.append(write(0, y, level.label, "start", "label strong"))
        y += 8
        marks += _level(level, step_s * per_s, y, 56, right)
        y += 56 + 8
    for group in dict.fromkeys(lane.group for lane in lanes):
        ours = [lane for lane in lanes if lane.group == group]
        thick = max(2.5, min(9.0, 320 / len(ours)))
        y += 16
        marks.append(write(0, y, group, "start", "label strong"))
        y += 8
        for lane in ours:
            marks += _lane(lane, per_s, y, thick)
            y += thick
        y += 8
    grid = [
        tag("line", x1=tick * unit_s * per_s, x2=tick * unit_s * per_s, y1=4, y2=y, class_="grid") for tick in ticks
    ]
    for position, tick in enumerate(ticks):
        x = tick * unit_s * per_s
        anchor = "start" if position == 0 else ("end" if x > right - 16 else "middle")
        text = f"{tick:g} {unit}" if position in (0, len(ticks) - 1) else f"{tick:g}"
        marks.append(write(x, y + 14, text, anchor))
    told = f"{', '.join(level.label for level in levels)} and {len(lanes)} nodes over {in_words(end_s)}"
    return svg(width, y + 20, [*grid, *marks], told)


def _level(level: Level, part: float, top: float, height: float, right: float) -> t.Iterator[Markup]:
    highest = max(1, level.limit or 0, *level.counts)
    bottom = top + height

    def y(count: float) -> float:
        return bottom - height * count / highest

    steps = "".join(
        f"V{number(y(count))}H{number(min(right, part * (place + 1)))}" for place, count in enumerate(level.counts)
    )
    over = level.limit is not None and max(level.counts) > level.limit
    yield tag("path", d=f"M0 {number(bottom)}{steps}V{number(bottom)}Z", class_="bar worst" if over else "bar drain")
    yield tag("line", x1=0, x2=right, y1=bottom, y2=bottom, class_="grid")
    if level.limit is not None:
        yield tag("line", x1=0, x2=right, y1=y(level.limit), y2=y(level.limit), class_="limit")
        yield write(right, y(level.limit) - 4, f"limit {level.limit}", "end")
    else:
        yield write(right, y(max(level.counts)) - 4, f"at most {max(level.counts):,}", "end")


def _lane(lane: Lane, per_s: float, y: float, thick: float) -> t.Iterator[Markup]:
    told = ", ".join(f"{kind} {in_words(end - start)}" for kind, start, end in lane.parts)
    title = tag("title", f"{lane.label}: {told}")
    shapes = [
        tag(
            "rect",
            x=start * per_s,
            y=y,
            width=max(0.8, (end - start) * per_s),
            height=thick - 0.8,
            class_=f"bar {kind}",
        )
        for kind, start, end in lane.parts
    ]
    yield tag("g", title, *shapes)
