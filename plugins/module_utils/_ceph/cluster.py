# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a cluster looks like to who plans its placement groups: pools, rules, OSDs, hosts and live limits."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

_FULL_STATES = ("nearfull", "backfillfull", "full", "full_quota")


@dataclasses.dataclass(frozen=True)
class Pool:
    """A pool; ``pg_num`` is the number of now, ``pg_num_target`` the one it moves to, likewise for pgp."""

    name: str
    rule_id: int
    size: int
    pg_num: int
    pg_num_target: int
    pgp_num: int
    pgp_num_target: int
    autoscale_mode: str
    flags: t.FrozenSet[str]
    pg_num_min: int
    pg_num_max: int

    @property
    def settled(self) -> bool:
        """True when no ramp is going on."""
        return self.pg_num == self.pg_num_target and self.pgp_num == self.pgp_num_target


@dataclasses.dataclass(frozen=True)
class Osd:
    """An OSD that is in, with the weight by which CRUSH gives it data and the PG replicas it holds now."""

    osd_id: int
    host: str
    device_class: str
    weight: float
    pgs: int
    full_states: t.Tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Rule:
    """A CRUSH rule: where it takes from, what it spreads over, and the OSDs it can choose."""

    name: str
    roots: t.Tuple[str, ...]
    failure_domain: str
    osd_ids: t.FrozenSet[int]


@dataclasses.dataclass(frozen=True)
class Limits:
    """The effective limits of the running cluster; their defaults differ by release and by distribution."""

    mon_max_pg_per_osd: int
    mon_target_pg_per_osd: int
    mon_max_pool_pg_num: int


@dataclasses.dataclass(frozen=True)
class Cluster:
    """One look at the cluster."""

    pools: t.Dict[str, Pool]
    rules: t.Dict[int, Rule]
    osds: t.Dict[int, Osd]
    limits: Limits
    flags: t.FrozenSet[str]
    release: str

    def pool(self, name: str) -> Pool:
        """Return a pool; a TuningError names those that exist when it does not."""
        if name not in self.pools:
            raise TuningError(
                f"There is no pool {name!r} in this cluster; its pools are {', '.join(sorted(self.pools))}."
            )
        return self.pools[name]

    def osds_of(self, pool: Pool) -> t.List[Osd]:
        """Return the OSDs that the pool's rule can choose."""
        return [self.osds[osd_id] for osd_id in sorted(self.rules[pool.rule_id].osd_ids)]

    def full(self) -> t.List[str]:
        """Return a sentence for each OSD and pool that is full or nearly so."""
        osds = [f"osd.{osd.osd_id} is {state}" for osd in self.osds.values() for state in osd.full_states]
        pools = [f"pool {p.name} is {state}" for p in self.pools.values() for state in _FULL_STATES if state in p.flags]
        return osds + pools


def read_cluster(client: CephClient) -> Cluster:
    """Look at the cluster; six commands."""
    return parse_cluster(
        client.read("osd dump"),
        client.read("osd crush dump"),
        client.read("osd df"),
        Limits(
            mon_max_pg_per_osd=_option(client, "mon", "mon_max_pg_per_osd"),
            mon_target_pg_per_osd=_option(client, "mgr", "mon_target_pg_per_osd"),
            mon_max_pool_pg_num=_option(client, "mon", "mon_max_pool_pg_num"),
        ),
    )


def read_pools(client: CephClient) -> t.Dict[str, Pool]:
    """Read the pools alone, to see what a change did."""
    return parse_pools(client.read("osd dump"))


def parse_cluster(
    osd_dump: t.Mapping[str, t.Any],
    crush_dump: t.Mapping[str, t.Any],
    osd_df: t.Mapping[str, t.Any],
    limits: Limits,
) -> Cluster:
    """Put together what ``osd dump``, ``osd crush dump`` and ``osd df`` say."""
    buckets = {bucket["id"]: bucket for bucket in crush_dump["buckets"]}
    states = {osd["osd"]: osd["state"] for osd in osd_dump["osds"] if osd["in"]}
    hosts = {
        item["id"]: bucket["name"]
        for bucket in buckets.values()
        # The shadow trees of device classes repeat every host as "host~class".
        if bucket["type_name"] == "host" and "~" not in bucket["name"]
        for item in bucket["items"]
    }
    osds = {
        node["id"]: Osd(
            osd_id=node["id"],
            host=hosts.get(node["id"], f"osd.{node['id']}"),
            device_class=node.get("device_class", ""),
            weight=float(node["crush_weight"]) * float(node["reweight"]),
            pgs=int(node["pgs"]),
            full_states=tuple(state for state in _FULL_STATES if state in states[node["id"]]),
        )
        for node in osd_df["nodes"]
        if node["id"] in states and node["crush_weight"] > 0 and node["reweight"] > 0
    }
    return Cluster(
        pools=parse_pools(osd_dump),
        rules={rule["rule_id"]: _parse_rule(rule, buckets, frozenset(osds)) for rule in crush_dump["rules"]},
        osds=osds,
        limits=limits,
        flags=frozenset(osd_dump["flags_set"]),
        release=osd_dump["require_osd_release"],
    )


def parse_pools(osd_dump: t.Mapping[str, t.Any]) -> t.Dict[str, Pool]:
    """Return the pools of ``osd dump`` by name."""
    return {
        pool["pool_name"]: Pool(
            name=pool["pool_name"],
            rule_id=pool["crush_rule"],
            size=pool["size"],
            pg_num=pool["pg_num"],
            pg_num_target=pool["pg_num_target"],
            # The JSON calls pgp_num pg_placement_num.
            pgp_num=pool["pg_placement_num"],
            pgp_num_target=pool["pg_placement_num_target"],
            autoscale_mode=pool["pg_autoscale_mode"],
            flags=frozenset(filter(None, pool["flags_names"].split(","))),
            pg_num_min=int(pool.get("options", {}).get("pg_num_min", 0)),
            pg_num_max=int(pool.get("options", {}).get("pg_num_max", 0)),
        )
        for pool in osd_dump["pools"]
    }


def _parse_rule(
    rule: t.Mapping[str, t.Any], buckets: t.Mapping[int, t.Mapping[str, t.Any]], known: t.FrozenSet[int]
) -> Rule:
    taken = [(step["item"], step["item_name"]) for step in rule["steps"] if step["op"] == "take"]
    chosen = [step["type"] for step in rule["steps"] if step["op"].startswith("choose")]
    # A rule that first chooses racks and then hosts spreads its copies over the last level it names above osd.
    domains = [kind for kind in chosen if kind != "osd"] or ["osd"]
    return Rule(
        name=rule["rule_name"],
        roots=tuple(name for _id, name in taken),
        failure_domain=domains[-1],
        osd_ids=frozenset(osd_id for item, _name in taken for osd_id in _devices(item, buckets)) & known,
    )


def _devices(item: int, buckets: t.Mapping[int, t.Mapping[str, t.Any]]) -> t.Iterator[int]:
    if item >= 0:
        yield item
        return
    for child in buckets[item]["items"]:
        yield from _devices(child["id"], buckets)


def _option(client: CephClient, who: str, name: str) -> int:
    return int(float(client.read("config get", who=who, key=name)))
