# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A measurement from its request to its result: the machines found, looked at, measured in and left again."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal, NoJournal, read_entries
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import Cell, Json, plan_cells
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.compare import (
    differences,
    during_migration,
    idle_spread,
    pools,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.crew import Crew, Say
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.fleet import Fleet
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.request import Request
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.run import JOURNAL_FILE, Measurement, measure
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.wave import Mover
from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook, allow_connections
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import (
    BY_PORTFORWARD,
    ByAddress,
    PortForward,
    Route,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import Target as Port
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.session import Patience, Session, connect

# A measurement that was killed is continued by the next one that asks for the same within this time.
_CONTINUED_WITHIN_S = 3600.0
# A machine under load is slow to let somebody in.
_PATIENCE = Patience(connect_s=10.0, banner_s=20.0, login_s=60.0)


class Plan(t.NamedTuple):
    """What would be measured."""

    cells: list[Cell]
    machines: int
    missing_bytes: int
    lost: dict[str, str]


async def look(auth: t.Mapping[str, t.Any], request: Request, say: Say) -> Plan:
    """Return what would be measured; nothing is changed.

    :raises TuningError: when it could not be.
    """
    async with reached(auth, request, say) as (crew, cells, _fleet):
        return Plan(cells, len(_machines(cells)), await crew.look(), crew.lost)


async def run(
    auth: t.Mapping[str, t.Any], request: Request, journal: Journal | NoJournal, run_id: str, say: Say
) -> Measurement:
    """Measure, or go on with the measurement that the journal tells of.

    :raises TuningError: when nothing can be measured.
    :raises KubeError: when the API refuses for a reason that does not pass.
    """
    async with reached(auth, request, say) as (crew, cells, fleet):
        missing = await crew.look()
        if missing:
            say(f"writing {missing / 1024**3:.1f} GiB of files into {len(_machines(cells)):,} machines")
        if fleet is not None:
            fleet.mover = Mover(fleet.api, run_id, say, request.settings.migration_limit_s)
        return await measure(cells, request.settings, crew, journal, say, fleet)


def result_of(request: Request, done: Measurement) -> Json:
    """Return what was measured as a return value."""
    dataset = request.settings.dataset
    return {
        "time_factor": request.settings.time_factor,
        "block_kib": request.settings.block_kib,
        "runtime_s": request.settings.runtime_s,
        "cells": done.cells,
        "differences": differences(done.cells),
        "idle_spread_percent": idle_spread(done.cells),
        "pools": pools(done.cells),
        "migration": during_migration(done.cells, done.waves),
        "dataset": {
            "directories": dataset.directories,
            "files": dataset.files,
            "file_mib": dataset.file_mib,
            "bytes": dataset.total_bytes,
        },
    }


def unfinished(artifacts: Path, request: Request, now: float) -> Path | None:
    """Return the newest journal of the same measurement that was killed a short time ago, if there is one.

    :param now: seconds since the epoch.
    """
    found = [path for path in artifacts.glob(f"*/{JOURNAL_FILE}") if not path.parent.is_symlink()]
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        if now - path.stat().st_mtime > _CONTINUED_WITHIN_S:
            return None
        entries, _whole = read_entries(path.read_bytes(), str(path))
        if entries and entries[0].get("request") == request.identity and entries[-1]["kind"] != "ended":
            return path
    return None


@contextlib.asynccontextmanager
async def reached(
    auth: t.Mapping[str, t.Any], request: Request, say: Say
) -> t.AsyncIterator[tuple[Crew, list[Cell], Fleet | None]]:
    """Find the machines, and make the ways to them; yield a crew of them, the cells, and the fleet that they are of."""
    async with contextlib.AsyncExitStack() as stack:
        fleet: Fleet | None = None
        route: Route = ByAddress()
        if request.fleet is not None:
            api = await stack.enter_async_context(BulkClient.connect(auth))
            fleet = Fleet(api, request.fleet, request.groups, request.pools, request.port)
            if request.via == BY_PORTFORWARD:
                route = PortForward(api)
                stack.push_async_callback(route.close)
        cells = plan_cells(request.settings, list(request.hosts) or await _located(fleet), request.pools)

        async def open_session(target: Target) -> Session:
            port = Port(target.namespace or "", target.name, target.address, target.port)
            return await connect(port, request.credentials, route, _PATIENCE)

        machines = _machines(cells)
        allow_connections(len(machines))
        crew = Crew(machines, request.settings, open_session, say, check_alive=Playbook("measurement").check)
        stack.push_async_callback(crew.close)
        yield crew, cells, fleet


async def _located(fleet: Fleet | None) -> list[Target]:
    return [] if fleet is None else await fleet.locate()


def _machines(cells: t.Iterable[Cell]) -> list[Target]:
    return list(dict.fromkeys(target for cell in cells for target in cell.step.targets))
