# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The figures of runs as tables of plain values: what the page is drawn from, and what lies beside it as JSON and CSV.

A row is about one run and one role, and bears their names; its numbers bear their units in theirs.
"""

from __future__ import annotations

import csv
import io
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView

Row = t.Dict[str, t.Any]
Tables = t.Dict[str, t.List[Row]]
# The name of a table, and a row of it without its run and role.
Found = t.Iterator[t.Tuple[str, Row]]

# Where a role measured a thing in several steps, the first of these tells it; a plan measures nothing.
_STEPS = ("apply", "measure", "verify")


def recorded(role: RoleView, key: str, needed: str) -> list[Row]:
    """Return what hosts recorded under ``key``, as far as it holds ``needed``; of each host once."""
    found: dict[str, Row] = {}
    for step in _STEPS:
        for host, data in role.data.get(step, {}).items():
            value = data.get(key) if isinstance(data, dict) else None
            if isinstance(value, dict) and needed in value:
                found.setdefault(host, value)
    return list(found.values())


def runs_in(rows: t.Sequence[Row]) -> list[str]:
    """Return the labels of the runs that rows are about, in their order."""
    return list(dict.fromkeys(str(row["run"]) for row in rows))


def label(row: Row, rows: t.Sequence[Row], *parts: str) -> str:
    """Return what tells a series from the others on one picture: its run only where there are several."""
    named = [str(row["run"])] if len(runs_in(rows)) > 1 else []
    return ", ".join([*(part for part in parts if part), *named])


def to_csv(rows: t.Sequence[Row]) -> str:
    """Return a table with a line of names; what is not known is an empty cell."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
