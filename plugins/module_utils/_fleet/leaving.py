# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is on its way out: the objects of one kind of a fleet, and of machines the instances that still run."""

from __future__ import annotations

import asyncio
import contextlib
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import VIRTUAL_MACHINES, selector
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

INSTANCES = Resource("kubevirt.io/v1", "virtualmachineinstances")
_FINAL = ("Succeeded", "Failed")

Counts = t.Callable[[Object], bool]


class Leaving:
    """The objects that are left, by one watch for all of them."""

    def __init__(self, api: BulkClient, fleet: str, resource: Resource) -> None:
        self._api, self._fleet, self._resource = api, fleet, resource
        self._tasks: list[asyncio.Task[None]] = []
        self._known = asyncio.Event()
        self.left: set[str] = set()
        # A machine goes only after its instance has shut down.
        self.running: set[str] = set()
        # When anything of it was last heard, by the monotonic clock.
        self.moved_at = time.monotonic()

    @contextlib.asynccontextmanager
    async def following(self) -> t.AsyncIterator[None]:
        """Watch until the context is left."""
        self._watch(self._resource, self.left, lambda item: True, self._known)
        if self._resource is VIRTUAL_MACHINES:
            self._watch(INSTANCES, self.running, _runs, asyncio.Event())
        try:
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def over(self) -> bool:
        """Return whether nothing is left.

        :raises KubeError: when the API refuses to tell, for a reason that does not pass.
        """
        for task in self._tasks:
            if task.done():
                task.result()
        return self._known.is_set() and not self.left

    def words(self) -> str:
        """Return what still runs, for a line of progress."""
        return f", {len(self.running):,} of them have to shut down first" if self.running else ""

    def _watch(self, resource: Resource, found: set[str], counts: Counts, known: asyncio.Event) -> None:
        self._tasks.append(asyncio.create_task(self._follow(resource, found, counts, known)))

    async def _follow(self, resource: Resource, found: set[str], counts: Counts, known: asyncio.Event) -> None:
        try:
            await self._hear(resource, found, counts, known)
        except KubeError as error:
            # A kind that the cluster does not have.
            if error.status != 404:
                raise
            known.set()

    async def _hear(self, resource: Resource, found: set[str], counts: Counts, known: asyncio.Event) -> None:
        listed: set[str] = set()
        async with contextlib.aclosing(self._api.watch(resource, None, selector(self._fleet))) as heard:
            async for event, item in heard:
                self.moved_at = time.monotonic()
                if event == "SYNCED":
                    found.clear()
                    found.update(listed)
                    listed = set()
                    known.set()
                    continue
                there = listed if event == "LISTED" else found
                (there.add if event != "DELETED" and counts(item) else there.discard)(_name(item["metadata"]))


def _name(meta: Object) -> str:
    return f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else str(meta["name"])


def _runs(instance: Object) -> bool:
    return (instance.get("status") or {}).get("phase") not in _FINAL
