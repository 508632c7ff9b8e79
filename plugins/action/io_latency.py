# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the latency of storage in many machines at once; documented in the module of the same name."""

from __future__ import annotations

import asyncio
import time
import typing as t

from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import artifacts_directory, current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.execute import look, result_of, run, unfinished
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.request import (
    LATENCY_SPEC,
    Request,
    parse_request,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.run import JOURNAL_FILE
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.tables import write_files
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.words import (
    lines,
    pending_row,
    preview,
    preview_rows,
    rows,
)
from ansible_collections.virtscale.tuning.plugins.plugin_utils._cluster import ClusterAction

ARGUMENT_SPEC: dict[str, t.Any] = {**AUTH_SPEC, **LATENCY_SPEC}


class ActionModule(ClusterAction):
    """One measurement; what was measured is kept whichever way it ends."""

    _spec = ARGUMENT_SPEC

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        request = parse_request(arguments)
        pending = [pending_row()] if request.pending else []
        if not request.settings.measure:
            return {"changed": False, "rows": pending, "lines": ["nothing is measured: migrations may not be"]}
        if self._task.check_mode:
            plan = asyncio.run(look(arguments, request, Display().display))
            told = preview(plan.cells, request.settings, plan.missing_bytes, plan.machines)
            left_out = [f"{vm} would be left out: {why}" for vm, why in plan.lost.items()]
            measured, *changes = preview_rows(plan.cells, plan.missing_bytes)
            return {
                "changed": bool(changes),
                "rows": [measured, *changes, *pending],
                "lines": [*told, *left_out],
            }
        return self._measure(arguments, request, pending)

    def _measure(
        self, arguments: dict[str, t.Any], request: Request, pending: list[dict[str, t.Any]]
    ) -> dict[str, t.Any]:
        current = current_run(self._variables, self._templar.template)
        artifacts = artifacts_directory(self._variables, self._templar.template)
        journal = Journal(unfinished(artifacts, request, time.time()) or current.path / JOURNAL_FILE)
        try:
            if journal.entries:
                Display().display(f"The measurement in {journal.path} is continued.")
            else:
                journal.append({"kind": "latency", "request": request.identity})
            done = asyncio.run(run(arguments, request, journal, current.run_id, Display().display))
            latency = result_of(request, done)
            current.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = write_files(current.path, latency, done.machines)
            journal.append({"kind": "ended"})
        finally:
            journal.close()
        told = lines(latency, request.settings)
        Display().display("\n" + "\n".join(told) + "\n")
        found = {
            "changed": done.laid_out or done.moved,
            "latency": {**latency, "files": files},
            "lines": told,
            "rows": [*rows(latency, request.settings), *pending],
        }
        if any(cell["vms_measured"] for cell in done.cells):
            return found
        first = done.cells[0]["failed"][0]
        return {**found, "failed": True, "msg": f"No machine measured anything. {first['vm']}: {first['reason']}."}
