# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The kinds of charts of the report; each is drawn for a width, because scaled text is read by nobody."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.axes import Axis
from ansible_collections.virtscale.tuning.plugins.module_utils._report.canvas import Canvas, colour, picture
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup

Drawing = t.Callable[[int], Markup]

_LEFT_PX, _RIGHT_PX, _SMALL_PX = 52, 24, 24
# A tick's room along each axis.
_TICK_PX, _TICK_ROW_PX = 44, 26
_DASHES: dict[str, t.Any] = {"": "solid", "dash": (0, (4, 3)), "dot": (0, (1, 2.5))}


@dataclasses.dataclass(frozen=True)
class Look:
    """How a series is told from others: a colour of the stylesheet, and ``dash`` or ``dot``."""

    colour: str
    dash: str = ""


PAPER = Look("reference", "dash")


@dataclasses.dataclass(frozen=True)
class Line:
    """A series of points, each with what a reader sees who points at it, and what is written at its end."""

    label: str
    look: Look
    points: t.Sequence[t.Tuple[float, float]]
    explained: t.Sequence[str] = ()
    end: str = ""
    markers: bool = True


@dataclasses.dataclass(frozen=True)
class Rule:
    """A value that the others are to be compared with."""

    at: float
    look: Look
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Bar:
    """One figure, in words too."""

    value: float
    text: str
    look: Look
    explained: str = ""


@dataclasses.dataclass(frozen=True)
class Column:
    """The figure of one of many places, and from where to where it went."""

    value: float
    low: float
    high: float
    look: Look
    explained: str


@dataclasses.dataclass(frozen=True)
class Span:
    """Something that took time on a lane, by the colour of its kind."""

    lane: str
    start: float
    end: float
    colour: str
    explained: str


def lines(series: t.Sequence[Line], x: Axis, y: Axis, rules: t.Sequence[Rule] = (), plot_px: int = 240) -> Drawing:
    """Draw lines over an axis, and the levels that they are compared with."""

    def paint(canvas: Canvas) -> None:
        _frame(canvas, x, y)
        for rule in rules:
            canvas.axes.axhline(
                rule.at, color=colour(rule.look.colour), linestyle=_DASHES[rule.look.dash], linewidth=1.5, clip_on=False
            )
            _write_at(canvas, (x.start, rule.at), rule.text, "left", 4, 5)
        for line in series:
            (drawn,) = canvas.axes.plot(
                *zip(*line.points),
                color=colour(line.look.colour),
                linestyle=_DASHES[line.look.dash],
                linewidth=2,
                marker="o" if line.markers else None,
                markersize=6,
                markeredgewidth=0,
                clip_on=False,
            )
            canvas.explain(drawn, *(line.explained or (line.label,)))
            if line.end:
                _write_at(canvas, line.points[-1], line.end, "left", 8, -4)

    right = 56 if any(line.end for line in series) else _RIGHT_PX
    told = [*(line.label for line in series), *(rule.text for rule in rules if rule.text)]
    return lambda width: picture((width, plot_px + 68), (_LEFT_PX, 26, right, 42), ", ".join(told), paint)


def steps(counts: t.Sequence[int], step_s: float, x: Axis, y: Axis, look: Look, rule: Rule | None = None) -> Drawing:
    """Draw how many there were in each part of the time, with a limit."""

    def paint(canvas: Canvas) -> None:
        _frame(canvas, x, y)
        edges = [min(step_s * place, x.end) for place in range(len(counts) + 1)]
        drawn = canvas.axes.stairs(counts, edges, fill=True, color=colour(look.colour), linewidth=0)
        canvas.explain(drawn, y.title)
        if rule:
            canvas.axes.axhline(rule.at, color=colour(rule.look.colour), linewidth=2, clip_on=False)
            _write_at(canvas, (x.end, rule.at), rule.text, "right", 0, 5)

    return lambda width: picture((width, 124), (_LEFT_PX, 26, _RIGHT_PX, 24), y.title, paint)


def histogram(
    shares: t.Sequence[tuple[float, str]], width_of_bin: float, x: Axis, y: Axis, rules: t.Sequence[Rule], note: str
) -> Drawing:
    """Draw a share for each bin from 0 on, each with its words; a note tells what lies beyond."""

    def paint(canvas: Canvas) -> None:
        _frame(canvas, x, y)
        for place, (share, words) in enumerate(shares):
            if share and (place + 1) * width_of_bin <= x.end + 1e-9:
                middle = (place + 0.5) * width_of_bin
                (drawn,) = canvas.axes.bar([middle], [share], width_of_bin * 0.92, color=colour("bar"))
                canvas.explain(drawn, words)
        for rule in rules:
            if rule.at <= x.end:
                dashes = _DASHES[rule.look.dash]
                canvas.axes.axvline(rule.at, color=colour(rule.look.colour), linestyle=dashes, linewidth=1.5)
        if note:
            canvas.write(canvas.width_px - _RIGHT_PX, 14, note, "end")

    return lambda width: picture((width, 212), (_LEFT_PX, 26, _RIGHT_PX, 42), ", ".join((y.title, note)), paint)


def columns(places: t.Sequence[Column], y: Axis, ends: tuple[str, str], note: str) -> Drawing:
    """Draw a column for each of many places, with its range; the first and the last are named.

    :param note: what is written at the highest.
    """

    def paint(canvas: Canvas) -> None:
        _frame(canvas, Axis("", -0.5, len(places) - 0.5, ()), y)
        thick = min(0.7, 26 * len(places) / canvas.plot_px[0])
        for position, place in enumerate(places):
            (drawn,) = canvas.axes.bar([position], [place.value], thick, color=colour(place.look.colour))
            canvas.explain(drawn, place.explained)
            canvas.axes.vlines([position], place.low, place.high, color=colour("soft"), linewidth=1)
        highest = max(range(len(places)), key=lambda position: places[position].value)
        at_right = highest > 0.6 * len(places)
        point = (highest, places[highest].high)
        _write_at(canvas, point, note, "right" if at_right else "left", -4 if at_right else 4, 6)
        canvas.write(_LEFT_PX, canvas.height_px - 6, ends[0])
        if len(places) > 1:
            canvas.write(canvas.width_px - _RIGHT_PX, canvas.height_px - 6, ends[1], "end")

    return lambda width: picture((width, 214), (_LEFT_PX, 36, _RIGHT_PX, 24), note, paint)


def bars(groups: t.Sequence[tuple[str, t.Sequence[Bar]]], x: Axis, rules: t.Sequence[Rule] = ()) -> Drawing:
    """Draw bars to the right, in groups that bear names, and the values that they are compared with."""
    name_px, bar_px, gap_px, bottom = 22, 20, 8, 42
    top = 24 if any(rule.text for rule in rules) else 4
    height = sum(name_px + bar_px * len(group) + gap_px for _name, group in groups)

    def paint(canvas: Canvas) -> None:
        _frame(canvas, x, Axis("", height, 0, ()))
        axes, end = canvas.axes, 0
        for rule in rules:
            dashes = _DASHES[rule.look.dash]
            axes.axvline(rule.at, color=colour(rule.look.colour), linewidth=2, linestyle=dashes, clip_on=False)
            at_right = rule.at - x.start > 0.5 * (x.end - x.start)
            _write_at(canvas, (rule.at, 0), rule.text, "right" if at_right else "left", 0, 6)
        for name, group in groups:
            canvas.write(2, top + end + 16, name, name="ink")
            end += name_px
            axes.vlines(0, end - 2, end + bar_px * len(group), color=colour("soft"), linewidth=1)
            for one in group:
                middle = end + bar_px / 2 - 1
                (drawn,) = axes.barh([middle], [one.value], bar_px - 5, color=colour(one.look.colour))
                canvas.explain(drawn, one.explained or f"{name}: {one.text}")
                inside = max(one.value, 0) - x.start > 0.7 * (x.end - x.start)
                anchor, shift, name_of_colour = ("right", -6, "inside") if inside else ("left", 6, "ink")
                _write_at(canvas, (max(one.value, 0), middle), one.text, anchor, shift, -4, name_of_colour)
                end += bar_px
            end += gap_px

    label = ", ".join(f"{name}: {', '.join(one.text for one in group)}" for name, group in groups)
    return lambda width: picture((width, top + height + bottom), (_SMALL_PX, top, _RIGHT_PX, bottom), label, paint)


def lanes(groups: t.Mapping[str, t.Sequence[Span]], x: Axis, label: str) -> Drawing:
    """Draw when what happened on each lane, the lanes of a group below its name."""
    name_px, gap_px, bottom = 24, 8, 42
    thick = {name: max(2.5, min(12.0, 320 / len(_lanes(spans)))) for name, spans in groups.items()}
    height = sum(name_px + thick[name] * len(_lanes(spans)) + gap_px for name, spans in groups.items())

    def paint(canvas: Canvas) -> None:
        _frame(canvas, x, Axis("", height, 0, ()))
        end = 0.0
        for name, spans in groups.items():
            canvas.write(2, 4 + end + 16, name, name="ink")
            end += name_px
            top_of = {lane: end + thick[name] * place for place, lane in enumerate(_lanes(spans))}
            for span in spans:
                length = max(span.end - span.start, (x.end - x.start) / 900)
                middle = top_of[span.lane] + thick[name] / 2
                (drawn,) = canvas.axes.barh(
                    [middle], [length], thick[name] - 0.8, left=[span.start], color=colour(span.colour)
                )
                canvas.explain(drawn, span.explained)
            end += thick[name] * len(top_of) + gap_px

    return lambda width: picture((width, 4 + height + bottom), (_LEFT_PX, 4, _RIGHT_PX, bottom), label, paint)


def _lanes(spans: t.Sequence[Span]) -> list[str]:
    return list(dict.fromkeys(span.lane for span in spans))


def _frame(canvas: Canvas, x: Axis, y: Axis) -> None:
    """Draw the grid, the ticks and the titles of both axes; the title of the upright one stands above it."""
    axes = canvas.axes
    if x.doubling:
        axes.set_xscale("log", base=2)
    axes.set_xlim(x.start, x.end)
    axes.set_ylim(y.start, y.end)
    for axis, ticks in (
        (axes.xaxis, x.ticks_for(canvas.plot_px[0], _TICK_PX)),
        (axes.yaxis, y.ticks_for(canvas.plot_px[1], _TICK_ROW_PX)),
    ):
        axis.set_ticks([tick for tick, _text in ticks], labels=[text for _tick, text in ticks])
        axis.set_ticks([], minor=True)
        axis.grid(True, color=colour("rule"), linewidth=1)
    canvas.write(2, 14, y.title)
    canvas.write(canvas.width_px - _RIGHT_PX, canvas.height_px - 6, x.title, "end")


def _write_at(
    canvas: Canvas, point: tuple[float, float], text: str, anchor: str, right: float, up: float, name: str = "ink"
) -> None:
    canvas.axes.annotate(
        text,
        point,
        xytext=(right, up),
        textcoords="offset points",
        ha=anchor,
        va="baseline",
        color=colour(name),
        annotation_clip=False,
    )
