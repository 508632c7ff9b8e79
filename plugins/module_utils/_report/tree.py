# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Recorded data of any shape, as nested lists and tables that a person can read."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language

# Wider tables of records are told one below the other.
_COLUMNS_MAX = 8
# Of longer lists the beginning is told; the record beside the page has all of it.
_ITEMS_MAX = 30


def tree(data: t.Any, say: Language) -> Markup:
    """Return ``data`` as markup: a dictionary as a list of terms, equal records as a table, the rest as text."""
    if isinstance(data, (dict, list)) and len(data) > _ITEMS_MAX:
        shown = dict(list(data.items())[:_ITEMS_MAX]) if isinstance(data, dict) else data[:_ITEMS_MAX]
        more = say("and {number:,} more in the record beside this page", number=len(data) - _ITEMS_MAX)
        return join((tree(shown, say), tag("p", more, class_="more")))
    if isinstance(data, dict):
        return _named_records(data, say) or _terms(data, say)
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        return _records(data, say)
    if isinstance(data, list) and any(isinstance(item, (dict, list)) for item in data):
        return tag("ul", *(tag("li", tree(item, say)) for item in data))
    return tag("code", _text(data, say))


def _terms(data: dict[str, t.Any], say: Language) -> Markup:
    items: list[Markup] = []
    for key, value in data.items():
        prose = isinstance(value, str) and " " in value
        items.append(tag("dt", key))
        items.append(tag("dd", value if prose else tree(value, say)))
    return tag("dl", *items)


def _records(records: list[dict[str, t.Any]], say: Language) -> Markup:
    columns = _columns(records)
    if not columns:
        return tag("ul", *(tag("li", _terms(record, say)) for record in records), class_="records")
    return _table(columns, records, say)


def _named_records(data: dict[str, t.Any], say: Language) -> Markup | None:
    records = list(data.values())
    if len(records) < 2 or not all(isinstance(record, dict) and record for record in records):
        return None
    named = [{"": name, **record} for name, record in data.items()]
    columns = _columns(named)
    alike = all(record.keys() == records[0].keys() for record in records)
    return _table(columns, named, say) if alike and columns else None


def _columns(records: list[dict[str, t.Any]]) -> list[str]:
    """Return the columns of a table of these records, none if they do not make one."""
    columns = list(dict.fromkeys(key for record in records for key in record))
    flat = not any(isinstance(value, (dict, list)) and value for record in records for value in record.values())
    return columns if flat and len(columns) <= _COLUMNS_MAX else []


def _table(columns: list[str], records: list[dict[str, t.Any]], say: Language) -> Markup:
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    rows = (tag("tr", *(tag("td", _text(record.get(column), say)) for column in columns)) for record in records)
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows), class_="data"), class_="scroll")


def _text(value: t.Any, say: Language) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, list):
        return ", ".join(_text(item, say) for item in value) or say("none")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
