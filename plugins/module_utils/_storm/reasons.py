# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Why a machine does not run, in the words of the cluster."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import PODS, VIRTUAL_MACHINES
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.power import INSTANCES

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

_POD_NAME_LABEL = "vm.kubevirt.io/name"
# Of an instance or a pod the condition that is false, of a machine the one that is true, the most telling first.
_FALSE = ("PodScheduled", "Synchronized", "Ready")
_TRUE = ("Failure",)


async def why_not_running(api: BulkClient, machine: Machine) -> str:
    """Return the reason, read from the machine, its instance and its pod."""
    try:
        return await _why(api, machine)
    except KubeError as error:
        return f"unknown, because the API did not say: {str(error).rstrip('.')}"


async def _why(api: BulkClient, machine: Machine) -> str:
    vm = await api.get(VIRTUAL_MACHINES, machine.name, machine.namespace)
    if vm is None:
        return "it was deleted"
    printable = value_at(vm, ("status", "printableStatus")) or "not started"
    instance = await api.get(INSTANCES, machine.name, machine.namespace) or {}
    phase = value_at(instance, ("status", "phase"))
    what = printable if phase in (None, "", printable) else f"{printable}, instance {phase}"
    message = _condition(vm, _TRUE, "True") or _condition(instance, _FALSE[:2], "False")
    if not message and instance:
        message = await _of_pods(api, machine) or _condition(instance, _FALSE[2:], "False")
    return f"{what}: {message}" if message else what


async def _of_pods(api: BulkClient, machine: Machine) -> str | None:
    selector = f"{_POD_NAME_LABEL}={machine.name}"
    async for pod in api.items(PODS, machine.namespace, selector):
        for container in value_at(pod, ("status", "containerStatuses")) or []:
            waiting = value_at(container, ("state", "waiting")) or {}
            if waiting.get("message"):
                return f"{waiting.get('reason', 'waiting')}: {waiting['message']}".rstrip(".")
        message = _condition(pod, _FALSE, "False")
        if message:
            return message
    return None


def _condition(item: Object, types: t.Sequence[str], status: str) -> str | None:
    conditions = {entry.get("type"): entry for entry in value_at(item, ("status", "conditions")) or []}
    for name in types:
        entry = conditions.get(name) or {}
        if entry.get("status") == status and (entry.get("message") or entry.get("reason")):
            return " ".join(str(entry.get("message") or entry["reason"]).split()).rstrip(".")
    return None
