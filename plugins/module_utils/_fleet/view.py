# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""All machines of a fleet as two watches tell of them: one for VirtualMachines, one for the DataVolumes they clone."""

from __future__ import annotations

import asyncio
import contextlib
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.ledger import Ledger
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    DATA_VOLUMES,
    VIRTUAL_MACHINES,
    selector,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

Take = t.Callable[[str, Object, bool], None]


class FleetView:
    """Keeps the machines up to date for as long as it follows."""

    def __init__(
        self,
        api: BulkClient,
        fleet: str,
        machines: t.Mapping[str, Machine],
        ledger: Ledger,
        clock: t.Callable[[], float],
    ) -> None:
        self._api, self._fleet, self._machines = api, fleet, machines
        self._ledger, self._clock = ledger, clock
        self._tasks: list[asyncio.Task[None]] = []
        # Run strategies of the machines that were there before, until they are looked at.
        self.strategies: dict[str, str] = {}
        # Machines of this fleet that are not part of the request.
        self.strays: set[str] = set()
        self.moved = asyncio.Event()
        self.moved_at = clock()
        self.events = 0

    @contextlib.asynccontextmanager
    async def following(self) -> t.AsyncIterator[FleetView]:
        """Follow; what was there before is known when this is entered.

        :raises KubeError: when the API refuses to tell, now or later: see :meth:`check`.
        """
        kinds: list[tuple[Resource, Take]] = [(VIRTUAL_MACHINES, self._take_machine)]
        if any(machine.clones for machine in self._machines.values()):
            kinds.append((DATA_VOLUMES, self._take_volume))
        try:
            for resource, take in kinds:
                synced = asyncio.Event()
                task = asyncio.create_task(self._follow(resource, take, synced))
                self._tasks.append(task)
                waiting = asyncio.create_task(synced.wait())
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                self.check()
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def check(self) -> None:
        """Raise what ended a watch, if something did."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                error = task.exception()
                if isinstance(error, KubeError):
                    raise KubeError(f"The fleet is no longer seen: {error}", error.status) from error
                if error is not None:
                    raise error if isinstance(error, TuningError) else TuningError(repr(error)) from error

    async def _follow(self, resource: Resource, take: Take, synced: asyncio.Event) -> None:
        listed: set[str] = set()
        async with contextlib.aclosing(self._api.watch(resource, None, selector(self._fleet))) as heard:
            async for event, item in heard:
                self.events += 1
                if event == "SYNCED":
                    if resource is VIRTUAL_MACHINES:
                        self._forget(listed)
                    listed = set()
                    synced.set()
                    continue
                if event == "LISTED" and resource is VIRTUAL_MACHINES:
                    listed.add(item["metadata"]["name"])
                take(event, item, event == "LISTED")

    def _forget(self, listed: t.Collection[str]) -> None:
        """Take note of the machines that went in a gap."""
        for name, machine in self._machines.items():
            if (machine.there or machine.gone) and name not in listed:
                machine.vanish()

    def _take_machine(self, event: str, item: Object, late: bool) -> None:
        name = item["metadata"]["name"]
        machine = self._machines.get(name)
        if machine is None:
            (self.strays.discard if event == "DELETED" else self.strays.add)(f"{item['metadata']['namespace']}/{name}")
        elif event == "DELETED":
            if not machine.uid or machine.uid == item["metadata"].get("uid"):
                machine.vanish()
            self._moved()
        else:
            if late:
                self.strategies[name] = item["spec"].get("runStrategy") or "Manual"
            self._tell(machine, machine.see_machine(item, self._clock(), late=late))

    def _take_volume(self, event: str, item: Object, late: bool) -> None:
        owners = item["metadata"].get("ownerReferences") or []
        name = next((owner["name"] for owner in owners if owner["kind"] == "VirtualMachine"), "")
        machine = self._machines.get(name)
        if machine is not None and event != "DELETED":
            self._tell(machine, machine.see_clone(item, self._clock(), late=late))

    def _tell(self, machine: Machine, news: t.Sequence[str]) -> None:
        if news:
            self._ledger.reached(machine, news)
        self._moved()

    def _moved(self) -> None:
        self.moved_at = self._clock()
        self.moved.set()
