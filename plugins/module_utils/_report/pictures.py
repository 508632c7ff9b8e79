# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The pictures of the report, drawn as SVG inside the page.

Each is drawn for two widths, a desk's and a phone's, because scaled text is read by nobody.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.drawing import (
    in_words,
    round_ticks,
    svg,
    time_ticks,
    write,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, tag

_WIDE_PX = 1000
_NARROW_PX = 340


@dataclasses.dataclass(frozen=True)
class RoundTrip:
    """Round-trip times of one host to its farthest peer."""

    host: str
    min_ms: float
    avg_ms: float
    max_ms: float


@dataclasses.dataclass(frozen=True)
class Bar:
    """One figure against a limit."""

    label: str
    value: float
    kind: str = "planned"


@dataclasses.dataclass(frozen=True)
class Span:
    """Something that took time, in seconds since the beginning of the run."""

    label: str
    start_s: float
    end_s: float
    failed: bool = False


def figure(caption: str, drawing: t.Callable[[int], Markup], legend: Markup | None = None) -> Markup:
    """Return a picture with its caption, drawn for both widths."""
    return tag(
        "figure",
        tag("figcaption", caption),
        legend,
        tag("div", drawing(_WIDE_PX), class_="wide"),
        tag("div", drawing(_NARROW_PX), class_="narrow"),
    )


def round_trips(times: t.Sequence[RoundTrip], width: int) -> Markup:
    """Draw a bar of the average for each host, with its range; the worst host bears its name."""
    left, top, height = 44, 26, 150
    bottom = top + height
    ticks = round_ticks(max(time.max_ms for time in times))
    band = (width - left - 6) / len(times)
    worst = max(times, key=lambda time: time.avg_ms)

    def y(value_ms: float) -> float:
        return bottom - height * value_ms / ticks[-1]

    marks: list[Markup] = []
    for value_ms in ticks:
        marks.append(tag("line", x1=left, x2=width - 6, y1=y(value_ms), y2=y(value_ms), class_="grid"))
        marks.append(write(left - 6, y(value_ms) + 4, f"{value_ms:g}", "end"))
    marks.append(write(left - 6, top - 14, "ms", "end"))
    for position, time in enumerate(times):
        x = left + band * position
        title = f"{time.host}: {time.avg_ms:g} ms on average, {time.min_ms:g} to {time.max_ms:g}"
        thick = min(band * 0.7, 26)
        middle = x + band / 2
        kind = "bar worst" if time is worst else "bar"
        shapes = (
            tag("title", title),
            tag(
                "rect", x=middle - thick / 2, y=y(time.avg_ms), width=thick, height=bottom - y(time.avg_ms), class_=kind
            ),
            tag("line", x1=middle, x2=middle, y1=y(time.min_ms), y2=y(time.max_ms), class_="whisker"),
        )
        marks.append(tag("g", *shapes))
    worst_x = left + band * (times.index(worst) + 0.5)
    anchor, shift = ("end", -4) if worst_x > width * 0.6 else ("start", 4)
    marks.append(
        write(worst_x + shift, y(worst.max_ms) - 6, f"{worst.host}  {worst.avg_ms:g} ms", anchor, "label strong")
    )
    marks.append(write(left, bottom + 18, times[0].host, "start"))
    if len(times) > 1:
        marks.append(write(width - 6, bottom + 18, times[-1].host, "end"))
    return svg(width, bottom + 24, marks, f"Round-trip times of {len(times)} hosts; {worst.host} is the worst")


def strip(cells: t.Sequence[tuple[str, str, str]]) -> Markup:
    """Draw one cell for each host, coloured by how its value ended; holds no text, so it fits any width.

    :param cells: name of each host, how its value ended in words, and that as a class of the stylesheet.
    """
    marks = [
        tag("rect", tag("title", f"{name}: {words}"), x=position + 0.08, y=0, width=0.84, height=1, class_=kind)
        for position, (name, words, kind) in enumerate(cells)
    ]
    return tag(
        "svg", *marks, viewBox=f"0 0 {len(cells)} 1", preserveAspectRatio="none", class_="strip", role="presentation"
    )


def against_limit(bars: t.Sequence[Bar], limit: float, unit: str, width: int) -> Markup:
    """Draw figures as bars, and the limit that none may pass."""
    row, thick = 40, 14
    top = 24
    ticks = round_ticks(max(limit, *(shown.value for shown in bars)) * 1.02)
    right = width - 10

    def x(value: float) -> float:
        return right * value / ticks[-1]

    marks: list[Markup] = []
    for position, shown in enumerate(bars):
        y = top + row * position
        over = shown.value > limit
        marks.append(write(0, y + 12, shown.label, "start", "label"))
        marks.append(tag("rect", x=0, y=y + 18, width=right, height=thick, class_="track"))
        marks.append(
            tag(
                "rect",
                x=0,
                y=y + 18,
                width=x(shown.value),
                height=thick,
                class_=f"bar {'worst' if over else shown.kind}",
            )
        )
        inside = x(shown.value) > right - 60
        marks.append(
            write(
                x(shown.value) + (-6 if inside else 6),
                y + 18 + thick - 3,
                f"{shown.value:g}",
                "end" if inside else "start",
                "inside" if inside else "label strong",
            )
        )
    bottom = top + row * len(bars)
    anchor = "end" if x(limit) > width * 0.5 else "start"
    marks.append(tag("line", x1=x(limit), x2=x(limit), y1=16, y2=bottom, class_="limit"))
    marks.append(write(x(limit) - (4 if anchor == "end" else -4), 12, f"limit {limit:g} {unit}", anchor, "label"))
    return svg(width, bottom + 6, marks, f"{unit} against the limit of {limit:g}")


def timeline(lanes: t.Mapping[str, t.Sequence[Span]], width: int) -> Markup:
    """Draw when each span of each lane ran; spans that overlap lie below each other."""
    end_s = max(span.end_s for spans in lanes.values() for span in spans) or 1.0
    ticks, unit_s, unit = time_ticks(end_s, 4 if width < 500 else 8)
    right = width - 12
    scale = right / max(end_s, ticks[-1] * unit_s)
    y = 6.0
    marks: list[Markup] = []
    for name, spans in lanes.items():
        y += 14
        marks.append(write(0, y, name, "start", "label strong"))
        y += 6
        packed = _pack(spans)
        thick = max(4.0, min(14.0, 120 / max(1, len(packed))))
        for row in packed:
            for span in row:
                length = max(1.5, (span.end_s - span.start_s) * scale - 1)
                title = f"{span.label}: {in_words(span.end_s - span.start_s)}"
                kind = "bar worst" if span.failed else "bar planned"
                box = {"x": span.start_s * scale, "y": y, "width": length, "height": thick - 1}
                marks.append(tag("rect", tag("title", title), class_=kind, **box))
            y += thick
        y += 8
    lines = [
        tag("line", x1=tick * unit_s * scale, x2=tick * unit_s * scale, y1=4, y2=y, class_="grid") for tick in ticks
    ]
    for position, tick in enumerate(ticks):
        anchor = "start" if position == 0 else ("end" if tick * unit_s * scale > right - 16 else "middle")
        text = f"{tick:g} {unit}" if position in (0, len(ticks) - 1) else f"{tick:g}"
        marks.append(write(tick * unit_s * scale, y + 16, text, anchor))
    return svg(width, y + 22, [*lines, *marks], f"{len(lanes)} lanes over {in_words(end_s)}")


def _pack(spans: t.Sequence[Span]) -> list[list[Span]]:
    rows: list[list[Span]] = []
    for span in sorted(spans, key=lambda span: (span.start_s, span.end_s)):
        row = next((row for row in rows if row[-1].end_s <= span.start_s), None)
        if row is None:
            rows.append([span])
        else:
            row.append(span)
    return rows
