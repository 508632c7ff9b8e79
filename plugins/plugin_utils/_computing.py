# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Modules that only compute, in the controller's own process: a module's start costs more than all of their work."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError


class ComputingAction(ActionBase):
    """Takes the module's own argument spec and computation; nothing leaves the controller."""

    _requires_connection = False
    ARGUMENT_SPEC: dict[str, t.Any]

    def compute(self, params: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the module's return values.

        :raises TuningError: one sentence for a person.
        """
        raise NotImplementedError

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validation, params = self.validate_argument_spec(self.ARGUMENT_SPEC)
        try:
            return {**result, "changed": False, **self.compute(params)}
        except TuningError as error:
            return {**result, "failed": True, "msg": str(error), **error.details}
