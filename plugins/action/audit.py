# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what drifted, from the records of a run in check mode; documented in the module of the same name."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._audit import Audit, audit, junit, table
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, earlier_runs, to_json, write_private
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RunView, view_run

JSON_FILE = "audit.json"
JUNIT_FILE = "audit.xml"

display = Display()


class ActionModule(ActionBase):
    """Runs on the controller alone and reads nothing but records."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        self.validate_argument_spec({})
        try:
            run = current_run(task_vars or {}, self._templar.template)
            run.begin(check_mode=True)
            run.finish()
            found = audit(view_run(run), _last_applied(run))
            paths = _write(run, found)
        except (TuningError, OSError) as error:
            return {**result, "failed": True, "msg": str(error)}
        lines = [*table(found), f"JUnit: {paths['junit']}", f"JSON: {paths['json']}"]
        display.display("\n" + "\n".join(lines) + "\n")
        # A failed result is shown whole, so the values themselves stay in the table and the files.
        result.update(**paths, changed=False, failed=bool(found.drift), drifted=len(found.drift), new=found.new)
        result.update(checked=len(found.view.lines()), compared_with=found.compared_with)
        if found.drift:
            result["msg"] = f"{len(found.drift)} values are not as they are wanted; the table above names them."
        return result


def _last_applied(run: Run) -> RunView | None:
    # A run that changed things knew what there was to change; a preview or another audit proves nothing.
    applied = (earlier for earlier in earlier_runs(run) if earlier.playbook == "site")
    earlier = next((earlier for earlier in applied if not earlier.description()["check_mode"]), None)
    return view_run(earlier) if earlier else None


def _write(run: Run, found: Audit) -> dict[str, str]:
    write_private(run.path / JSON_FILE, to_json(found.as_result()))
    write_private(run.path / JUNIT_FILE, junit(found))
    return {"json": str(run.path / JSON_FILE), "junit": str(run.path / JUNIT_FILE)}
