# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration as the reference architecture ran it: a zone of 34 nodes, ten at a time, and 1,000 machines on it."""

from __future__ import annotations

import random
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.history import History
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import MigrationLimits
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.result import statistics
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import facts_of_migration
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import rows
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Json, Run, host_entry
from kubevirt_cluster import NOON, migration, moved

_MEANS_S = {"rhel": 14, "fedora": 23, "windows": 12}
_NODES, _AT_ONCE, _REBOOT_S, _PREPARE_S = 34, 10, 240, 4
LIMITS = MigrationLimits(20, 4)


class _Zone:
    """A zone that drains, second by second: ten nodes at a time, each back after its reboot."""

    def __init__(self, factor: float) -> None:
        self.chance = random.Random(7)
        self.factor = factor
        self.history = History()
        self.history.learn({"kind": "began", "at": NOON, "before": 0.0})
        systems = ["rhel"] * 400 + ["fedora"] * 400 + ["windows"] * 200
        self.chance.shuffle(systems)
        self.waiting = {
            f"worker{node + 1:03}": [f"{os}-{node:02}{n:02}" for n, os in enumerate(systems[node::_NODES])]
            for node in range(_NODES)
        }
        self.steps: dict[str, dict[str, float]] = {}
        # Node, machine, and the second at which it has moved.
        self.running: list[tuple[str, str, float]] = []

    def run(self) -> History:
        """Drain every node, and return what was seen of it."""
        for node, machines in self.waiting.items():
            for vm in machines:
                facts = {"uid": f"vmi-{vm}", "os": vm.partition("-")[0], "phase": "Running", "pool": "zone-0"}
                self.history.learn({"kind": "vm", "vm": f"vms/{vm}", **facts})
            self.steps[node] = {}
        second = 0.0
        while not all("done" in steps and steps["done"] <= second for steps in self.steps.values()):
            self._choose(second)
            self._migrate(second)
            second += 1
        for node, steps in self.steps.items():
            for step, at in steps.items():
                entry = {"kind": "node", "node": node, "pool": "zone-0", "step": step, "at": NOON + at}
                self.history.learn(entry)
        return self.history

    def _choose(self, second: float) -> None:
        out = sum("selected" in steps and steps.get("done", second + 1) > second for steps in self.steps.values())
        fresh = [steps for steps in self.steps.values() if not steps]
        for steps in fresh[: _AT_ONCE - out]:
            cordoned = second + 5 + self.chance.random() * 4
            steps.update(selected=second, drain_began=second + 1, cordoned=cordoned)

    def _migrate(self, second: float) -> None:
        self.running = [entry for entry in self.running if entry[2] > second]
        draining = [node for node, steps in self.steps.items() if steps.get("cordoned", second) < second]
        self.chance.shuffle(draining)
        for node in draining:
            leaving = [entry for entry in self.running if entry[0] == node]
            steps = self.steps[node]
            if not self.waiting[node] and not leaving and "drained" not in steps:
                back = second + (_REBOOT_S + self.chance.random() * 90) / self.factor
                steps.update(drained=second, back=back, done=back + 8)
            if self.waiting[node] and len(leaving) < LIMITS.per_node and len(self.running) < LIMITS.per_cluster:
                self._begin(node, self.waiting[node].pop(), second)

    def _begin(self, node: str, vm: str, second: float) -> None:
        os = vm.partition("-")[0]
        run = round(max(2.0, self.chance.lognormvariate(0, 0.55) * _MEANS_S[os] * 0.86) / self.factor)
        self.running.append((node, vm, second + _PREPARE_S + run))
        created = round(self.steps[node]["cordoned"])
        item = moved(vm, f"m-{vm}", created, queued=second - created, run=run, source=node, target="worker050")
        self.history.learn({"kind": "migration", "os": os, **facts_of_migration(item, NOON)})


def reference_history(factor: float = 1.0) -> History:
    """Return a whole migration, its durations divided by ``factor``; one machine needs a second attempt."""
    history = _Zone(factor).run()
    state = {"failed": True, "failureReason": "qemu unexpectedly closed the monitor", "sourceNode": "worker003"}
    vm = next(found for found in history.vms if found.startswith("vms/rhel-02")).partition("/")[2]
    first = migration(vm, "first", 0, {"Pending": 0, "Failed": 3}, state=state)
    history.learn({"kind": "migration", "os": "rhel", **facts_of_migration(first, NOON)})
    return history


def reference_statistics(factor: float = 1.0) -> Json:
    """Return what a run returns of it."""
    history = reference_history(factor)
    journal = "artifacts/20260801T120000Z-migrate/migrations.jsonl"
    return statistics(history, LIMITS, NOON + 1e5, time_factor=factor, journal=journal)


def migration_run(artifacts: Path, factor: float = 1.0) -> Run:
    """Write the record of such a run."""
    run = Run(artifacts, "20260801T120000Z-migrate")
    run.begin(check_mode=False)
    found = reference_statistics(factor)
    run.add("cnv_migration", "apply", {"ocp-api": host_entry(data={"migrations": found}, rows=rows(found))})
    return run
