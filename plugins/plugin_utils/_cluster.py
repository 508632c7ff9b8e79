# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Actions that speak to a cluster from the controller: options in, a result or one sentence out."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC


class ClusterAction(ActionBase):
    """Runs on the controller, because only an action plugin can show lines while it waits."""

    _requires_connection = False
    # Mirrors the documentation of the module of the action's name.
    _spec: dict[str, t.Any] = AUTH_SPEC

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        base = super().run(tmp, task_vars)
        self._variables = task_vars or {}
        _validation, arguments = self.validate_argument_spec(self._spec)
        try:
            return {**base, **self._act({**arguments, **self._auth_of_environment()})}
        except TuningError as error:
            return {**base, "failed": True, "msg": str(error), **error.details}

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        """Do what the action is for, and return its result."""
        raise NotImplementedError

    def _auth_of_environment(self) -> dict[str, t.Any]:
        """Return what the keyword ``environment``, which reaches modules only, says of the way to the cluster."""
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        named = {name: environment.get(spec["fallback"][1][0]) for name, spec in AUTH_SPEC.items()}
        named["kubeconfig"] = named["kubeconfig"] or environment.get("KUBECONFIG")
        return {name: value for name, value in named.items() if value and name not in self._task.args}
