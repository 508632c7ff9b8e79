# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which settings would shorten a rollout, and which would not: the model again, with one of them changed at a time."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import Forecast, simulate_courses
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    MIGRATES,
    SEED_LIMITS,
    Controllers,
    Durations,
    Node,
    Pool,
    Scenario,
    Seconds,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import (
    PER_CLUSTER,
    PER_NODE,
    MigrationLimits,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds

# What a change must save to be worth a word, and what the model does not tell from nothing.
_WORTH = 0.05
_NOISE = 0.01
_UPSTREAM = MigrationLimits()
# Who can make a change: a setting of this collection, whoever runs the cluster by other means, nobody.
SETTING, MEANS, FIXED = "setting", "means", "fixed"


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing changed: what it is called, its value before and after, and what speaks against it."""

    what: str
    before: str
    after: str
    scenario: Scenario
    kind: str = SETTING
    caution: str = ""


@dataclasses.dataclass(frozen=True)
class Advice:
    """What a change does to the whole."""

    change: Change
    before_s: float
    total_s: float

    @property
    def saves_s(self) -> float:
        """Seconds that it saves; below 0 it costs."""
        return self.before_s - self.total_s

    @property
    def helps(self) -> bool:
        """Whether it is worth it."""
        return self.saves_s >= _WORTH * self.before_s

    def as_result(self) -> dict[str, t.Any]:
        """Return the row of a table."""
        change = self.change
        return {
            "what": change.what,
            "from": change.before,
            "to": change.after,
            "kind": change.kind,
            "total_s": round(self.total_s, 1),
            "saves_s": round(self.saves_s, 1),
            "helps": self.helps,
            "text": str(self),
        }

    def __str__(self) -> str:
        change = self.change
        text = f"{change.what} {change.before} -> {change.after}: {self._effect()}"
        if change.kind == FIXED:
            return f"{text} (not a setting: for comparison only)"
        return f"{text}; {change.caution}" if self.helps and change.caution else text

    def _effect(self) -> str:
        if abs(self.saves_s) <= _NOISE * self.before_s:
            return "changes nothing"
        total, saved = describe_seconds(self.total_s), describe_seconds(abs(self.saves_s))
        if self.saves_s < 0:
            return f"{total}, {saved} more"
        return f"{total}, saves {saved}" if self.helps else f"{total}, saves {saved}, hardly worth it"


def advise(forecast: Forecast) -> list[Advice]:
    """Return the effect of each change that means anything for this rollout, what saves most first."""
    scenario = forecast.trace.scenario
    found = [Advice(change, forecast.total_s, _typical_s(change.scenario)) for change in changes(scenario)]
    return sorted(found, key=lambda advice: (advice.change.kind == FIXED, -advice.saves_s))


def _typical_s(scenario: Scenario) -> float:
    courses = simulate_courses(scenario)
    return courses[len(courses) // 2].total_s


def changes(scenario: Scenario) -> t.Iterator[Change]:
    """Yield what can be changed, each by itself."""
    if not scenario.rolling:
        return
    yield from _at_once(scenario)
    if any(vm.leaves == MIGRATES for node in scenario.rolling for vm in node.vms):
        yield from _migrations(scenario)
        yield _virt_api(scenario)
    yield from _machines(scenario)
    yield from _controllers(scenario)


def _at_once(scenario: Scenario) -> t.Iterator[Change]:
    before = "/".join(dict.fromkeys(str(pool.max_unavailable) for pool in scenario.pools))
    after = "/".join(dict.fromkeys(str(2 * pool.max_unavailable) for pool in scenario.pools))
    doubled = tuple(dataclasses.replace(pool, max_unavailable=2 * pool.max_unavailable) for pool in scenario.pools)
    most = max(min(pool.max_unavailable, len(pool.nodes)) for pool in doubled)
    caution = f"{most} nodes out of service at once must fit max_disrupted_share"
    if scenario.max_disrupted is not None and most > scenario.max_disrupted:
        caution = f"{most} nodes at once are more than the {scenario.max_disrupted} that max_disrupted_share allows"
    if any(pool.max_unavailable < len(pool.nodes) for pool in scenario.pools):
        yield Change("maxUnavailable", before, after, dataclasses.replace(scenario, pools=doubled), caution=caution)
    if scenario.one_at_a_time and len(scenario.pools) > 1:
        together = dataclasses.replace(scenario, one_at_a_time=False)
        caution = "within max_disrupted_share, but failures of several zones can meet"
        yield Change("pools", "one at a time", "together", together, caution=caution)


def _migrations(scenario: Scenario) -> t.Iterator[Change]:
    limits = scenario.limits
    for what, more in (
        (PER_CLUSTER, dataclasses.replace(limits, per_cluster=2 * limits.per_cluster)),
        (PER_NODE, dataclasses.replace(limits, per_node=2 * limits.per_node)),
        (
            f"{PER_CLUSTER} and {PER_NODE}",
            MigrationLimits(2 * limits.per_cluster, 2 * limits.per_node),
        ),
    ):
        before, after = _limits_text(what, limits), _limits_text(what, more)
        yield Change(what, before, after, dataclasses.replace(scenario, limits=more), caution=_limits_caution(more))
    if scenario.bandwidth_bytes_s:
        wider = dataclasses.replace(scenario, bandwidth_bytes_s=2 * scenario.bandwidth_bytes_s)
        before, after = (f"{one.bandwidth_bytes_s / 2**20:g} MiB/s" for one in (scenario, wider))
        caution = "all migrations of a node share its link"
        yield Change("bandwidthPerMigration", before, after, wider, caution=caution)
    halved = {system: _half(seconds) for system, seconds in scenario.durations.migration_s.items()}
    faster = _with_durations(scenario, migration_s=halved)
    caution = "by a faster migration network, less load in the guests, or smaller memory"
    yield Change("seconds of a migration", "as given", "half", faster, MEANS, caution)


def _virt_api(scenario: Scenario) -> Change:
    own = scenario.virt_api
    more = dataclasses.replace(own, replicas=2 * own.replicas)
    caution = "virt-operator sizes it by the nodes; cnv_migration_force_virt_api overrules that"
    changed = dataclasses.replace(scenario, virt_api=more)
    return Change("replicas of virt-api", str(own.replicas), str(more.replicas), changed, caution=caution)


def _machines(scenario: Scenario) -> t.Iterator[Change]:
    reboot_s = scenario.durations.reboot_s
    faster = _with_durations(scenario, reboot_s=reboot_s / 2)
    caution = "by the firmware's settings, or by a change that needs no reboot (node disruption policy)"
    yield Change("seconds of a reboot", f"{reboot_s:g}", f"{reboot_s / 2:g}", faster, MEANS, caution)
    pods = sum(node.pods for node in scenario.rolling)
    if pods > len(scenario.rolling):
        fewer = _with_nodes(scenario, lambda node: dataclasses.replace(node, pods=node.pods // 2))
        left = sum(node.pods for node in fewer.rolling)
        caution = "by scaling down what is not needed meanwhile"
        yield Change("pods that a drain evicts", f"{pods:,}", f"{left:,}", fewer, MEANS, caution)


def _controllers(scenario: Scenario) -> t.Iterator[Change]:
    own = scenario.controllers
    if not own.drain_by_daemon:
        more = dataclasses.replace(own, drain_workers=2 * own.drain_workers)
        yield _fixed("drain workers", own.drain_workers, more.drain_workers, scenario, more)
    faster = dataclasses.replace(own, requests_per_s=2 * own.requests_per_s)
    yield _fixed("controller's requests a second", own.requests_per_s, faster.requests_per_s, scenario, faster)


def _fixed(what: str, before: float, after: float, scenario: Scenario, controllers: Controllers) -> Change:
    changed = dataclasses.replace(scenario, controllers=controllers)
    return Change(what, f"{before:g}", f"{after:g}", changed, FIXED)


def _limits_text(what: str, limits: MigrationLimits) -> str:
    return {PER_CLUSTER: str(limits.per_cluster), PER_NODE: str(limits.per_node)}.get(
        what, f"{limits.per_cluster}/{limits.per_node}"
    )


def _limits_caution(limits: MigrationLimits) -> str:
    """Return what is known of such limits: nothing beyond the reference architecture's."""
    upstream = f"KubeVirt's defaults are {_UPSTREAM.per_cluster}/{_UPSTREAM.per_node}"
    if limits.per_cluster > SEED_LIMITS.per_cluster or limits.per_node > SEED_LIMITS.per_node:
        seed = f"{SEED_LIMITS.per_cluster}/{SEED_LIMITS.per_node}"
        return f"beyond the {seed} that the reference architecture ran, so try it on few nodes first; {upstream}"
    return f"the migration network has to carry it; {upstream}"


def _half(seconds: Seconds) -> Seconds:
    return seconds / 2 if isinstance(seconds, (int, float)) else [one / 2 for one in seconds]


def _with_durations(scenario: Scenario, **changed: t.Any) -> Scenario:
    durations: Durations = dataclasses.replace(scenario.durations, **changed)
    return dataclasses.replace(scenario, durations=durations)


def _with_nodes(scenario: Scenario, change: t.Callable[[Node], Node]) -> Scenario:
    def of_pool(pool: Pool) -> Pool:
        return dataclasses.replace(pool, nodes=tuple(map(change, pool.nodes)))

    return dataclasses.replace(scenario, pools=tuple(map(of_pool, scenario.pools)))
