# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A light load in virtual machines for as long as an upgrade lasts: one measurement of io_latency, beside the upgrade.

The reference architecture had 1,500 of its machines ask for 100 blocks of 4 KiB a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import Cell, result_of
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.crew import Crew
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import LOAD, Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target

Json = t.Dict[str, t.Any]

# What differs from io_latency's own defaults.
DEFAULTS: Json = {"measure": ["series"], "load_iops": 100, "directions": ["read"]}
_LOCATED_EVERY_S = 15.0
_END_S = 300.0


class Locates(t.Protocol):
    """What knows where machines are."""

    async def locate(self) -> list[Target]:
        """Return where they are now."""


Reached = t.Callable[[], t.AsyncContextManager[t.Tuple[Crew, t.List[Cell], t.Optional[Locates]]]]


class Load:
    """fio in the machines, in a thread of its own."""

    def __init__(self, reached: Reached, settings: Settings, say: t.Callable[[str], None]) -> None:
        """Take the way to the machines; none is spoken to yet."""
        self._reached, self._settings, self._say = reached, settings, say
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._running, self._ended, self._end = threading.Event(), threading.Event(), threading.Event()
        self._failure: str | None = None
        self._result: Json | None = None

    def start(self) -> None:
        """Return once the machines are under load.

        :raises TuningError: when none can be.
        """
        self._thread.start()
        while not self._running.wait(0.1):
            if self._ended.is_set():
                raise TuningError(f"The load could not begin: {self._failure}")

    def stop(self) -> Json:
        """End it, and return what the machines measured, or why they did not."""
        self._end.set()
        self._ended.wait(_END_S)
        return self._result or {"failure": self._failure or "the machines did not end in time"}

    def _run(self) -> None:
        try:
            asyncio.run(self._load())
        except Exception as error:
            # The upgrade goes on without it, and tells so.
            self._failure = str(error) or repr(error)
        finally:
            self._ended.set()

    async def _load(self) -> None:
        async with self._reached() as (crew, cells, fleet):
            await crew.look()
            await crew.lay_out()
            cell = [one for one in cells if one.profile == LOAD][-1]
            self._say(f"load: {cell.words(self._settings.iops[LOAD])}, until the upgrade ends")
            outcome = await crew.measure(cell, lambda: self._beside(crew, fleet))
            self._result = result_of(cell, outcome, self._settings)

    async def _beside(self, crew: Crew, fleet: Locates | None) -> None:
        self._running.set()
        located_at = time.monotonic()
        while not self._end.is_set():
            await asyncio.sleep(0.5)
            if fleet is not None and time.monotonic() - located_at > _LOCATED_EVERY_S:
                # An address may have changed with the node; an API that restarts tells it later.
                with contextlib.suppress(KubeError):
                    crew.move(await fleet.locate())
                located_at = time.monotonic()
        if fleet is not None:
            with contextlib.suppress(KubeError):
                crew.move(await fleet.locate())


def line(load: Json) -> str:
    """Return what came of it, in a line."""
    if "failure" in load:
        return f"load: not measured: {load['failure']}"
    if not load["vms_measured"]:
        return f"load: none of {load['vms']:,} VMs came to its end: {load['failed'][0]['reason']}"
    return (
        f"load: {load['vms_measured']:,} of {load['vms']:,} VMs kept it up to the end, {load['iops_per_vm']:,.1f} of "
        f"{load['asked_iops_per_vm']:,} IOPS each, mean {load['mean_us'] / 1000:,.3f} ms, "
        f"p99 {load['p99_us'] / 1000:,.3f} ms"
    )
