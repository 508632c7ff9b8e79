# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import (
    Fate,
    add_owner,
    fate,
    needs_owner,
    parse_machine,
    parse_migration,
    short_os,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged

Object = t.Dict[str, t.Any]
MIGRATABLE = {"type": "LiveMigratable", "status": "True"}
DISKS = {
    "type": "LiveMigratable",
    "status": "False",
    "reason": "DisksNotLiveMigratable",
    "message": "cannot migrate VMI: PVC root is not shared",
}


def instance(strategy: str | None = "LiveMigrate", *conditions: Object, **more: t.Any) -> Object:
    base: Object = {
        "metadata": {"name": "vm1", "namespace": "vms", "uid": "u1", "annotations": {"vm.kubevirt.io/os": "rhel8"}},
        "spec": {"domain": {"memory": {"guest": "4Gi"}, "cpu": {"cores": 2, "sockets": 2}}},
        "status": {"phase": "Running", "nodeName": "worker001", "conditions": list(conditions or [MIGRATABLE])},
    }
    if strategy:
        base["spec"]["evictionStrategy"] = strategy
    return merged(base, more)


@pytest.mark.parametrize(
    "text, name",
    [
        ("rhel8.4", "rhel"),
        ("rhel.9", "rhel"),
        ("win2k22", "windows"),
        ("windows10", "windows"),
        ("windows.2k22.virtio", "windows"),
        ("mswindows", "windows"),
        ("Fedora39", "fedora"),
        ("centos-stream9", "centos"),
        ("ubuntu", "ubuntu"),
        ("redhat", "rhel"),
        ("", ""),
        ("9", ""),
    ],
)
def test_the_short_name_of_an_operating_system(text: str, name: str) -> None:
    assert short_os(text) == name


LABEL = {"os.template.kubevirt.io/fedora39": "true"}
GUEST = {"guestOSInfo": {"id": "mswindows"}}
PREFERENCE = {"kubevirt.io/cluster-preference-name": "ubuntu"}
NO_OS: Object = {"annotations": {"vm.kubevirt.io/os": "linux"}}


@pytest.mark.parametrize(
    "more, name",
    [
        ({"metadata": {"labels": LABEL}}, "rhel"),
        ({"metadata": {**NO_OS, "labels": LABEL}, "status": GUEST}, "fedora"),
        ({"metadata": {"annotations": {"vm.kubevirt.io/os": "", **PREFERENCE}}, "status": GUEST}, "windows"),
        ({"metadata": {"annotations": {"vm.kubevirt.io/os": "", **PREFERENCE}}}, "ubuntu"),
        ({"metadata": NO_OS}, "unknown"),
    ],
)
def test_where_the_operating_system_is_told(more: Object, name: str) -> None:
    machine = parse_machine(instance(**more), "")
    assert (machine["os"], needs_owner(machine)) == (name, name == "unknown")


@pytest.mark.parametrize(
    "vm, name",
    [
        ({"metadata": {"labels": {"os.template.kubevirt.io/windows11": "true"}}}, "windows"),
        ({"metadata": {}, "spec": {"preference": {"name": "fedora"}}}, "fedora"),
        ({"metadata": {}, "spec": {"template": {"metadata": {"annotations": {"vm.kubevirt.io/os": "rhel9"}}}}}, "rhel"),
        ({"metadata": {}, "spec": {"runStrategy": "Always"}}, "unknown"),
    ],
)
def test_the_owner_may_know_the_operating_system(vm: Object, name: str) -> None:
    machine = parse_machine(instance(metadata=NO_OS), "")
    add_owner(machine, vm)
    assert (machine["os"], machine["restart_allowed"]) == (name, False)


# The table of docs/handling-eviction-requests.md, and who starts again what was shut down.
@pytest.mark.parametrize(
    "own, cluster, condition, owner, expected",
    [
        ("LiveMigrate", "", MIGRATABLE, {}, Fate.MIGRATES),
        (None, "LiveMigrate", MIGRATABLE, {}, Fate.MIGRATES),
        ("LiveMigrate", "", DISKS, {"runStrategy": "Always"}, Fate.BLOCKS),
        ("LiveMigrateIfPossible", "", MIGRATABLE, {}, Fate.MIGRATES),
        ("LiveMigrateIfPossible", "", DISKS, {"runStrategy": "Always"}, Fate.RESTARTS),
        ("None", "LiveMigrate", MIGRATABLE, {"runStrategy": "Always"}, Fate.RESTARTS),
        ("None", "LiveMigrate", MIGRATABLE, {"running": True}, Fate.RESTARTS),
        ("None", "LiveMigrate", MIGRATABLE, {"runStrategy": "RerunOnFailure"}, Fate.STOPS),
        ("None", "LiveMigrate", MIGRATABLE, {}, Fate.STOPS),
        (None, "", MIGRATABLE, {"runStrategy": "Always"}, Fate.RESTARTS),
        ("External", "", MIGRATABLE, {}, Fate.EXTERNAL),
    ],
)
def test_what_a_drain_does(own: str | None, cluster: str, condition: Object, owner: Object, expected: Fate) -> None:
    machine = parse_machine(instance(own, condition), cluster)
    add_owner(machine, {"metadata": {}, "spec": owner})
    assert fate(machine) is expected
    assert machine["restart_allowed"] == (expected is Fate.RESTARTS)
    assert machine["why_not"] == (None if condition is MIGRATABLE else "cannot migrate VMI: PVC root is not shared")


def test_an_instance_that_starts_blocks_until_it_can_tell() -> None:
    machine = parse_machine(instance(status={"phase": "Scheduled", "conditions": []}), "")
    assert fate(machine) is Fate.BLOCKS
    assert machine["why_not"] == "it has not started far enough to tell whether it can migrate"


@pytest.mark.parametrize(
    "domain, cores, memory_bytes",
    [
        ({}, 4.0, 4 * 2**30),
        ({"resources": {"requests": {"cpu": "100m", "memory": "1G"}}}, 0.1, 10**9),
    ],
)
def test_what_an_instance_asks(domain: Object, cores: float, memory_bytes: int) -> None:
    machine = parse_machine(instance(spec={"domain": domain}), "")
    assert (machine["cpu_cores"], machine["memory_bytes"]) == (cores, memory_bytes)


@pytest.mark.parametrize(
    "phase, active",
    [(None, "Pending"), ("Pending", "Pending"), ("Running", "Running"), ("Succeeded", None), ("Failed", None)],
)
def test_migrations_that_are_not_over(phase: str | None, active: str | None) -> None:
    vmim = {"metadata": {"name": "m", "namespace": "vms"}, "spec": {"vmiName": "vm1"}, "status": {"phase": phase}}
    found = parse_migration(vmim)
    assert found == (active and {"name": "m", "namespace": "vms", "vmi": "vm1", "phase": active})
