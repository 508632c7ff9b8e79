# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The simulated cluster: machines and guests, where they are, and when each step happened."""

from __future__ import annotations

import heapq
import random
import sys
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import Node, Scenario, Vm


@dataclass(eq=False)
class Guest:
    """A VM, now on ``machine``; ``number`` counts those of its operating system."""

    vm: Vm
    number: int
    machine: Machine
    moves: int = 0
    # When virt-api marked it for eviction, while it has not left yet, and how long that took.
    marked_at: t.Optional[float] = None
    marking_s: float = 0.0


@dataclass(eq=False)
class Move:
    """One migration, or one restart elsewhere, of a guest."""

    guest: Guest
    source: Machine
    marked_at: float
    marking_s: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    restart: bool = False
    # Seconds that it waited for a slot, by the limit that had none.
    held_s: t.Dict[str, float] = field(default_factory=dict)


@dataclass(eq=False)
class Leaving:
    """What left a machine last, and what its drain waited for until then."""

    gone_at: float = 0.0
    asked_at: float = 0.0
    move: t.Optional[Move] = None


@dataclass(eq=False)
class Machine:
    """A node, and when it reached each step of its update; None where it has not."""

    node: Node
    number: int
    # How long each of its pods takes to stop; the last one goes first.
    pods: t.List[float]
    guests: t.Dict[Guest, None] = field(default_factory=dict)
    # Guests on their way here, and completed source pods of those that left, with the time of their end.
    coming: t.Dict[Guest, None] = field(default_factory=dict)
    sources: t.Dict[Guest, float] = field(default_factory=dict)
    # Evicted pods that may still be there: when each is gone.
    stopping: t.List[float] = field(default_factory=list)

    outdated: bool = False
    tainted: bool = False
    cordoned: bool = False
    down: bool = False

    turn_by_look_at: float = 0.0
    targeted_at: t.Optional[float] = None
    asked_at: t.Optional[float] = None
    cordoned_at: t.Optional[float] = None
    drained_at: t.Optional[float] = None
    rebooted_at: t.Optional[float] = None
    back_at: t.Optional[float] = None
    uncordoning_at: t.Optional[float] = None
    uncordoned_at: t.Optional[float] = None
    done_at: t.Optional[float] = None
    attempts: t.List[t.Tuple[float, float]] = field(default_factory=list)
    # After each attempt that failed, how long the next one is put off.
    pauses_s: t.List[float] = field(default_factory=list)
    last: Leaving = field(default_factory=Leaving)

    @property
    def unavailable(self) -> bool:
        """Whether machine-config-controller counts it as out of service: also as soon as it has a new target."""
        return self.cordoned or self.down or (self.targeted_at is not None and self.done_at is None)

    @property
    def open(self) -> bool:
        """Whether the scheduler puts anything there."""
        return not self.cordoned and not self.down

    def left(self, gone_at: float, asked_at: float, move: Move | None = None) -> None:
        """Note that something is gone at that time; what goes last is what the drain waited for."""
        if gone_at >= self.last.gone_at:
            self.last = Leaving(gone_at, asked_at, move)


class Cluster:
    """All machines, and the scheduler's choice among them."""

    def __init__(self, scenario: Scenario) -> None:
        self.machines: list[Machine] = []
        seen: Counter[str] = Counter()
        chance = random.Random(scenario.seed)
        for node in [*scenario.rolling, *scenario.others]:
            pods = [stop_s for stop_s, number in node.pod_stops for _pod in range(number)][: node.pods]
            pods += [scenario.durations.pod_stop_s] * (node.pods - len(pods))
            chance.shuffle(pods)
            machine = Machine(node, len(self.machines), pods)
            self.machines.append(machine)
            for vm in node.vms:
                seen[vm.system] += 1
                machine.guests[Guest(vm, seen[vm.system], machine)] = None
        # A heap of those that take pods, with how many each has; it lasts until a machine changes.
        self._takers: list[tuple[int, int]] | None = None

    def target(self, source: Machine) -> Machine | None:
        """Return where the scheduler puts a guest that leaves: the open machine with the fewest.

        Machines that still have to update are tainted PreferNoSchedule, which outweighs how full the others are.
        """
        found = tainted = None
        fewest = fewest_tainted = sys.maxsize
        for machine in self.machines:
            if machine.cordoned or machine.down or machine is source:
                continue
            load = len(machine.guests) + len(machine.coming)
            if machine.tainted:
                if load < fewest_tainted:
                    tainted, fewest_tainted = machine, load
            elif load < fewest:
                found, fewest = machine, load
        return found or tainted

    def changed(self) -> None:
        """Take note that a machine may be open, or tainted, that was not, or the other way round."""
        self._takers = None

    def place_pod(self, stop_s: float) -> None:
        """Start an evicted pod's successor, which takes as long to stop, where there are fewest."""
        if self._takers is None:
            takers = [machine for machine in self.machines if machine.open]
            takers = [machine for machine in takers if not machine.tainted] or takers
            self._takers = [(len(machine.pods), machine.number) for machine in takers]
            heapq.heapify(self._takers)
        if self._takers:
            _pods, number = self._takers[0]
            pods = self.machines[number].pods
            pods.append(stop_s)
            heapq.heapreplace(self._takers, (len(pods), number))
