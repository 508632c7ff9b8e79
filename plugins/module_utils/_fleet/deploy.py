# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Machines are asked for in one of the ways, and waited for; what fails is noted, and the rest goes on."""

from __future__ import annotations

import asyncio
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.group import Group, Texts
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.ledger import Ledger
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import CREATE, START, Failure, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    VIRTUAL_MACHINES,
    is_ours,
    machine_name,
    namespace_of,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.progress import Progress
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import (
    BATCHES,
    PRESENT,
    RATE,
    FleetRequest,
    Way,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.view import FleetView
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER

_TICK_S = 0.5
# Events come in bursts: one look for all of a burst.
_COALESCE_S = 0.05
_WORDS_BEFORE_REASON = " was refused: "


def machines_of(request: FleetRequest) -> dict[str, Machine]:
    """Return every machine of a request by its name, in the order in which they are asked for."""
    found = {}
    for group in request.groups:
        runs = group.runs(request.state)
        for number in range(1, group.vms + 1):
            name = machine_name(request.name, group.name, number)
            namespace = namespace_of(group.name, number, request.namespaces)
            found[name] = Machine(name, namespace, group.name, number, clones=group.clones, runs=runs)
    return found


class Deployment:
    """One way of a series, from the first request until the last machine is settled."""

    def __init__(
        self,
        api: BulkClient,
        request: FleetRequest,
        view: FleetView,
        ledger: Ledger,
        progress: Progress,
        clock: t.Callable[[], float],
    ) -> None:
        self._api, self._request, self._view, self._ledger = api, request, view, ledger
        self._progress, self._clock = progress, clock
        self._texts: dict[str, Texts] = {group.name: group.texts(request.state) for group in request.groups}
        self._groups: dict[str, Group] = {group.name: group for group in request.groups}
        self._playbook = Playbook("deployment")
        # Machines that were there, and were started or stopped.
        self.switched = 0
        self.made = 0

    async def run(self, way: Way, machines: t.Mapping[str, Machine]) -> None:
        """Ask for all that is missing, in the manner of ``way``, and wait until every machine is settled.

        :param machines: in their order; they are what batches are cut from, whether they exist already or not.
        :raises TuningError: when the API is lost, or the playbook is gone.
        """
        everything = list(machines.values())
        deadline = self._clock() + self._request.timeout_s
        await self._until_none_leaves(everything, deadline)
        await self._adopt(machines)
        size = way.batch_size if way.mode == BATCHES and way.batch_size else max(1, len(everything))
        batches = [everything[start : start + size] for start in range(0, len(everything), size)]
        for number, batch in enumerate(batches, start=1):
            self._progress.batch = (number, len(batches))
            missing = [machine for machine in batch if not machine.there]
            if missing:
                await self._create(missing, way.rate_per_s if way.mode == RATE else None)
            if number < len(batches):
                await self._wait(batch, lambda machine: machine.has_disks, deadline)
        self._progress.batch = None
        await self._wait(everything, lambda machine: machine.settled, deadline)

    async def _until_none_leaves(self, machines: t.Sequence[Machine], deadline: float) -> None:
        """Wait until the names of machines that are being deleted are free."""
        self._view.moved_at = self._clock()
        while any(machine.gone for machine in machines):
            if self._overdue(deadline):
                stuck = next(machine for machine in machines if machine.gone)
                raise TuningError(f"VM {stuck.vm} is being deleted and does not go; look at its finalizers.")
            await self._pause()

    async def _adopt(self, machines: t.Mapping[str, Machine]) -> None:
        """Take over what is there already, and switch it on or off where that is asked."""
        wrong = []
        for name, machine in machines.items():
            wanted = self._groups[machine.group].run_strategy(self._request.state)
            if not machine.there or self._view.strategies.get(name) == wanted:
                continue
            if self._request.state == PRESENT:
                # Somebody has started or stopped it since.
                machine.runs = None
            else:
                wrong.append(machine)
        await self._each(wrong, self._switch)

    async def _switch(self, machine: Machine) -> None:
        strategy = self._groups[machine.group].run_strategy(self._request.state)
        body = {"spec": {"runStrategy": strategy, "running": None}}
        try:
            await self._api.merge_patch(
                VIRTUAL_MACHINES, machine.name, body, machine.namespace, field_manager=FIELD_MANAGER
            )
            self.switched += 1
        except KubeError as error:
            self._raise_if_lost(error)
            machine.failure = Failure(START, _reason(error))

    async def _create(self, machines: t.Sequence[Machine], rate_per_s: float | None) -> None:
        """Ask for machines, as many at a time as the request allows; at a steady rate, if there is one."""
        if rate_per_s is None:
            await self._each(machines, self._make)
            return
        began = self._clock()
        asked: set[asyncio.Task[None]] = set()
        try:
            for place, machine in enumerate(machines):
                while (early_s := began + place / rate_per_s - self._clock()) > 0:
                    await asyncio.sleep(min(early_s, _TICK_S))
                asked.add(asyncio.create_task(self._make(machine)))
                for task in [task for task in asked if task.done()]:
                    asked.discard(task)
                    task.result()
                self._look()
            await asyncio.gather(*asked)
        finally:
            for task in asked:
                task.cancel()

    async def _make(self, machine: Machine) -> None:
        machine.ask(self._clock())
        self._ledger.asked(machine)
        body = self._texts[machine.group].of(machine.number, machine.name, machine.namespace)
        try:
            _made, new = await self._api.create(
                VIRTUAL_MACHINES,
                machine.name,
                body,
                machine.namespace,
                field_manager=FIELD_MANAGER,
                mine=lambda item: is_ours(item, self._request.name),
            )
        except KubeError as error:
            self._raise_if_lost(error)
            machine.failure = Failure(CREATE, _reason(error))
            return
        self.made += new
        self._ledger.reached(machine, machine.answer(self._clock()))

    async def _each(
        self, machines: t.Sequence[Machine], call: t.Callable[[Machine], t.Coroutine[t.Any, t.Any, None]]
    ) -> None:
        """Call for every machine, a bounded number at a time, and tell of it meanwhile."""
        todo = iter(machines)

        async def work() -> None:
            for machine in todo:
                await call(machine)

        workers = [asyncio.create_task(work()) for _worker in range(min(self._request.concurrency, len(machines)))]
        try:
            while workers:
                done, _running = await asyncio.wait(workers, timeout=_TICK_S)
                for worker in done:
                    worker.result()
                workers = [worker for worker in workers if not worker.done()]
                self._look()
        finally:
            for worker in workers:
                worker.cancel()

    async def _wait(self, machines: t.Sequence[Machine], done: t.Callable[[Machine], bool], deadline: float) -> None:
        """Wait until all are done; those in which nothing moves any more have failed."""
        self._view.moved_at = self._clock()
        left = [machine for machine in machines if not done(machine)]
        while left:
            if self._overdue(deadline):
                late = self._clock() > deadline
                why = f"not done after {self._request.timeout_s if late else self._request.stall_s:.0f} s"
                for machine in left:
                    machine.give_up(why + ("" if late else " in which nothing moved"))
                return
            await self._pause()
            left = [machine for machine in left if not done(machine)]

    def _overdue(self, deadline: float) -> bool:
        now = self._clock()
        return now > deadline or (self._api.silence is None and now - self._view.moved_at > self._request.stall_s)

    async def _pause(self) -> None:
        """Wait for something to happen, but not for long, and look at what did."""
        self._view.moved.clear()
        try:
            await asyncio.wait_for(self._view.moved.wait(), _TICK_S)
            await asyncio.sleep(_COALESCE_S)
        except asyncio.TimeoutError:
            pass
        self._look()

    def _look(self) -> None:
        self._playbook.check()
        self._view.check()
        self._ledger.sync()
        now = self._clock()
        if self._api.silence is not None:
            # What nobody could see has not stood still.
            self._view.moved_at = now
        self._progress.show(now)

    def _raise_if_lost(self, error: KubeError) -> None:
        """Raise what concerns the whole API and not the one machine."""
        if error.transient or error.status == 401:
            raise error


def _reason(error: KubeError) -> str:
    """Return the API's own words, without the request that everybody knows."""
    return str(error).split(_WORDS_BEFORE_REASON, 1)[-1].rstrip(".")
