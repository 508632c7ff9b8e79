# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down what a step of a role found, planned or did; documented in the module of the same name."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import (
    current_run,
    entry_of_data,
    entry_of_failure,
    entry_of_result,
    hosts_without_result,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._record import STEPS, Json

ARGUMENT_SPEC: dict[str, t.Any] = {
    "role": {"type": "str", "required": True},
    "step": {"type": "str", "required": True, "choices": list(STEPS)},
    "data": {"type": "raw"},
    "rows": {"type": "list", "elements": "dict", "default": []},
    "per_host": {"type": "str"},
    "failure": {"type": "dict"},
    "failed_task": {"type": "str", "default": "task"},
}


class ActionModule(ActionBase):
    """Runs on the controller alone; the record is not a change, so that check mode keeps one too."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        _validation, arguments = self.validate_argument_spec(
            ARGUMENT_SPEC, mutually_exclusive=[["per_host", "rows"], ["per_host", "data"], ["per_host", "failure"]]
        )
        try:
            run = current_run(variables, self._templar.template)
            run.begin(check_mode=bool(self._task.check_mode))
            path = run.add(arguments["role"], arguments["step"], _entries(arguments, variables))
        except (TuningError, OSError) as error:
            return {**result, "failed": True, "msg": str(error)}
        return {**result, "changed": False, "path": str(path), "run_id": run.run_id}


def _entries(arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, Json]:
    host = str(variables["inventory_hostname"])
    if arguments["failure"] is not None:
        return {host: entry_of_failure(host, arguments["failed_task"], arguments["failure"])}
    if not arguments["per_host"]:
        return {host: entry_of_data(arguments["data"], arguments["rows"])}
    hostvars = variables["hostvars"]
    results = {
        name: hostvars[name][arguments["per_host"]]
        for name in variables["ansible_play_hosts_all"]
        if arguments["per_host"] in hostvars[name]
    }
    entries = {name: entry_of_result(result) for name, result in results.items()}
    return {**entries, **hosts_without_result(variables, arguments["step"], set(results))}
