# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Starting and stopping: requests that may be sent again without doing anything twice.

A field of the spec is set by a merge patch, which says the same however often it is sent and costs virt-api nothing.
Only where the run strategy leaves starting to people does the subresource do it, which refuses a second time; what
the machine says then tells whether the first one arrived.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import VIRTUAL_MACHINES
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import (
    BY_RUNNING,
    BY_STRATEGY,
    Machine,
)

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

INSTANCES = Resource("kubevirt.io/v1", "virtualmachineinstances")
_SUBRESOURCES = Resource("subresources.kubevirt.io/v1", "virtualmachines")
_SPECS: dict[tuple[str, bool], dict[str, t.Any]] = {
    (BY_STRATEGY, True): {"runStrategy": "Always"},
    (BY_STRATEGY, False): {"runStrategy": "Halted"},
    (BY_RUNNING, True): {"running": True},
    (BY_RUNNING, False): {"running": False},
}


async def switch(api: BulkClient, machine: Machine, *, on: bool) -> None:
    """Ask for a machine's start or stop; when this returns, the API has accepted it.

    :raises KubeError: when it was refused.
    """
    spec = _SPECS.get((machine.switch, on))
    if spec is None:
        await _ask_virt_api(api, machine, on)
    else:
        body = {"spec": spec}
        await api.merge_patch(VIRTUAL_MACHINES, machine.name, body, machine.namespace, field_manager=FIELD_MANAGER)


async def was_asked(api: BulkClient, machine: Machine) -> bool:
    """Return whether the cluster knows of a request to start that nobody has seen accepted.

    :raises KubeError: when the API refuses.
    """
    vm = await api.get(VIRTUAL_MACHINES, machine.name, machine.namespace)
    if vm is None:
        return False
    spec = _SPECS.get((machine.switch, True))
    if spec is not None and all(value_at(vm, ("spec", name)) == value for name, value in spec.items()):
        return True
    requests = value_at(vm, ("status", "stateChangeRequests")) or []
    return bool(value_at(vm, ("status", "created"))) or any(entry.get("action") == "Start" for entry in requests)


async def _ask_virt_api(api: BulkClient, machine: Machine, on: bool) -> None:
    path = f"{_SUBRESOURCES.path(machine.name, machine.namespace)}/{'start' if on else 'stop'}"
    try:
        await api.request("PUT", path, {})
    except KubeError as error:
        if error.status != 409 or not await _is(api, machine, on):
            raise


async def _is(api: BulkClient, machine: Machine, on: bool) -> bool:
    """Return whether a machine is, or is about to be, as it was asked to."""
    if on:
        return await was_asked(api, machine)
    instance = await api.get(INSTANCES, machine.name, machine.namespace)
    return instance is None or bool(instance["metadata"].get("deletionTimestamp"))
