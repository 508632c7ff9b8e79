# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the page of a run and shows its summary; documented in the module of the same name."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import artifacts_directory, current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, find_run, write_private
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RunView, count, view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page
from ansible_collections.virtscale.tuning.plugins.module_utils._report.terminal import summary

PAGE_FILE = "report.html"
STYLESHEET = Path(__file__).resolve().parents[2] / "roles" / "report" / "files" / "report.css"

ARGUMENT_SPEC: dict[str, t.Any] = {"run": {"type": "str", "default": "current"}}

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller alone; a page is not a change, so that check mode draws one too."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        try:
            run = self._find(arguments["run"], task_vars or {})
            run.finish()
            view = view_run(run)
            path = _draw(run, view)
        except (TuningError, OSError) as error:
            return {**result, "failed": True, "msg": str(error)}
        lines = summary(view, str(path))
        display.display("\n" + "\n".join(lines) + "\n")
        return {
            **result,
            "changed": False,
            "page": str(path),
            "run_id": run.run_id,
            "counts": count(view.lines()),
            "in_trouble": view.in_trouble(),
            "summary": lines,
        }

    def _find(self, name: str, variables: dict[str, t.Any]) -> Run:
        if name != "current":
            return find_run(artifacts_directory(variables, self._templar.template), name)
        run = current_run(variables, self._templar.template)
        # Where every part was skipped nothing was recorded, and the page says that.
        run.begin(check_mode=bool(self._task.check_mode))
        return run


def _draw(run: Run, view: RunView) -> Path:
    path = run.path / PAGE_FILE
    write_private(path, page(view, STYLESHEET.read_text(encoding="utf-8")))
    return path
