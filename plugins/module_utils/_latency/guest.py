# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One machine: looked at, given its files, started at a moment that all share, and asked what it measured."""

from __future__ import annotations

import asyncio
import contextlib
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency import scripts
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.fio import FioError, Job, Measured, parse_report
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import SshError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.session import Completed

# How long a short question may take, in a machine that is under load.
_ANSWER_S = 60.0
_CLOCK_ATTEMPTS = 3


class Session(t.Protocol):
    """What is needed of an SSH session."""

    async def run(self, command: str, *, stdin: str | bytes = b"", timeout_s: float | None = None) -> Completed:
        """Run a command."""

    async def close(self) -> None:
        """Close it."""


Connect = t.Callable[[Target], t.Awaitable[Session]]


class GuestError(TuningError):
    """A machine could not do its part; the message says why, without its name."""


class Guest:
    """One machine and the session with it, which is opened again when it broke."""

    def __init__(self, target: Target, settings: Settings, connect: Connect) -> None:
        self.target = target
        self._settings = settings
        self._connect = connect
        self._session: Session | None = None
        self.looked: scripts.Look | None = None
        # How far the machine's clock is ahead of the controller's; None while that is not known.
        self._ahead_ns: int | None = None

    @property
    def vm(self) -> str:
        """What it is called in results."""
        return self.target.vm

    async def look(self) -> scripts.Look:
        """Read fio, free space and the files that are there; nothing is changed.

        :raises GuestError: when the machine does not answer, or not as a machine that fio can run in.
        """
        output = await self._run(scripts.look(self._settings.directory, self._settings.dataset), _ANSWER_S)
        try:
            self.looked = scripts.parse_look(output)
        except ValueError as error:
            raise GuestError(f"{error}: {scripts.answer(output)[:200]!r}") from error
        return self.looked

    async def set_clock(self) -> None:
        """Compare its clock with the controller's; right to half of what the quickest answer took.

        :raises GuestError: when the machine does not answer.
        """
        quickest_ns: int | None = None
        for _attempt in range(_CLOCK_ATTEMPTS):
            before = time.time_ns()
            output = await self._run(scripts.clock(), _ANSWER_S)
            took_ns = time.time_ns() - before
            try:
                clock_ns = scripts.parse_clock(output)
            except ValueError as error:
                raise GuestError(f"it did not say what time it is: {scripts.answer(output)[:200]!r}") from error
            if quickest_ns is None or took_ns < quickest_ns:
                quickest_ns, self._ahead_ns = took_ns, clock_ns - before - took_ns // 2

    @property
    def clocked(self) -> bool:
        """Whether its clock was compared with the controller's."""
        return self._ahead_ns is not None

    async def lay_out(self) -> bool:
        """Write the files that are missing, and return whether there were any.

        :raises GuestError: when not all of them could be written.
        """
        dataset = self._settings.dataset
        if self.looked is not None and self.looked.present == dataset.count:
            return False
        script = scripts.layout(self._settings.directory, dataset)
        present = scripts.parse_present(await self._run(script, self._settings.dataset_limit_s))
        if present != dataset.count:
            raise GuestError(f"only {present} of {dataset.count} files are whole after they were written")
        return True

    async def arm(self, direction: str, iops: int, runtime_s: float, at_ns: int) -> None:
        """Let fio begin at a moment of the controller's clock.

        :raises GuestError: when the machine does not answer.
        """
        settings = self._settings
        job = Job(
            direction,
            iops,
            runtime_s,
            settings.ramp_s,
            settings.block_kib,
            settings.iodepth,
            self.looked.engine if self.looked else "psync",
            f"{settings.directory}/{settings.dataset.name}",
            settings.dataset.count,
        )
        await self._run(scripts.arm(settings.directory, job, at_ns + (self._ahead_ns or 0)), _ANSWER_S)

    async def collect(self, direction: str, wait_s: float) -> tuple[Measured, int]:
        """Return what it measured, and when it began by the controller's clock.

        :raises GuestError: when fio did not end within ``wait_s``, or measured nothing.
        """
        output = await self._run(scripts.collect(self._settings.directory, wait_s), wait_s + _ANSWER_S)
        try:
            started_ns, report = scripts.parse_collected(output)
            return parse_report(report, direction), started_ns - (self._ahead_ns or 0)
        except ValueError as error:
            raise GuestError(f"it did not say when fio began: {scripts.answer(output)[:200]!r}") from error
        except FioError as error:
            raise GuestError(str(error)) from error

    async def stop(self) -> None:
        """End what runs in it.

        :raises GuestError: when the machine does not answer.
        """
        await self._run(scripts.stop(self._settings.directory), _ANSWER_S)

    def move(self, target: Target) -> None:
        """Note where the machine is now; a move may have set its clock back."""
        self._ahead_ns = None
        if target.address != self.target.address:
            self.target, self._session = target, None

    async def close(self) -> None:
        """Leave the machine."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(SshError, OSError):
                await session.close()

    async def _run(self, script: str, limit_s: float) -> str:
        """Return what a script says; a session that broke is opened once more, since every script may run twice."""
        for last in (False, True):
            try:
                if self._session is None:
                    self._session = await self._connect(self.target)
                ended = await self._session.run(scripts.SHELL, stdin=script, timeout_s=limit_s)
            except SshError as error:
                await self.close()
                if last or "did not end" in str(error):
                    raise GuestError(str(error)) from error
                await asyncio.sleep(1)
            else:
                if ended.exit_status != 0:
                    said = scripts.answer(ended.stdout).strip() or ended.stderr.strip() or "without a word"
                    raise GuestError(f"a command failed: {said.splitlines()[-1][:200]}")
                return ended.stdout
        raise AssertionError("the second attempt returns or raises")
