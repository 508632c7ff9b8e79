# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls MachineConfigPools and shows how it goes; documented in the module of the same name."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube_adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube_client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_cluster import ClusterView
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_estimate import (
    DEFAULT_DRAIN_S,
    DEFAULT_REBOOT_S,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_report import preview, result
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_run import Request, Rollout
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_state import Limits

ARGUMENT_SPEC: dict[str, t.Any] = {
    **AUTH_SPEC,
    "pools": {"type": "list", "elements": "str", "default": []},
    "expect": {"type": "dict", "default": {}},
    "planned": {"type": "dict", "default": {}},
    "release": {"type": "bool", "default": True},
    "one_at_a_time": {"type": "bool", "default": True},
    "max_disrupted_share": {"type": "raw", "default": 0.1},
    "timeout_s": {"type": "raw", "default": 43200},
    "stall_s": {"type": "raw", "default": 3600},
    "drain_s": {"type": "raw", "default": DEFAULT_DRAIN_S},
    "reboot_s": {"type": "raw", "default": DEFAULT_REBOOT_S},
}
# One connection a watch, and some for fresh reads.
_CONNECTIONS = 10


class ActionModule(ActionBase):
    """Runs on the controller, because only an action plugin can show lines while it waits."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        base = super().run(tmp, task_vars)
        _validation, arguments = self.validate_argument_spec(ARGUMENT_SPEC)
        try:
            return {**base, **self._rollout({**arguments, **self._auth_of_environment()})}
        except TuningError as error:
            return {**base, "failed": True, "msg": str(error), **error.details}

    def _auth_of_environment(self) -> dict[str, t.Any]:
        """Return what the keyword ``environment``, which reaches modules only, says of the way to the cluster."""
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        named = {name: environment.get(spec["fallback"][1][0]) for name, spec in AUTH_SPEC.items()}
        named["kubeconfig"] = named["kubeconfig"] or environment.get("KUBECONFIG")
        return {name: value for name, value in named.items() if value and name not in self._task.args}

    def _rollout(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        request = _request(arguments)
        view = ClusterView(KubeClient.connect(arguments, _CONNECTIONS))
        rollout = Rollout(view, request, Display().display)
        if self._task.check_mode or not arguments["release"]:
            snapshot, verdicts = rollout.look()
            return preview(snapshot, verdicts, request, would=arguments["release"])
        outcome = rollout.run()
        if outcome.failure:
            return {**result(outcome), "failed": True, "msg": outcome.failure}
        return result(outcome)


def _request(arguments: t.Mapping[str, t.Any]) -> Request:
    share = parse_decimal("max_disrupted_share", arguments["max_disrupted_share"], above=0, maximum=1)
    seconds = {
        name: float(parse_decimal(name, arguments[name], minimum=0))
        for name in ("timeout_s", "stall_s", "drain_s", "reboot_s")
    }
    return Request(
        pools=arguments["pools"],
        expect={pool: frozenset(names) for pool, names in arguments["expect"].items()},
        planned=arguments["planned"],
        limits=Limits(arguments["one_at_a_time"], float(share)),
        **seconds,
    )
