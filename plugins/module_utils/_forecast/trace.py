# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is known of a simulated rollout when it is over: when each step happened, and how many of each there were."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.cluster import Machine, Move
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import Pool, Scenario


@dataclass(eq=False)
class PoolRun:
    """One pool's part of the rollout."""

    pool: Pool
    machines: list[Machine]
    released_at: float | None = None
    ended_at: float | None = None
    # Its place in the node controller's queue: waiting for the delay, for a worker, or being looked at.
    delayed: bool = False
    ready: bool = False
    looked_at: bool = False
    status: tuple[int, ...] = ()

    @property
    def peak(self) -> int:
        """The most of its nodes that are out of service at once."""
        return min(self.pool.max_unavailable, len(self.machines))


class Moment(t.NamedTuple):
    """How many of each there were from this second on."""

    at_s: float
    migrating: int
    queued: int
    draining: int
    rebooting: int
    out_of_service: int


@dataclass
class Trace:
    """What happened when, in seconds from the release of the first pool."""

    scenario: Scenario
    pools: list[PoolRun]
    moves: list[Move]
    moments: list[Moment]
    most_migrations: int
    most_outbound: int
    events: int

    @property
    def total_s(self) -> float:
        """When the last pool said that it is through."""
        return max((run.ended_at or 0.0 for run in self.pools), default=0.0)
