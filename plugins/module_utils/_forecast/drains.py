# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a drain sends, and how long that takes: kubectl's drain library as machine-config-controller calls it.

All pods of a node are evicted at once, each by itself: an eviction that is refused is tried again after 5 s, one that
is accepted is followed by asking every second whether the pod is gone. Each of these is a request of one client, and
a request waits for the client's token bucket even after the attempt's time is over. So many pods, or many VMs that
are refused until they have migrated, hold an attempt for longer than its 90 s.
"""

from __future__ import annotations

import random
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock, Process, TokenBucket
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.cluster import Cluster, Guest, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.migrations import Migrations
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    COMPLETED_REQUESTS,
    DRAIN_ATTEMPT_S,
    EVICTION_RETRY_S,
    GONE_POLL_S,
    MARKED_REQUESTS,
    MARKING_REQUESTS,
    MIGRATES,
    REQUEST_S,
    RESTARTS,
    STOPS,
    Controllers,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.virt_api import Admission


class Client:
    """The token buckets of one Kubernetes client: one for each API group."""

    def __init__(self, clock: Clock, controllers: Controllers) -> None:
        def bucket() -> TokenBucket:
            return TokenBucket(clock, controllers.requests_per_s, controllers.burst)

        self.core, self.evictions, self.apps, self.machine_config = bucket(), bucket(), bucket(), bucket()


@dataclass(eq=False)
class Attempt:
    """One try to empty a machine."""

    machine: Machine
    client: Client
    then: t.Callable[[Attempt], None]
    began_at: float
    ends_at: float
    pending: int
    failed: bool = False

    @property
    def deadline(self) -> float:
        """When it gives up what is not gone."""
        return self.began_at + DRAIN_ATTEMPT_S


class Drains:
    """Empties machines, an attempt at a time."""

    def __init__(
        self, clock: Clock, cluster: Cluster, migrations: Migrations, admission: Admission, scenario: Scenario
    ) -> None:
        self._clock = clock
        self._cluster = cluster
        self._migrations = migrations
        self._admission = admission
        self._durations = scenario.durations
        self._random = random.Random(scenario.seed)

    def attempt(self, machine: Machine, client: Client, then: t.Callable[[Attempt], None]) -> None:
        """Evict what the machine carries now; ``then`` is called when all is gone, or was given up."""
        now = self._clock.now
        machine.stopping = [gone_at for gone_at in machine.stopping if gone_at > now]
        guests = [*machine.guests, *machine.coming, *machine.sources]
        attempt = Attempt(machine, client, then, now, now, len(guests) + len(machine.pods) + len(machine.stopping))
        if not attempt.pending:
            self._ended(attempt)
            return
        evictions: list[Process] = [self._evict_guest(attempt, guest) for guest in guests]
        evictions += [self._evict_pod(attempt, None) for _pod in machine.pods]
        evictions += [self._evict_pod(attempt, gone_at) for gone_at in machine.stopping]
        # Goroutines: in no order.
        self._random.shuffle(evictions)
        for eviction in evictions:
            self._clock.start(eviction)

    def _evict_pod(self, attempt: Attempt, gone_at: float | None) -> Process:
        clock = self._clock
        sent_at = attempt.client.evictions.take()
        if sent_at > clock.now:
            yield sent_at
        if gone_at is None:
            machine = attempt.machine
            stop_s = machine.pods.pop()
            gone_at = clock.now + stop_s
            machine.stopping.append(gone_at)
            machine.left(gone_at, clock.now)
            self._cluster.place_pod(stop_s)
        yield from self._until_gone(attempt, gone_at)

    def _evict_guest(self, attempt: Attempt, guest: Guest) -> Process:
        clock, machine = self._clock, attempt.machine
        while True:
            sent_at = attempt.client.evictions.take()
            if sent_at > clock.now:
                yield sent_at
            asked_at = clock.now
            if not (yield from self._admission.evict(_requests(guest, machine, clock.now))):
                self._finished(attempt, clock.now, failed=True)
                return
            ended_at = machine.sources.get(guest)
            if ended_at is not None and clock.now >= ended_at:
                del machine.sources[guest]
                gone_at = clock.now + self._durations.source_gone_s
                machine.stopping.append(gone_at)
                break
            if ended_at is None and guest.machine is machine:
                if guest.vm.leaves in (RESTARTS, STOPS):
                    gone_at = clock.now + self._durations.vm_stop_s
                    machine.stopping.append(gone_at)
                    self._migrations.shut_down(guest, gone_at)
                    break
                if guest.marked_at is None:
                    guest.marking_s = clock.now - asked_at
                    self._migrations.mark(guest)
            yield clock.now + EVICTION_RETRY_S
            if clock.now >= attempt.deadline:
                self._finished(attempt, clock.now, failed=True)
                return
        yield from self._until_gone(attempt, gone_at)

    def _until_gone(self, attempt: Attempt, gone_at: float) -> Process:
        """Ask again and again; one event a request keeps thousands of pods fast."""
        take, clock = attempt.client.core.take, self._clock
        asked_at = clock.now
        while True:
            answered_at = take()
            if answered_at >= gone_at:
                self._finished(attempt, answered_at)
                return
            asked_at = max(answered_at, asked_at + GONE_POLL_S)
            if asked_at >= attempt.deadline:
                self._finished(attempt, max(attempt.deadline, answered_at), failed=True)
                return
            yield asked_at

    def _finished(self, attempt: Attempt, at: float, failed: bool = False) -> None:
        attempt.pending -= 1
        attempt.failed = attempt.failed or failed
        attempt.ends_at = max(attempt.ends_at, at)
        if not attempt.pending:
            self._clock.call(attempt.ends_at + REQUEST_S, self._ended, attempt)

    def _ended(self, attempt: Attempt) -> None:
        attempt.machine.attempts.append((attempt.began_at, self._clock.now))
        attempt.then(attempt)


def _requests(guest: Guest, machine: Machine, now: float) -> int:
    """Return what an eviction makes virt-api ask for."""
    ended_at = machine.sources.get(guest)
    if ended_at is not None and now >= ended_at:
        return COMPLETED_REQUESTS
    if guest.vm.leaves == MIGRATES and guest.machine is machine and guest.marked_at is None:
        return MARKING_REQUESTS
    return MARKED_REQUESTS
