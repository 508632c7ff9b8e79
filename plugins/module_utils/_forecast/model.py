# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A rollout as its controllers make it: which node's turn it is, its drain, its reboot, its way back.

``simulate`` runs the machine-config-controller's node controller and drain controller, the daemon on each node and
virt-controller against one clock, and returns what happened when. All that it supposes is in the scenario, and the
source of each number beside it.
"""

from __future__ import annotations

import math
import typing as t
from collections import deque

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock, Process, TokenBucket
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.cluster import Cluster, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.drains import Attempt, Client, Drains
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.migrations import Migrations
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    CONTROLLER_DELAY_S,
    DAEMON_ATTEMPTS_FAST,
    DRAIN_RETRY_S,
    DRAIN_SLOW_AFTER_S,
    DRAIN_SLOW_RETRY_S,
    NODE_WORKERS,
    RELEASE_S,
    REQUEST_S,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.trace import Moment, PoolRun, Trace
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.virt_api import Admission

# A rollout that takes longer than this is not one that anybody would start.
_LONGEST_S = 30 * 86400.0


def simulate(scenario: Scenario) -> Trace:
    """Return what happens when the scenario's pools roll; what never ends must have been taken out of it before.

    :raises TuningError: when it would take longer than a month.
    """
    return _Simulation(scenario).run()


class _Simulation:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._controllers = scenario.controllers
        self._clock = Clock()
        self._cluster = Cluster(scenario)
        admission = Admission(self._clock, scenario.virt_api)
        self._migrations = Migrations(self._clock, self._cluster, admission, scenario, self._note_migrations)
        self._drains = Drains(self._clock, self._cluster, self._migrations, admission, scenario)
        self._node_client = Client(self._clock, self._controllers)
        self._drain_client = Client(self._clock, self._controllers)
        self._moments: list[Moment] = []
        self._draining = self._rebooting = self._out = 0
        self._looks: deque[PoolRun] = deque()
        self._lookers = NODE_WORKERS
        self._jobs: deque[Machine] = deque()
        self._workers = self._controllers.drain_workers
        self._pools: list[PoolRun] = []
        self._pool_of: dict[Machine, PoolRun] = {}
        machines = iter(self._cluster.machines)
        for pool in scenario.pools:
            run = PoolRun(pool, [next(machines) for _node in pool.nodes])
            self._pools.append(run)
            for machine in run.machines:
                machine.outdated = True
                self._pool_of[machine] = run

    def run(self) -> Trace:
        self._release()
        if not self._clock.run(_LONGEST_S):
            raise TuningError("The forecast found no end within 30 days: check the durations that it was given.")
        return Trace(
            self._scenario,
            self._pools,
            self._migrations.moves,
            self._moments,
            self._migrations.most_active,
            self._migrations.most_outbound,
            self._clock.events,
        )

    # Which pool's turn it is.

    def _release(self) -> None:
        for run in self._pools:
            if run.ended_at is not None:
                continue
            if run.released_at is None:
                if not self._room_for(run):
                    return
                run.released_at = self._clock.now
                self._touch(run)
            if self._scenario.one_at_a_time:
                return

    def _room_for(self, run: PoolRun) -> bool:
        rolling = [other for other in self._pools if other.released_at is not None and other.ended_at is None]
        most = self._scenario.max_disrupted
        return not rolling or most is None or sum(other.peak for other in rolling) + run.peak <= most

    # The node controller: which node's turn it is.

    def _touch(self, run: PoolRun) -> None:
        """Let the node controller look at a pool that has changed, 5 s from now unless it is going to anyway."""
        self._cluster.changed()
        if not run.delayed:
            run.delayed = True
            self._clock.call(self._clock.now + CONTROLLER_DELAY_S, self._delay_over, run)

    def _delay_over(self, run: PoolRun) -> None:
        run.delayed = False
        if not run.ready:
            run.ready = True
            self._looks.append(run)
        self._look_on()

    def _look_on(self) -> None:
        for run in list(self._looks):
            if self._lookers and not run.looked_at:
                self._looks.remove(run)
                self._lookers -= 1
                run.ready, run.looked_at = False, True
                self._clock.start(self._look(run))

    def _look(self, run: PoolRun) -> Process:
        """Look at a pool: taints first, then targets for as many nodes as may be out of service, then its status."""
        client, began_at = self._node_client, self._clock.now
        unavailable = sum(machine.unavailable for machine in run.machines)
        taints = [machine for machine in run.machines if machine.tainted != (machine.targeted_at is None)]
        waiting = [machine for machine in run.machines if machine.targeted_at is None and machine.open]
        yield from self._request(client.machine_config)
        for machine in taints:
            yield from self._request(client.core, 2)
            machine.tainted = not machine.tainted
            self._touch(run)
        chosen = waiting[: max(0, run.pool.max_unavailable - unavailable)]
        if chosen:
            yield from self._request(client.machine_config)
        for machine in chosen:
            yield from self._request(client.core, 2)
            machine.targeted_at, machine.turn_by_look_at = self._clock.now, began_at
            self._clock.call(self._clock.now + self._controllers.daemon_reacts_s, self._begin_update, machine)
            self._touch(run)
            self._note()
        if chosen:
            client.core.take()  # the event, which nobody waits for
        yield from self._status(run)
        run.looked_at = False
        self._lookers += 1
        self._look_on()

    def _status(self, run: PoolRun) -> Process:
        yield from self._request(self._node_client.machine_config)
        done = sum(machine.done_at is not None for machine in run.machines)
        status = (done, sum(machine.unavailable for machine in run.machines))
        if status != run.status:
            yield from self._request(self._node_client.machine_config)
            run.status = status
            self._touch(run)
        if done == len(run.machines) and run.ended_at is None:
            run.ended_at = self._clock.now
            self._clock.call(self._clock.now + RELEASE_S, self._release)

    def _request(self, bucket: TokenBucket, times: int = 1) -> Process:
        for _time in range(times):
            yield bucket.take() + REQUEST_S

    # The daemon on a node.

    def _begin_update(self, machine: Machine) -> None:
        machine.asked_at = self._clock.now
        self._draining += 1
        self._touch(self._pool_of[machine])
        if self._controllers.drain_by_daemon:
            self._clock.start(self._drain(machine, Client(self._clock, self._controllers)))
        else:
            self._clock.call(self._clock.now + CONTROLLER_DELAY_S, self._job, machine)

    def _seen_by_daemon(self, asked_at: float) -> float:
        """Return when the daemon, which began to wait at ``asked_at``, sees what was done by now."""
        poll_s = self._controllers.daemon_poll_s
        if not poll_s or self._controllers.drain_by_daemon:
            return self._clock.now
        return asked_at + poll_s * max(1, math.ceil((self._clock.now - asked_at) / poll_s))

    def _drained(self, machine: Machine) -> None:
        machine.drained_at = self._clock.now
        self._draining -= 1
        self._note()
        self._clock.call(self._seen_by_daemon(t.cast(float, machine.asked_at)), self._reboot, machine)

    def _reboot(self, machine: Machine) -> None:
        machine.rebooted_at, machine.down = self._clock.now, True
        self._rebooting += 1
        self._touch(self._pool_of[machine])
        self._note()
        self._clock.call(self._clock.now + self._scenario.durations.reboot_s, self._back, machine)

    def _back(self, machine: Machine) -> None:
        machine.back_at, machine.down = self._clock.now, False
        self._rebooting -= 1
        self._touch(self._pool_of[machine])
        self._note()
        if self._controllers.drain_by_daemon:
            self._clock.start(self._uncordon(machine, Client(self._clock, self._controllers)))
        else:
            self._clock.call(self._clock.now + CONTROLLER_DELAY_S, self._job, machine)

    def _done(self, machine: Machine) -> None:
        machine.done_at = self._clock.now
        self._touch(self._pool_of[machine])
        self._note()

    # The drain controller: cordons, drains and uncordons, by a few workers in all.

    def _job(self, machine: Machine) -> None:
        self._jobs.append(machine)
        self._work_on()

    def _work_on(self) -> None:
        while self._workers and self._jobs:
            self._workers -= 1
            machine = self._jobs.popleft()
            job = self._drain if machine.drained_at is None else self._uncordon
            self._clock.start(job(machine, self._drain_client))

    def _free_worker(self) -> None:
        if not self._controllers.drain_by_daemon:
            self._workers += 1
            self._work_on()

    def _drain(self, machine: Machine, client: Client) -> Process:
        if machine.cordoned_at is None:
            machine.cordoned_at = self._clock.now
            yield from self._request(client.core)
            machine.cordoned = True
            self._touch(self._pool_of[machine])
            self._note()
            yield from self._request(client.core)
        yield from self._request(client.core)
        yield from self._request(client.apps, machine.node.daemon_pods)
        self._drains.attempt(machine, client, self._attempted)

    def _attempted(self, attempt: Attempt) -> None:
        machine = attempt.machine
        if not attempt.failed:
            self._clock.start(self._annotate(attempt))
            return
        machine.pauses_s.append(self._pause_s(machine))
        self._clock.call(self._clock.now + machine.pauses_s[-1], self._drain_again, machine, attempt.client)
        self._free_worker()

    def _pause_s(self, machine: Machine) -> float:
        if self._controllers.drain_by_daemon:
            slow = len(machine.attempts) > DAEMON_ATTEMPTS_FAST
        else:
            # Judged by when this attempt began.
            slow = machine.attempts[-1][0] - t.cast(float, machine.cordoned_at) > DRAIN_SLOW_AFTER_S
        return DRAIN_SLOW_RETRY_S if slow else DRAIN_RETRY_S

    def _drain_again(self, machine: Machine, client: Client) -> None:
        if self._controllers.drain_by_daemon:
            self._clock.start(self._drain(machine, client))
        else:
            self._job(machine)

    def _annotate(self, attempt: Attempt) -> Process:
        if not self._controllers.drain_by_daemon:
            yield from self._request(attempt.client.core, 2)
        self._drained(attempt.machine)
        self._free_worker()

    def _uncordon(self, machine: Machine, client: Client) -> Process:
        machine.uncordoning_at = self._clock.now
        yield from self._request(client.core)
        machine.cordoned = False
        self._touch(self._pool_of[machine])
        self._note()
        if not self._controllers.drain_by_daemon:
            yield from self._request(client.core, 3)
        machine.uncordoned_at = self._clock.now
        self._clock.call(self._seen_by_daemon(t.cast(float, machine.back_at)), self._done, machine)
        self._free_worker()

    def _note(self) -> None:
        """Note how many nodes are where, and how many migrations there are."""
        self._out = sum(machine.unavailable for machine in self._pool_of)
        self._note_migrations()

    def _note_migrations(self) -> None:
        active, queued = self._migrations.active, self._migrations.queued
        self._moments.append(Moment(self._clock.now, active, queued, self._draining, self._rebooting, self._out))
