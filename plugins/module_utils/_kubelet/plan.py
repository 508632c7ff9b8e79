# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The KubeletConfig and the pools it selects: facts in, writes and rows out."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines, is_zone_pool
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import MachinePlan
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    Object,
    Path,
    differences,
    identified,
    labels_of,
    merged,
    remember,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import NEEDS_DISRUPTION, status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import (
    conflicts,
    declaration,
    made_by_us,
    owners,
    refusals,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.gates import KubeletGates, is_ours
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.layers import seed_layout
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.proof import node_rows, stale_nodes
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.settings import check_settings
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER, MANAGED_BY_LABEL
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

PAUSED_WHY = "the kubelets' settings change; released by the rollout"
KUBELET_CONFIG_KIND = {"apiVersion": "machineconfiguration.openshift.io/v1", "kind": "KubeletConfig"}
_POOL_DEFAULTS: t.Dict[Path, t.Any] = {("spec", "paused"): False}
_SETTINGS = ("spec", "kubeletConfig")
# Above this the reference architecture itself advises against, although it ran 500.
_ADVISED_PODS = 250


@dataclass(frozen=True)
class KubeletWishes:
    """What the kubelets are to run with, and which pools are to have it."""

    name: str
    settings: t.Mapping[str, t.Any]
    pool_label: t.Mapping[str, str]
    # Custom pools beside those of this collection.
    pools: t.Sequence[str]
    seed_layout: bool
    allow_disruption: bool
    force_conflicts: bool


def plan_kubelet(machines: Machines, facts: t.Mapping[str, t.Any], wishes: KubeletWishes) -> MachinePlan:
    """Return the writes that give the kubelets their settings: labelled pools, paused as ours, then the object.

    :raises TuningError: for settings that cannot work, a pool that does not exist, or a layout that loses settings.
    """
    name, settings = wishes.name, check_settings(wishes.settings, _oldest_minor(machines))
    if wishes.seed_layout:
        name, settings = seed_layout(settings)
    targets = _targets(machines, wishes.pools)
    gates = KubeletGates(machines, name, wishes.pool_label, targets)
    live = machines.kubelet_configs.get(name, {})
    wanted = _definition(name, settings, wishes.pool_label, is_ours(machines, name))
    changes = _differs(live, wanted)
    pools = {pool: _pool_wanted(machines, pool, wishes.pool_label, changes) for pool in targets}
    reasons = gates.refusals(settings, facts.get("network"), wishes.force_conflicts)
    reasons += _conflict_reasons(machines, live, wanted, pools, wishes.force_conflicts)

    plan = MachinePlan()
    if not reasons and wishes.allow_disruption:
        for pool, change in pools.items():
            if differences(machines.pools[pool], change):
                plan.definitions.append(_pool_definition(machines.pools[pool], change))
                plan.force_conflicts |= bool(conflicts(machines.pools[pool], change))
        if changes:
            # Complete in itself: a setting that is no longer wanted must go.
            plan.definitions.append(wanted if is_ours(machines, name) else remember(live, wanted))
            plan.force_conflicts |= bool(conflicts(live, wanted))

    stale = stale_nodes(machines, facts.get("kubelets"), settings, targets)
    pending = f"{NEEDS_DISRUPTION}; {machines.duration({pool: len(nodes) for pool, nodes in stale.items()})}"
    stopped = "; ".join(reasons)
    plan.rows += _object_rows(live, name, settings, wishes, stopped, pending, gates.overriding(settings))
    plan.rows += _pool_rows(machines, pools, wishes, stopped, pending)
    plan.rows += node_rows(
        machines, facts.get("kubelets"), settings, targets, wishes.allow_disruption, stopped, pending
    )
    plan.rows += _notes(machines, name, settings, targets, gates)
    if not reasons:
        plan.planned = {"pools": [merged(machines.pools[pool], change) for pool, change in pools.items()]}
    return plan


def _targets(machines: Machines, asked: t.Sequence[str]) -> list[str]:
    """Return the pools that the nodes are really in, as far as they are ours to tune."""
    missing = sorted(set(asked) - set(machines.pools))
    if missing:
        raise TuningError(f"There is no MachineConfigPool {missing[0]}; there are {', '.join(sorted(machines.pools))}.")
    found = [
        pool
        for pool in machines.custom_pools()
        if pool in asked or is_zone_pool(machines.pools[pool]) or made_by_us(machines.pools[pool])
    ]
    if "worker" in machines.pools and (machines.members("worker") or not found):
        found.append("worker")
    return found


def _definition(name: str, settings: Object, label: t.Mapping[str, str], ours: bool) -> Object:
    spec = {"machineConfigPoolSelector": {"matchLabels": dict(label)}, "kubeletConfig": settings}
    meta: Object = {"name": name}
    if ours:
        meta["labels"] = {MANAGED_BY_LABEL: FIELD_MANAGER}
    return {**KUBELET_CONFIG_KIND, "metadata": meta, "spec": spec}


def _differs(live: Object, wanted: Object) -> bool:
    """Return whether the object must be written: also when it holds a setting of ours that is no longer wanted."""
    return bool(differences(live, wanted) or _left_over(live, wanted["spec"]["kubeletConfig"]))


def _left_over(live: Object, settings: t.Mapping[str, t.Any]) -> list[str]:
    """Return the settings that we set before and that are no longer wanted."""
    found = value_at(live, _SETTINGS) or {}
    return [key for key in found if key not in settings and set(owners(live, (*_SETTINGS, key))) == {FIELD_MANAGER}]


def _pool_wanted(machines: Machines, pool: str, label: t.Mapping[str, str], changes: bool) -> Object:
    """Return what a pool needs: the label, and a pause of ours while anything changes for it."""
    labelled: Object = {"metadata": {"labels": dict(label)}}
    if changes or differences(machines.pools[pool], labelled):
        return merged(labelled, machines.pause(pool, PAUSED_WHY))
    return labelled


def _pool_definition(live: Object, change: Object) -> Object:
    if not made_by_us(live):
        change = merged(remember(live, {"metadata": {"labels": change["metadata"]["labels"]}}), change)
    if "resourceVersion" not in live["metadata"]:
        # Planned by an earlier step of this run: the preview needs it whole.
        return merged(live, change)
    return identified(live, declaration(live, change))


def _conflict_reasons(
    machines: Machines, live: Object, wanted: Object, pools: t.Mapping[str, Object], force: bool
) -> list[str]:
    found = [
        f"{wanted['kind']} {wanted['metadata']['name']}: {one}" for one in refusals(conflicts(live, wanted), force)
    ]
    for pool, change in pools.items():
        stopped = refusals(conflicts(machines.pools[pool], change, _POOL_DEFAULTS), force)
        found += [f"pool {pool}: {conflict}" for conflict in stopped]
    return found


def _object_rows(
    live: Object,
    name: str,
    settings: t.Mapping[str, t.Any],
    wishes: KubeletWishes,
    stopped: str,
    pending: str,
    taken: t.Mapping[str, str],
) -> list[Row]:
    found = value_at(live, _SETTINGS) or {}
    wanted = {**settings, **dict.fromkeys(_left_over(live, settings))}
    rows = []
    for key, value in wanted.items():
        before = found.get(key)
        status = status_of(before == value, wishes.allow_disruption)
        why = pending if status == "pending" else "one object, since several override each other"
        if stopped and status != "ok":
            status, why = "refused", stopped
        elif status == "ok" and key in taken:
            status, why = "overridden", f"KubeletConfig {taken[key]} is newer and wins the whole file"
        what = ".".join((*_SETTINGS, key))
        rows.append(
            row(f"KubeletConfig {name}", what, before=before, wanted=value, effective=before, status=status, why=why)
        )
    return rows


def _pool_rows(
    machines: Machines, pools: t.Mapping[str, Object], wishes: KubeletWishes, stopped: str, pending: str
) -> list[Row]:
    rows = []
    for pool in pools:
        for key, value in wishes.pool_label.items():
            before = labels_of(machines.pools[pool]).get(key)
            status = status_of(before == value, wishes.allow_disruption)
            why = pending if status == "pending" else f"selects the pool: {len(machines.members(pool))} nodes are in it"
            if stopped and status != "ok":
                status, why = "refused", stopped
            where, what = f"pool {pool}", f"label {key}"
            rows.append(row(where, what, before=before, wanted=value, effective=before, status=status, why=why))
    return rows


def _notes(
    machines: Machines, name: str, settings: t.Mapping[str, t.Any], targets: t.Sequence[str], gates: KubeletGates
) -> list[Row]:
    where = f"KubeletConfig {name}"
    rows = []
    rejected = gates.rejected()
    if rejected:
        rows.append(row(where, "status", effective="rejected", status="failed", why=rejected.message))
    if settings.get("maxPods", 0) > _ADVISED_PODS:
        why = f"the reference architecture ran 500 but advises against more than {_ADVISED_PODS}: no long-term tests"
        rows.append(row(where, "maxPods above 250", effective=settings["maxPods"], status="note", why=why))
    for other in gates.overridden():
        rows.append(row(where, f"over KubeletConfig {other}", status="note", why="they do not merge: the newer wins"))
    for pool in machines.custom_pools():
        nodes = machines.members(pool)
        if pool not in targets and nodes:
            why = f"a custom pool of somebody else, left as it is; name it to tune its nodes: {', '.join(nodes)}"
            rows.append(row(f"pool {pool}", "KubeletConfig", effective=f"{len(nodes)} nodes", status="note", why=why))
    for pool in targets:
        if machines.held_by_person(pool):
            why = "paused by somebody else: it is configured, and its nodes follow when that pause is lifted"
            rows.append(row(f"pool {pool}", "spec.paused", effective="True", status="note", why=why))
    return rows


def _oldest_minor(machines: Machines) -> int | None:
    """Return the minor release of the oldest worker's kubelet."""
    versions = [value_at(machines.nodes[node], ("status", "nodeInfo", "kubeletVersion")) for node in machines.workers()]
    found = [re.match(r"v1\.(\d+)\.", version or "") for version in versions]
    return min((int(one[1]) for one in found if one), default=None)
