# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Values on the page: how each ended, over how many places, and what somebody has to look at."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import compress
from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import (
    Concern,
    Variant,
    by_what,
    concerns,
    variants,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import ATTENTION, BY_URGENCY, Line
from ansible_collections.virtscale.tuning.plugins.module_utils._report.words import STATUS_WORDS

# A strip of fewer hosts than this tells less than the table below it.
_STRIP_HOSTS_MIN = 5

# Where the places of one value want different ones, so many of these are told beside its strip.
_WANTED_TOLD_MAX = 3


def attention(lines: t.Sequence[Line], say: Language, roles_told: bool = True) -> Markup:
    """Return what somebody has to look at, by its reasons.

    :param roles_told: whether the page has a section for each role.
    """
    items = (_concern(concern, say, roles_told) for concern in concerns(lines))
    return tag("ol", *items, class_="attention")


def tiles(counts: t.Mapping[str, int], say: Language) -> Markup:
    """Return how many values ended with each status."""
    return tag(
        "ul",
        *(
            tag("li", tag("b", f"{counts[status]:,}"), tag("span", say(STATUS_WORDS[status])), class_=status)
            for status in BY_URGENCY
            if counts[status]
        ),
        class_="tiles",
    )


def status_chips(counts: t.Mapping[str, int], say: Language) -> Markup:
    """Return the same in a line."""
    return tag(
        "p",
        *(
            tag("span", tag("i", class_=f"dot {status}"), f"{counts[status]:,} {say(STATUS_WORDS[status])}")
            for status in BY_URGENCY
            if counts[status]
        ),
        class_="chips",
    )


def value_table(found: t.Sequence[Variant], say: Language) -> Markup:
    """Return a table of values, those that say the same in one row."""
    titles = (say("What"), say("Before"), say("Wanted"), say("Effective"), "", say("Where and why"))
    rows: list[Markup] = []
    previous = None
    for variant in found:
        rows.append(_table_row(variant, variant.what == previous, say))
        previous = variant.what
    head = tag("thead", tag("tr", *(tag("th", title, scope="col") for title in titles)))
    return tag("div", tag("table", head, tag("tbody", *rows), class_="values"), class_="scroll")


def strips(lines: t.Sequence[Line], say: Language) -> Markup | None:
    """Return a strip for each value that many places have, a cell for each of them."""
    wide = {
        what: lines_of
        for what, lines_of in by_what(lines).items()
        if len({line.where for line in lines_of}) >= _STRIP_HOSTS_MIN
    }
    if not wide:
        return None
    rows = [
        tag(
            "div",
            tag("code", breakable(what)),
            strip([(line.where, say(STATUS_WORDS[line.status]), line.status) for line in lines_of]),
            tag("span", *_change(lines_of, say), class_="change"),
            class_="striprow",
        )
        for what, lines_of in wide.items()
    ]
    statuses = {line.status for lines_of in wide.values() for line in lines_of}
    legend = (
        tag("span", tag("i", class_=f"dot {status}"), say(STATUS_WORDS[status]))
        for status in BY_URGENCY
        if status in statuses
    )
    caption = say(
        "Before and after on {number} places, a cell each; the values are the most common change",
        number=max(len(lines_of) for lines_of in wide.values()),
    )
    return tag("figure", tag("figcaption", caption), tag("p", *legend, class_="chips"), *rows)


def strip(cells: t.Sequence[tuple[str, str, str]]) -> Markup:
    """Return one cell for each host, coloured by how its value ended; it holds no text, so it fits any width.

    :param cells: name of each host, how its value ended in words, and that as a class of the stylesheet.
    """
    marks = [
        tag("rect", tag("title", f"{name}: {words}"), x=position + 0.08, y=0, width=0.84, height=1, class_=kind)
        for position, (name, words, kind) in enumerate(cells)
    ]
    frame = {"viewBox": f"0 0 {len(cells)} 1", "preserveAspectRatio": "none"}
    return tag("svg", *marks, **frame, class_="strip", role="presentation")


def breakable(name: str) -> Markup:
    """Return a name that may go on in the next line after a dot or a slash."""
    return join(re.split(r"(?<=[./])", name), Markup("<wbr>"))


def _concern(concern: Concern, say: Language, roles_told: bool) -> Markup:
    why = tag("p", concern.why or say("No reason was recorded."))
    told = [_told(variant, say) for variant in concern.variants]
    if len(told) == 1:
        said = [tag("p", *told[0][:3], class_="subject"), why, tag("p", *told[0][3:], class_="values")]
    else:
        said = [why, *(tag("p", *parts, class_="values") for parts in told)]
    role = tag("a", concern.role, href=f"#{concern.role}") if roles_told else tag("span", concern.role)
    return tag("li", _badge(concern.status, say), tag("div", *said), role, class_=concern.status)


def _told(variant: Variant, say: Language) -> list[Markup | str]:
    parts: list[Markup | str] = [_where(variant), " ", tag("code", variant.what)]
    for field, word in (("wanted", say("wanted")), ("effective", say("effective"))):
        value = variant.value(field, say)
        if value is not None:
            parts += [f" {word} ", tag("code", value or say("empty"))]
    return parts


def _table_row(variant: Variant, again: bool, say: Language) -> Markup:
    values = (
        tag(
            "td",
            tag("code", value or say("empty")) if (value := variant.value(field, say)) is not None else None,
            data_label=label,
        )
        for field, label in (("before", say("Before")), ("wanted", say("Wanted")), ("effective", say("Effective")))
    )
    why = variant.why(say)
    return tag(
        "tr",
        tag("th", tag("code", breakable(variant.what)), scope="row", class_="again" if again else None),
        *values,
        tag("td", _badge(variant.status, say)),
        tag("td", tag("p", _where(variant)), tag("p", why, class_="why") if why else None, class_="reason"),
        class_=f"{variant.status}{' again' if again else ''}",
    )


def _where(variant: Variant) -> Markup:
    places = variant.places
    count_of_many = f" ({len(places)})" if len(places) > 1 else None
    return join((tag("b", variant.where, title=compress(places)), count_of_many))


def _badge(status: str, say: Language) -> Markup:
    return tag("span", say(STATUS_WORDS[status]), class_=f"badge {status}")


def _change(lines: list[Line], say: Language) -> tuple[Markup | str | None, ...]:
    moved = [line for line in lines if line.status not in ("ok", "overridden")]
    common = max(variants(moved or lines), key=lambda variant: len(variant.lines))
    wanted = list(dict.fromkeys(line.wanted for line in moved if line.wanted is not None))
    before, after = common.value("before", say), common.value("effective", say)
    if 1 < len(wanted) <= _WANTED_TOLD_MAX:
        after = " / ".join(wanted)
    elif after is None or common.status in ATTENTION:
        after = common.value("wanted", say)
    if before is None or before == after:
        return (tag("b", after or say("unknown")),)
    return (before or say("empty"), tag("span", " → ", class_="arrow"), tag("b", after or say("unknown")))
