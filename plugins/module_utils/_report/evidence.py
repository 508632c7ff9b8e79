# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""From what the roles recorded to the pictures that it gives."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.migrations import (
    migration_figures,
    migrations_in,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.pictures import (
    Bar,
    RoundTrip,
    Span,
    against_limit,
    figure,
    round_trips,
    timeline,
)


def figures(role: RoleView) -> list[Markup]:
    """Return the pictures that this role's records give; a role that measured nothing gives none."""
    found: list[Markup] = []
    times = _round_trips(role)
    if times:
        worst = max(times, key=lambda time: time.avg_ms)
        caption = (
            f"Round trip to the farthest peer, average and range; the worst is {worst.host} with {worst.avg_ms:g} ms"
        )
        found.append(figure(caption, lambda width: round_trips(times, width)))
    for caption, bars, limit in _placement_groups(role):
        found.append(figure(caption, _limit_drawing(bars, limit)))
    migrations = [stats for data in role.data.get("apply", {}).values() if (stats := migrations_in(data))]
    for stats in migrations:
        found += migration_figures(stats)
    # A migration tells what each node went through itself.
    lanes = {} if migrations else _lanes(role)
    if lanes:
        found.append(figure("When each node was rolled, by pool", lambda width: timeline(lanes, width)))
    return found


def _round_trips(role: RoleView) -> list[RoundTrip]:
    """Return each host's worst peer; a peer that never answered has no times, and is told in the lines."""
    found: list[RoundTrip] = []
    for host, data in role.data.get("measure", {}).items():
        peers = [peer for rtt in _values_named(data, "rtt") if isinstance(rtt, dict) for peer in rtt.values()]
        answered = [peer for peer in peers if isinstance(peer, dict) and peer.get("avg_ms") is not None]
        if answered:
            worst = max(answered, key=lambda peer: float(peer["avg_ms"]))
            found.append(RoundTrip(host, *(float(worst[name]) for name in ("min_ms", "avg_ms", "max_ms"))))
    return found


def _placement_groups(role: RoleView) -> list[tuple[str, list[Bar], float]]:
    """Return caption, bars and limit of every plan that was made for placement groups."""
    found: list[tuple[str, list[Bar], float]] = []
    for data in role.data.get("plan", {}).values():
        limits = [*_values_named(data, "mon_max_pg_per_osd"), *_values_named(data, "max_pgs_per_osd")]
        for plan in _dicts_with(data, "pgs_per_osd"):
            bars = [Bar("now", _load_now(plan), "held")] if plan.get("pg_num_now") and plan.get("osds") else []
            bars.append(Bar("planned", float(plan["pgs_per_osd"])))
            if plan.get("pgs_per_osd_one_host_out") is not None:
                bars.append(Bar("planned, with one host out", float(plan["pgs_per_osd_one_host_out"]), "held"))
            if limits:
                pool = f"pool {plan['name']}: " if plan.get("name") else ""
                found.append((f"{pool}placement groups per OSD, replicas counted", bars, float(limits[0])))
    return found


def _load_now(plan: dict[str, t.Any]) -> float:
    replicas = plan["pg_num_now"] * plan.get("replicas", 1) + plan.get("other_pg_replicas", 0)
    return float(round(replicas / plan["osds"], 1))


def _limit_drawing(bars: list[Bar], limit: float) -> t.Callable[[int], Markup]:
    return lambda width: against_limit(bars, limit, "PGs per OSD", width)


def _lanes(role: RoleView) -> dict[str, list[Span]]:
    """Return the nodes that were rolled in this run, by pool."""
    lanes: dict[str, list[Span]] = {}
    for data in role.data.get("apply", {}).values():
        for pool in _dicts_with(data, "nodes"):
            nodes = pool["nodes"] if isinstance(pool["nodes"], list) else []
            spans = [span for node in nodes if isinstance(node, dict) and (span := _span(node))]
            if spans:
                lanes.setdefault(str(pool.get("name", "pool")), []).extend(spans)
    return lanes


def _span(node: dict[str, t.Any]) -> Span | None:
    began_s, total_s = node.get("began_s"), node.get("total_s")
    if began_s is None or total_s is None:
        return None
    return Span(str(node["node"]), float(began_s), float(began_s) + float(total_s))


def _values_named(data: t.Any, name: str) -> t.Iterator[t.Any]:
    for found in _dicts_with(data, name):
        if found[name] is not None:
            yield found[name]


def _dicts_with(data: t.Any, key: str) -> t.Iterator[dict[str, t.Any]]:
    if isinstance(data, dict):
        if key in data:
            yield data
        for value in data.values():
            yield from _dicts_with(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from _dicts_with(value, key)
