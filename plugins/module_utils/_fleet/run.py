# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A request from beginning to end: look, warn, surround, deploy in each way of the series, fill up with pods, tell."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.density import Density
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.deploy import Deployment, machines_of
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.ledger import Ledger, ledger_path
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.plan import FleetPlan, plan_fleet
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.progress import Progress
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.remove import Removal
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import ABSENT, FleetRequest, Way
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.result import (
    timings_csv,
    way_result,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.surround import surround
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.survey import cluster_id, survey
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.view import FleetView
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.words import (
    lines,
    plan_lines,
    plan_rows,
    removal_line,
    removal_rows,
    rows,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._process import peak_memory_bytes
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, write_private
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

Json = t.Dict[str, t.Any]
Say = t.Callable[[str], None]

_WALL_MINUS_MONOTONIC = time.time() - time.monotonic()


def now() -> float:
    """Return the seconds since 1970, on a clock that nobody sets back meanwhile."""
    return _WALL_MINUS_MONOTONIC + time.monotonic()


async def look(api: BulkClient, request: FleetRequest) -> FleetPlan:
    """Return what a deployment would make, and what to know before; nothing is changed."""
    return plan_fleet(request, await survey(api, request))


async def preview(api: BulkClient, request: FleetRequest) -> Json:
    """Return what a run would do, as return values; that it would refuse to begin is one of them."""
    if request.state == ABSENT:
        removal = Removal(api, request.name, request.concurrency, request.stall_s, lambda line: None)
        found = await removal.count()
        return {
            "changed": bool(found),
            "rows": removal_rows(request, found, would=True),
            "lines": [removal_line(request, found, "would remove")],
        }
    plan = await look(api, request)
    would = plan.changes and not plan.refusals
    return {"changed": would, "rows": plan_rows(request, plan), "lines": plan_lines(request, plan)}


class FleetRun:
    """One run of a request that changes something."""

    def __init__(self, api: BulkClient, request: FleetRequest, run: Run, say: Say) -> None:
        """Prepare it.

        :param run: where the timings of the machines are written to; the journal lies beside its directory.
        """
        self._api, self._request, self._run, self._say = api, request, run, say
        self._changed = False
        self._made = 0

    async def deploy(self) -> Json:
        """Bring the fleet to what is asked; return the return values.

        :raises TuningError: when it cannot begin, or the API is lost for good.
        """
        ledger = await self._ledger()
        try:
            return await self._deploy(ledger)
        finally:
            self._note_cost(ledger)
            ledger.close()

    async def remove(self) -> Json:
        """Take the fleet away; return the return values."""
        ledger = await self._ledger()
        removal = self._removal()
        try:
            await removal.everything()
            ledger.forget()
        finally:
            ledger.close()
        return {
            "changed": bool(removal.removed),
            "rows": removal_rows(self._request, removal.removed, removal.kept),
            "lines": [removal_line(self._request, removal.removed, "removed")],
        }

    async def _ledger(self) -> Ledger:
        path = ledger_path(self._run.artifacts, self._request.name, await cluster_id(self._api))
        return Ledger(path, self._request)

    async def _deploy(self, ledger: Ledger) -> Json:
        request = self._request
        plan = await look(self._api, request)
        if plan.refusals:
            raise TuningError(" ".join(plan.refusals))
        if ledger.over and plan.changes:
            ledger.forget()
        if len(request.ways) > 1 and plan.there and not ledger.continued:
            raise TuningError(
                f"A series of ways begins with no machine, but the fleet {request.name} has {plan.there:,}; remove it "
                "with state absent."
            )
        for line in plan_lines(request, plan):
            self._say(line)
        if ledger.over:
            self._say(f"{request.name}: is complete; the figures are those of its deployment")
        elif ledger.continued:
            self._say(f"{request.name}: goes on with the deployment that was interrupted")
        ledger.begin(request, now())
        self._changed = bool(await surround(self._api, request))
        series: list[Json] = []
        machines: dict[str, Machine] = {}
        last = len(request.ways) - 1
        for number, way in enumerate(request.ways if request.vms else ()):
            if number in ledger.done and number < last:
                series.append(ledger.done[number])
            else:
                machines = await self._way(number, way, ledger, series)
        pods = await self._pods(ledger) if request.pods else None
        cost = self._cost(ledger, series)
        ledger.note("over", cost=cost)
        return self._told(plan, series, machines, pods, cost)

    async def _way(self, number: int, way: Way, ledger: Ledger, series: list[Json]) -> dict[str, Machine]:
        """Deploy in one way; add what it took to the series, and return its machines."""
        request = self._request
        machines = machines_of(request)
        if number and not ledger.has_begun(number):
            self._say(f"{request.name}: {series[-1]['label']} is measured; its machines go")
            await self._removal().machines()
        ledger.recall(number, machines)
        began = ledger.began_way(number, now())

        def tell(line: str) -> None:
            self._say(line)
            self._note_cost(ledger)

        view = FleetView(self._api, request.name, machines, ledger, now)
        progress = Progress(tell, request.failing_s, lambda: self._api.silence)
        async with view.following():
            everything = list(machines.values())
            progress.begin(way.label, everything, now())
            deployment = Deployment(self._api, request, view, ledger, progress, now)
            await deployment.run(way, machines)
            self._say(progress.line(now()))
        self._made += deployment.made
        self._changed = self._changed or bool(deployment.made or deployment.switched)
        result = way_result(way, everything, began)
        if result["measured"]:
            result["timings"] = self._write(f"{request.name}-{way.slug}.csv", timings_csv(way, everything, began))
        series.append(result)
        ledger.note("way_done", way=number, result=result)
        return machines

    def _cost(self, ledger: Ledger, series: t.Sequence[Json]) -> Json:
        """Return what the deployment took, the runs that were killed included."""
        if ledger.over:
            before: Json = ledger.over["cost"]
            return before
        requests = self._api.requests + ledger.requests_before
        measured = sum(one["measured"] for one in series)
        return {
            "requests": requests,
            "requests_per_vm": round(requests / measured, 3) if measured else 0.0,
            "peak_memory_bytes": max(peak_memory_bytes(), ledger.peak_before),
        }

    async def _pods(self, ledger: Ledger) -> Json:
        before = ledger.began_pods()
        began = now() if before is None else before
        if before is None:
            ledger.note("pods", at=began)
        density = Density(self._api, self._request, self._say, now)
        told = await density.run(began, continued=before is not None)
        if ledger.pods_done and not density.changed:
            told.update({name: ledger.pods_done["result"][name] for name in ("created_s", "running_s")})
        ledger.note("pods_done", result=told)
        self._changed = self._changed or density.changed
        return told

    def _told(
        self, plan: FleetPlan, series: list[Json], machines: t.Mapping[str, Machine], pods: Json | None, cost: Json
    ) -> Json:
        request, everything = self._request, list(machines.values())
        fleet = {
            "fleet": request.name,
            "time_factor": request.time_factor,
            "series": series,
            "pods": pods,
            "totals": {
                "vms": sum(machine.there for machine in everything),
                "running": sum(machine.is_running for machine in everything),
                "failed": sum(machine.failure is not None for machine in everything),
                "pods": pods["running"] if pods else 0,
            },
            "cost": cost,
        }
        return {
            "changed": self._changed,
            "fleet": fleet,
            "rows": [
                *rows(request, fleet, self._changed),
                *(row(f"fleet {request.name}", "warning", status="note", why=text) for text in plan.warnings),
            ],
            "lines": lines(request, fleet),
        }

    def _removal(self) -> Removal:
        request = self._request
        return Removal(self._api, request.name, request.concurrency, request.stall_s, self._say)

    def _write(self, name: str, text: str) -> str:
        """Write a file into the run's directory; return its name there."""
        self._run.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(Path(self._run.path) / name, text)
        return name

    def _note_cost(self, ledger: Ledger) -> None:
        ledger.note("cost", run=self._run.run_id, requests=self._api.requests, peak=peak_memory_bytes())
