# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Rides along with a rollout and names the nodes that do not come back from their reboot."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Node, Snapshot

# Six times the assumed reboot: a server that checks a terabyte of memory is back by then.
DEFAULT_REBOOT_LIMIT_S = 1800.0
# A reboot that takes longer than expected by this factor is worth a word.
_LONG = 2.0


@dataclass(frozen=True)
class _Reboot:
    node: Node
    pool: str
    since: float


class RebootWatch:
    """A companion of a rollout: ends the run when a node stays away too long. It reads nothing of its own."""

    def __init__(self, expected_s: float, limit_s: float = DEFAULT_REBOOT_LIMIT_S) -> None:
        self._expected_s = expected_s
        self._limit_s = limit_s
        self._reboots: dict[str, _Reboot] = {}
        self._now = 0.0

    def follow(self) -> None:
        """Do nothing: the rollout's own look at the nodes is enough."""

    def stop(self) -> None:
        """Do nothing."""

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        """Note which nodes of these pools are between their drain and their daemon's return."""
        before, self._now = self._reboots, now
        self._reboots = {
            node.name: _Reboot(node, pool, before[node.name].since if node.name in before else now)
            for pool in pools
            for node in snapshot.members(pool)
            if node.rebooting
        }

    def words(self, pool: str) -> str:
        """Return which node of the pool reboots for longest, when that is longer than expected."""
        slow = [reboot for reboot in self._away(_LONG * self._expected_s) if reboot.pool == pool]
        return f"{slow[0].node.name} rebooting for {describe_seconds(self._now - slow[0].since)}" if slow else ""

    def progress(self) -> object:
        """Return None: the run sees itself when a node comes back."""
        return None

    def obstacle(self) -> str | None:
        """Return which node did not come back within the limit, or None."""
        away = self._away(self._limit_s)
        if not away:
            return None
        node, others = away[0].node, ", ".join(reboot.node.name for reboot in away[1:])
        state = "its kubelet is Ready, but its machine-config-daemon is silent" if node.ready else "it is not Ready"
        return (
            f"Pool {away[0].pool}: node {node.name} was drained and has not come back for "
            f"{describe_seconds(self._now - away[0].since)} (reboot_limit_s = {self._limit_s:g} s): {state}."
            f"{f' Nor have {others}.' if others else ''} Look at its console; when it is back, run again."
        )

    def lagging(self) -> str | None:
        """Return None: a pool whose nodes reboot is not done."""
        return None

    def holding(self) -> str | None:
        """Return nothing."""
        return None

    def _away(self, at_least_s: float) -> list[_Reboot]:
        away = [reboot for reboot in self._reboots.values() if self._now - reboot.since >= at_least_s]
        return sorted(away, key=lambda reboot: (reboot.since, reboot.node.name))
