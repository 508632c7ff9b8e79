# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The scenario of a forecast: from the measured facts of a cluster, or from a few numbers."""

from __future__ import annotations

import dataclasses
import typing as t
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines, disrupted_at_once
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import Fate, fate
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    MIGRATES,
    RESTARTS,
    SEED_MIGRATION_S,
    STAYS,
    STOPS,
    VIRT_API_LEAST,
    VIRT_API_NODES,
    Controllers,
    Durations,
    Node,
    Pool,
    Scenario,
    Seconds,
    VirtApi,
    Vm,
    spread_around,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import parse_quantity
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import (
    PER_CLUSTER,
    PER_NODE,
    MigrationLimits,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int

BANDWIDTH = "bandwidthPerMigration"
# Far above any cluster: keeps a mistyped number from turning into hours of simulation.
_MOST = {"nodes": 5000, "vms": 100_000, "pods": 1_000_000, "max_unavailable": 5000}
_LONGEST_S = 7 * 86400
_BANDWIDTH_PATH = ("spec", "configuration", "migrations", BANDWIDTH)
_VIRT_API_RATE = ("spec", "configuration", "apiConfiguration", "restClient", "rateLimiter", "tokenBucketRateLimiter")
_POOL_KEYS = ("name", "nodes", "max_unavailable", "vms", "pods", "left")
_LEAVES = {
    Fate.MIGRATES: MIGRATES,
    Fate.RESTARTS: RESTARTS,
    Fate.STOPS: STOPS,
    Fate.BLOCKS: STAYS,
    Fate.EXTERNAL: STAYS,
}

Facts = t.Mapping[str, t.Any]


def read_scenario(params: t.Mapping[str, t.Any]) -> Scenario:
    """Return the scenario that a module's parameters describe.

    :raises TuningError: one sentence, for what no cluster can have.
    """
    facts = params.get("facts") or {}
    pools = [_pool_wish(index, wish) for index, wish in enumerate(params["pools"] or [])]
    if not pools:
        raise TuningError("pools is empty: name at least one pool that is going to roll.")
    names = [pool["name"] for pool in pools]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TuningError(f"pools names {', '.join(twice)} more than once: each pool rolls once.")
    share = parse_decimal("max_disrupted_share", params["max_disrupted_share"], above=0, maximum=1)
    durations, stop_given = read_durations(params.get("durations") or {})
    rolling, others = (
        _measured(facts, pools, stop_given) if facts else _described(pools, _at_least_0("other_nodes", params))
    )
    nodes = len(others) + sum(len(pool.nodes) for pool in rolling)
    workers = len(Machines.from_facts(facts).workers()) if facts else nodes
    limits, bandwidth = read_limits(facts, params.get("limits") or {})
    everywhere = len(facts.get("nodes") or ()) or nodes
    return Scenario(
        pools=tuple(rolling),
        others=tuple(others),
        limits=limits,
        bandwidth_bytes_s=bandwidth,
        durations=durations,
        controllers=read_controllers(params.get("durations") or {}, params["drain_by"]),
        virt_api=read_virt_api(facts, everywhere),
        one_at_a_time=params["one_at_a_time"],
        max_disrupted=disrupted_at_once(workers, share),
    )


def _pool_wish(index: int, wish: t.Any) -> dict[str, t.Any]:
    if isinstance(wish, str) and wish:
        return {"name": wish}
    if not isinstance(wish, dict) or not isinstance(wish.get("name"), str) or not wish["name"]:
        raise InvalidValue(f"pools[{index}]", wish, "the name of a pool, or a dictionary with its name")
    unknown = sorted(set(wish) - set(_POOL_KEYS))
    if unknown:
        raise TuningError(f"pools[{index}] has {', '.join(unknown)}, but may have {', '.join(_POOL_KEYS)}.")
    return wish


def _measured(
    facts: Facts, wishes: t.Sequence[t.Mapping[str, t.Any]], stop_given: bool
) -> tuple[list[Pool], list[Node]]:
    """Return the pools that roll with their nodes as measured, and the other nodes that may take VMs."""
    machines = Machines.from_facts(facts)
    nodes = MeasuredNodes(facts, stop_given)
    rolling = []
    for wish in wishes:
        name = wish["name"]
        if name not in machines.pools:
            raise TuningError(f"There is no MachineConfigPool {name}; there are {', '.join(sorted(machines.pools))}.")
        told = sorted(set(wish) & {"nodes", "vms", "pods"})
        if told:
            raise TuningError(f"pools gives {', '.join(told)} of {name}, which facts have measured: leave it out.")
        members = machines.members(name)
        at_once = machines.snapshot.pools[name].at_once(len(members))
        if wish.get("max_unavailable") is not None:
            at_once = _pool_number(name, "max_unavailable", wish)
        rolling.append(Pool(name, tuple(map(nodes.node, _left(wish, members))), at_once))
    taken = {node.name for pool in rolling for node in pool.nodes}
    open_for_more = [
        node.name for node in machines.snapshot.workers if node.name not in taken and node.ready and not node.cordoned
    ]
    return rolling, [nodes.node(name) for name in open_for_more]


def _left(wish: t.Mapping[str, t.Any], members: t.Sequence[str]) -> t.Sequence[str]:
    """Return the members that still have to roll: all, unless some are named."""
    left = wish.get("left", members)
    if not isinstance(left, (list, tuple)) or not left or not set(map(str, left)) <= set(members):
        raise InvalidValue(f"left of {wish['name']}", left, "names of nodes of this pool, at least one")
    return [name for name in members if name in left]


class MeasuredNodes:
    """What runs on each node by the facts."""

    def __init__(self, facts: Facts, stop_given: bool) -> None:
        self._pods: Facts = facts.get("node_pods") or {}
        self._stop_given = stop_given
        self._vms: dict[str, list[Vm]] = {}
        self._blocked: dict[str, list[str]] = {}
        for machine in facts.get("virtual_machines") or []:
            if machine["node"]:
                self._vms.setdefault(machine["node"], []).append(_vm(machine))
        for budget in facts.get("disruption_budgets") or []:
            for node, pods in (budget.get("pods") or {}).items():
                self._blocked.setdefault(node, []).extend(f"{budget['namespace']}/{pod}" for pod in pods)

    def node(self, name: str) -> Node:
        """Return one of them."""
        pods = self._pods.get(name) or {}
        # A pod of two budgets blocks once.
        blocked = tuple(dict.fromkeys(self._blocked.get(name, ())))
        return Node(
            name,
            pods=max(0, int(pods.get("count", 0)) - len(blocked)),
            # Its grace period is the longest that a pod takes, unless somebody knows better.
            pod_stops=() if self._stop_given else _graces(pods),
            daemon_pods=max(0, int(pods.get("pods", 0)) - int(pods.get("moving_pods", pods.get("pods", 0)))),
            vms=tuple(self._vms.get(name, ())),
            blocked=blocked,
        )


def _graces(pods: Facts) -> tuple[tuple[float, int], ...]:
    return tuple((float(grace_s), int(number)) for grace_s, number in (pods.get("graces") or {}).items())


def _vm(machine: Facts) -> Vm:
    found = fate(machine)
    why = ""
    if found is Fate.BLOCKS:
        why = f"cannot migrate and may not be shut down ({machine['why_not'] or 'no reason given'})"
    elif found is Fate.EXTERNAL:
        why = "is left to the controller that its eviction strategy External names"
    name = f"{machine['namespace']}/{machine['name']}"
    return Vm(name, machine["os"], _LEAVES[found], int(machine["memory_bytes"]), why)


def _described(wishes: t.Sequence[t.Mapping[str, t.Any]], other_nodes: int) -> tuple[list[Pool], list[Node]]:
    """Return pools of equal nodes from numbers; the other nodes carry as many VMs as those on average."""
    pools = []
    for wish in wishes:
        name = wish["name"]
        for key in ("nodes", "max_unavailable"):
            if wish.get(key) is None:
                raise TuningError(f"pools gives no {key} of {name}: give it, or the facts of a cluster.")
        nodes = _pool_number(name, "nodes", wish)
        vms = _mixed(_systems(name, wish.get("vms") or {}))
        pods = _pool_number(name, "pods", wish) if wish.get("pods") is not None else 0
        pools.append(
            Pool(
                name,
                tuple(
                    Node(
                        f"{name}-{number}",
                        pods=_dealt(pods, nodes, number),
                        vms=tuple(Vm(f"{name}-vm-{index}", vms[index]) for index in range(number, len(vms), nodes)),
                    )
                    for number in range(nodes)
                ),
                _pool_number(name, "max_unavailable", wish),
            )
        )
    rolling = [node for pool in pools for node in pool.nodes]
    average = sum(len(node.vms) for node in rolling) // len(rolling)
    stay = tuple(Vm("another") for _vm in range(average))
    return pools, [Node(f"other-{number}", vms=stay) for number in range(other_nodes)]


def _systems(pool: str, vms: t.Any) -> dict[str, int]:
    if not isinstance(vms, dict):
        raise InvalidValue(f"vms of {pool}", vms, "a dictionary of operating systems and numbers")
    return {
        str(system): parse_int(f"vms.{system} of {pool}", number, minimum=0, maximum=_MOST["vms"])
        for system, number in vms.items()
    }


def _mixed(systems: t.Mapping[str, int]) -> list[str]:
    """Return the VMs' systems so evenly mixed that every node gets its share of each."""
    total = sum(systems.values())
    places = [((index + 0.5) * total / number, system) for system, number in systems.items() for index in range(number)]
    return [system for _place, system in sorted(places)]


def _dealt(total: int, among: int, number: int) -> int:
    return total // among + (number < total % among)


def _pool_number(pool: str, key: str, wish: t.Mapping[str, t.Any]) -> int:
    minimum = 0 if key == "pods" else 1
    return parse_int(f"{key} of {pool}", wish[key], minimum=minimum, maximum=_MOST[key])


def _at_least_0(name: str, params: t.Mapping[str, t.Any]) -> int:
    return parse_int(name, params.get(name) or 0, minimum=0, maximum=_MOST["nodes"])


def read_limits(facts: Facts, given: t.Mapping[str, t.Any]) -> tuple[MigrationLimits, float]:
    """Return the limits in effect, each unless another one is given, and the bandwidth in bytes a second."""
    known = (PER_CLUSTER, PER_NODE, BANDWIDTH)
    # The other fields of liveMigrationConfig are no limits of this kind: they may be given along with them.
    given = {name: value for name, value in given.items() if name in known and value is not None}
    kubevirt = facts.get("kubevirt")
    limits = MigrationLimits.of(kubevirt)
    per_cluster = parse_int(PER_CLUSTER, given.get(PER_CLUSTER, limits.per_cluster))
    per_node = parse_int(PER_NODE, given.get(PER_NODE, limits.per_node))
    bandwidth = given.get(BANDWIDTH, value_at(kubevirt or {}, _BANDWIDTH_PATH) or 0)
    try:
        bytes_s = parse_quantity(bandwidth)
    except InvalidValue:
        bytes_s = Decimal(-1)
    if bytes_s < 0:
        raise InvalidValue(BANDWIDTH, bandwidth, "a quantity of bytes a second such as 64Mi, at least 0")
    return MigrationLimits(per_cluster, per_node), float(bytes_s)


def read_virt_api(facts: Facts, nodes: int) -> VirtApi:
    """Return virt-api as it was measured, or as virt-operator sizes it for so many nodes."""
    replicas = value_at(facts.get("virt_api") or {}, ("spec", "replicas"))
    limiter = value_at(facts.get("kubevirt") or {}, _VIRT_API_RATE) or {}
    return VirtApi(
        max(VIRT_API_LEAST, nodes // VIRT_API_NODES) if replicas is None else int(replicas),
        float(limiter.get("qps") or 0),
        int(limiter.get("burst") or 0),
    )


def read_durations(given: t.Mapping[str, t.Any]) -> tuple[Durations, bool]:
    """Return the durations, and whether the pods' own was given."""
    names = [field.name for field in dataclasses.fields(Durations) if field.name != "migration_s"]
    read: dict[str, t.Any] = {name: _seconds(name, given[name]) for name in names if given.get(name) is not None}
    migration_s = {} if given.get("migration_s") is None else given["migration_s"]
    if not isinstance(migration_s, dict):
        raise InvalidValue("migration_s", migration_s, "a dictionary of operating systems and seconds")
    read["migration_s"] = _read_migration_s({**SEED_MIGRATION_S, **migration_s})
    return Durations(**read), "pod_stop_s" in read


def _read_migration_s(given: t.Mapping[str, t.Any]) -> dict[str, Seconds]:
    found: dict[str, Seconds] = {}
    for system, value in given.items():
        name = f"migration_s.{system}"
        if isinstance(value, (list, tuple)):
            if not value:
                raise InvalidValue(name, value, "seconds, or a list of measured seconds")
            found[system] = [_seconds(name, one) for one in value]
        else:
            found[system] = spread_around(_seconds(name, value))
    return found


def read_controllers(given: t.Mapping[str, t.Any], drain_by: str) -> Controllers:
    """Return the controllers' numbers, with those of the daemons that the durations give."""
    controllers = Controllers(drain_by_daemon=drain_by == "daemon")
    for name in ("daemon_poll_s", "daemon_reacts_s"):
        if given.get(name) is not None:
            controllers = dataclasses.replace(controllers, **{name: _seconds(name, given[name])})  # type: ignore[arg-type]
    return controllers


def _seconds(name: str, value: t.Any) -> float:
    return float(parse_decimal(name, value, minimum=0, maximum=_LONGEST_S))
