# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is around the content of every page: its head, the other language, and the files that it was drawn from."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH, LANGUAGES, Language

CONTENT_FILE = "report.json"


def page_name(language: Language) -> str:
    """Return the name of the page in a language: ``report.html`` in English, ``report.ja.html`` in Japanese."""
    return "report.html" if language is ENGLISH else f"report.{language.code}.html"


def csv_name(table: str) -> str:
    """Return the name of a table's file."""
    return f"report-{table}.csv"


def frame(
    title: str,
    body: t.Sequence[Markup],
    files: t.Sequence[str],
    notes: t.Sequence[Markup],
    stylesheet: str,
    say: Language,
) -> str:
    """Return a whole page.

    :param files: what lies beside it, and it was drawn from.
    :param notes: what stands below that.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        tag("title", f"{title}: virtscale.tuning"),
        tag("style", Markup(stylesheet)),
    )
    others = (
        tag("a", language.name, href=page_name(language), hreflang=language.code, lang=language.code)
        for language in LANGUAGES
        if language is not say
    )
    links = join((tag("a", name, href=name) for name in (CONTENT_FILE, *files)), ", ")
    drawn = say("Drawn by virtscale.tuning from the files beside this page: ")
    footer = tag("footer", tag("p", drawn, links), *notes)
    whole = tag("html", head, tag("body", tag("p", *others, class_="languages"), *body, footer), lang=say.code)
    return f"<!doctype html>\n{whole}\n"
