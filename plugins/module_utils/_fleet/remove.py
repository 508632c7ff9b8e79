# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A fleet is taken away: all that carries its marks, nothing else, and waited for until it is gone."""

from __future__ import annotations

import asyncio
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.leaving import INSTANCES, Leaving
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    CLAIMS,
    DATA_VOLUMES,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    ROLE_BINDINGS,
    ROLES,
    VIRTUAL_MACHINES,
    selector,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.words import counted
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import METADATA_ONLY, BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.surroundings import NETWORK_ATTACHMENTS

Say = t.Callable[[str], None]
_LINE_S = 5.0
_TICK_S = 0.5
# Beside the machines and the namespaces.
_REMOVED = (
    (DEPLOYMENTS, "Deployments"),
    (NETWORK_ATTACHMENTS, "network attachments"),
    (ROLE_BINDINGS, "RoleBindings"),
    (ROLES, "Roles"),
)
# What else lives in a namespace that somebody uses, and what the cluster itself puts into every one.
_USED_BY = (
    VIRTUAL_MACHINES,
    INSTANCES,
    DATA_VOLUMES,
    CLAIMS,
    PODS,
    DEPLOYMENTS,
    Resource("apps/v1", "statefulsets"),
    Resource("apps/v1", "daemonsets"),
    Resource("batch/v1", "jobs"),
    Resource("v1", "services"),
    Resource("v1", "configmaps"),
    Resource("v1", "secrets"),
    NETWORK_ATTACHMENTS,
)
_CLUSTERS_OWN = ("kube-root-ca.crt", "openshift-service-ca.crt")
_CLUSTERS_OWN_SECRETS = ("builder-", "default-", "deployer-")


class Removal:
    """Takes the objects of one fleet away, kind after kind."""

    def __init__(self, api: BulkClient, fleet: str, concurrency: int, stall_s: float, say: Say) -> None:
        self._api, self._fleet, self._concurrency = api, fleet, concurrency
        self._stall_s, self._say = stall_s, say
        # How many objects of each kind are gone; namespaces that stay, with what is in them.
        self.removed: dict[str, int] = {}
        self.kept: dict[str, str] = {}

    async def machines(self) -> None:
        """Remove the machines with their data volumes and claims."""
        await self.all_of(VIRTUAL_MACHINES, "VMs")
        await self.until_none(DATA_VOLUMES, "DataVolumes")
        await self.until_none(CLAIMS, "claims")

    async def everything(self) -> None:
        """Remove all that the fleet has made, its namespaces last."""
        await self.machines()
        for resource, words in _REMOVED:
            await self.all_of(resource, words)
        await self.until_none(PODS, "pods")
        await self._namespaces()

    async def count(self) -> dict[str, int]:
        """Return how many objects of each kind would be removed."""
        kinds = (*_REMOVED, (VIRTUAL_MACHINES, "VMs"), (NAMESPACES, "namespaces"))
        found = {}
        for resource, words in kinds:
            number = len([item async for item in self._marked(resource)])
            if number:
                found[words] = number
        return found

    async def all_of(self, resource: Resource, words: str) -> None:
        """Remove every object of a kind that carries the marks, and wait until they are gone."""
        found = [item["metadata"] async for item in self._marked(resource)]
        if found:
            await self._each(found, lambda meta: self._delete(resource, meta), words)
            await self.until_none(resource, words)
            self.removed[words] = self.removed.get(words, 0) + len(found)

    async def until_none(self, resource: Resource, words: str) -> None:
        """Wait until no object of a kind carries the marks.

        :raises TuningError: naming one, when they stop going.
        """
        leaving, shown_at = Leaving(self._api, self._fleet, resource), time.monotonic()
        async with leaving.following():
            while not leaving.over():
                await asyncio.sleep(_TICK_S if leaving.left else 0.02)
                now = time.monotonic()
                if self._api.silence is not None:
                    leaving.moved_at = now
                if leaving.left and now - leaving.moved_at > self._stall_s:
                    raise TuningError(
                        f"{len(leaving.left)} {words} of the fleet {self._fleet} do not go, such as "
                        f"{min(leaving.left)}; look at its finalizers."
                    )
                if leaving.left and now - shown_at > _LINE_S:
                    shown_at = now
                    self._say(f"{self._fleet}: {counted(len(leaving.left), words)} left to go{leaving.words()}")

    async def _marked(self, resource: Resource) -> t.AsyncIterator[Object]:
        """Yield the objects of a kind that carry the marks; none of a kind that the cluster does not have."""
        try:
            async for item in self._api.items(resource, None, selector(self._fleet), METADATA_ONLY):
                yield item
        except KubeError as error:
            if error.status != 404:
                raise

    async def _delete(self, resource: Resource, meta: Object) -> None:
        await self._api.delete(resource, meta["name"], meta.get("namespace"), uid=meta["uid"])

    async def _namespaces(self) -> None:
        """Remove the namespaces that the fleet made, but none that somebody has begun to use."""
        found = [item["metadata"] async for item in self._marked(NAMESPACES)]
        empty = []
        for meta in found:
            other = await self._other(meta["name"])
            if other is None:
                empty.append(meta)
            else:
                self.kept[meta["name"]] = other
                self._say(f"{self._fleet}: the namespace {meta['name']} stays: {other} is in it")
        await self._each(empty, lambda meta: self._delete(NAMESPACES, meta), "namespaces")
        names = {meta["name"] for meta in empty}
        end = time.monotonic() + self._stall_s
        while names:
            names &= {item["metadata"]["name"] async for item in self._marked(NAMESPACES)}
            if names and time.monotonic() > end:
                raise TuningError(f"The namespace {min(names)} does not go; look at its status.")
            await asyncio.sleep(_TICK_S if names else 0)
        if empty:
            self.removed["namespaces"] = len(empty)

    async def _other(self, namespace: str) -> str | None:
        """Return something in a namespace that the cluster did not put there by itself, None in an empty one."""
        for resource in _USED_BY:
            try:
                async for item in self._api.items(resource, namespace, None, METADATA_ONLY):
                    meta = item["metadata"]
                    if not _clusters_own(resource, meta["name"]) and not meta.get("deletionTimestamp"):
                        return f"{resource.plural}/{meta['name']}"
            except KubeError as error:
                if error.status != 404:
                    raise
        return None

    async def _each(
        self, items: t.Sequence[Object], call: t.Callable[[Object], t.Coroutine[t.Any, t.Any, None]], words: str
    ) -> None:
        todo, done, shown_at = iter(items), 0, time.monotonic()

        async def work() -> None:
            nonlocal done, shown_at
            for item in todo:
                await call(item)
                done += 1
                if time.monotonic() - shown_at > _LINE_S:
                    shown_at = time.monotonic()
                    self._say(f"{self._fleet}: {done:,} of {len(items):,} {words} asked to go")

        await asyncio.gather(*(work() for _worker in range(min(self._concurrency, len(items)))))


def _clusters_own(resource: Resource, name: str) -> bool:
    if resource.plural == "secrets":
        return name.startswith(_CLUSTERS_OWN_SECRETS)
    return resource.plural == "configmaps" and name in _CLUSTERS_OWN
