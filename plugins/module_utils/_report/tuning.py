# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What tuning was planned from: round trips, loads of OSDs, and when nodes were rolled."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import (
    Bar,
    Column,
    Look,
    Rule,
    Span,
    bars,
    columns,
    lanes,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.figures import figure
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import (
    Found,
    Row,
    Tables,
    recorded,
    runs_in,
)


def rows(role: RoleView) -> Found:
    """Return what the role measured, planned and rolled."""
    yield from (("round_trips", row) for row in _round_trips(role))
    yield from (("placement_groups", row) for row in _placement_groups(role))
    # A migration tells what each node went through itself.
    if not recorded(role, "migrations", "concurrency"):
        yield from (("rolled_nodes", row) for row in _rolled_nodes(role))


def draw(tables: Tables, say: Language) -> list[Markup]:
    """Return the pictures that the tables give."""
    return [
        *_round_trip_pictures(tables.get("round_trips", []), say),
        *_load_pictures(tables.get("placement_groups", []), say),
        *_rolled_pictures(tables.get("rolled_nodes", []), say),
    ]


def _round_trips(role: RoleView) -> t.Iterator[Row]:
    """Yield each host's worst peer; a peer that never answered has no times, and is told in the lines."""
    for host, data in role.data.get("measure", {}).items():
        peers = [peer for rtt in _values_named(data, "rtt") if isinstance(rtt, dict) for peer in rtt.values()]
        answered = [peer for peer in peers if isinstance(peer, dict) and peer.get("avg_ms") is not None]
        if answered:
            worst = max(answered, key=lambda peer: float(peer["avg_ms"]))
            yield {"host": host, **{name: float(worst[name]) for name in ("min_ms", "avg_ms", "max_ms")}}


def _placement_groups(role: RoleView) -> t.Iterator[Row]:
    """Yield the load of an OSD now, as planned, and with a host out, of every plan."""
    for data in role.data.get("plan", {}).values():
        limits = [*_values_named(data, "mon_max_pg_per_osd"), *_values_named(data, "max_pgs_per_osd")]
        for plan in _dicts_with(data, "pgs_per_osd"):
            found = {"planned": plan["pgs_per_osd"], "one_host_out": plan.get("pgs_per_osd_one_host_out")}
            if plan.get("pg_num_now") and plan.get("osds"):
                found = {"now": _load_now(plan), **found}
            for stage, load in found.items():
                if load is not None and limits:
                    limit = float(limits[0])
                    yield {"pool": plan.get("name"), "stage": stage, "pgs_per_osd": float(load), "limit": limit}


def _load_now(plan: Row) -> float:
    replicas = plan["pg_num_now"] * plan.get("replicas", 1) + plan.get("other_pg_replicas", 0)
    return float(round(replicas / plan["osds"], 1))


def _rolled_nodes(role: RoleView) -> t.Iterator[Row]:
    """Yield the nodes that were rolled in this run, by pool."""
    for data in role.data.get("apply", {}).values():
        for pool in _dicts_with(data, "nodes"):
            for node in pool["nodes"] if isinstance(pool["nodes"], list) else []:
                if isinstance(node, dict) and None not in (node.get("began_s"), node.get("total_s")):
                    began_s = float(node["began_s"])
                    end_s = began_s + float(node["total_s"])
                    yield {"pool": pool.get("name", "pool"), "node": node["node"], "began_s": began_s, "end_s": end_s}


def _round_trip_pictures(found: list[Row], say: Language) -> t.Iterator[Markup]:
    for run in runs_in(found):
        ours = [row for row in found if row["run"] == run]
        worst = max(ours, key=lambda row: float(row["avg_ms"]))
        caption = say(
            "Round trip to the farthest peer, average and range; the worst is {host} with {ms:g} ms",
            host=worst["host"],
            ms=worst["avg_ms"],
        )
        drawn = [
            Column(
                row["avg_ms"],
                row["min_ms"],
                row["max_ms"],
                Look("overridden" if row is worst else "bar"),
                say("{host}: {avg_ms:g} ms on average, {min_ms:g} to {max_ms:g}", **row),
            )
            for row in ours
        ]
        y = axes.numbers(say("round trip, ms"), [row["max_ms"] for row in ours])
        note = f"{worst['host']}  {worst['avg_ms']:g} ms"
        picture = columns(drawn, y, (ours[0]["host"], ours[-1]["host"]), note)
        yield figure(_of_run(caption, run, found), [("", picture)])


def _load_pictures(found: list[Row], say: Language) -> t.Iterator[Markup]:
    words = {"now": say("now"), "planned": say("planned"), "one_host_out": say("planned, with one host out")}
    plans: dict[tuple[str, t.Any], list[Row]] = {}
    for row in found:
        plans.setdefault((row["run"], row["pool"]), []).append(row)
    for (run, pool), stages in plans.items():
        limit = stages[0]["limit"]
        groups = [(words[row["stage"]], [_load_bar(row)]) for row in stages]
        caption = say("placement groups per OSD, replicas counted")
        if pool:
            caption = say("pool {name}", name=pool) + say(": ") + caption
        x = axes.numbers(say("PGs per OSD"), [limit * 1.02, *(row["pgs_per_osd"] for row in stages)])
        rule = Rule(limit, Look("failed"), say("limit {limit:g}", limit=limit))
        yield figure(_of_run(caption, run, found), [("", bars(groups, x, [rule]))])


def _load_bar(row: Row) -> Bar:
    colour = "bar" if row["stage"] == "planned" else "bar-held"
    load = row["pgs_per_osd"]
    return Bar(load, f"{load:g}", Look("overridden" if load > row["limit"] else colour))


def _rolled_pictures(found: list[Row], say: Language) -> t.Iterator[Markup]:
    for run in runs_in(found):
        ours = [row for row in found if row["run"] == run]
        groups: dict[str, list[Span]] = {}
        for row in sorted(ours, key=lambda row: (row["began_s"], row["end_s"])):
            words = f"{row['node']}: {say.seconds(row['end_s'] - row['began_s'])}"
            pool = groups.setdefault(row["pool"], [])
            pool.append(Span(_free_lane(pool, row["began_s"]), row["began_s"], row["end_s"], "bar", words))
        x = axes.seconds(
            lambda unit: say("since the first node, {unit}", unit=say(unit)), [row["end_s"] for row in ours]
        )
        caption = say("When each node was rolled, by pool")
        label = say.many(len(ours), "{number} node", "{number} nodes")
        yield figure(_of_run(caption, run, found), [("", lanes(dict(sorted(groups.items())), x, label))])


def _free_lane(spans: list[Span], began_s: float) -> str:
    """Return the first lane that is free then: nodes that roll one after the other lie beside each other."""
    ends: dict[str, float] = {}
    for span in spans:
        ends[span.lane] = max(span.end, ends.get(span.lane, 0.0))
    return next((lane for lane, end in ends.items() if end <= began_s), str(len(ends)))


def _of_run(caption: str, run: str, found: list[Row]) -> str:
    return f"{caption} ({run})" if len(runs_in(found)) > 1 else caption


def _values_named(data: t.Any, name: str) -> t.Iterator[t.Any]:
    for found in _dicts_with(data, name):
        if found[name] is not None:
            yield found[name]


def _dicts_with(data: t.Any, key: str) -> t.Iterator[Row]:
    if isinstance(data, dict):
        if key in data:
            yield data
        for value in data.values():
            yield from _dicts_with(value, key)
    elif isinstance(data, list):
        for value in data:
            yield from _dicts_with(value, key)
