# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Pictures and tables of figures as parts of a page: captions, legends, and a desk's and a phone's width."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import Drawing, Look
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Child, Markup, details, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Row

_WIDE_PX, _NARROW_PX, _GAP_PX = 1000, 340, 32
# Of longer tables the beginning is shown; the CSV file beside the page has all of it.
_ROWS_MAX = 25

# The colours of series, and those of a few that stand in an order, such as percentiles.
SERIES = ("s1", "s2", "s3", "s4", "s5", "s6")
ORDERED = ("q1", "q2", "q3", "q4", "q5")

Looks = t.Sequence[t.Tuple[str, Look]]


def figure(caption: Child, panels: t.Sequence[tuple[str, Drawing]], legend: Looks = (), columns: int = 3) -> Markup:
    """Return pictures with one caption and one legend, side by side where there is room.

    :param panels: the title of each, "" for one that needs none.
    """
    abreast = min(columns, len(panels))
    wide_px = (_WIDE_PX - _GAP_PX * (abreast - 1)) // abreast
    drawn = (
        tag(
            "div",
            tag("p", title, class_="panel") if title else None,
            tag("div", drawing(wide_px), class_="wide"),
            tag("div", drawing(_NARROW_PX), class_="narrow"),
        )
        for title, drawing in panels
    )
    return tag(
        "figure",
        tag("figcaption", caption),
        chips(legend) if legend else None,
        tag("div", *drawn, class_=f"panels abreast{abreast}"),
    )


def chips(legend: Looks) -> Markup:
    """Return what each look stands for, each once."""
    marks = (
        tag("span", tag("i", class_=f"rule {look.colour} {look.dash}".rstrip()), words)
        for words, look in dict(legend).items()
    )
    return tag("p", *marks, class_="chips")


def table(
    say: Language,
    caption: Child,
    head: t.Sequence[str],
    rows: t.Sequence[t.Sequence[Child]],
    *,
    folded: bool = False,
    words: bool = False,
) -> Markup:
    """Return a table whose first cells name its rows.

    :param folded: whether a reader opens it first.
    :param words: whether it holds words rather than figures.
    """
    columns = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in head)))
    shown = (
        tag("tr", tag("th", cells[0], scope="row"), *(tag("td", cell) for cell in cells[1:]))
        for cells in rows[:_ROWS_MAX]
    )
    more = len(rows) - _ROWS_MAX
    told = say("and {number:,} more in the table beside this page", number=more)
    kind = "data words" if words else "data figures"
    parts = (
        tag("div", tag("table", columns, tag("tbody", join(shown)), class_=kind), class_="scroll"),
        tag("p", told, class_="more") if more > 0 else None,
    )
    if folded:
        return details(caption, *parts)
    return tag("figure", tag("figcaption", caption) if caption else None, *parts)


def timed(say: Language, text: str, rows: t.Sequence[Row]) -> Markup:
    """Return a caption, with what must stand beside durations of clusters that compress theirs."""
    factors = {str(row["run"]): row.get("time_factor") or 1 for row in rows}
    if set(factors.values()) <= {1}:
        return join((text,))
    compressed = {
        run: say(
            "the cluster's own durations are compressed {factor:g} times: 1 s here stands for {factor:g} s",
            factor=factor,
        )
        for run, factor in factors.items()
        if factor != 1
    }
    alike = len(set(factors.values())) == 1
    told = list(compressed.values())[:1] if alike else [f"{run}: {words}" for run, words in compressed.items()]
    return join((text, tag("span", f" ({'; '.join(told)})", class_="aside")))


def time_factors(rows: t.Sequence[Row]) -> list[float]:
    """Return by what the paper's durations are to be divided, each once."""
    return sorted({float(row.get("time_factor") or 1) for row in rows})


def paper_words(say: Language, factor: float) -> str:
    """Return the name of the paper's figures where durations are compressed."""
    if factor == 1:
        return say("the paper")
    return say("the paper, compressed {factor:g} times alike", factor=factor)


def shown_seconds(say: Language, value: float | None) -> str:
    """Return a duration for a cell as the paper writes them, such as 17:45 for minutes and seconds; "" if unknown."""
    if value is None:
        return ""
    if value < 60:
        return say("{seconds:.1f} s", seconds=value)
    minutes, rest = divmod(round(value), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def shown_percent(value: float | None, digits: int = 1) -> str:
    """Return a change in percent, with its sign."""
    return "" if value is None else f"{value:+.{digits}f} %".replace("-", "−")


def lead(*sentences: str) -> Markup:
    """Return what a reader should know before the figures."""
    return tag("p", "; ".join(sentences), class_="lead")
