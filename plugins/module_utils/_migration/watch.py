# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The companion of a rollout that follows every live migration: what it shows, and what it stops the rollout for."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.feed import Feed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.history import VM_GONE, Vm
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import outdated

# KubeVirt waits 20, 40, 80 and 160 s between the attempts of an evacuation: five minutes in which nothing helped.
_ATTEMPTS_BORNE = 5
# An instance that was stopped comes back this soon, if anything starts it again.
_COMES_BACK_S = 30.0
# How long an API that restarts at the very end is waited for.
_LAST_LOOK_S = 60.0


class MigrationWatch:
    """Rides along with a rollout; the history that it fills is what the result is made of."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self._now = 0.0
        self._gone_since: dict[str, float] = {}
        self._looked = False
        # What had failed before this run: an earlier one has ended for it, and somebody may have mended it since.
        self._failed_before: set[str] | None = None

    def follow(self) -> None:
        """Begin to watch.

        :raises KubeError: when the API does not answer.
        """
        self.feed.follow()
        if self._failed_before is None:
            known = self.feed.history.migrations.values()
            self._failed_before = {migration.uid for migration in known if migration.outcome == "failed"}

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        """Note which nodes go where, and keep the steps that they have reached."""
        self._now = now
        with self.feed.lock:
            if not self.feed.history.baseline:
                self.feed.set_baseline(self._to_roll(snapshot, pools).get)
            self._observe_nodes(snapshot, pools)
            gone = sorted(vm.vm for vm in self.feed.history.vms.values() if vm.phase == VM_GONE)
            self._gone_since = {vm: self._gone_since.get(vm, now) for vm in gone}
        self.feed.sync()

    def words(self, pool: str) -> str:
        """Return how far the machines of a pool are."""
        with self.feed.lock:
            return self._counts(pool)

    def progress(self) -> object:
        """Return what changes with every phase of every migration."""
        return self.feed.changes

    def obstacle(self) -> str | None:
        """Return why the rollout cannot go on."""
        if self.feed.failure:
            return f"The live migrations are no longer seen: {self.feed.failure}"
        with self.feed.lock:
            return self._failing()

    def lagging(self) -> str | None:
        """Return what has not ended although every node is done."""
        if self.feed.silence:
            return f"the API to tell of migrations again: {self.feed.silence}"
        with self.feed.lock:
            unfinished = sum(not migration.over for migration in self._ours())
            if unfinished:
                return "1 migration to end" if unfinished == 1 else f"{unfinished} migrations to end"
            starting = [vm.vm for vm in self.feed.history.vms.values() if self._starting(vm)]
        if starting:
            return f"VM {starting[0]} to run again" if len(starting) == 1 else f"{len(starting)} VMs to run again"
        return None

    def holding(self) -> str | None:
        """Return nothing."""
        return None

    def stop(self) -> None:
        """End the watches."""
        self.feed.stop()

    def look_again(self) -> str | None:
        """Read everything once more after the end, and return why that failed, or None."""
        end = time.monotonic() + _LAST_LOOK_S
        while True:
            try:
                self.feed.refresh()
            except KubeError as error:
                if time.monotonic() > end:
                    return str(error)
                time.sleep(1)
            else:
                return None

    def _ours(self) -> t.Iterator[Migration]:
        """Yield the migrations off the nodes that rolled: others may have their own, and take their time."""
        for migration in self.feed.history.migrations.values():
            if migration.source in self.feed.history.nodes:
                yield migration

    def _to_roll(self, snapshot: Snapshot, pools: t.Collection[str]) -> dict[str, str | None]:
        """Return the nodes that will be emptied and their pools: all of a pool that is held, else the outdated ones."""
        found: dict[str, str | None] = {}
        for name in pools:
            pool = snapshot.pools.get(name)
            if pool is not None:
                nodes = snapshot.members(name) if pool.marked else outdated(snapshot, pool)
                found.update((node.name, name) for node in nodes)
        return found

    def _observe_nodes(self, snapshot: Snapshot, pools: t.Collection[str]) -> None:
        nodes = self.feed.history.nodes
        for pool in pools:
            for node in snapshot.members(pool) if pool in snapshot.pools else ():
                known = nodes.get(node.name)
                if node.done if known is None else known.done is not None:
                    continue
                times = NodeTimes(node.name, pool) if known is None else dataclasses.replace(known)
                times.observe(node, self.feed.now())
                # What a run that took over finds reached already was reached at a moment that nobody saw.
                for entry in self.feed.history.observe_node(times):
                    self.feed.learn({**entry, "late": True} if not self._looked and self.feed.took_over else entry)
        self._looked = True

    def _counts(self, pool: str) -> str:
        history = self.feed.history
        machines = {vm.vm: vm for vm in history.vms.values() if vm.pool == pool}
        if not machines:
            return ""
        ours = [migration for migration in history.migrations.values() if migration.vm in machines]
        moved = {migration.vm for migration in ours if migration.outcome == "succeeded"}
        moved |= {vm.vm for vm in machines.values() if vm.restarts}
        running = {migration.vm for migration in ours if migration.active}
        queued = {migration.vm for migration in ours if migration.waiting}
        queued |= {vm.vm for vm in machines.values() if self._asked(vm)} - running
        parts = [f"VMs: {len(moved):,} of {len(machines):,} moved", f"{len(running)} running", f"{len(queued)} queued"]
        failed = sum(migration.outcome == "failed" for migration in ours)
        if failed:
            parts.append(f"{failed} failed and retried")
        return ", ".join(parts)

    def _asked(self, vm: Vm) -> bool:
        """Whether a drain has asked a machine to leave the node on which it still runs."""
        return vm.asked_on is not None and self.feed.machines.get(vm.vm, {}).get("node") == vm.asked_on

    def _failing(self) -> str | None:
        for vm in self.feed.history.failing:
            failures = _failures_in_a_row(self.feed.history.attempts(vm), self._failed_before or set())
            if len(failures) >= _ATTEMPTS_BORNE:
                reason = failures[-1].reason or "KubeVirt gives no reason"
                return (
                    f"VM {vm} cannot leave node {failures[-1].source or 'unknown'}: {len(failures)} live migrations "
                    f"failed one after the other, the last one with: {reason.rstrip('.')}."
                )
        return None

    def _starting(self, vm: Vm) -> bool:
        """Whether a machine that was stopped is on its way back."""
        if vm.phase == VM_GONE:
            return self._now - self._gone_since.get(vm.vm, self._now) < _COMES_BACK_S
        return vm.restarts > 0 and vm.phase in ("", "Pending", "Scheduling", "Scheduled")


def _failures_in_a_row(attempts: t.Sequence[Migration], known: t.Collection[str]) -> list[Migration]:
    """Return the failed attempts since the last one that succeeded, without those that were known before."""
    failures: list[Migration] = []
    for attempt in attempts:
        if attempt.outcome == "succeeded":
            failures = []
        elif attempt.outcome == "failed" and attempt.uid not in known:
            failures.append(attempt)
    return failures
