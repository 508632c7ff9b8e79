# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Who rides along with a rollout: watches something of its own, and has a say in how the run goes on."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot


class Companion(t.Protocol):
    """What a rollout asks of its companions.

    All is called from the thread of the run, and nothing but :meth:`follow` may wait for the API: a companion that
    reads it later does so in a thread of its own, and says what it saw last.
    """

    def follow(self) -> None:
        """Begin to watch, before the rollout itself looks; called again when the API did not answer.

        :raises KubeError: when the API does not answer.
        """

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        """Take note of the cluster, at every look and at least every second or two.

        :param pools: the names of the pools that the run is about.
        :param now: seconds on the clock of the run.
        """

    def words(self, pool: str) -> str:
        """Return what belongs into the line of a rolling pool, "" for nothing."""

    def progress(self) -> object:
        """Return what differs as soon as anything moved, so that the run is not given up as stalled.

        Compared by ``==``; durations and other words that change by themselves do not belong in it.
        """

    def obstacle(self) -> str | None:
        """Return the sentence with which the run must fail now, or None."""

    def lagging(self) -> str | None:
        """Return what is waited for after all pools are done, in words that follow "waits for", or None."""

    def holding(self) -> str | None:
        """Return what must happen before a held pool is released, in words that follow "waits for", or None."""

    def stop(self) -> None:
        """End watching; called once, also when :meth:`follow` failed or never was called."""


def first_said(answers: t.Iterable[str | None]) -> str | None:
    """Return the first answer that says something."""
    return next((answer for answer in answers if answer), None)
