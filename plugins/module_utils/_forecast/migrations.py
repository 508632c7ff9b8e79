# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What virt-controller does with the VMs that a drain evicts: two queues without order in front of two limits.

The evacuation controller makes as many migration objects for a node's marked VMs as it sees slots free, and looks
again after 5 s when it sees none; nothing tells it of a migration that ended, because that VM is on another node by
then. It counts a migration as running a moment after that has begun, so it makes some objects too many. These look
for a slot by themselves, again every 5 s. A freed slot goes to whoever looks first, and is empty until then.
"""

from __future__ import annotations

import typing as t
from collections import deque

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock, Process
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.cluster import Cluster, Guest, Machine, Move
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    CREATION_RETRY_S,
    CREATION_SEEN_S,
    OBJECT_READY_S,
    OBJECT_STEP_S,
    PHASE_SEEN_S,
    RESTARTS,
    SLOT_RETRY_S,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.virt_api import Admission

CLUSTER_LIMIT, NODE_LIMIT = "cluster", "node"
# A prime, so that steps of it through a list of times meet all of them before any comes again.
_STRIDE = 7919


class Migrations:
    """The queue, the limits, and what runs."""

    def __init__(
        self,
        clock: Clock,
        cluster: Cluster,
        admission: Admission,
        scenario: Scenario,
        note: t.Callable[[], None],
    ) -> None:
        self._clock = clock
        self._cluster = cluster
        self._admission = admission
        self._limits = scenario.limits
        self._bandwidth_bytes_s = scenario.bandwidth_bytes_s
        self._durations = scenario.durations
        self._seed = scenario.seed
        self._note = note
        self._marked: dict[Machine, list[Guest]] = {}
        self._look_again: set[Machine] = set()
        self._created_at = float("-inf")
        # Migrations that the evacuation controller does not count yet: when each began, and where.
        self._begun: deque[tuple[float, Machine]] = deque()
        self._outbound: dict[Machine, int] = {}
        self.active = 0
        self.queued = 0
        self.most_active = 0
        self.most_outbound = 0
        self.moves: list[Move] = []

    def mark(self, guest: Guest) -> None:
        """Take note that virt-api marked a guest: its node is being drained."""
        guest.marked_at = self._clock.now
        self.queued += 1
        self._marked.setdefault(guest.machine, []).append(guest)
        self._evacuate(guest.machine)

    def shut_down(self, guest: Guest, gone_at: float) -> None:
        """Take note of a guest that is shut down by its eviction, and may start on another machine."""
        source = guest.machine
        move = Move(guest, source, self._clock.now, started_at=self._clock.now, restart=True)
        self.moves.append(move)
        source.guests.pop(guest)
        source.left(gone_at, self._clock.now, move)
        move.ended_at = gone_at
        if guest.vm.leaves == RESTARTS:
            self._clock.call(gone_at, self._start_elsewhere, move)

    def _start_elsewhere(self, move: Move) -> None:
        target = self._cluster.target(move.source) or move.source
        target.guests[move.guest] = None
        move.guest.machine = target
        move.ended_at = self._clock.now + self._durations.target_start_s

    def _evacuate(self, machine: Machine) -> None:
        """Let as many of a machine's marked guests look for a slot as there seem to be."""
        marked = self._marked.get(machine)
        if not marked:
            return
        free = self._seemingly_free(machine)
        if free > 0:
            created_at = self._clock.now
            for guest in marked[:free]:
                created_at = self._admission.create()
                self._clock.start(self._migrate(guest), created_at + OBJECT_READY_S)
            del marked[:free]
            # Its own objects make it look again.
            self._clock.call(created_at + OBJECT_STEP_S, self._evacuate, machine)
        elif machine not in self._look_again:
            self._look_again.add(machine)
            self._clock.call(self._clock.now + SLOT_RETRY_S, self._evacuate_again, machine)

    def _evacuate_again(self, machine: Machine) -> None:
        self._look_again.discard(machine)
        self._evacuate(machine)

    def _seemingly_free(self, machine: Machine) -> int:
        while self._begun and self._begun[0][0] + PHASE_SEEN_S <= self._clock.now:
            self._begun.popleft()
        begun_here = sum(source is machine for _at, source in self._begun)
        return min(
            self._limits.per_cluster - self.active + len(self._begun),
            self._limits.per_node - self._outbound.get(machine, 0) + begun_here,
        )

    def _held(self, machine: Machine) -> str | None:
        if self.active >= self._limits.per_cluster:
            return CLUSTER_LIMIT
        if self._outbound.get(machine, 0) >= self._limits.per_node:
            return NODE_LIMIT
        return None

    def _migrate(self, guest: Guest) -> Process:
        clock, source = self._clock, guest.machine
        move = Move(guest, source, t.cast(float, guest.marked_at), guest.marking_s)
        if clock.now > move.marked_at:
            move.held_s[self._held(source) or CLUSTER_LIMIT] = clock.now - move.marked_at
        while True:
            if clock.now < self._created_at + CREATION_SEEN_S:
                yield clock.now + CREATION_RETRY_S
                continue
            held = self._held(source)
            target = self._cluster.target(source) if held is None else None
            if target is not None:
                break
            held = held or CLUSTER_LIMIT
            move.held_s[held] = move.held_s.get(held, 0.0) + SLOT_RETRY_S
            yield clock.now + SLOT_RETRY_S
        self._begin(move, target)
        yield clock.now + self._durations.target_start_s + self._copy_s(guest)
        self._end(move, target)

    def _begin(self, move: Move, target: Machine) -> None:
        move.started_at = self._created_at = self._clock.now
        self.moves.append(move)
        self.queued -= 1
        self.active += 1
        self.most_active = max(self.most_active, self.active)
        self._outbound[move.source] = self._outbound.get(move.source, 0) + 1
        self.most_outbound = max(self.most_outbound, self._outbound[move.source])
        target.coming[move.guest] = None
        self._begun.append((self._clock.now, move.source))
        self._clock.call(self._clock.now + PHASE_SEEN_S, self._evacuate, move.source)
        self._note()

    def _end(self, move: Move, target: Machine) -> None:
        guest, source = move.guest, move.source
        move.ended_at = self._clock.now
        self.active -= 1
        self._outbound[source] -= 1
        guest.moves += 1
        guest.marked_at = None
        guest.machine = target
        target.coming.pop(guest)
        target.guests[guest] = None
        source.guests.pop(guest)
        source.sources[guest] = self._clock.now + self._durations.source_ends_s
        source.left(source.sources[guest], move.marked_at, move)
        self._note()

    def _copy_s(self, guest: Guest) -> float:
        seconds = self._durations.copy_s(guest.vm.system)
        if not isinstance(seconds, (int, float)):
            seconds = seconds[(self._seed + guest.number + guest.moves) * _STRIDE % len(seconds)]
        if self._bandwidth_bytes_s:
            return max(float(seconds), guest.vm.memory_bytes / self._bandwidth_bytes_s)
        return float(seconds)
