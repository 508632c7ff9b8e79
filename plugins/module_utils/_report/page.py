# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The page of a run: one HTML file that needs nothing beside it, what is wrong first."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import compress
from ansible_collections.virtscale.tuning.plugins.module_utils._report.content import figures, of_role
from ansible_collections.virtscale.tuning.plugins.module_utils._report.frame import csv_name, frame
from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import all_variants
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, details, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language, moment_words
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import BY_URGENCY, RoleView, RunView, count
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Row
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tree import tree
from ansible_collections.virtscale.tuning.plugins.module_utils._report.values import (
    attention,
    status_chips,
    strips,
    tiles,
    value_table,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.words import STEP_TITLES, role_title, verdict


def page(view: RunView, content: Row, stylesheet: str, say: Language) -> str:
    """Return the whole page.

    :param content: what was written beside it; every picture and table of figures is drawn from that.
    :raises TuningError: when matplotlib is not installed.
    """
    records = dict.fromkeys(f"{role.name}.{step}.json" for role in view.roles for step in role.data)
    files = [*records, *(csv_name(name) for name in content["tables"])]
    return frame(
        f"{view.playbook} {moment_words(view.started_at)}",
        [
            _masthead(view, bool(content["tables"]), say),
            tag("main", _attention(view, say), join(_role(role, content, say) for role in view.roles)),
        ],
        files,
        [tag("p", say("Run {run}.", run=view.run_id))],
        stylesheet,
        say,
    )


def _masthead(view: RunView, measured: bool, say: Language) -> Markup:
    hosts = {host for role in view.roles for host in role.hosts()}
    facts = [moment_words(view.started_at), say.many(len(hosts), "1 host", "{number:,} hosts")]
    if view.finished_at:
        facts.insert(1, say("took {time}", time=say.between(view.started_at, view.finished_at)))
    mode = tag("p", say("Check mode: nothing was changed."), class_="mode") if view.check_mode else None
    counts = count(view.lines())
    return tag(
        "header",
        tag("p", "virtscale.tuning", tag("span", " / "), view.playbook, class_="crumb"),
        tag("h1", verdict(counts, say, measured)),
        tag("p", join(facts, Markup(" &middot; ")), class_="facts"),
        mode,
        tiles(counts, say) if any(counts.values()) else None,
        tag("nav", *(_link(role, say) for role in view.roles)),
    )


def _link(role: RoleView, say: Language) -> Markup:
    counts = role.counts()
    worst = next((status for status in BY_URGENCY if counts[status]), "note")
    return tag("a", tag("i", class_=f"dot {worst}"), role_title(role.name, say), href=f"#{role.name}")


def _attention(view: RunView, say: Language) -> Markup:
    lines = view.attention()
    if not lines:
        text = say("Nothing failed, was refused, overridden or left pending.")
        return tag("section", tag("p", text, class_="calm"), id="attention")
    return tag("section", tag("h2", say("Needs attention")), attention(lines, say), id="attention")


def _role(role: RoleView, content: Row, say: Language) -> Markup:
    found = all_variants(role.lines)
    right = [variant for variant in found if variant.status == "ok"]
    told = [variant for variant in found if variant.status != "ok"]
    folded = None
    if right:
        lines = sum(len(variant.lines) for variant in right)
        words = say.many(lines, "1 value was right already", "{number:,} values were right already")
        folded = details(words, value_table(right, say))
    return tag(
        "section",
        tag("h2", role_title(role.name, say), tag("code", role.name)),
        status_chips(role.counts(), say),
        join(figures(of_role(content, role.name), say)),
        strips(role.lines, say),
        value_table(told, say) if told else None,
        folded,
        join(_recorded(role, step, say) for step in STEP_TITLES if role.data.get(step)),
        id=role.name,
    )


def _recorded(role: RoleView, step: str, say: Language) -> Markup:
    hosts: dict[str, t.Any] = role.data[step]
    title = say(STEP_TITLES[step])
    if len(hosts) == 1:
        return details(title, tree(next(iter(hosts.values())), say), class_="recorded")
    told = (details(host, tree(data, say)) for host, data in hosts.items())
    return details(f"{title}{say(': ')}{compress(hosts)}", *told, class_="recorded")
