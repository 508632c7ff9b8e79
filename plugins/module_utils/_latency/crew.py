# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""All machines of a measurement at once: the look before, their files, and a cell from its start to its reports."""

from __future__ import annotations

import asyncio
import contextlib
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import Cell, Outcome
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.guest import Connect, Guest, GuestError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.scripts import Look
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target, shown

Say = t.Callable[[str], None]
Work = t.Callable[[Guest], t.Awaitable[t.Any]]
# What goes on beside a cell, which ends when it does.
Beside = t.Callable[[], t.Awaitable[None]]

_NS = 1_000_000_000
_GIB = 1024**3
# How long machines have after the end to write their reports, on storage that may hang for a while.
_GRACE_S = 60.0
# All machines are told so much before when to begin, at least.
_LEAD_S = 2.0
_PROGRESS_S = 15.0
# An end of everything waits so long for machines that are told to stop.
_STOP_S = 20.0


class Crew:
    """The machines of a measurement."""

    def __init__(
        self,
        targets: t.Iterable[Target],
        settings: Settings,
        connect: Connect,
        say: Say,
        *,
        at_once: int = 50,
        check_alive: t.Callable[[], None] = lambda: None,
    ) -> None:
        """Take the machines; none is spoken to yet.

        :param at_once: how many machines are spoken to at the same time.
        :param check_alive: raises when nobody waits for the result any more.
        """
        self._settings, self._say, self._check_alive = settings, say, check_alive
        self._at_once = at_once
        # How long it took, for each machine, to tell them when to begin.
        self._arming_s = 0.0
        self._guests = {target.vm: Guest(target, settings, connect) for target in targets}
        # Machines that cannot be used at all, with the reason: told in every cell.
        self.lost: dict[str, str] = {}

    async def look(self) -> int:
        """Look at every machine, and return how many bytes of files they lack together; nothing is changed.

        :raises TuningError: with names, when fio is missing, the files do not fit or cannot be written, or when none
            of the machines answers.
        """
        failed = await self._each(self._guests.values(), Guest.look, "looked at")
        self.lost = {vm: str(why) for vm, why in failed.items()}
        if len(self.lost) == len(self._guests):
            vm, why = next(iter(self.lost.items()))
            raise TuningError(f"None of the {len(self._guests):,} machines can be measured in. {vm}: {why}.")
        looked = {vm: guest.looked for vm, guest in self._guests.items() if vm not in self.lost and guest.looked}
        self._refuse(looked)
        dataset = self._settings.dataset
        return sum((dataset.count - one.present) * dataset.file_bytes for one in looked.values())

    async def lay_out(self) -> bool:
        """Write the files that are missing, and return whether there were any.

        :raises TuningError: when that failed in all machines that lack some.
        """
        count = self._settings.dataset.count
        lacking = [guest for guest in self._usable() if guest.looked is None or guest.looked.present != count]
        failed = await self._each(lacking, Guest.lay_out, "have their files")
        self.lost.update({vm: f"its files could not be written: {why}" for vm, why in failed.items()})
        if not self._usable():
            vm, why = next(iter(failed.items()))
            raise TuningError(f"The files could not be written in any machine. {vm}: {why}.")
        return bool(lacking)

    async def measure(self, cell: Cell, beside: Beside | None = None) -> Outcome:
        """Let the machines of a cell begin together, and return what they measured.

        :param beside: if given, the cell lasts as long as this goes on, at most the limit of migrations.
        """
        settings, targets = self._settings, {target.vm: target for target in cell.step.targets}
        iops = settings.iops[cell.profile]
        runtime_s = settings.runtime_s if beside is None else settings.migration_limit_s
        failed = {vm: self.lost[vm] for vm in targets if vm in self.lost}
        guests = [self._guests[vm] for vm in targets if vm not in failed]
        began = time.monotonic()
        failed.update(await self._each([guest for guest in guests if not guest.clocked], Guest.set_clock))
        # To tell them when to begin takes less than to ask them what time it is, thrice.
        lead_s = _LEAD_S + max(time.monotonic() - began, 1.5 * self._arming_s * len(guests))
        at_ns = time.time_ns() + round(lead_s * _NS)
        guests = [guest for guest in guests if guest.vm not in failed]
        # Requests at a fixed rate must not come all at the same moment of each second.
        moments = {guest.vm: at_ns + round(_NS / iops * place / len(guests)) for place, guest in enumerate(guests)}
        try:
            began = time.monotonic()
            failed.update(
                await self._each(guests, lambda guest: guest.arm(cell.direction, iops, runtime_s, moments[guest.vm]))
            )
            self._arming_s = (time.monotonic() - began) / max(1, len(guests))
            await self._sleep(
                at_ns / _NS - time.time() + settings.ramp_s + (settings.runtime_s if beside is None else 0)
            )
            if beside is not None:
                await self._while(beside())
                await self._each(guests, Guest.stop)
        except BaseException:
            await self._abandon(guests)
            raise
        outcome = Outcome()

        async def collect(guest: Guest) -> None:
            measured, started_ns = await guest.collect(cell.direction, _GRACE_S)
            outcome.measured[targets[guest.vm]] = measured
            outcome.late_s[targets[guest.vm]] = (started_ns - moments[guest.vm]) / _NS

        failed.update(await self._each([guest for guest in guests if guest.vm not in failed], collect))
        outcome.failed = {targets[vm]: reason for vm, reason in sorted(failed.items())}
        return outcome

    def move(self, targets: t.Iterable[Target]) -> None:
        """Note where machines are now."""
        for target in targets:
            if target.vm in self._guests:
                self._guests[target.vm].move(target)

    async def close(self) -> None:
        """Leave all machines."""
        await self._each(self._guests.values(), Guest.close)

    def _usable(self) -> list[Guest]:
        return [guest for vm, guest in self._guests.items() if vm not in self.lost]

    def _refuse(self, looked: t.Mapping[str, Look]) -> None:
        """Refuse what no machine should be changed for."""
        settings, dataset = self._settings, self._settings.dataset
        self._refuse_those(
            [vm for vm, look in looked.items() if look.fio is None],
            "fio is missing in {}: install it, or add 'packages: [fio]' to the cloud-init user data of their template.",
        )
        self._refuse_those(
            [vm for vm, look in looked.items() if not look.writable],
            f"The user may not write to {settings.directory} in {{}}: choose another user or directory.",
        )
        lacking = {vm: dataset.needed_bytes(one.present) - one.free_bytes for vm, one in looked.items()}
        short = [vm for vm, bytes_ in lacking.items() if bytes_ > 0]
        if short:
            worst = looked[max(short, key=lambda vm: lacking[vm])]
            self._refuse_those(
                short,
                f"The dataset of {dataset.words} does not fit in {{}}: "
                f"{dataset.needed_bytes(worst.present) / _GIB:.1f} GiB are needed and "
                f"{worst.free_bytes / _GIB:.1f} GiB free; choose fewer directories, or larger disks.",
            )

    def _refuse_those(self, names: t.Sequence[str], sentence: str) -> None:
        if names:
            raise TuningError(sentence.format(f"{len(names):,} of {len(self._guests):,} machines ({shown(names)})"))

    async def _each(self, guests: t.Iterable[Guest], work: Work, words: str = "") -> dict[str, str]:
        """Do something with each, so many at a time; return why it failed, by name.

        :param words: what is true of those that are done, for lines of progress; "" for what is quick.
        """
        places, failed, waiting = asyncio.Semaphore(self._at_once), {}, list(guests)
        done, told_at = 0, time.monotonic()

        async def one(guest: Guest) -> None:
            nonlocal done, told_at
            async with places:
                self._check_alive()
                try:
                    await work(guest)
                except GuestError as error:
                    failed[guest.vm] = str(error)
            done += 1
            if words and time.monotonic() - told_at > _PROGRESS_S:
                told_at = time.monotonic()
                self._say(f"  {done:,} of {len(waiting):,} machines {words}")

        tasks = [asyncio.ensure_future(one(guest)) for guest in waiting]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        return failed

    async def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._check_alive()
            await asyncio.sleep(min(left, 1.0))

    async def _while(self, work: t.Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                self._check_alive()
                await asyncio.wait([task], timeout=1.0)
            task.result()
        finally:
            task.cancel()

    async def _abandon(self, guests: t.Sequence[Guest]) -> None:
        """End what was begun, as far as that is quickly done."""
        self._check_alive = lambda: None
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._each(guests, Guest.stop), _STOP_S)
