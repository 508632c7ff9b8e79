# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The files of a report: figures as JSON and CSV first, then the pages, which are drawn from what was just written."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, to_json, write_private
from ansible_collections.virtscale.tuning.plugins.module_utils._report.compare import comparison
from ansible_collections.virtscale.tuning.plugins.module_utils._report.content import content
from ansible_collections.virtscale.tuning.plugins.module_utils._report.frame import CONTENT_FILE, csv_name, page_name
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import LANGUAGES, Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RunView, view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Row, to_csv

# Beside the runs; it holds no run of its own, and the newest comparison replaces the one before.
COMPARISON = "comparison"


@dataclasses.dataclass(frozen=True)
class Report:
    """Where the parts of a report are: the page in English, every page by its language, and the figures."""

    page: Path
    pages: t.Mapping[str, Path]
    figures: Path


def write_figures(directory: Path, views: t.Sequence[RunView]) -> Row:
    """Write the figures of runs as JSON and CSV, and return what a reader of the JSON has.

    :raises OSError: when a file cannot be written.
    """
    text = to_json(content(views))
    found: Row = json.loads(text)
    write_private(directory / CONTENT_FILE, text)
    tables = {csv_name(name): rows for name, rows in found["tables"].items()}
    for name, rows in tables.items():
        write_private(directory / name, to_csv(rows))
    for file in directory.glob(csv_name("*")):
        if file.name not in tables:
            file.unlink()
    return found


def write_run(run: Run, stylesheet: str) -> Report:
    """Write the report of one run into its directory.

    :raises TuningError: when the run cannot be read, or matplotlib is not installed.
    :raises OSError: when a file cannot be written.
    """
    view = view_run(run)
    found = write_figures(run.path, [view])
    return _write_pages(run.path, lambda language: page(view, found, stylesheet, language))


def write_comparison(runs: t.Sequence[Run], stylesheet: str) -> Report:
    """Write a report that puts runs beside each other, and return where it is: beside them.

    :raises TuningError: when a run cannot be read, or matplotlib is not installed.
    :raises OSError: when a file cannot be written.
    """
    directory = runs[0].artifacts / COMPARISON
    directory.mkdir(mode=0o700, exist_ok=True)
    found = write_figures(directory, [view_run(run) for run in runs])
    return _write_pages(directory, lambda language: comparison(found, stylesheet, language))


def _write_pages(directory: Path, draw: t.Callable[[Language], str]) -> Report:
    pages = {}
    for language in LANGUAGES:
        pages[language.code] = directory / page_name(language)
        write_private(pages[language.code], draw(language))
    return Report(pages[LANGUAGES[0].code], pages, directory / CONTENT_FILE)
