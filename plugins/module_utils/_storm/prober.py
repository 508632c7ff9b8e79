# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Attempts to reach machines, every few seconds each, no more than so many at once."""

from __future__ import annotations

import asyncio
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import LOGIN, SshError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.probe import Attempt, Gates
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import (
    BY_PORTFORWARD,
    ByAddress,
    PortForward,
    Route,
    Target,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.session import Patience
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.instances import Instances
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.memory import Clock
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

# A login is work for the processors of both sides: with more at once on a busy controller, each would take too long.
_LOGINS_AT_ONCE = 64
# A request waits in the API's and virt-api's own queues, and in the end for virt-api to reach the machine.
_FORWARDED = Patience(connect_s=15.0)
# OpenSSH since 9.8 locks out for a while who fails at more than one login in 5 s.
_AFTER_REFUSED_LOGIN_S = 5.0
# An answer is timed when the machine was known not to answer so short a time before.
_UNSEEN_S = 10.0


class Prober:
    """Tries machines until they answer."""

    def __init__(self, api: BulkClient, request: StormRequest, clock: Clock) -> None:
        self._request = request
        self._clock = clock
        self._forward = PortForward(api) if request.via == BY_PORTFORWARD else None
        self._route: Route = self._forward or ByAddress()
        self._gates = Gates(request.max_connecting, _LOGINS_AT_ONCE)
        # By machine, why the last attempt failed.
        self.refusals: dict[str, SshError] = {}

    async def until_it_answers(self, machine: Machine, instances: Instances) -> tuple[float, bool]:
        """Return when a running machine answered, and whether nobody had tried it for some time before that.

        :param instances: tells the address, which may come, and change, while the machine runs.
        """
        silent_at = machine.running or self._clock.now()
        while True:
            attempt = self._attempt(machine, instances)
            machine.attempts += 1
            try:
                await attempt.run()
            except SshError as error:
                began = attempt.began or self._clock.now()
                self.refusals[machine.key] = error
                if error.of_machine:
                    silent_at = began
                pause_s = max(self._request.interval_s, _AFTER_REFUSED_LOGIN_S if error.stage == LOGIN else 0.0)
                await asyncio.sleep(max(0.0, began + pause_s - self._clock.now()))
            else:
                self.refusals.pop(machine.key, None)
                now = self._clock.now()
                return now, (attempt.began or now) - silent_at + attempt.queued_s > _UNSEEN_S

    async def why_not(self, machine: Machine, instances: Instances) -> str:
        """Return why a machine that runs never answered."""
        refusal = self.refusals.get(machine.key)
        if refusal is None:
            return "nobody could try it in time"
        words = str(refusal)
        if self._forward:
            words = await self._forward.why_refused(self._target(machine, instances)) or words
        return words

    async def close(self) -> None:
        """End what is still open."""
        if self._forward:
            await self._forward.close()

    def _attempt(self, machine: Machine, instances: Instances) -> Attempt:
        login = self._request.login_of(machine.group)
        patience = _FORWARDED if self._forward else Patience()
        return Attempt(self._target(machine, instances), self._route, login, self._gates, patience, self._clock.now)

    def _target(self, machine: Machine, instances: Instances) -> Target:
        instance = instances.known.get(machine.key)
        address = instance.address if instance else None
        return Target(machine.namespace, machine.name, None if self._forward else address, self._request.port)
