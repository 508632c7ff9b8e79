# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the page of a run or of several, and shows its summary; documented in the module of the same name."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import artifacts_directory, current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, find_run, newest_of_each
from ansible_collections.virtscale.tuning.plugins.module_utils._report.files import (
    Report,
    write_comparison,
    write_run,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.frame import page_name
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import count, view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.terminal import summary

STYLESHEET = Path(__file__).resolve().parents[2] / "roles" / "report" / "files" / "report.css"
# In place of run ids: the newest run of each playbook that changed or measured something.
EACH = "each"

ARGUMENT_SPEC: dict[str, t.Any] = {
    "run": {"type": "str", "default": "current"},
    "runs": {"type": "list", "elements": "str", "default": []},
}

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller alone; a page is not a change, so that check mode draws one too."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        try:
            return {**result, **self._report(arguments, task_vars or {})}
        except (TuningError, OSError) as error:
            return {**result, "failed": True, "msg": str(error)}

    def _report(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        stylesheet = STYLESHEET.read_text(encoding="utf-8")
        if arguments["runs"]:
            return self._compare(self._find_several(arguments["runs"], variables), stylesheet)
        run = self._find(arguments["run"], variables)
        run.finish()
        view = view_run(run)
        # First, because it tells what happened whether or not the pictures can be drawn.
        lines = summary(view, str(run.path / page_name(ENGLISH)))
        display.display("\n" + "\n".join(lines) + "\n")
        outcome = {"run_id": run.run_id, "counts": count(view.lines()), "in_trouble": view.in_trouble()}
        return {**_result(write_run(run, stylesheet), [run.run_id], lines), **outcome}

    def _compare(self, runs: list[Run], stylesheet: str) -> dict[str, t.Any]:
        views = [view_run(run) for run in runs]
        for run in runs:
            display.display(f"Drawing {run.run_id}")
            write_run(run, stylesheet)
        report = write_comparison(runs, stylesheet)
        lines = [f"{len(runs)} runs side by side: {', '.join(run.run_id for run in runs)}", f"Page: {report.page}"]
        display.display("\n" + "\n".join(lines) + "\n")
        counts = count(line for view in views for line in view.lines())
        return {
            **_result(report, [run.run_id for run in runs], lines),
            "counts": counts,
            "in_trouble": any(view.in_trouble() for view in views),
        }

    def _find(self, name: str, variables: dict[str, t.Any]) -> Run:
        if name != "current":
            return find_run(artifacts_directory(variables, self._templar.template), name)
        run = current_run(variables, self._templar.template)
        # Where every part was skipped nothing was recorded, and the page says that.
        run.begin(check_mode=bool(self._task.check_mode))
        return run

    def _find_several(self, names: list[str], variables: dict[str, t.Any]) -> list[Run]:
        artifacts = artifacts_directory(variables, self._templar.template)
        found: dict[str, Run] = {}
        for name in names:
            for run in newest_of_each(artifacts) if name == EACH else [find_run(artifacts, name)]:
                found[run.run_id] = run
        return list(found.values())


def _result(report: Report, run_ids: list[str], lines: list[str]) -> dict[str, t.Any]:
    return {
        "changed": False,
        "page": str(report.page),
        "pages": {language: str(path) for language, path in report.pages.items()},
        "figures": str(report.figures),
        "run_ids": run_ids,
        "summary": lines,
    }
