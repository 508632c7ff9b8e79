# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The next netdev_budget and netdev_max_backlog of a host, grown in small steps where its CPUs lag behind.

The reference architecture sets 1000 and 5000 and says to raise them little by little while the counters of
/proc/net/softnet_stat rise. A budget is only used up if the time limit beside it allows, so netdev_budget_usecs
grows with it.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int

BUDGET = "net.core.netdev_budget"
USECS = "net.core.netdev_budget_usecs"
BACKLOG = "net.core.netdev_max_backlog"
# The kernel's own proportion: 2000 microseconds for 300 packets.
_USECS_PER_PACKET = (2000, 300)


class Limits(t.NamedTuple):
    """Where growth starts, how large a step is, what is noise, and where it ends."""

    budget: int
    budget_cap: int
    usecs_cap: int
    backlog: int
    backlog_cap: int
    step_percent: int
    squeezes_per_million: int
    drops_per_million: int


class Step(t.NamedTuple):
    """The next value, why it is this, and whether it is one step more than what runs."""

    value: int
    why: str
    grew: bool


def read_limits(params: dict[str, t.Any]) -> Limits:
    """Check the module's numbers.

    :raises InvalidValue: for what is no whole number, or a cap below its floor.
    """
    largest = 2**31 - 1
    limits = Limits(**{name: parse_int(name, params[name], maximum=largest) for name in Limits._fields})
    for floor, cap in (("budget", "budget_cap"), ("backlog", "backlog_cap")):
        if getattr(limits, cap) < getattr(limits, floor):
            raise InvalidValue(cap, getattr(limits, cap), f"at least {floor}, which is {getattr(limits, floor)}")
    return limits


def plan_hosts(hosts: dict[str, dict[str, t.Any]], limits: Limits) -> dict[str, dict[str, t.Any]]:
    """Return the plan of every host from its ``network_info`` result.

    :raises TuningError: if a host's result is not one.
    """
    return {name: _plan_host(name, facts, limits) for name, facts in hosts.items()}


def _plan_host(name: str, facts: t.Any, limits: Limits) -> dict[str, t.Any]:
    if not isinstance(facts, dict):
        raise TuningError(f"hosts.{name} is not a result of network_info.")
    softnet = facts.get("softnet")
    squeezes, drops, processed, window_s = _counts(name, softnet)
    running = {key: _running(name, facts, key) for key in (BUDGET, USECS, BACKLOG)}

    squeezed = _is_more(squeezes, processed, limits.squeezes_per_million)
    dropped = _is_more(drops, processed, limits.drops_per_million)
    budget = _next(running[BUDGET], limits.budget, limits.budget_cap, squeezed, limits.step_percent)
    backlog = _next(running[BACKLOG], limits.backlog, limits.backlog_cap, dropped, limits.step_percent)
    usecs = _next_usecs(running[USECS], budget.value, squeezed, limits)
    if softnet is None:
        measured = "no softnet window was taken"
    else:
        measured = f"{squeezes} squeezes and {drops} drops in {processed} packets over {window_s} s"
    return {
        "sysctls": {BUDGET: str(budget.value), USECS: str(usecs), BACKLOG: str(backlog.value)},
        "grew": [key for key, step in ((BUDGET, budget), (BACKLOG, backlog)) if step.grew],
        "evidence": f"{measured}; budget {budget.why}, {usecs} us for it; backlog {backlog.why}",
    }


def _next(running: int | None, floor: int, cap: int, lagging: bool, step_percent: int) -> Step:
    """Return the next value. What runs is never lowered, not even to the cap."""
    start = max(running or 0, floor)
    if not lagging:
        return Step(start, f"{start} (nothing grows)" if start == running else f"{start} (the floor)", grew=False)
    # A host below the floor gets the floor first, and a step only if that proves too little.
    if running is not None and running < floor:
        return Step(floor, f"{floor} (the floor first)", grew=False)
    if start >= cap:
        return Step(start, f"{start} (lags, but the cap is {cap})", grew=False)
    grown = min(cap, start + math.ceil(start * step_percent / 100))
    return Step(grown, f"{start} -> {grown} (lags: a step of {step_percent} %)", grew=True)


def _next_usecs(running: int | None, budget: int, squeezed: bool, limits: Limits) -> int:
    numerator, denominator = _USECS_PER_PACKET
    wanted = min(limits.usecs_cap, -(-budget * numerator // denominator))
    if running is None:
        return wanted
    if squeezed and running >= wanted:
        wanted = min(limits.usecs_cap, running + math.ceil(running * limits.step_percent / 100))
    return max(running, wanted)


def _is_more(events: int, processed: int, per_million: int) -> bool:
    """Whether events are more than noise; below that a value holds, so that growth does not follow every ripple."""
    return events > 0 and events * 1_000_000 > processed * per_million


def _counts(name: str, softnet: t.Any) -> tuple[int, int, int, t.Any]:
    if softnet is None:
        return 0, 0, 0, 0
    if not isinstance(softnet, dict):
        raise TuningError(f"hosts.{name}.softnet is not a softnet result of network_info.")
    squeezes, drops, processed = (
        parse_int(f"hosts.{name}.softnet.{key}", softnet.get(key), minimum=0)
        for key in ("time_squeeze", "dropped", "processed")
    )
    return squeezes, drops, processed, softnet.get("window_s")


def _running(name: str, facts: dict[str, t.Any], key: str) -> int | None:
    entry = (facts.get("sysctls") or {}).get(key)
    value = entry.get("value") if isinstance(entry, dict) else None
    return None if value is None else parse_int(f"hosts.{name}.sysctls.{key}", value, minimum=0)
