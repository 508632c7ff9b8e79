# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small cluster in memory with virtual machines that migrate: objects as the API returns them, lists and watches."""

from __future__ import annotations

import copy
import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Listing, Resource

# 2022-04-10T07:15:00Z, where the clock of the cluster and of whoever watches it begins.
NOON = 1649574900.0
PHASES = ("Pending", "Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running", "Succeeded")


def stamp(seconds: float) -> str:
    """Return a moment as the API writes it, to the second, ``seconds`` after the beginning."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOON + seconds))


def kubevirt(per_cluster: int | None = 20, per_node: int | None = 4) -> t.Any:
    """Return a KubeVirt object with these limits, or with none."""
    limits = {"parallelMigrationsPerCluster": per_cluster, "parallelOutboundMigrationsPerNode": per_node}
    said = {name: value for name, value in limits.items() if value is not None}
    configuration = {"evictionStrategy": "LiveMigrate", "migrations": said}
    return {
        "metadata": {"name": "kubevirt", "namespace": "kubevirt"},
        "spec": {"configuration": configuration},
    }


def instance(name: str, node: str, *, os: str = "rhel9", uid: str | None = None, **change: t.Any) -> t.Any:
    """Return a VirtualMachineInstance; ``change``: phase, migratable, strategy, leaving, state."""
    able = change.get("migratable", True)
    condition = {"type": "LiveMigratable", "status": "True" if able else "False", "message": "" if able else "a disk"}
    status = {"nodeName": node, "phase": change.get("phase", "Running"), "conditions": [condition]}
    if change.get("leaving"):
        status["evacuationNodeName"] = change["leaving"]
    if change.get("state"):
        status["migrationState"] = change["state"]
    return {
        "metadata": {
            "name": name,
            "namespace": "vms",
            "uid": uid or f"vmi-{name}",
            "annotations": {"vm.kubevirt.io/os": os},
        },
        "spec": {"domain": {}, "evictionStrategy": change.get("strategy", "LiveMigrate")},
        "status": status,
    }


def migration(vm: str, uid: str, created: float, phases: t.Mapping[str, float], **change: t.Any) -> t.Any:
    """Return a VirtualMachineInstanceMigration in the last of ``phases``; ``change``: stamped, source, state."""
    status: t.Any = {"phase": list(phases)[-1] if phases else ""}
    if change.get("stamped", True):
        status["phaseTransitionTimestamps"] = [
            {"phase": phase, "phaseTransitionTimestamp": stamp(at)} for phase, at in phases.items()
        ]
    if change.get("state"):
        status["migrationState"] = {"migrationUid": uid, **change["state"]}
    notes = {"kubevirt.io/evacuationMigration": change["source"]} if change.get("source") else {}
    return {
        "metadata": {
            "name": f"kubevirt-evacuation-{uid}",
            "namespace": "vms",
            "uid": uid,
            "creationTimestamp": stamp(created),
            "annotations": notes,
        },
        "spec": {"vmiName": vm},
        "status": status,
    }


def moved(vm: str, uid: str, created: float, *, queued: float = 0, run: float = 7, **change: t.Any) -> t.Any:
    """Return a migration that succeeded: a second for each step before memory moved, and none after."""
    begin = created + queued
    at = [created, *(begin + step for step in range(5)), begin + 4 + run]
    state = {
        "sourceNode": change.get("source", "worker1"),
        "targetNode": change.get("target", "worker9"),
        "startTimestamp": stamp(begin + 4),
        "endTimestamp": stamp(begin + 4 + run),
        "completed": True,
    }
    return migration(vm, uid, created, dict(zip(PHASES, at)), state=state, source=change.get("source", "worker1"))


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return NOON + self.seconds


class Cluster:
    """Answers as KubeClient does; :meth:`put` and :meth:`delete` are what the controllers would do."""

    def __init__(self, *items: t.Any) -> None:
        self._changed = threading.Condition()
        self._log: list[tuple[int, str, str, t.Any]] = []
        self._items: dict[tuple[str, str, str], t.Any] = {}
        self._version = 0
        self._oldest = 0
        self._down: KubeError | None = None
        self.lists = 0
        self.put(*items)

    def put(self, *items: t.Any) -> None:
        """Create or change objects."""
        for item in items:
            self._write("MODIFIED", item)

    def delete(self, *items: t.Any) -> None:
        """Delete objects."""
        for item in items:
            self._write("DELETED", item)

    def forget(self) -> None:
        """Compact: watches can no longer continue from what they know."""
        with self._changed:
            self._oldest = self._version
            self._changed.notify_all()

    def fail(self, error: KubeError | None) -> None:
        """Refuse everything from now on, or answer again."""
        with self._changed:
            self._down = error
            self._changed.notify_all()

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        with self._changed:
            self._check()
            self.lists += 1
            found = [item for key, item in sorted(self._items.items()) if key[0] == resource.plural]
            if field_selector:
                uid = field_selector.partition("=")[2]
                found = [item for item in found if item["involvedObject"]["uid"] == uid]
            return Listing(copy.deepcopy(found), str(self._version))

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> t.Any:
        found = [item for item in self.list(resource).items if item["metadata"]["name"] == name]
        return found[0] if found else None

    def read(self, path: str, query: t.Mapping[str, str] | None = None) -> t.Any:
        with self._changed:
            self._check()
            return {"items": []}

    def watch(self, resource: Resource, resource_version: str, *, timeout_s: int) -> t.Iterator[tuple[str, t.Any]]:
        at = int(resource_version)
        while True:
            with self._changed:
                self._check()
                if at < self._oldest:
                    raise KubeError("too old resource version", 410)
                news = [entry for entry in self._log if entry[0] > at]
                if not news:
                    self._changed.wait(0.2)
                    continue
            for version, event, plural, item in news:
                at = version
                if plural == resource.plural:
                    yield event, copy.deepcopy(item)

    def _check(self) -> None:
        if self._down is not None:
            raise self._down

    def _write(self, event: str, item: t.Any) -> None:
        with self._changed:
            self._version += 1
            item["metadata"]["resourceVersion"] = str(self._version)
            plural = _plural(item)
            key = (plural, item["metadata"].get("namespace", ""), item["metadata"]["name"])
            if event == "DELETED":
                self._items.pop(key)
            else:
                event = "MODIFIED" if key in self._items else "ADDED"
                self._items[key] = copy.deepcopy(item)
            self._log.append((self._version, event, plural, copy.deepcopy(item)))
            self._changed.notify_all()


def _plural(item: t.Any) -> str:
    if "plural" in item:
        return str(item["plural"])
    if "involvedObject" in item:
        return "events"
    if "configuration" in item["spec"]:
        return "kubevirts"
    return "virtualmachineinstancemigrations" if "vmiName" in item["spec"] else "virtualmachineinstances"


def until(condition: t.Callable[[], t.Any], seconds: float = 10.0) -> None:
    """Return when the condition holds.

    :raises AssertionError: when it does not within ``seconds``.
    """
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.005)
