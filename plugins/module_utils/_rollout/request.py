# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a rollout is asked to do: its options, checked, for every action that rolls pools."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.drains import DEFAULT_DRAIN_LIMIT_S
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import (
    DEFAULT_DRAIN_S,
    DEFAULT_REBOOT_S,
    Estimate,
    estimate,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Pool, Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.reboots import DEFAULT_REBOOT_LIMIT_S
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import Limits, Verdict, judge, outdated
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.workload import Pace, Workload

ROLLOUT_SPEC: dict[str, t.Any] = {
    "pools": {"type": "list", "elements": "str", "default": []},
    "expect": {"type": "dict", "default": {}},
    "planned": {"type": "dict", "default": {}},
    "release": {"type": "bool", "default": True},
    "one_at_a_time": {"type": "bool", "default": True},
    "max_disrupted_share": {"type": "raw", "default": 0.1},
    "timeout_s": {"type": "raw", "default": 43200},
    "stall_s": {"type": "raw", "default": 3600},
    "drain_limit_s": {"type": "raw", "default": DEFAULT_DRAIN_LIMIT_S},
    "reboot_limit_s": {"type": "raw", "default": DEFAULT_REBOOT_LIMIT_S},
    "drain_s": {"type": "raw", "default": DEFAULT_DRAIN_S},
    "reboot_s": {"type": "raw", "default": DEFAULT_REBOOT_S},
    "durations": {"type": "dict", "default": {}},
}
FAULT_STAYS_S = 10.0
_SECONDS = ("timeout_s", "stall_s", "drain_limit_s", "reboot_limit_s", "drain_s", "reboot_s")


def parse_pace(arguments: t.Mapping[str, t.Any]) -> Pace:
    """Return how long things take: ``durations``, and what stands beside them for nodes without virtual machines.

    :raises InvalidValue: for what is no duration.
    """
    beside = {"pod_stop_s": arguments["drain_s"], "reboot_s": arguments["reboot_s"]}
    return Pace.parse({**beside, **arguments["durations"]})


@dataclass(frozen=True)
class Request:
    """What to roll, and within which limits; no ``pools``: every pool that carries something of ours."""

    pools: t.Sequence[str] = ()
    expect: t.Mapping[str, t.AbstractSet[str]] = field(default_factory=dict)
    planned: t.Mapping[str, t.Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    timeout_s: float = 43200.0
    stall_s: float = 3600.0
    drain_limit_s: float = DEFAULT_DRAIN_LIMIT_S
    reboot_limit_s: float = DEFAULT_REBOOT_LIMIT_S
    drain_s: float = DEFAULT_DRAIN_S
    reboot_s: float = DEFAULT_REBOOT_S
    workload: t.Optional[Workload] = None
    # A degraded condition may pass while the controller catches up; one that stays this long is a fault.
    fault_stays_s: float = FAULT_STAYS_S
    # Whether what will happen to each pool is told at the start.
    announced: bool = True

    def chosen(self, snapshot: Snapshot) -> list[Pool]:
        """Return the pools in the order in which they are to roll.

        :raises TuningError: when a pool is named that does not exist.
        """
        missing = sorted((set(self.pools) | set(self.expect)) - set(snapshot.pools))
        if missing:
            raise TuningError(f"There is no MachineConfigPool {', '.join(missing)}.")
        if self.pools:
            return [snapshot.pools[name] for name in self.pools]
        pools = [pool for _name, pool in sorted(snapshot.pools.items())]
        return [pool for pool in pools if pool.name in self.expect or _touched(snapshot, pool)]

    def judged(self, snapshot: Snapshot, pools: t.Iterable[Pool]) -> list[Verdict]:
        """Return where each pool stands."""
        return [judge(snapshot, pool, self.expect.get(pool.name, frozenset())) for pool in pools]

    def estimated(self, snapshot: Snapshot, pool: Pool) -> Estimate:
        """Return how long the pool's outdated nodes will take, with what runs on them where that is known."""
        at_once = pool.at_once(len(snapshot.members(pool.name)))
        behind = [node.name for node in outdated(snapshot, pool)]
        if self.workload is None:
            return estimate(len(behind), at_once, drain_s=self.drain_s, reboot_s=self.reboot_s)
        others = [node.name for node in snapshot.workers if node.name not in behind and not node.disrupted]
        return self.workload.estimate(pool.name, behind, others, at_once)


def parse_request(arguments: t.Mapping[str, t.Any]) -> Request:
    """Return what to roll, and within which limits.

    :raises InvalidValue: for a number outside its range, and a limit that every reboot would break.
    """
    share = parse_decimal("max_disrupted_share", arguments["max_disrupted_share"], above=0, maximum=1)
    seconds = {name: float(parse_decimal(name, arguments[name], minimum=0)) for name in _SECONDS}
    if seconds["reboot_limit_s"] <= seconds["reboot_s"]:
        raise InvalidValue("reboot_limit_s", arguments["reboot_limit_s"], f"above reboot_s = {seconds['reboot_s']:g}")
    return Request(
        pools=arguments["pools"],
        expect={pool: frozenset(names) for pool, names in arguments["expect"].items()},
        planned=arguments["planned"],
        limits=Limits(arguments["one_at_a_time"], float(share)),
        workload=None,
        timeout_s=seconds["timeout_s"],
        stall_s=seconds["stall_s"],
        drain_limit_s=seconds["drain_limit_s"],
        reboot_limit_s=seconds["reboot_limit_s"],
        drain_s=seconds["drain_s"],
        reboot_s=seconds["reboot_s"],
    )


def _touched(snapshot: Snapshot, pool: Pool) -> bool:
    """Return whether the pool carries anything of ours: our pause, our label, a configuration of ours."""
    return (
        pool.ours
        or any(generator.ours for generator in snapshot.generators_of(pool))
        or any(source.ours for source in snapshot.sources_of(pool).values())
    )
