# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts virtual machines all at once and waits until each answers; documented in the module of the same name."""

from __future__ import annotations

import asyncio
import typing as t
from pathlib import Path

from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._action_record import artifacts_directory, current_run
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, fallback_run_id
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.memory import (
    JOURNAL_FILE,
    Clock,
    Memory,
    unfinished,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import (
    STORM_SPEC,
    StormRequest,
    parse_storm,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.result import result, write_timings
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.run import plan, run
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.words import (
    lines,
    preview_lines,
    preview_rows,
    rows,
)
from ansible_collections.virtscale.tuning.plugins.plugin_utils._cluster import ClusterAction

ARGUMENT_SPEC: dict[str, t.Any] = {**AUTH_SPEC, **STORM_SPEC}


class ActionModule(ClusterAction):
    """One storm or a series; what was measured is kept whichever way it ends."""

    _spec = ARGUMENT_SPEC

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        request = parse_storm(arguments)
        artifacts = artifacts_directory(self._variables, self._templar.template)
        this_run = current_run(self._variables, self._templar.template)
        journal = unfinished(artifacts, request)
        if self._task.check_mode:
            return self._preview(arguments, request, journal)
        memory = Memory(Journal(journal or this_run.path / JOURNAL_FILE), Clock())
        try:
            return self._storm(arguments, request, memory, this_run)
        finally:
            memory.close()

    def _preview(self, arguments: dict[str, t.Any], request: StormRequest, journal: Path | None) -> dict[str, t.Any]:
        chosen = [] if journal else asyncio.run(plan(arguments, request))
        if journal:
            told = [f"The storm in {journal} was killed and would be continued."]
            return {"changed": True, "lines": told, "rows": [], "machines": []}
        return {
            "changed": True,
            "lines": preview_lines(request, chosen),
            "rows": preview_rows(request, chosen),
            "machines": [machine.key for machine in chosen],
        }

    def _storm(
        self, arguments: dict[str, t.Any], request: StormRequest, memory: Memory, this_run: Run
    ) -> dict[str, t.Any]:
        if memory.took_over:
            Display().display("The storm that was killed is continued.")
        try:
            requests = asyncio.run(run(arguments, request, memory, Display().display))
        finally:
            for step in memory.steps:
                write_timings(this_run.path, step)
        memory.end(None if this_run.run_id == fallback_run_id() else this_run.run_id)
        storm = result(request, memory.steps, requests)
        told = lines(storm)
        Display().display("\n" + "\n".join(told) + "\n")
        found = {"changed": True, "storm": storm, "lines": told, "rows": rows(storm)}
        if any(step["answered"] for step in storm["series"]):
            return found
        why = storm["series"][0]["failed"][0]["reason"]
        return {**found, "failed": True, "msg": f"No machine answered; the first one {why}."}
