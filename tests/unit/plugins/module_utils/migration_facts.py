# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a cluster with virtual machines, for the tests of a migration."""

from __future__ import annotations

import typing as t
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.plan import MigrationWishes
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import trigger
from kube_objects import node, pool

Object = t.Dict[str, t.Any]
RUN, LATER = "20260801T120000Z-migrate", "20260802T120000Z-migrate"
ALLOCATABLE = {"cpu": "64", "memory": "256Gi", "pods": "500"}
ZONE = {"tuning.virtscale/zone": ""}


def zone_node(name: str, zone: str, run: str | None = None, **more: t.Any) -> Object:
    """A worker of a zone; with the trigger of a run on its disk."""
    base = node(name, ("worker", zone), rendered=f"rendered-{zone}-{run or 'none'}")
    return merged(base, {"status": {"allocatable": ALLOCATABLE}, **more})


def zone_pool(name: str, **more: t.Any) -> Object:
    """A zone's pool that has reached its target, which is what its nodes without a trigger run."""
    target = f"rendered-{name}-none"
    base = merged(pool(name), {"metadata": {"labels": {"tuning.virtscale/zone": name}}})
    base = merged(base, {"spec": {"configuration": {"name": target}}, "status": {"configuration": {"name": target}}})
    return merged(base, more)


def machine(name: str, at: str, **more: t.Any) -> Object:
    """A virtual machine that migrates."""
    base: Object = {
        "name": name,
        "namespace": "vms",
        "uid": f"uid-{name}",
        "node": at,
        "phase": "Running",
        "os": "rhel",
        "live_migratable": True,
        "why_not": None,
        "eviction_strategy": "LiveMigrate",
        "cpu_cores": 1.0,
        "memory_bytes": 4 * 2**30,
        "restart_allowed": False,
    }
    return {**base, **more}


def sums(moving_pods: int = 10, **more: t.Any) -> Object:
    """The pods of a node: 20 that stay, and some that move."""
    base = {
        "count": moving_pods,
        "grace_s": 30.0,
        "pods": 20 + moving_pods,
        "cpu_cores": 4.0 + moving_pods,
        "memory_bytes": (8 + 4 * moving_pods) * 2**30,
        "moving_pods": moving_pods,
        "moving_cpu_cores": float(moving_pods),
        "moving_memory_bytes": 4 * moving_pods * 2**30,
    }
    return {**base, **more}


def facts(nodes: t.Sequence[Object] | None = None, **more: t.Any) -> Object:
    """Ten workers in two zones of five, a virtual machine on each of the first; nothing stands against a run."""
    if nodes is None:
        nodes = [zone_node(f"a{number}", "zone-0") for number in range(5)]
        nodes += [zone_node(f"b{number}", "zone-1") for number in range(5)]
    names = [item["metadata"]["name"] for item in nodes]
    found: Object = {
        "nodes": list(nodes),
        "pools": [pool("master"), pool("worker"), zone_pool("zone-0"), zone_pool("zone-1")],
        "kubelet_configs": [],
        "kubevirt": {"metadata": {"name": "kubevirt"}, "spec": {"configuration": {}}},
        "virtual_machines": [machine(f"vm-{name}", name) for name in names if name.startswith("a")],
        "migrations": [],
        "node_pods": {name: sums() for name in names},
        "disruption_budgets": [],
        "triggers": {},
        "rendered_triggers": {
            item["metadata"]["annotations"]["machineconfiguration.openshift.io/currentConfig"]: run
            for item in nodes
            for run in (None, RUN, LATER)
            if str(run or "none") in item["metadata"]["annotations"]["machineconfiguration.openshift.io/currentConfig"]
        },
        "disruption_policy": {"served": True, "object": {"metadata": {"name": "cluster"}, "spec": {}, "status": {}}},
    }
    return {**found, **more}


def triggered(run: str, *zones: str) -> dict[str, Object]:
    """The triggers of a run in the cluster."""
    return {zone: trigger(zone, run) for zone in zones}


def wishes(**more: t.Any) -> MigrationWishes:
    """A migration of all zones that may begin."""
    given: Object = {
        "pools": (),
        "run_id": RUN,
        "present": True,
        "drain_only": False,
        "max_disrupted_share": Decimal("0.1"),
        "allow_disruption": True,
        "force_conflicts": False,
    }
    return MigrationWishes(**{**given, **more})
