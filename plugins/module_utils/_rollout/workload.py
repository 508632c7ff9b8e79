# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What runs on the nodes that roll, so that an estimate knows the virtual machines and pods that have to leave."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.inputs import (
    MeasuredNodes,
    read_controllers,
    read_durations,
    read_limits,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    Controllers,
    Durations,
    Pool,
    Scenario,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import MigrationLimits
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import Estimate


@dataclass(frozen=True)
class Pace:
    """How long things take on this cluster, and which of the controllers drains."""

    durations: Durations = field(default_factory=Durations)
    controllers: Controllers = field(default_factory=Controllers)

    @classmethod
    def parse(cls, given: t.Mapping[str, t.Any]) -> Pace:
        """Return the pace that a playbook gives, in the terms of rollout_forecast.

        :raises InvalidValue: for what is no duration.
        """
        return cls(read_durations(given)[0], read_controllers(given, "controller"))


class Workload:
    """The cluster's virtual machines and pods by node, as measured once."""

    def __init__(self, facts: t.Mapping[str, t.Any], pace: Pace) -> None:
        """Take the facts that ocp_info calls virtual_machines."""
        # The playbook says how long pods take to stop: what a pod may take at most is no measure of it.
        self._nodes = MeasuredNodes(facts, stop_given=True)
        self._limits: MigrationLimits
        self._limits, self._bandwidth_bytes_s = read_limits(facts, {})
        self._pace = pace

    def estimate(self, pool: str, behind: t.Sequence[str], others: t.Sequence[str], at_once: int) -> Estimate:
        """Return how long the nodes of a pool that are behind will take.

        :param others: the other nodes that virtual machines may go to.
        """
        if not behind:
            return Estimate(0, at_once, 0, 0.0, "nothing to do")
        at_once = min(at_once, len(behind))
        expected = forecast(
            Scenario(
                pools=(Pool(pool, tuple(map(self._nodes.node, behind)), at_once),),
                others=tuple(map(self._nodes.node, others)),
                limits=self._limits,
                bandwidth_bytes_s=self._bandwidth_bytes_s,
                durations=self._pace.durations,
                controllers=self._pace.controllers,
            )
        )
        waves = math.ceil(len(behind) / at_once)
        return Estimate(len(behind), at_once, waves, expected.total_s, expected.binding)
