# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One step of a storm: all its machines are asked to start at once, and each is followed until it answers."""

from __future__ import annotations

import asyncio
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.instances import Instance, Instances
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import ANSWER, RUNNING, START, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.memory import Memory
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.power import switch, was_asked
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.prober import Prober
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.reasons import why_not_running
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

# Requests that are on their way at once; the clock of a machine begins when its own is sent.
REQUESTS_AT_ONCE = 100
# A run that takes over tries every machine for a while, however long ago it was asked for.
_TAKEN_OVER_S = 30.0
_LOOK_S = 0.2
# News that took longer is late; the API counts whole seconds.
_NEWS_S = 2.0
# Lines come so often, and so often where nothing has changed.
_TOLD_EVERY_S = 5.0
_TOLD_UNCHANGED_S = 30.0
# The last ones are named, with what keeps them.
_NAMED = 3

Say = t.Callable[[str], None]


class Tasks:
    """Tasks of which none fails unseen."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None

    def begin(self, work: t.Coroutine[t.Any, t.Any, None]) -> asyncio.Task[None]:
        """Run it beside the others."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def check(self) -> None:
        """Raise what one of them has raised."""
        if self._error:
            raise self._error

    async def end(self) -> None:
        """Cancel those that still run."""
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception():
            self._error = self._error or task.exception()


class Step:
    """Runs one step to its end, whether this process began it or another."""

    def __init__(
        self, number: int, api: BulkClient, request: StormRequest, memory: Memory, prober: Prober, say: Say
    ) -> None:
        self.number = number
        self._api = api
        self._request = request
        self._memory = memory
        self._prober = prober
        self._say = say
        self._clock = memory.clock
        self.machines = memory.steps[number]
        self._by_key = {machine.key: machine for machine in self.machines}
        self._places = asyncio.Semaphore(REQUESTS_AT_ONCE)
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._ending: set[str] = set()
        self._tasks = Tasks()
        self._began = self._told_at = self._clock.now()
        self._told = ""
        # By how much the controller's clock is ahead of the API's, as far as that is known.
        self._difference_s: float | None = None
        self._instances: Instances | None = None

    async def run(self, instances: Instances) -> None:
        """Start, and follow until every machine has answered or failed.

        :param instances: is listed already, and tells :meth:`heard` of what changes.
        :raises KubeError: when the API refuses to tell of the instances.
        """
        self._instances = instances
        try:
            for machine in self.machines:
                if machine.running is not None and not machine.over:
                    self._follow(machine)
                elif not machine.accepted and not machine.over:
                    self._tasks.begin(self._start(machine))
            for key, instance in tuple(instances.known.items()):
                self.heard(key, instance, live=False)
            while not all(machine.over for machine in self.machines):
                self._tasks.check()
                self._fail_the_late()
                self._tell()
                self._memory.sync()
                await asyncio.sleep(_LOOK_S)
        finally:
            await self._tasks.end()
        self._say(self.words())

    def heard(self, key: str, instance: Instance | None, live: bool) -> None:
        """Take notice of an instance: once it runs, its machine is tried."""
        machine = self._by_key.get(key)
        if machine is None or instance is None or machine.over:
            return
        if instance.running and machine.running is None and machine.requested is not None:
            at = self._ran_at(instance, live)
            self._memory.note("running", self.number, machine, at=max(machine.requested, at))
            self._follow(machine)

    def _ran_at(self, instance: Instance, live: bool) -> float:
        """Return when an instance began to run: now or, where that is told of late, when the API says.

        What a list or a watch after a gap shows may have happened long before. The clocks of the API and of the
        controller differ by the shortest time that any news has taken.
        """
        now = self._clock.now()
        if instance.running_at is None:
            return now
        took_s = now - instance.running_at
        if live:
            self._difference_s = took_s if self._difference_s is None else min(self._difference_s, took_s)
        if live and took_s - (self._difference_s or 0.0) <= _NEWS_S:
            return now
        return min(now, instance.running_at + (self._difference_s or 0.0))

    def words(self) -> str:
        """Return how far the step is."""
        first = min((one.requested for one in self.machines if one.requested is not None), default=self._began)
        away = f"; the API does not answer: {self._api.silence}" if self._api.silence else ""
        return (
            f"storm of {len(self.machines):,}, {self._clock.now() - first:.0f} s: {self._counts()}{away}{self._last()}"
        )

    def _counts(self) -> str:
        machines = self.machines
        counts = (
            ("asked", sum(machine.requested is not None for machine in machines)),
            ("running", sum(machine.running is not None for machine in machines)),
            ("answering", sum(machine.answered is not None for machine in machines)),
            ("failed", sum(machine.failure is not None for machine in machines)),
        )
        return ", ".join(f"{number:,} {what}" for what, number in counts if number or what != "failed")

    def _last(self) -> str:
        """Return who is still waited for, once they are few."""
        waited_for = [machine for machine in self.machines if not machine.over]
        if not waited_for or len(waited_for) > _NAMED or len(waited_for) == len(self.machines):
            return ""
        refusals = self._prober.refusals
        named = (f"{one.key} ({refusals.get(one.key) or 'does not run yet'})" for one in waited_for)
        return f"; waiting for {', '.join(named)}"

    async def _start(self, machine: Machine) -> None:
        try:
            async with self._places:
                known = self._instances.known.get(machine.key) if self._instances else None
                if machine.requested is None and known is not None:
                    self._fail(machine, START, "somebody else has started it")
                    return
                if machine.requested is None or not await was_asked(self._api, machine):
                    self._memory.note("asked", self.number, machine, at=self._clock.now())
                await switch(self._api, machine, on=True)
        except KubeError as error:
            self._fail(machine, START, str(error).rstrip("."))
        else:
            self._memory.note("accepted", self.number, machine)

    def _follow(self, machine: Machine) -> None:
        if machine.key not in self._probes and machine.key not in self._ending:
            self._probes[machine.key] = self._tasks.begin(self._probe(machine))

    def _followed(self) -> Instances:
        if self._instances is None:
            raise RuntimeError("A machine is tried only while its step runs.")
        return self._instances

    async def _probe(self, machine: Machine) -> None:
        at, late = await self._prober.until_it_answers(machine, self._followed())
        self._memory.note("answered", self.number, machine, at=at, late=late, attempts=machine.attempts)

    def _fail_the_late(self) -> None:
        now, least = self._clock.now(), self._began + min(_TAKEN_OVER_S, self._request.limit_s)
        for machine in self.machines:
            if machine.over or not machine.accepted or machine.requested is None or machine.key in self._ending:
                continue
            if now > max(machine.requested + self._request.limit_s, least):
                self._ending.add(machine.key)
                self._tasks.begin(self._give_up(machine))

    async def _give_up(self, machine: Machine) -> None:
        instances = self._followed()
        probing = self._probes.get(machine.key)
        if probing and not probing.done():
            probing.cancel()
            await asyncio.wait([probing])
        if machine.over:
            return
        within = f"within {self._request.limit_s:g} s"
        instance = instances.known.get(machine.key)
        if machine.running is None or instance is None or not instance.running:
            async with self._places:
                why = await why_not_running(self._api, machine)
            stage = RUNNING if machine.running is None else ANSWER
            what = "did not run" if machine.running is None else "ran, and does not run any more;"
            self._fail(machine, stage, f"{what} {within}: {why}")
        else:
            why = await self._prober.why_not(machine, instances)
            self._fail(machine, ANSWER, f"ran, but did not answer {within}: {why}")

    def _fail(self, machine: Machine, stage: str, reason: str) -> None:
        instance = self._instances.known.get(machine.key) if self._instances else None
        facts = {"stage": stage, "reason": reason, "attempts": machine.attempts}
        if instance and instance.address:
            facts["address"] = instance.address
        self._memory.note("failed", self.number, machine, **facts)

    def _tell(self) -> None:
        silent_s = self._clock.now() - self._told_at
        if silent_s < _TOLD_EVERY_S:
            return
        counts = self._counts()
        if counts != self._told or silent_s >= _TOLD_UNCHANGED_S:
            self._told, self._told_at = counts, self._clock.now()
            self._say(self.words())
