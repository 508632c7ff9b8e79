# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What must be there before the first machine: namespaces, their network, and the right to clone into them."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    is_ours,
    marks,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import FleetRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.surroundings import (
    CLONE_PERMISSION,
    NETWORK_ATTACHMENTS,
    attachment_trouble,
    attachments_used,
    clone_permission,
    network_attachment,
)


async def surround(api: BulkClient, request: FleetRequest) -> int:
    """Make what is missing around the machines of a request; return how many objects were made.

    :raises TuningError: when a network attachment is missing and no bridge was named, or is of another type.
    """
    made = 0
    for namespace in request.namespaces:
        body = _of("v1", "Namespace", {"name": namespace, "labels": marks(request.name)})
        made += await _ensure(api, NAMESPACES, body, request, others_too=True)
    for body in await _missing_networks(api, request):
        made += await _ensure(api, NETWORK_ATTACHMENTS, body, request, others_too=True)
    for namespace in sorted({source.namespace for group in request.groups for source in group.sources}):
        permission = clone_permission(
            source_namespace=namespace,
            namespaces=request.namespaces,
            labels=marks(request.name),
            name=f"{CLONE_PERMISSION}-{request.name}",
        )
        for resource, body in zip((ROLES, ROLE_BINDINGS), permission):
            made += await _ensure(api, resource, body, request)
    return made


async def network_trouble(api: BulkClient, request: FleetRequest) -> str | None:
    """Return what about the networks would keep the machines from starting, or None."""
    try:
        await _missing_networks(api, request)
    except TuningError as error:
        return str(error)
    return None


async def _missing_networks(api: BulkClient, request: FleetRequest) -> list[Object]:
    wanted = sorted(_networks(request))
    missing = []
    there: dict[tuple[str, str], Object] = {}
    if wanted:
        try:
            async for item in api.items(NETWORK_ATTACHMENTS):
                there[item["metadata"]["namespace"], item["metadata"]["name"]] = item
        except KubeError as error:
            if error.status != 404:
                raise
            raise TuningError(
                "The cluster has no NetworkAttachmentDefinitions (Multus), so machines can only use the network pod."
            ) from error
    for namespace, name in wanted:
        live = there.get((namespace, name))
        trouble = attachment_trouble(live) if live else None
        if trouble:
            raise TuningError(trouble)
        if live is None and (not request.network_bridge or namespace not in request.namespaces):
            raise TuningError(
                f"The NetworkAttachmentDefinition {namespace}/{name} does not exist; make it, or name the nodes' "
                "bridge in network_bridge to have it made in the fleet's own namespaces."
            )
        if live is None:
            missing.append(
                network_attachment(
                    name=name,
                    namespace=namespace,
                    labels=marks(request.name),
                    bridge=str(request.network_bridge),
                    vlan=request.network_vlan,
                )
            )
    return missing


def _networks(request: FleetRequest) -> set[tuple[str, str]]:
    """Return namespace and name of every attachment that the machines use."""
    found = set()
    for group in request.groups:
        for namespace in request.namespaces if group.vms else ():
            machine = {**group.manifests[0], "metadata": {"namespace": namespace}}
            found.update(attachments_used(machine))
    return found


async def _ensure(
    api: BulkClient, resource: Resource, body: Object, request: FleetRequest, *, others_too: bool = False
) -> bool:
    """Make an object unless it is there; return whether it was made.

    :param others_too: whether one that somebody else made will do.
    """
    meta = body["metadata"]

    def mine(item: Object) -> bool:
        stays = not item["metadata"].get("deletionTimestamp")
        return stays and (others_too or is_ours(item, request.name))

    _found, made = await api.create(
        resource, meta["name"], body, meta.get("namespace"), field_manager=FIELD_MANAGER, mine=mine
    )
    return made


def _of(api_version: str, kind: str, meta: t.Mapping[str, t.Any]) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": dict(meta)}
