# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Live migrations of the machines that are measured, all asked for at once as the reference architecture did it.

KubeVirt runs as many at a time as its limits allow; the others wait in its queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import distribution
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration, facts_of_migration

MIGRATIONS = Resource("kubevirt.io/v1", "virtualmachineinstancemigrations")
WAVE_LABEL = "tuning.virtscale/latency-wave"
FIELD_MANAGER = "virtscale.tuning"
_PROGRESS_S = 30.0

Json = t.Dict[str, t.Any]
Say = t.Callable[[str], None]


@dataclass
class Wave:
    """What became of the migrations that were asked for together."""

    seconds: float = 0.0
    migrations: list[Migration] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def result(self) -> Json:
        """Return it as a return value: the seconds in which memory moved, and those of the whole wave."""
        done = [migration for migration in self.migrations if migration.outcome == "succeeded"]
        return {
            "wave_s": round(self.seconds, 1),
            "run": distribution(migration.run_s for migration in done),
            "total": distribution(migration.total_s for migration in done),
            "failed": [{"vm": vm, "reason": reason} for vm, reason in self.failed.items()],
        }


class Api(t.Protocol):
    """What a wave needs of :class:`BulkClient`."""

    async def create(
        self,
        resource: Resource,
        name: str,
        body: Object,
        namespace: str | None = None,
        *,
        field_manager: str,
        mine: t.Callable[[Object], bool] | None = None,
    ) -> tuple[Object, bool]: ...

    async def delete(self, resource: Resource, name: str, namespace: str | None = None) -> bool: ...

    def watch(
        self, resource: Resource, namespace: str | None = None, label_selector: str | None = None
    ) -> t.AsyncIterator[tuple[str, Object]]: ...


class Mover:
    """Moves machines of one cluster."""

    def __init__(self, api: Api, wave_id: str, say: Say, limit_s: float) -> None:
        """Take what a wave needs.

        :param wave_id: what the waves of this run are marked with.
        :param limit_s: after so long the migrations that have not begun are taken back.
        """
        self._api, self._say, self._limit_s = api, say, limit_s
        self._id = re.sub("[^a-z0-9]+", "-", wave_id.lower()).strip("-")[:50]
        self._number = 0

    async def wave(self, targets: t.Sequence[Target]) -> Wave:
        """Ask for one migration of each machine, and wait until all have ended.

        :raises KubeError: when the API refuses for a reason that does not pass.
        """
        self._number += 1
        mark = f"{self._id}-{self._number}"
        wave, began = Wave(), time.monotonic()
        names = {f"{mark}-{number:04d}": target for number, target in enumerate(targets, start=1)}
        try:
            await asyncio.gather(*(self._ask(name, target, mark, wave) for name, target in names.items()))
            asked = {name for name, target in names.items() if target.vm not in wave.failed}
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._follow(mark, asked, wave), self._limit_s)
            for migration in wave.migrations:
                if migration.outcome != "succeeded":
                    late = f"it did not end within {self._limit_s:g} s"
                    wave.failed[migration.vm] = migration.reason or (late if not migration.over else "no reason given")
        finally:
            wave.seconds = time.monotonic() - began
            await asyncio.shield(self._clear(names))
        return wave

    async def _ask(self, name: str, target: Target, mark: str, wave: Wave) -> None:
        body: Object = {
            "apiVersion": MIGRATIONS.api_version,
            "kind": "VirtualMachineInstanceMigration",
            "metadata": {
                "name": name,
                "namespace": target.namespace,
                "labels": {WAVE_LABEL: mark, "app.kubernetes.io/managed-by": FIELD_MANAGER},
            },
            "spec": {"vmiName": target.name},
        }
        try:
            await self._api.create(
                MIGRATIONS, name, body, target.namespace, field_manager=FIELD_MANAGER, mine=_is(mark)
            )
        except KubeError as error:
            wave.failed[target.vm] = str(error)

    async def _follow(self, mark: str, asked: set[str], wave: Wave) -> None:
        """Take over what the API tells until every migration has ended."""
        known: dict[str, Migration] = {}
        listed: set[str] = set()
        told_at = time.monotonic()
        if not asked:
            return
        async with contextlib.aclosing(self._watch(mark)) as heard:
            async for kind, item in heard:
                if kind == "SYNCED":
                    # What vanished while nobody watched has ended, one way or the other.
                    _end(known[name] for name in known if name not in listed)
                    listed = set()
                else:
                    name = item["metadata"]["name"]
                    listed.add(name)
                    if name not in known:
                        known[name] = Migration(item["metadata"]["uid"])
                        wave.migrations.append(known[name])
                    known[name].learn(facts_of_migration(item, time.time()))
                    if kind == "DELETED":
                        _end([known[name]])
                over = sum(known[name].over for name in asked & set(known))
                if time.monotonic() - told_at > _PROGRESS_S:
                    told_at = time.monotonic()
                    self._say(f"  {over:,} of {len(asked):,} VMs migrated")
                if over == len(asked):
                    return

    def _watch(self, mark: str) -> t.Any:
        return self._api.watch(MIGRATIONS, label_selector=f"{WAVE_LABEL}={mark}")

    async def _clear(self, names: t.Mapping[str, Target]) -> None:
        """Take the objects away, which cancels what has not begun."""
        for answer in await asyncio.gather(
            *(self._api.delete(MIGRATIONS, name, target.namespace) for name, target in names.items()),
            return_exceptions=True,
        ):
            if isinstance(answer, KubeError):
                self._say(f"  a finished migration could not be taken away: {answer}")


def _end(migrations: t.Iterable[Migration]) -> None:
    for migration in migrations:
        if not migration.over:
            migration.learn({"phase": "Gone"})


def _is(mark: str) -> t.Callable[[Object], bool]:
    return lambda item: (item["metadata"].get("labels") or {}).get(WAVE_LABEL) == mark
