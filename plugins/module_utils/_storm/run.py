# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A storm from its first request to its last: the steps one after the other, and the stops between them."""

from __future__ import annotations

import asyncio
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook, allow_connections
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.choose import choose, find
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.instances import Instance, Instances
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.memory import BEFORE, Memory
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.power import switch
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.prober import Prober
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import LEFT_STOPPED, StormRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.step import REQUESTS_AT_ONCE, Say, Step

# How long machines may take to shut down, each guest within its own grace period.
_STOP_LIMIT_S = 900.0
_LOOK_S = 0.2
_TOLD_EVERY_S = 5.0
_NAMED = 5


async def plan(auth: t.Mapping[str, t.Any], request: StormRequest) -> list[Machine]:
    """Return the machines that would be started; nothing is changed.

    :raises TuningError: when there are fewer than are asked for.
    """
    async with BulkClient.connect(auth) as api:
        return choose(await find(api, request), request)


async def run(auth: t.Mapping[str, t.Any], request: StormRequest, memory: Memory, say: Say) -> int:
    """Run the storm, or go on with the one that the memory tells of; return how many requests were sent.

    :raises TuningError: when there are fewer machines than are asked for, or they do not stop.
    :raises KubeError: when the API refuses for a reason that does not pass.
    """
    async with BulkClient.connect(auth, concurrency=REQUESTS_AT_ONCE) as api:
        if not memory.steps:
            memory.begin(request, choose(await find(api, request), request))
        storm = _Storm(api, request, memory, say)
        allow_connections(max(map(len, memory.steps)))
        storming = asyncio.create_task(storm.run())
        beside = [asyncio.create_task(storm.instances.follow()), asyncio.create_task(_while_the_parent_lives())]
        try:
            ended, _going_on = await asyncio.wait([storming, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in (storming, *beside):
                task.cancel()
            await asyncio.gather(storming, *beside, return_exceptions=True)
            await storm.prober.close()
        return api.requests


class _Storm:
    """What the steps share."""

    def __init__(self, api: BulkClient, request: StormRequest, memory: Memory, say: Say) -> None:
        self._api = api
        self._request = request
        self._memory = memory
        self._say = say
        self._step: Step | None = None
        everyone = {machine.key for step in memory.steps for machine in step}
        self.instances = Instances(api, request, everyone, self._heard)
        self.prober = Prober(api, request, memory.clock)

    async def run(self) -> None:
        await self.instances.listed.wait()
        memory, last = self._memory, len(self._memory.steps) - 1
        if self._request.stop_first and BEFORE not in memory.stopped:
            await self._stop(BEFORE, max(memory.steps, key=len))
        for number in range(len(memory.steps)):
            if number not in memory.measured:
                self._step = Step(number, self._api, self._request, memory, self.prober, self._say)
                await self._step.run(self.instances)
                self._step = None
                memory.mark("measured", number)
            if number not in memory.stopped and (number < last or self._request.afterwards == LEFT_STOPPED):
                await self._stop(number, memory.steps[number])

    def _heard(self, key: str, instance: Instance | None, live: bool) -> None:
        if self._step:
            self._step.heard(key, instance, live)

    async def _stop(self, number: int, machines: t.Sequence[Machine]) -> None:
        """Stop machines and wait until none of them has an instance."""
        clock = self._memory.clock
        began = told_at = clock.now()
        places = asyncio.Semaphore(REQUESTS_AT_ONCE)
        await asyncio.gather(*(self._switch_off(machine, places) for machine in machines))
        while left := [machine.key for machine in machines if machine.key in self.instances.known]:
            if clock.now() - began > _STOP_LIMIT_S:
                named = ", ".join(left[:_NAMED])
                raise TuningError(f"{len(left):,} machines did not stop within {_STOP_LIMIT_S:g} s, such as {named}.")
            if clock.now() - told_at >= _TOLD_EVERY_S:
                told_at = clock.now()
                self._say(f"stopping {len(machines):,}, {told_at - began:.0f} s: {len(left):,} left")
            await asyncio.sleep(_LOOK_S)
        self._memory.mark("stopped", number)

    async def _switch_off(self, machine: Machine, places: asyncio.Semaphore) -> None:
        async with places:
            try:
                await switch(self._api, machine, on=False)
            except KubeError as error:
                # A machine that was deleted meanwhile is stopped as well.
                if error.status != 404:
                    raise


async def _while_the_parent_lives() -> None:
    """Go on until cancelled.

    :raises TuningError: when the playbook was killed.
    """
    playbook = Playbook("storm")
    while True:
        playbook.check()
        await asyncio.sleep(1)
