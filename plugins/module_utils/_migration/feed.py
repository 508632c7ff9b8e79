# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""From the API into the history of a migration, and into its journal: lists, watches, and what each object says."""

from __future__ import annotations

import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import (
    Fate,
    add_owner,
    fate,
    needs_owner,
    parse_machine,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal, NoJournal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, KubeError, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.follow import Follower
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.history import (
    BASELINE,
    BEGAN,
    MIGRATION,
    RESUMED,
    VM,
    VM_GONE,
    History,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import MigrationLimits
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import (
    FINAL,
    GONE,
    facts_of_migration,
    facts_of_state,
)

Json = t.Dict[str, t.Any]
Object = t.Mapping[str, t.Any]

KUBEVIRTS = Resource("kubevirt.io/v1", "kubevirts")
INSTANCES = Resource("kubevirt.io/v1", "virtualmachineinstances")
OWNERS = Resource("kubevirt.io/v1", "virtualmachines")
MIGRATIONS = Resource("kubevirt.io/v1", "virtualmachineinstancemigrations")
EVENTS = Resource("v1", "events")

# The events of a failure may be written after it is seen.
_ASKED_FOR_EVENTS = 3
_STAYS_UP = (Fate.MIGRATES, Fate.BLOCKS)


def key_of(item: Object) -> str:
    """Return how a virtual machine is named here: ``namespace/name``."""
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


class Feed:
    """Fills a history, and keeps in the journal whatever was new in it."""

    def __init__(
        self,
        client: KubeClient,
        journal: Journal | NoJournal,
        *,
        since: float | None = None,
        afterwards: bool = False,
        clock: t.Callable[[], float] = time.time,
    ) -> None:
        """Replay the journal; nothing is asked of the API yet.

        :param since: without a journal, migrations that ended already belong if they were created after this moment;
            by default none of them does.
        :param afterwards: nothing is watched, so that the moment at which something is seen says nothing of it.
        """
        self.history = History()
        self.lock = threading.RLock()
        self.machines: dict[str, Json] = {}
        self.limits = MigrationLimits()
        # The highest that held while this watched: somebody may change them meanwhile.
        self.highest = MigrationLimits(0, 0)
        # Counts what was new in migrations: whoever waits sees by it that something moves.
        self.changes = 0
        self._client = client
        self._journal = journal
        self._since = since
        self._afterwards = afterwards
        self._clock = clock
        self._strategy = ""
        self._owners: dict[str, Object] = {}
        self._followers: list[Follower] = []
        # Migrations that failed for a reason not known yet, and how often the events are still asked for it.
        self._unexplained: dict[str, int] = {}
        for entry in journal.entries:
            self.history.learn(entry)
        # Whether an earlier run has begun this history.
        self.took_over = self.history.began is not None
        self._told_of_taking_over = False
        self._closed = False

    def follow(self) -> None:
        """Read all there is, and watch it from there on; may be called again after a failure.

        :raises KubeError: when the API does not answer, or serves no live migration.
        """
        self.stop()
        self.read_limits()
        instances = Follower(self._client, INSTANCES, self._list_instances, self._hear_instance)
        migrations = Follower(self._client, MIGRATIONS, self._list_migrations, self._hear_migration)
        self._followers = [instances, migrations]
        # In this order: a migration is then known with the node on which its machine runs.
        instances.start()
        self._ask_owners()
        migrations.start()

    def stop(self) -> None:
        """End the watches; what is heard later is still taken in."""
        for follower in self._followers:
            follower.stop()

    def close(self) -> None:
        """Close the journal; what a watch still tells is not taken in."""
        self.stop()
        with self.lock:
            self._closed = True
            self._journal.close()

    def refresh(self) -> None:
        """Read everything once more, so that nothing is missing that a watch has not told yet.

        :raises KubeError: when the API does not answer.
        """
        self.read_limits()
        self._list_instances(self._client.list(INSTANCES).items)
        self._ask_owners()
        self._list_migrations(self._client.list(MIGRATIONS).items)
        self._explain_failures()

    @property
    def silence(self) -> str | None:
        """Why the API is not heard now, or None."""
        return next((follower.silence for follower in self._followers if follower.silence), None)

    @property
    def failure(self) -> str | None:
        """Why nothing will be heard again, or None."""
        return next((str(follower.failure) for follower in self._followers if follower.failure), None)

    def learn(self, entry: Json) -> None:
        """Take over an entry; what of it is new is kept."""
        with self.lock:
            if self._closed:
                return
            new = self.history.learn(entry)
            if new is not None:
                self._journal.append(new)
                self.changes += new["kind"] == MIGRATION

    def set_baseline(self, pool_of: t.Callable[[str], str | None]) -> None:
        """Note which machines run now, and from which pool each has to move."""
        with self.lock:
            for key, machine in self.machines.items():
                facts = {"uid": machine["uid"], "os": machine["os"], "phase": machine["phase"]}
                facts["pool"] = pool_of(machine["node"] or "")
                facts["stays_up"] = fate(machine) in _STAYS_UP
                self.learn({"kind": VM, "vm": key, **facts})
            self.learn({"kind": BASELINE, "at": self.now(), "vms": len(self.machines)})

    def now(self) -> float:
        """Return the moment, on the clock of this history."""
        return round(self._clock(), 3)

    def sync(self) -> None:
        """Bring the journal to the disk, unless that was done a moment ago."""
        with self.lock:
            self._journal.sync()

    def read_limits(self) -> None:
        """Read the limits that hold now.

        :raises KubeError: when the API does not answer, or serves no live migration.
        """
        try:
            found = self._client.list(KUBEVIRTS).items
        except KubeError as error:
            if error.status != 404:
                raise
            raise KubeError(
                "The cluster serves no live migration: OpenShift Virtualization is not there.", 404
            ) from error
        kubevirt = found[0] if found else None
        self.limits = MigrationLimits.of(kubevirt)
        self.highest = self.highest.or_more(self.limits)
        self._strategy = value_at(kubevirt, ("spec", "configuration", "evictionStrategy")) or ""

    def _explain_failures(self) -> None:
        """Ask the API's events why migrations failed that do not say it themselves; events may come late, or never."""
        with self.lock:
            asking = [self.history.migrations[uid] for uid in self._unexplained]
        for migration in asking:
            selector = f"involvedObject.uid={migration.uid}"
            try:
                events = self._client.list(EVENTS, migration.vm.partition("/")[0], field_selector=selector).items
            except KubeError:
                return
            told = [event["message"] for event in events if event.get("type") == "Warning" and event.get("message")]
            if told:
                self.learn({"kind": MIGRATION, "uid": migration.uid, "reason": told[-1]})
            self._unexplained[migration.uid] -= 1
            if told or not self._unexplained[migration.uid]:
                del self._unexplained[migration.uid]

    def _ask_owners(self) -> None:
        """Read the virtual machines, if some of their instances do not tell enough."""
        with self.lock:
            asking = {vm: machine for vm, machine in self.machines.items() if needs_owner(machine)}
        if not asking:
            return
        self._owners = {key_of(item): item for item in self._client.list(OWNERS).items}
        with self.lock:
            for vm in asking.keys() & self._owners.keys():
                add_owner(asking[vm], self._owners[vm])

    def _list_instances(self, items: t.Sequence[Object]) -> None:
        with self.lock:
            known = {key_of(item) for item in items}
            for vm in list(self.history.vms):
                if vm not in known:
                    self._lose_instance(vm)
            for vm in set(self.machines) - known:
                del self.machines[vm]
            for item in items:
                self._see_instance(item)

    def _hear_instance(self, event: str, item: Object) -> None:
        with self.lock:
            if event != "DELETED":
                self._see_instance(item)
                return
            vm = key_of(item)
            self.machines.pop(vm, None)
            self._lose_instance(vm)

    def _see_instance(self, item: Object) -> None:
        vm = key_of(item)
        machine = parse_machine(item, self._strategy)
        if vm in self._owners and needs_owner(machine):
            add_owner(machine, self._owners[vm])
        self.machines[vm] = machine
        state = facts_of_state(value_at(item, ("status", "migrationState")) or {})
        if state.get("uid") in self.history.migrations:
            self.learn({"kind": MIGRATION, **state})
        if vm not in self.history.vms:
            return
        facts = {"uid": machine["uid"], "phase": machine["phase"]}
        asked_on = value_at(item, ("status", "evacuationNodeName"))
        if asked_on and asked_on != self.history.vms[vm].asked_on:
            facts.update(asked_on=asked_on, asked=self.now())
        self.learn({"kind": VM, "vm": vm, **facts})

    def _lose_instance(self, vm: str) -> None:
        if vm in self.history.vms:
            self.learn({"kind": VM, "vm": vm, "phase": VM_GONE})

    def _list_migrations(self, items: t.Sequence[Object]) -> None:
        with self.lock:
            found = [self._facts(item) for item in items]
            if self.history.began is None:
                self._begin(found)
            elif self.took_over and not self._told_of_taking_over:
                self.learn({"kind": RESUMED, "at": self.now()})
                self._told_of_taking_over = True
            # Ends before beginnings: migrations that took the place of others are never counted beside them.
            for facts in sorted(found, key=lambda facts: facts["phase"] not in FINAL):
                self._see_migration(facts)
            listed = {facts["uid"] for facts in found}
            for migration in list(self.history.migrations.values()):
                if not migration.over and migration.uid not in listed:
                    self._lose_migration(migration.uid)

    def _begin(self, found: t.Sequence[Json]) -> None:
        ended = [facts["created"] or 0.0 for facts in found if facts["phase"] in FINAL]
        before = self._since if self._since is not None else max(ended, default=0.0)
        self.learn({"kind": BEGAN, "at": self.now(), "before": before})

    def _hear_migration(self, event: str, item: Object) -> None:
        with self.lock:
            facts = self._facts(item)
            self._see_migration(facts)
            if event == "DELETED" and facts["uid"] in self.history.migrations:
                self._lose_migration(facts["uid"])
        self._explain_failures()

    def _facts(self, item: Object) -> Json:
        return facts_of_migration(item, None if self._afterwards else self.now())

    def _see_migration(self, facts: Json) -> None:
        history = self.history
        if not history.belongs(facts):
            return
        if facts["uid"] not in history.migrations:
            machine = self.machines.get(facts["vm"])
            vm = history.vms.get(facts["vm"])
            facts["os"] = machine["os"] if machine else (vm.os if vm else None)
            if facts["source"] is None and facts["phase"] not in FINAL and machine:
                facts["source"] = machine["node"]
            facts["asked"] = history.asked(facts)
        self.learn({"kind": MIGRATION, **facts})
        migration = history.migrations[facts["uid"]]
        if migration.outcome == "failed" and migration.reason is None:
            self._unexplained.setdefault(migration.uid, _ASKED_FOR_EVENTS)

    def _lose_migration(self, uid: str) -> None:
        if not self.history.migrations[uid].over:
            self.learn({"kind": MIGRATION, "uid": uid, "phase": GONE, "seen": {GONE: self.now()}})

    def _now(self) -> float:
        return round(self._clock(), 3)
