# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls MachineConfigPools and shows how it goes; documented in the module of the same name."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.facts import ClusterReader
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.cluster import ClusterView
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.companion import Companion
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.drains import DrainWatch
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.orphan import ParentWatch
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.reboots import RebootWatch
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.report import preview, result
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import (
    ROLLOUT_SPEC,
    Request,
    parse_pace,
    parse_request,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.run import Rollout
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.workload import Workload
from ansible_collections.virtscale.tuning.plugins.plugin_utils._cluster import ClusterAction

ARGUMENT_SPEC: dict[str, t.Any] = {**AUTH_SPEC, **ROLLOUT_SPEC}
# One connection a watch, and some for fresh reads.
_CONNECTIONS = 10


class ActionModule(ClusterAction):
    """Shows lines while it waits."""

    _spec = ARGUMENT_SPEC

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        return self._rollout(arguments)

    def _request(self, arguments: dict[str, t.Any]) -> Request:
        """Return what is to roll."""
        return parse_request(arguments)

    def _rollout(self, arguments: dict[str, t.Any], *companions: Companion) -> dict[str, t.Any]:
        request, pace = self._request(arguments), parse_pace(arguments)
        client = KubeClient.connect(arguments, _CONNECTIONS)
        workload = Workload(ClusterReader(client).read(["virtual_machines"]), pace)
        request = dataclasses.replace(request, workload=workload)
        drains = DrainWatch(client, request.drain_limit_s)
        reboots = RebootWatch(request.reboot_s, request.reboot_limit_s)
        watching: tuple[Companion, ...] = (ParentWatch(), drains, reboots, *companions)
        rollout = Rollout(ClusterView(client), request, Display().display, companions=watching)
        if self._task.check_mode or not arguments["release"]:
            snapshot, verdicts = rollout.look()
            return preview(snapshot, verdicts, request, would=arguments["release"])
        outcome = rollout.run()
        ended = {**result(outcome), "blocked": drains.seen()}
        return {**ended, "failed": True, "msg": outcome.failure} if outcome.failure else ended
