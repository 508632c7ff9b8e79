# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Virtual machines as a drain sees them: where each runs, and whether it migrates, restarts or blocks.

The rules are those of KubeVirt's eviction webhook, docs/handling-eviction-requests.md of its repository.
"""

from __future__ import annotations

import enum
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import annotations_of, labels_of, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import Requests, parse_quantity

Object = t.Mapping[str, t.Any]
Facts = t.Dict[str, t.Any]

UNKNOWN_OS = "unknown"
_OS_ANNOTATION = "vm.kubevirt.io/os"
_OS_LABEL = "os.template.kubevirt.io/"
_PREFERENCES = ("kubevirt.io/cluster-preference-name", "kubevirt.io/preference-name")
# Preferences for any guest say nothing of this one.
_NO_OS = ("linux", "")
_OS_NAMES = {"win": "windows", "mswindows": "windows", "redhat": "rhel", "red": "rhel"}
_FINAL = ("Succeeded", "Failed")


class Fate(enum.Enum):
    """What the drain of its node does to a virtual machine."""

    MIGRATES = "migrates"
    RESTARTS = "is shut down, and starts again elsewhere"
    STOPS = "is shut down, and nothing starts it again"
    BLOCKS = "cannot leave"
    EXTERNAL = "is left to its own controller"


def parse_machine(vmi: Object, cluster_strategy: str) -> Facts:
    """Return the facts of a VirtualMachineInstance, as far as it tells them itself.

    :param cluster_strategy: the eviction strategy of the cluster, for instances without their own.
    """
    meta, spec, status = vmi["metadata"], vmi.get("spec") or {}, vmi.get("status") or {}
    able, why_not = _migratable(status)
    asked = _own_requests(spec)
    return {
        "name": meta["name"],
        "namespace": meta["namespace"],
        "uid": meta.get("uid", ""),
        "node": status.get("nodeName"),
        "phase": status.get("phase", ""),
        "os": operating_system(vmi),
        "live_migratable": able,
        "why_not": why_not,
        "eviction_strategy": spec.get("evictionStrategy") or cluster_strategy,
        "cpu_cores": asked.cpu_cores,
        "memory_bytes": asked.memory_bytes,
        "restart_allowed": False,
    }


def needs_owner(machine: Facts) -> bool:
    """Return whether only the VirtualMachine can tell the operating system, or whether it starts again."""
    return machine["os"] == UNKNOWN_OS or fate(machine) is Fate.STOPS


def add_owner(machine: Facts, vm: Object) -> None:
    """Complete the facts of an instance by those of the VirtualMachine that owns it."""
    if machine["os"] == UNKNOWN_OS:
        machine["os"] = _first_os(_told_by_owner(vm))
    machine["restart_allowed"] = fate(machine) is Fate.STOPS and _starts_again(vm)


def fate(machine: t.Mapping[str, t.Any]) -> Fate:
    """Return what the drain of its node does to a virtual machine."""
    strategy, able = machine["eviction_strategy"], machine["live_migratable"]
    if strategy == "External":
        return Fate.EXTERNAL
    if strategy in ("LiveMigrate", "LiveMigrateIfPossible") and able:
        return Fate.MIGRATES
    if strategy == "LiveMigrate":
        return Fate.BLOCKS
    return Fate.RESTARTS if machine["restart_allowed"] else Fate.STOPS


def all_started(facts: t.Mapping[str, t.Any]) -> bool:
    """Return whether no virtual machine is on its way up."""
    return all(machine["phase"] in ("Running", *_FINAL) for machine in facts.get("virtual_machines") or [])


def operating_system(vmi: Object) -> str:
    """Return the operating system that an instance names, as a short name without its version, or ``unknown``."""
    return _first_os(_told_by_instance(vmi))


def short_os(text: str) -> str:
    """Return rhel for ``rhel8.4``, windows for ``win2k22``, fedora for ``fedora39``; "" where no word begins it."""
    found = re.match(r"[a-z]+", text.strip().lower())
    name = found[0] if found else ""
    return _OS_NAMES.get(name, name)


def parse_migration(vmim: Object) -> Facts | None:
    """Return the facts of a migration that is not over, else None."""
    phase = (vmim.get("status") or {}).get("phase") or "Pending"
    if phase in _FINAL:
        return None
    meta = vmim["metadata"]
    vmi = (vmim.get("spec") or {}).get("vmiName", "")
    return {"name": meta["name"], "namespace": meta["namespace"], "vmi": vmi, "phase": phase}


def _first_os(told: t.Iterable[str]) -> str:
    return next((name for name in map(short_os, told) if name not in _NO_OS), UNKNOWN_OS)


def _told_by_instance(vmi: Object) -> t.Iterator[str]:
    """Yield what says which operating system it is, the best source first."""
    yield from _told_by_template(vmi)
    yield value_at(vmi, ("status", "guestOSInfo", "id")) or ""
    yield from (annotations_of(vmi).get(name, "") for name in _PREFERENCES)


def _told_by_owner(vm: Object) -> t.Iterator[str]:
    yield from _told_by_template((vm.get("spec") or {}).get("template") or {})
    yield from _told_by_template(vm)
    yield value_at(vm, ("spec", "preference", "name")) or ""


def _told_by_template(item: Object) -> t.Iterator[str]:
    yield annotations_of(item).get(_OS_ANNOTATION, "")
    yield from sorted(label[len(_OS_LABEL) :] for label in labels_of(item) if label.startswith(_OS_LABEL))


def _migratable(status: Object) -> tuple[bool, str | None]:
    for condition in status.get("conditions") or []:
        if condition.get("type") == "LiveMigratable":
            if condition.get("status") == "True":
                return True, None
            return False, condition.get("message") or condition.get("reason") or "no reason given"
    return False, "it has not started far enough to tell whether it can migrate"


def _starts_again(vm: Object) -> bool:
    """Return whether something starts it after a drain: only the run strategy Always does, for a clean shutdown."""
    spec = vm.get("spec") or {}
    return spec.get("runStrategy") == "Always" or spec.get("running") is True


def _own_requests(spec: Object) -> Requests:
    """Return what an instance asks by itself, without the overhead of its pod."""
    domain = spec.get("domain") or {}
    asked = (domain.get("resources") or {}).get("requests") or {}
    cpu = domain.get("cpu") or {}
    cores = asked.get("cpu") or (cpu.get("cores") or 1) * (cpu.get("sockets") or 1) * (cpu.get("threads") or 1)
    memory = asked.get("memory") or (domain.get("memory") or {}).get("guest") or 0
    return Requests(float(parse_quantity(cores)), int(parse_quantity(memory)))
