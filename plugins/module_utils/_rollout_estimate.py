# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How long a rollout takes, roughly: the slowest of three limits, named."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

# Kubernetes' default grace period of a pod: the least that a drain of busy nodes takes.
DEFAULT_DRAIN_S = 30.0
# A bare-metal server through its firmware, the bootloader and the kubelet's start. An assumption: measure yours.
DEFAULT_REBOOT_S = 300.0
# The machine-config-controller: its drain controller's workers, the delay before it looks at a changed node or
# pool, and the requests a second that client-go allows a client that sets nothing.
DRAIN_WORKERS = 5
CONTROLLER_DELAY_S = 5.0
CONTROLLER_REQUESTS_PER_S = 5.0
# The daemon looks every 10 s whether its drain is done.
DAEMON_POLL_S = 10.0
# Requests of the controller for one node: taints, the desired configuration, cordon, the pods' list, annotations,
# uncordon, the pool's status. Measured: 100 nodes with 300 pods in 297 s at 5 a second.
REQUESTS_PER_NODE = 15.0


@dataclass(frozen=True)
class Estimate:
    """``seconds`` for ``nodes`` nodes in ``waves`` waves; ``limit`` is what takes that long."""

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
        return f"{nodes} in {waves}: about {describe_seconds(self.seconds)}, for {self.limit}"


def estimate(
    nodes: int, at_once: int, *, drain_s: float = DEFAULT_DRAIN_S, reboot_s: float = DEFAULT_REBOOT_S
) -> Estimate:
    """Return how long one pool takes.

    A node costs the controller's and the daemon's delays, its drain and its reboot. Waves of ``at_once`` nodes go
    through that one after the other; meanwhile a few workers do all the drains and one slow client sends all the
    requests. The slowest of these sets the pace, and the last node still has to get through.

    :param at_once: maxUnavailable as a number of nodes.
    :param drain_s: seconds from the start of a node's drain to its end.
    :param reboot_s: seconds from the end of the drain until the daemon is back.
    """
    if at_once < 1:
        raise InvalidValue("at_once", at_once, "at least 1")
    for name, value in (("nodes", nodes), ("drain_s", drain_s), ("reboot_s", reboot_s)):
        if value < 0:
            raise InvalidValue(name, value, "at least 0")
    if nodes == 0:
        return Estimate(0, at_once, 0, 0.0, "nothing to do")
    # Twice the controller's delay: before the drain and before the uncordon.
    one_node_s = 2 * CONTROLLER_DELAY_S + DAEMON_POLL_S + drain_s + reboot_s
    at_once = min(at_once, nodes)
    waves = math.ceil(nodes / at_once)
    paces = {
        "the drains, reboots and delays of each wave": waves * one_node_s,
        f"drains by {DRAIN_WORKERS} workers": (nodes - 1) * drain_s / DRAIN_WORKERS + one_node_s,
        f"{CONTROLLER_REQUESTS_PER_S:g} requests a second of the controller": (
            (nodes - 1) * REQUESTS_PER_NODE / CONTROLLER_REQUESTS_PER_S + one_node_s
        ),
    }
    limit = max(paces, key=lambda name: paces[name])
    return Estimate(nodes, at_once, waves, paces[limit], limit)


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
