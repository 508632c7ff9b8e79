# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The page that puts several runs beside each other: each subject once, with the runs as its series."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.content import SUBJECTS, Subject
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import table
from ansible_collections.virtscale.tuning.plugins.module_utils._report.frame import csv_name, frame, page_name
from ansible_collections.virtscale.tuning.plugins.module_utils._report.groups import Variant
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Child, Markup, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language, moment_words
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import ATTENTION, Line
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Row
from ansible_collections.virtscale.tuning.plugins.module_utils._report.values import attention
from ansible_collections.virtscale.tuning.plugins.module_utils._report.words import (
    STATUS_WORDS,
    SUBJECT_TITLES,
    role_title,
    verdict,
)

_STATUSES = ("failed", "refused", "overridden", "pending", "would_change", "changed", "ok")


def comparison(content: Row, stylesheet: str, say: Language) -> str:
    """Return the whole page.

    :param content: what was written beside it; all of the page is drawn from that.
    :raises TuningError: when matplotlib is not installed.
    """
    sections = [(subject, parts) for subject in SUBJECTS if (parts := subject.draw(content["tables"], say))]
    values = _values(content, say)
    links = [tag("a", say(SUBJECT_TITLES[subject.name]), href=f"#{subject.name}") for subject, _parts in sections]
    if values:
        links.append(tag("a", say("Values"), href="#values"))
    heading = say.many(len(content["runs"]), "1 run", "{number} runs side by side")
    masthead = tag(
        "header",
        tag("p", "virtscale.tuning", class_="crumb"),
        tag("h1", heading),
        _runs(content, say),
        tag("nav", *links),
    )
    main = tag("main", join(_section(subject, parts, say) for subject, parts in sections), values)
    files = [csv_name(name) for name in content["tables"]]
    return frame(heading, [masthead, main], files, [], stylesheet, say)


def _runs(content: Row, say: Language) -> Markup:
    rows: list[tuple[Child, ...]] = []
    for run in content["runs"]:
        took = say.between(run["started_at"], run["finished_at"]) if run["finished_at"] else ""
        mode = say(" (check mode)") if run["check_mode"] else ""
        link = tag("a", run["label"], href=f"../{run['run_id']}/{page_name(say)}")
        measured = any(row["run"] == run["label"] for rows in content["tables"].values() for row in rows)
        told = f"{verdict(run['counts'], say, measured)}{mode}"
        rows.append((link, moment_words(run["started_at"]), took, told))
    head = (say("run"), say("began"), say("took"), say("outcome"))
    return table(say, "", head, rows, words=True)


def _section(subject: Subject, parts: t.Sequence[Markup], say: Language) -> Markup:
    return tag("section", tag("h2", say(SUBJECT_TITLES[subject.name])), *parts, id=subject.name)


def _values(content: Row, say: Language) -> Markup | None:
    """Return what is effective in each run, and what needs attention in any."""
    found: dict[str, list[Line]] = {}
    for row in content["tables"].get("values", []):
        line = Line(**{name: value for name, value in row.items() if name != "run"})
        found.setdefault(row["run"], []).append(line)
    if not found:
        return None
    parts: list[Markup] = []
    for run, lines in found.items():
        wrong = [line for status in ATTENTION for line in lines if line.status == status]
        if wrong:
            parts += [tag("h3", say("Needs attention: {run}", run=run)), attention(wrong, say, roles_told=False)]
    parts += [_counts(found, say), *_differences(found, say)]
    return tag("section", tag("h2", say("Values")), *parts, id="values")


def _counts(found: t.Mapping[str, t.Sequence[Line]], say: Language) -> Markup:
    rows = []
    for run, lines in found.items():
        for role in dict.fromkeys(line.role for line in lines):
            statuses = [line.status for line in lines if line.role == role]
            name = f"{role_title(role, say)}{', ' + run if len(found) > 1 else ''}"
            rows.append((name, *(f"{statuses.count(status) or ''}" for status in _STATUSES)))
    head = ("", *(say(STATUS_WORDS[status]) for status in _STATUSES))
    return table(say, say("How values ended"), head, rows)


def _differences(found: t.Mapping[str, t.Sequence[Line]], say: Language) -> t.Iterator[Markup]:
    """Yield a table of the values that are not alike in all runs that have them."""
    rows = []
    keys = dict.fromkeys((line.role, line.what) for lines in found.values() for line in lines)
    for role, what in keys:
        told = []
        for lines in found.values():
            ours = tuple(line for line in lines if (line.role, line.what) == (role, what))
            told.append(Variant(ours).value("effective", say) if ours else None)
        known = [value for value in told if value is not None]
        if len(known) > 1 and len(set(known)) > 1:
            rows.append((f"{role}: {what}", *(value or "" for value in told)))
    if rows:
        yield table(say, say("What is effective differs"), ("", *found), rows, words=True)
