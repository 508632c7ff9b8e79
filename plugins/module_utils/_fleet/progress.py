# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A line every few seconds: how many machines have come how far, and how long the rest may take."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import Failure, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds

Say = t.Callable[[str], None]
_LINE_S = 5.0
_JUDGE_S = 1.0
_REPORTED_MAX = 20
# An estimate from fewer would say nothing.
_ENOUGH = 0.03


class Progress:
    """Tells of one deployment at a time."""

    def __init__(self, say: Say, failing_s: float, silence: t.Callable[[], str | None]) -> None:
        self._say, self._failing_s, self._silence = say, failing_s, silence
        self._machines: t.Sequence[Machine] = ()
        self._label = ""
        self._began = self._shown_at = self._judged_at = 0.0
        self._settled_before = 0
        self._reported: set[str] = set()
        # Which batch of how many, while there are batches.
        self.batch: tuple[int, int] | None = None

    def begin(self, label: str, machines: t.Sequence[Machine], now: float) -> None:
        """Tell of these machines from now on."""
        self._label, self._machines = label, machines
        self._began = self._shown_at = now
        self._settled_before = sum(machine.settled for machine in machines)
        self.batch = None

    def show(self, now: float) -> None:
        """Tell of new failures, and of where it stands, unless that was told a moment ago."""
        if now - self._judged_at >= _JUDGE_S:
            self._judged_at = now
            for machine in self._machines:
                machine.judge(now, self._failing_s)
                if machine.failure and machine.name not in self._reported:
                    self._report(machine, machine.failure)
        if now - self._shown_at < _LINE_S:
            return
        self._shown_at = now
        self._say(self.line(now))
        silence = self._silence()
        if silence:
            self._say(f"{self._label}: the API does not answer, waiting: {silence}")

    def line(self, now: float) -> str:
        """Return where it stands."""
        machines = self._machines
        total = len(machines)
        parts = [f"{sum(machine.there for machine in machines):,} of {total:,} created"]
        clones = sum(machine.clones > 0 for machine in machines)
        if clones:
            done = sum(machine.clones > 0 and machine.is_cloned for machine in machines)
            parts.append(f"{done:,} of {clones:,} cloned")
        runs = sum(bool(machine.runs) for machine in machines)
        if runs:
            parts.append(f"{sum(machine.is_running for machine in machines):,} of {runs:,} running")
        failed = sum(machine.failure is not None for machine in machines)
        if failed:
            parts.append(f"{failed:,} failed")
        batch = f"batch {self.batch[0]} of {self.batch[1]}: " if self.batch and self.batch[1] > 1 else ""
        return f"{self._label}: {batch}{', '.join(parts)}{self._rest(now, total)}"

    def _rest(self, now: float, total: int) -> str:
        settled = sum(machine.settled for machine in self._machines)
        done = settled - self._settled_before
        if settled == total or done < max(3, _ENOUGH * total):
            return ""
        return f"; about {describe_seconds((now - self._began) * (total - settled) / done)} left"

    def _report(self, machine: Machine, failure: Failure) -> None:
        self._reported.add(machine.name)
        if len(self._reported) <= _REPORTED_MAX:
            self._say(f"{self._label}: {machine.vm} failed to {failure.stage}: {failure.reason}")
        elif len(self._reported) == _REPORTED_MAX + 1:
            self._say(f"{self._label}: more machines failed; all are named in the result")
