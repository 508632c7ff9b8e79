# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The page of a run: one HTML file that needs nothing beside it, what is wrong first."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import compress
from ansible_collections.virtscale.tuning.plugins.module_utils._report.evidence import figures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import (
    Concern,
    Variant,
    all_variants,
    by_what,
    concerns,
    variants,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import (
    ATTENTION,
    BY_URGENCY,
    Line,
    RoleView,
    RunView,
    count,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.pictures import strip
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tree import tree
from ansible_collections.virtscale.tuning.plugins.module_utils._report.words import (
    ROLE_TITLES,
    STATUS_WORDS,
    duration_words,
    moment_words,
    verdict,
)

# A strip of fewer hosts than this tells less than the table below it.
_STRIP_HOSTS_MIN = 5

# Where the places of one value want different ones, so many of these are told beside its strip.
_WANTED_TOLD_MAX = 3

_STEP_WORDS = {
    "measure": "What was measured",
    "plan": "What was planned, and from what",
    "apply": "What applying it returned",
    "verify": "What was read back",
}


def page(view: RunView, stylesheet: str) -> str:
    """Return the whole page."""
    title = f"{view.playbook} {moment_words(view.started_at)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", f"{title}: virtscale.tuning"),
        tag("style", Markup(stylesheet)),
    )
    body = tag(
        "body",
        _masthead(view),
        tag("main", _attention(view), join(_role(role) for role in view.roles)),
        _colophon(view),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _masthead(view: RunView) -> Markup:
    hosts = {host for role in view.roles for host in role.hosts()}
    facts = [moment_words(view.started_at), "1 host" if len(hosts) == 1 else f"{len(hosts)} hosts"]
    if view.finished_at:
        facts.insert(1, f"took {duration_words(view.started_at, view.finished_at)}")
    mode = tag("p", "Check mode: nothing was changed.", class_="mode") if view.check_mode else None
    return tag(
        "header",
        tag("p", "virtscale.tuning", tag("span", " / "), view.playbook, class_="crumb"),
        tag("h1", verdict(view)),
        tag("p", join(facts, Markup(" &middot; ")), class_="facts"),
        mode,
        _tiles(count(view.lines())),
        tag("nav", *(_link(role) for role in view.roles)),
    )


def _tiles(counts: dict[str, int]) -> Markup:
    return tag(
        "ul",
        *(
            tag("li", tag("b", f"{counts[status]:,}"), tag("span", STATUS_WORDS[status]), class_=status)
            for status in BY_URGENCY
            if counts[status]
        ),
        class_="tiles",
    )


def _link(role: RoleView) -> Markup:
    counts = role.counts()
    worst = next((status for status in BY_URGENCY if counts[status]), "note")
    return tag("a", tag("i", class_=f"dot {worst}"), ROLE_TITLES.get(role.name, role.name), href=f"#{role.name}")


def _attention(view: RunView) -> Markup:
    lines = view.attention()
    if not lines:
        text = "Nothing failed, was refused, overridden or left pending."
        return tag("section", tag("p", text, class_="calm"), id="attention")
    items = (_concern(concern) for concern in concerns(lines))
    return tag("section", tag("h2", "Needs attention"), tag("ol", *items, class_="attention"), id="attention")


def _concern(concern: Concern) -> Markup:
    why = tag("p", concern.why or "No reason was recorded.")
    told = [_told(variant) for variant in concern.variants]
    if len(told) == 1:
        said = [tag("p", *told[0][:3], class_="subject"), why, tag("p", *told[0][3:], class_="values")]
    else:
        said = [why, *(tag("p", *parts, class_="values") for parts in told)]
    return tag(
        "li",
        _badge(concern.status),
        tag("div", *said),
        tag("a", concern.role, href=f"#{concern.role}"),
        class_=concern.status,
    )


def _told(variant: Variant) -> list[Markup | str]:
    parts: list[Markup | str] = [_where(variant), " ", tag("code", variant.what)]
    for field, word in (("wanted", " wanted "), ("effective", " effective ")):
        value = variant.value(field)
        if value is not None:
            parts += [word, tag("code", value or "empty")]
    return parts


def _role(role: RoleView) -> Markup:
    found = all_variants(role.lines)
    right = [variant for variant in found if variant.status == "ok"]
    told = [variant for variant in found if variant.status != "ok"]
    folded = None
    if right:
        lines = sum(len(variant.lines) for variant in right)
        words = "1 value was right already" if lines == 1 else f"{lines:,} values were right already"
        folded = _details(words, _table(right))
    return tag(
        "section",
        tag("h2", ROLE_TITLES.get(role.name, role.name), tag("code", role.name)),
        _chips(role.counts()),
        join(figures(role)),
        _strips(role),
        _table(told) if told else None,
        folded,
        join(_recorded(role, step) for step in _STEP_WORDS if role.data.get(step)),
        id=role.name,
    )


def _chips(counts: dict[str, int]) -> Markup:
    return tag(
        "p",
        *(
            tag("span", tag("i", class_=f"dot {status}"), f"{counts[status]:,} {STATUS_WORDS[status]}")
            for status in BY_URGENCY
            if counts[status]
        ),
        class_="chips",
    )


def _table(found: t.Sequence[Variant]) -> Markup:
    columns = ("What", "Before", "Wanted", "Effective", "", "Where and why")
    rows: list[Markup] = []
    previous = None
    for variant in found:
        again = variant.what == previous
        previous = variant.what
        rows.append(_table_row(variant, again))
    return tag(
        "div",
        tag(
            "table",
            tag("thead", tag("tr", *(tag("th", column, scope="col") for column in columns))),
            tag("tbody", *rows),
            class_="values",
        ),
        class_="scroll",
    )


def _table_row(variant: Variant, again: bool) -> Markup:
    values = (
        tag(
            "td",
            tag("code", value or "empty") if (value := variant.value(field)) is not None else None,
            data_label=label,
        )
        for field, label in (("before", "Before"), ("wanted", "Wanted"), ("effective", "Effective"))
    )
    return tag(
        "tr",
        tag("th", tag("code", _breakable(variant.what)), scope="row", class_="again" if again else None),
        *values,
        tag("td", _badge(variant.status)),
        tag(
            "td",
            tag("p", _where(variant)),
            tag("p", variant.why, class_="why") if variant.why else None,
            class_="reason",
        ),
        class_=f"{variant.status}{' again' if again else ''}",
    )


def _where(variant: Variant) -> Markup:
    places = variant.places
    count_of_many = f" ({len(places)})" if len(places) > 1 else None
    return join((tag("b", variant.where, title=compress(places)), count_of_many))


def _code(value: str | None) -> Markup | None:
    return None if value is None else tag("code", _breakable(value) if value else "empty")


def _strips(role: RoleView) -> Markup | None:
    wide = {
        what: lines
        for what, lines in by_what(role.lines).items()
        if len({line.where for line in lines}) >= _STRIP_HOSTS_MIN
    }
    if not wide:
        return None
    places = max(len(lines) for lines in wide.values())
    rows: list[Markup] = []
    for what, lines in wide.items():
        rows.append(
            tag(
                "div",
                tag("code", _breakable(what)),
                strip([(line.where, STATUS_WORDS[line.status], line.status) for line in lines]),
                tag("span", *_change(lines), class_="change"),
                class_="striprow",
            )
        )
    statuses = {line.status for lines in wide.values() for line in lines}
    legend = (
        tag("span", tag("i", class_=f"dot {status}"), STATUS_WORDS[status])
        for status in BY_URGENCY
        if status in statuses
    )
    caption = f"Before and after on {places} places, a cell each; the values are the most common change"
    return tag("figure", tag("figcaption", caption), tag("p", *legend, class_="chips"), *rows)


def _breakable(name: str) -> Markup:
    return join(re.split(r"(?<=[./])", name), Markup("<wbr>"))


def _change(lines: list[Line]) -> tuple[Markup | str | None, ...]:
    moved = [line for line in lines if line.status not in ("ok", "overridden")]
    common = max(variants(moved or lines), key=lambda variant: len(variant.lines))
    wanted = list(dict.fromkeys(line.wanted for line in moved if line.wanted is not None))
    before, after = common.value("before"), common.value("effective")
    if 1 < len(wanted) <= _WANTED_TOLD_MAX:
        after = " / ".join(wanted)
    elif after is None or common.status in ATTENTION:
        after = common.value("wanted")
    if before is None or before == after:
        return (tag("b", after or "unknown"),)
    return (before or "empty", tag("span", " → ", class_="arrow"), tag("b", after or "unknown"))


def _recorded(role: RoleView, step: str) -> Markup:
    hosts = role.data[step]
    if len(hosts) == 1:
        return _details(_STEP_WORDS[step], tree(next(iter(hosts.values()))), class_="recorded")
    content = (_details(host, tree(data)) for host, data in hosts.items())
    return _details(f"{_STEP_WORDS[step]}: {compress(hosts)}", *content, class_="recorded")


def _details(summary: str, *content: Markup, **attributes: t.Any) -> Markup:
    return tag("details", tag("summary", summary), *content, **attributes)


def _badge(status: str) -> Markup:
    return tag("span", STATUS_WORDS[status], class_=f"badge {status}")


def _colophon(view: RunView) -> Markup:
    files = [f"{role.name}.{step}.json" for role in view.roles for step in role.data]
    links = (tag("a", name, href=name) for name in dict.fromkeys(files))
    return tag(
        "footer",
        tag("p", "Drawn by virtscale.tuning from the records beside this page: ", join(links, ", "), "."),
        tag("p", f"Run {view.run_id}."),
    )
