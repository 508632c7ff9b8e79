# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""All that a page shows of one run or of several, as plain data: it is written beside the page, and drawn from."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report import (
    deployments,
    etcd,
    latencies,
    latency_tables,
    migration_tables,
    migrations,
    storms,
    tuning,
    upgrades,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language, moment_words
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView, RunView, count
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Found, Row, Tables

SCHEMA = 1


@dataclasses.dataclass(frozen=True)
class Subject:
    """Something that is measured: where its tables come from, and what is drawn from them."""

    name: str
    rows: t.Callable[[RoleView], Found]
    draw: t.Callable[[Tables, Language], t.List[Markup]]


# In the order of the reference architecture.
SUBJECTS = (
    Subject("tuning", tuning.rows, tuning.draw),
    Subject("deployments", deployments.rows, deployments.draw),
    Subject("storms", storms.rows, storms.draw),
    Subject("latencies", latency_tables.rows, latencies.draw),
    Subject("migrations", migration_tables.rows, migrations.draw),
    Subject("upgrades", upgrades.rows, upgrades.draw),
    Subject("etcd", etcd.rows, etcd.draw),
)


def content(views: t.Sequence[RunView]) -> Row:
    """Return the runs, and the tables of their figures."""
    labels = run_labels(views)
    tables: Tables = {}
    for view, label in zip(views, labels):
        for role in view.roles:
            about = {"run": label, "role": role.name}
            for subject in SUBJECTS:
                for name, row in subject.rows(role):
                    tables.setdefault(name, []).append({**about, **row})
            for line in role.lines:
                tables.setdefault("values", []).append({**about, **dataclasses.asdict(line), "role": role.name})
    return {
        "schema": SCHEMA,
        "runs": [{**_run(view), "label": label} for view, label in zip(views, labels)],
        "tables": tables,
    }


def run_labels(views: t.Sequence[RunView]) -> list[str]:
    """Return what tells the runs from each other: their playbook, and when it ran where one ran several times."""
    playbooks = [view.playbook for view in views]
    moments = [moment_words(view.started_at)[: len("2026-08-01 12:00")] for view in views]
    labels = [
        playbook if playbooks.count(playbook) == 1 else f"{playbook} {moment}"
        for playbook, moment in zip(playbooks, moments)
    ]
    # Runs that began in the same minute.
    return [label if labels.count(label) == 1 else view.run_id for label, view in zip(labels, views)]


def of_role(content: Row, role: str) -> Tables:
    """Return the tables of one role."""
    found = {name: [row for row in rows if row["role"] == role] for name, rows in content["tables"].items()}
    return {name: rows for name, rows in found.items() if rows}


def figures(tables: Tables, say: Language, subjects: t.Collection[Subject] = SUBJECTS) -> list[Markup]:
    """Return the pictures and tables of figures that the tables give."""
    return [part for subject in subjects for part in subject.draw(tables, say)]


def _run(view: RunView) -> Row:
    return {
        "run_id": view.run_id,
        "playbook": view.playbook,
        "check_mode": view.check_mode,
        "started_at": view.started_at,
        "finished_at": view.finished_at,
        "counts": count(view.lines()),
    }
