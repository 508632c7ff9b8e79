# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deploys fleets of virtual machines and shows how it goes; documented in the module of the same name."""

from __future__ import annotations

import asyncio
import dataclasses
import typing as t

from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import (
    ABSENT,
    FLEET_SPEC,
    FleetRequest,
    parse_fleet,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.run import FleetRun, preview
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run
from ansible_collections.virtscale.tuning.plugins.plugin_utils._cluster import ClusterAction


class ActionModule(ClusterAction):
    """One fleet, brought to what is asked."""

    _spec: dict[str, t.Any] = {**AUTH_SPEC, **FLEET_SPEC}

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        run = current_run(self._variables, self._templar.template)
        return asyncio.run(self._fleet(parse_fleet(arguments), arguments, run))

    async def _fleet(self, request: FleetRequest, auth: t.Mapping[str, t.Any], run: Run) -> dict[str, t.Any]:
        say = Display().display
        async with BulkClient.connect(auth, request.concurrency) as api:
            if self._task.check_mode:
                return await preview(api, request)
            request = dataclasses.replace(request, promised=frozenset())
            fleet = FleetRun(api, request, run, say)
            result = await (fleet.remove() if request.state == ABSENT else fleet.deploy())
        say("\n" + "\n".join(result["lines"]) + "\n")
        return result
