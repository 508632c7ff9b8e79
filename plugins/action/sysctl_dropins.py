# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spares a host the module call where its measurement shows that nothing is to be done; documented in the module."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.settled import settled_rows


class ActionModule(ActionBase):
    """Looks at ``measured`` beside the controller; everything else is the module's work on the host."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        rows = self._settled(arguments.pop("measured", None), arguments, task_vars or {})
        if rows is not None:
            return {**result, "changed": False, "rows": rows, "files": []}
        module = "virtscale.tuning.sysctl_dropins"
        return {**result, **self._execute_module(module_name=module, module_args=arguments, task_vars=task_vars)}

    def _settled(self, measured: t.Any, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> t.Any:
        if not isinstance(measured, dict) or arguments.get("state", "present") != "present":
            return None
        where = arguments.get("where") or variables.get("inventory_hostname", "")
        try:
            return settled_rows(measured, arguments["files"], arguments.get("never_lower") or [], where)
        except (TuningError, KeyError, TypeError, AttributeError):
            # The module says what is wrong with the request.
            return None
