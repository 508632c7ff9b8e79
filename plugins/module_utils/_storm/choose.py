# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which virtual machines a storm starts: those that are stopped, of all groups and namespaces alike."""

from __future__ import annotations

import typing as t
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    FLEET_LABEL,
    GROUP_LABEL,
    VIRTUAL_MACHINES,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, labels_of
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import (
    BY_RUNNING,
    BY_STRATEGY,
    BY_SUBRESOURCE,
    Machine,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

NO_GROUP = "other"
_STOPPED = ("Stopped", "")
# A machine of another strategy starts by itself, or when a migration reaches it.
_SWITCHES = {"Halted": BY_STRATEGY, "Manual": BY_SUBRESOURCE, "RerunOnFailure": BY_SUBRESOURCE, "Always": BY_STRATEGY}
_ON = ("Running", "Starting", "Paused", "Migrating", "Unknown", "CrashLoopBackOff", "ErrorUnschedulable")


@dataclass
class Found:
    """The machines that are meant, by what can be done with them."""

    stopped: list[Machine] = field(default_factory=list)
    on: list[Machine] = field(default_factory=list)
    # Their printable status, such as Provisioning, and how many there are of each.
    others: Counter[str] = field(default_factory=Counter)

    def words(self) -> str:
        """Return the counts of a line."""
        counts = [f"{len(self.stopped):,} stopped", f"{len(self.on):,} on"]
        return ", ".join(counts + [f"{number:,} {status}" for status, number in sorted(self.others.items())])


def selector(request: StormRequest) -> str | None:
    """Return the label selector of the machines that are meant."""
    parts = [f"{FLEET_LABEL}={request.fleet}"] if request.fleet else []
    return ",".join([*parts, *([request.label_selector] if request.label_selector else [])]) or None


def single_namespace(request: StormRequest) -> str | None:
    """Return the namespace to ask for, None to ask for all of them in one request."""
    return request.namespaces[0] if len(request.namespaces) == 1 else None


async def find(api: BulkClient, request: StormRequest) -> Found:
    """Read the machines that are meant.

    :raises KubeError: when the API refuses, or serves no virtual machines.
    """
    found = Found()
    async for vm in api.items(VIRTUAL_MACHINES, single_namespace(request), selector(request)):
        if not request.namespaces or vm["metadata"]["namespace"] in request.namespaces:
            _sort_in(found, vm)
    return found


def choose(found: Found, request: StormRequest) -> list[Machine]:
    """Return the machines of the largest step in the order in which smaller steps take them.

    Every beginning of it has the groups and the namespaces in the same shares, as far as they divide.

    :raises TuningError: when there are fewer than are asked for.
    """
    candidates = [*found.stopped, *(found.on if request.stop_first else ())]
    wanted = max(request.counts, default=len(candidates))
    if not candidates or wanted > len(candidates):
        number = f"{wanted:,} virtual machines" if request.counts else "Stopped virtual machines"
        advice = "" if request.stop_first or not found.on else "; stop_first stops those that are on"
        raise TuningError(f"{number} are to be started, but of those {request.subject} {found.words()}{advice}.")
    return _mixed(candidates)[:wanted]


def _mixed(machines: t.Iterable[Machine]) -> list[Machine]:
    """Return them in an order that takes evenly from every group in every namespace."""
    cells: dict[tuple[str, str], list[Machine]] = defaultdict(list)
    for machine in sorted(machines, key=lambda machine: machine.key):
        cells[machine.group, machine.namespace].append(machine)
    placed = [
        ((position + 0.5) / len(cell), machine.name, machine.namespace, machine)
        for cell in cells.values()
        for position, machine in enumerate(cell)
    ]
    return [machine for *_order, machine in sorted(placed, key=lambda entry: entry[:3])]


def _sort_in(found: Found, vm: Object) -> None:
    spec, status = vm.get("spec") or {}, vm.get("status") or {}
    printable = status.get("printableStatus") or ""
    strategy = spec.get("runStrategy") or ("Always" if spec.get("running") else "Halted")
    if vm["metadata"].get("deletionTimestamp"):
        found.others["Terminating"] += 1
    elif strategy not in _SWITCHES:
        found.others[f"of run strategy {strategy}"] += 1
    elif strategy != "Always" and printable in _STOPPED and (printable or not status.get("created")):
        found.stopped.append(_machine(vm, strategy))
    elif printable in _ON or (not printable and status.get("created")):
        found.on.append(_machine(vm, strategy))
    else:
        found.others[printable or "not started yet"] += 1


def _machine(vm: Object, strategy: str) -> Machine:
    meta = vm["metadata"]
    by_running = (vm.get("spec") or {}).get("runStrategy") is None
    switch = BY_RUNNING if by_running else _SWITCHES[strategy]
    return Machine(meta["namespace"], meta["name"], labels_of(vm).get(GROUP_LABEL, NO_GROUP), switch)
