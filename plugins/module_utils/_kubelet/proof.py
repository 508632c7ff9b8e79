# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Proof per node: the capacity that the node reports, and the configuration that its kubelet runs with."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.settings import same_value
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

# The operator moves it into an environment file of the node, so the kubelet's configuration does not show it.
_NOT_SHOWN = ("systemReserved",)

Kubelets = t.Mapping[str, t.Mapping[str, t.Any]]


def stale_nodes(
    machines: Machines, kubelets: Kubelets | None, settings: t.Mapping[str, t.Any], pools: t.Sequence[str]
) -> dict[str, list[str]]:
    """Return the nodes of each pool that do not run with the settings."""
    return {
        pool: [node for node in machines.members(pool) if not _is_right(machines, kubelets, settings, node)]
        for pool in pools
    }


def node_rows(
    machines: Machines,
    kubelets: Kubelets | None,
    settings: t.Mapping[str, t.Any],
    pools: t.Sequence[str],
    allowed: bool,
    stopped: str,
    pending: str,
) -> list[Row]:
    """Return the rows of every node in the pools.

    :param allowed: whether nodes may be rebooted to get there.
    :param stopped: why a gate said no, or empty.
    """
    rows = []
    for pool in pools:
        held = machines.held_by_person(pool)
        for node in machines.members(pool):
            for what, found, wanted, is_right, problem in _checks(machines, kubelets, settings, node):
                status = status_of(is_right, allowed)
                why = f"pool {pool}"
                if not is_right:
                    if problem:
                        status, why = "failed", problem
                    elif stopped:
                        status, why = "refused", stopped
                    elif held:
                        status, why = "overridden", f"pool {pool} is paused by somebody else"
                    elif status == "pending":
                        why = pending
                rows.append(
                    row(f"node {node}", what, before=found, wanted=wanted, effective=found, status=status, why=why)
                )
    return rows


def _is_right(machines: Machines, kubelets: Kubelets | None, settings: t.Mapping[str, t.Any], node: str) -> bool:
    return all(is_right for _what, _found, _wanted, is_right, _problem in _checks(machines, kubelets, settings, node))


def _checks(
    machines: Machines, kubelets: Kubelets | None, settings: t.Mapping[str, t.Any], node: str
) -> t.Iterator[tuple[str, str | None, str, bool, str]]:
    """Yield what is looked at, what is found, what is wanted, whether that is right, and what kept us from looking."""
    # With podsPerCore the capacity is the smaller of the two, by the node's cores.
    if "maxPods" in settings and "podsPerCore" not in settings:
        found = value_at(machines.nodes[node], ("status", "capacity", "pods"))
        wanted = str(settings["maxPods"])
        yield "status.capacity.pods", found, wanted, found == wanted, ""
    shown = {name: value for name, value in sorted(settings.items()) if name not in _NOT_SHOWN}
    if kubelets is None or not shown:
        return
    answer = kubelets.get(node) or {"error": "the kubelet was not asked"}
    config = answer.get("config") or {}
    is_right = all(same_value(name, value, config.get(name)) for name, value in shown.items())
    found = _text({name: config.get(name) for name in shown}) if config else None
    yield "kubelet configuration", found, _text(shown), is_right, str(answer.get("error") or "")


def _text(settings: t.Mapping[str, t.Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())
