# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How long one pool takes of which only the number of nodes is known: the forecast's model, with equal nodes."""

from __future__ import annotations

import functools
import math
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.model import simulate
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.path import (
    critical_path,
    describe_wait,
    shares,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    DEFAULT_POD_STOP_S,
    DEFAULT_REBOOT_S,
    Durations,
    Node,
    Pool,
    Scenario,
)

__all__ = ("DEFAULT_DRAIN_S", "DEFAULT_REBOOT_S", "Estimate", "describe_seconds", "estimate", "seconds_left", "total")

# Until a node's pods are known: the default grace period, which is the least that a drain of busy nodes takes.
DEFAULT_DRAIN_S = DEFAULT_POD_STOP_S


@dataclass(frozen=True)
class Estimate:
    """``seconds`` for ``nodes`` nodes in ``waves`` waves; ``limit`` is what takes most of that."""

    nodes: int
    at_once: int
    waves: int
    seconds: float
    limit: str

    def __str__(self) -> str:
        if not self.nodes:
            return "no node has to change"
        nodes = "1 node" if self.nodes == 1 else f"{self.nodes} nodes"
        waves = "1 wave" if self.waves == 1 else f"{self.waves} waves of {self.at_once}"
        return f"{nodes} in {waves}: about {describe_seconds(self.seconds)}, most of it for {self.limit}"


@functools.lru_cache(maxsize=64)
def estimate(
    nodes: int, at_once: int, *, drain_s: float = DEFAULT_DRAIN_S, reboot_s: float = DEFAULT_REBOOT_S
) -> Estimate:
    """Return how long one pool takes.

    :param at_once: maxUnavailable as a number of nodes.
    :param drain_s: seconds that the slowest pod of a node takes to leave.
    :param reboot_s: seconds from the end of the drain until the daemon is back.
    """
    if at_once < 1:
        raise InvalidValue("at_once", at_once, "at least 1")
    for name, value in (("nodes", nodes), ("drain_s", drain_s), ("reboot_s", reboot_s)):
        if value < 0:
            raise InvalidValue(name, value, "at least 0")
    if nodes == 0:
        return Estimate(0, at_once, 0, 0.0, "nothing to do")
    at_once = min(at_once, nodes)
    equal = tuple(Node(f"node {number}", pods=1) for number in range(nodes))
    scenario = Scenario((Pool("pool", equal, at_once),), durations=Durations(pod_stop_s=drain_s, reboot_s=reboot_s))
    trace = simulate(scenario)
    longest = next(iter(shares(critical_path(trace))))
    return Estimate(nodes, at_once, math.ceil(nodes / at_once), trace.total_s, describe_wait(longest, scenario))


def seconds_left(todo: int, done: int, elapsed_s: float, before: Estimate) -> float:
    """Return the rest of a running rollout: by its own pace once a wave is through, by the estimate before that."""
    if todo <= 0:
        return 0.0
    if done >= before.at_once:
        return todo * elapsed_s / done
    return max(0.0, before.seconds - elapsed_s)


def describe_seconds(seconds: float) -> str:
    """Return a duration as a person says it: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def total(estimates: t.Sequence[Estimate]) -> float:
    """Return the seconds of pools that roll one after the other."""
    return sum(one.seconds for one in estimates)
