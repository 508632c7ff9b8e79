# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""All that is known of a migration, learned from entries in any order and as often as one likes.

The same entries are what a journal keeps: :meth:`History.learn` takes one and returns what of it was new, so that
replaying a journal, listing the cluster and watching it come together without counting anything twice.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import FINAL, Migration
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes

Json = t.Dict[str, t.Any]

# Kinds of entries: the first run began, the machines that ran then are all noted, a later run took over.
BEGAN, BASELINE, RESUMED = "began", "baseline", "resumed"
VM, MIGRATION, NODE = "vm", "migration", "node"
NODE_STEPS = ("selected", "cordoned", "drain_began", "drained", "back", "done")
VM_GONE = "Gone"


@dataclasses.dataclass
class Vm:
    """A virtual machine that ran when the migration began, and the instances of it that were seen since."""

    vm: str
    os: str = "unknown"
    phase: str = ""
    # The pool whose nodes were to be emptied when it ran on one of them.
    pool: str | None = None
    # Whether a drain must not stop it: it migrates, or the drain has to wait.
    stays_up: bool = True
    # The node that a drain last asked it to leave, and when that was seen.
    asked_on: str | None = None
    asked: float | None = None
    instances: list[str] = dataclasses.field(default_factory=list)

    @property
    def restarts(self) -> int:
        """How often it was started anew."""
        return max(0, len(self.instances) - 1)

    def learn(self, facts: t.Mapping[str, t.Any]) -> Json:
        """Take over what ``facts`` say, and return what of it is new."""
        new: Json = {}
        for name in ("os", "phase", "pool", "stays_up", "asked_on", "asked"):
            if name in facts and facts[name] != getattr(self, name):
                setattr(self, name, facts[name])
                new[name] = facts[name]
        if facts.get("uid") and facts["uid"] not in self.instances:
            self.instances.append(facts["uid"])
            new["uid"] = facts["uid"]
        return new


class Concurrency:
    """How many migrations held a place at once: in the cluster, and on each node that they left."""

    def __init__(self) -> None:
        self._sources: dict[str, str] = {}
        self._on_node: dict[str, int] = {}
        self.most = 0
        self.most_on_node = 0
        self.busiest: str | None = None

    def observe(self, migration: Migration) -> None:
        """Count again after something was learned of ``migration``."""
        before = self._sources.pop(migration.uid, None)
        if before is not None:
            self._on_node[before] -= 1
        if not migration.active:
            return
        node = migration.source or ""
        self._sources[migration.uid] = node
        self._on_node[node] = self._on_node.get(node, 0) + 1
        self.most = max(self.most, len(self._sources))
        if node and self._on_node[node] > self.most_on_node:
            self.most_on_node, self.busiest = self._on_node[node], node


class History:
    """What is known of migrations, virtual machines and nodes."""

    def __init__(self) -> None:
        self.began: Json | None = None
        self.baseline = False
        self.migrations: dict[str, Migration] = {}
        self.vms: dict[str, Vm] = {}
        self.nodes: dict[str, NodeTimes] = {}
        # Nodes of which a step was seen late, by a run that took over from a killed one.
        self.late: set[str] = set()
        # Machines of which a migration has failed.
        self.failing: set[str] = set()
        self.concurrency = Concurrency()
        self._uids: dict[str, list[str]] = {}

    def learn(self, entry: Json) -> Json | None:
        """Take over an entry and return the part of it that is new, None when nothing is; unknown kinds say nothing."""
        if entry["kind"] == MIGRATION:
            return self._learn_migration(entry)
        if entry["kind"] == VM:
            return self._learn_vm(entry)
        if entry["kind"] == NODE:
            return self._learn_node(entry)
        if entry["kind"] == BEGAN and self.began is None:
            self.began = entry
            return entry
        if entry["kind"] == BASELINE and not self.baseline:
            self.baseline = True
            return entry
        return entry if entry["kind"] == RESUMED else None

    def belongs(self, facts: t.Mapping[str, t.Any]) -> bool:
        """Whether a migration is one of this history: what had ended before it began is not."""
        if facts["uid"] in self.migrations or facts["phase"] not in FINAL:
            return True
        return self.began is None or (facts.get("created") or 0.0) > self.began["before"]

    def asked(self, facts: t.Mapping[str, t.Any]) -> float | None:
        """Return when a drain asked for this migration, if it is the first that followed from that."""
        vm = self.vms.get(facts["vm"])
        if vm is None or vm.asked is None or facts.get("source") != vm.asked_on:
            return None
        followed = any(attempt.asked == vm.asked for attempt in self.attempts(vm.vm))
        return None if followed else vm.asked

    def attempts(self, vm: str) -> list[Migration]:
        """Return the migrations of one machine, the oldest first."""
        found = [self.migrations[uid] for uid in self._uids.get(vm, ())]
        return sorted(found, key=lambda migration: (migration.created or 0.0, migration.uid))

    def observe_node(self, times: NodeTimes) -> list[Json]:
        """Return an entry for each step of a node that is not known yet."""
        known = self.nodes.get(times.node)
        return [
            {"kind": NODE, "node": times.node, "pool": times.pool, "step": step, "at": round(at, 3)}
            for step in NODE_STEPS
            if (at := getattr(times, step)) is not None and (known is None or getattr(known, step) is None)
        ]

    def _learn_migration(self, entry: Json) -> Json | None:
        migration = self.migrations.setdefault(entry["uid"], Migration(entry["uid"]))
        new = migration.learn(entry)
        if "vm" in new:
            self._uids.setdefault(migration.vm, []).append(migration.uid)
        if not new:
            return None
        self.concurrency.observe(migration)
        if migration.outcome == "failed":
            self.failing.add(migration.vm)
        return {"kind": MIGRATION, "uid": migration.uid, **new}

    def _learn_vm(self, entry: Json) -> Json | None:
        vm = self.vms.setdefault(entry["vm"], Vm(entry["vm"]))
        new = vm.learn(entry)
        return {"kind": VM, "vm": vm.vm, **new} if new else None

    def _learn_node(self, entry: Json) -> Json | None:
        times = self.nodes.setdefault(entry["node"], NodeTimes(entry["node"], entry["pool"]))
        if entry["step"] not in NODE_STEPS or getattr(times, entry["step"]) is not None:
            return None
        setattr(times, entry["step"], entry["at"])
        if entry.get("late"):
            self.late.add(entry["node"])
        return entry
