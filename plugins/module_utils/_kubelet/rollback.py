# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Taking the KubeletConfig back: the object first, then, once the operator has let go of it, the pools' labels.

The plan is made twice; each time it holds what can be done now. The nodes reboot once, by the rollout that follows.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.planned import MachinePlan
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    Object,
    Path,
    give_back,
    identified,
    labels_of,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import (
    NEEDS_DISRUPTION,
    status_of,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import made_by_us
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.layers import Layer
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

_PAUSED_WHY = "the kubelets get their settings back; released by the rollout"


def plan_kubelet_given_back(
    machines: Machines, name: str, label: t.Mapping[str, str], allow_disruption: bool
) -> MachinePlan:
    """Return what can be taken back now: the KubeletConfig, or the labels that selected its pools."""
    plan = MachinePlan()
    live = machines.kubelet_configs.get(name, {})
    if live and (made_by_us(live) or give_back(live)):
        _plan_object(plan, machines, live, allow_disruption)
    elif not live:
        _plan_labels(plan, machines, label, allow_disruption)
    plan.foresee()
    if not allow_disruption:
        plan.withhold()
    return plan


def _plan_object(plan: MachinePlan, machines: Machines, live: Object, allow_disruption: bool) -> None:
    pools = [pool for pool in machines.pools if Layer.of(live).on(machines.pools[pool])]
    nodes = {pool: len(machines.members(pool)) for pool in pools}
    status = status_of(False, allow_disruption)
    why = f"{NEEDS_DISRUPTION}; {machines.duration(nodes)}" if status == "pending" else "made by this collection"
    where = f"KubeletConfig {live['metadata']['name']}"
    for key, value in (value_at(live, ("spec", "kubeletConfig")) or {}).items():
        what = f"spec.kubeletConfig.{key}"
        plan.rows.append(row(where, what, before=value, effective=value, status=status, why=why))
    for pool in pools:
        pause = machines.pause(pool, _PAUSED_WHY)
        if pause:
            plan.patches.append(identified(machines.pools[pool], pause))
    if made_by_us(live):
        plan.absent.append(identified(live, {}))
    else:
        plan.patches.append(identified(live, give_back(live)))


def _plan_labels(plan: MachinePlan, machines: Machines, label: t.Mapping[str, str], allow_disruption: bool) -> None:
    def is_label(path: Path) -> bool:
        return path[:2] == ("metadata", "labels") and path[2] in label

    for name, pool in machines.pools.items():
        held = {key: None for key, value in label.items() if labels_of(pool).get(key) == value}
        patch = {"metadata": {"labels": held}} if made_by_us(pool) and held else give_back(pool, is_label)
        if patch:
            plan.patches.append(identified(pool, patch))
            for key in held:
                plan.rows.append(
                    row(
                        f"pool {name}",
                        f"label {key}",
                        before=label[key],
                        status=status_of(False, allow_disruption),
                        why="set by this collection" if allow_disruption else NEEDS_DISRUPTION,
                    )
                )
