# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A recorded migration as tables: durations by operating system, their course, and what each node went through."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import PER_CLUSTER, PER_NODE
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.stats import WITHIN_S
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import (
    PAPER_MEAN_S,
    PAPER_MOVING_S,
    PAPER_WAITING_S,
    PAPER_WITHIN_7_S,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView
from ansible_collections.virtscale.tuning.plugins.module_utils._report.tables import Found, Row, recorded

# What a machine goes through before its memory moves, and the whole.
PARTS = ("held", "queued", "prepare", "total")
_TIMES = ("mean_s", "p50_s", "p75_s", "p90_s", "p95_s", "p99_s", "max_s")
_STEPS = (("wait", "wait_before_s"), ("drain", "drain_s"), ("reboot", "reboot_s"))


def rows(role: RoleView) -> Found:
    """Return what the role migrated; nothing where nothing moved."""
    for stats in recorded(role, "migrations", "concurrency"):
        if not stats["by_os"]:
            continue
        factor = {"time_factor": stats["time_factor"]}
        yield "migration_totals", {**_totals(stats), **factor}
        for name, entry in stats["by_os"].items():
            yield "migrations", {"part": name, **_os_times(name, entry, stats), **factor}
            for place, machines in enumerate(entry["histogram"]):
                ends = {"from_s": place * stats["bin_s"], "to_s": (place + 1) * stats["bin_s"]}
                yield "migration_histograms", {"os": name, **ends, "machines": machines}
        for part in PARTS:
            if stats[part].get("count"):
                times = {key: stats[part].get(key) for key in _TIMES}
                yield "migrations", {"part": part, "machines": stats[part]["count"], **times, **factor}
        yield from (("migration_courses", {**row, **factor}) for row in _course(stats))
        for node in stats["nodes"]:
            yield from (("migration_lanes", row) for row in _lane(node))
        yield from (("migration_times", {**row, **factor}) for row in _spent(stats))


def _totals(stats: Row) -> Row:
    totals = stats["totals"]
    return {
        **{key: totals[key] for key in ("vms_moved", "succeeded", "failed", "seconds")},
        "retries": stats["retries"],
        "unfinished": totals["unfinished"] + totals["lost"],
        "restarted": len(stats["restarted"]),
        "not_running": len(stats["not_running"]),
        "nodes": len(stats["nodes"]),
        "limit_per_cluster": stats["limits"][PER_CLUSTER]["effective"],
        "limit_per_node": stats["limits"][PER_NODE]["effective"],
    }


def _os_times(name: str, entry: Row, stats: Row) -> Row:
    return {
        "machines": entry["vms"],
        **{key: entry.get(key) for key in _TIMES},
        "within_s": WITHIN_S / stats["time_factor"],
        "share_within": entry["share_within_7_s"],
        "paper_s": PAPER_MEAN_S.get(name),
        "paper_share_within": PAPER_WITHIN_7_S.get(name),
    }


def _course(stats: Row) -> t.Iterator[Row]:
    curve = stats["concurrency"]
    for place, counts in enumerate(zip(curve["running"], curve["busiest_node"], curve["queued"])):
        found = dict(zip(("running", "busiest_node", "queued"), counts))
        yield {"from_s": place * curve["step_s"], "to_s": (place + 1) * curve["step_s"], **found}


def _lane(node: Row) -> t.Iterator[Row]:
    """Yield what a node went through, as far as it was seen; what lies between is waiting."""
    began_s, total_s = node["began_s"], node["total_s"]
    if began_s is None or total_s is None:
        return
    end_s = at_s = began_s
    end_s += total_s
    about = {key: node[key] for key in ("pool", "node", "vms", "late")}
    for kind, key in _STEPS:
        if node[key] is None:
            break
        yield {**about, "kind": kind, "from_s": at_s, "to_s": at_s + node[key]}
        at_s += node[key]
    if at_s < end_s:
        yield {**about, "kind": "wait", "from_s": at_s, "to_s": end_s}


def _spent(stats: Row) -> t.Iterator[Row]:
    totals = stats["totals"]
    yield {"what": "moving", "seconds": totals["moving_s"], "paper_s": PAPER_MOVING_S}
    yield {"what": "waiting", "seconds": totals["waiting_s"], "paper_s": PAPER_WAITING_S}
    yield {"what": "whole", "seconds": totals["seconds"], "paper_s": PAPER_MOVING_S + PAPER_WAITING_S}
    for key in ("wait_s", "drain_s", "reboot_s"):
        known = [node[key] for node in stats["nodes"] if node["total_s"] is not None and node[key] is not None]
        if known:
            mean_s = round(sum(known) / len(known), 3)
            yield {"what": f"node_{key[:-2]}", "seconds": mean_s, "paper_s": None, "nodes": len(known)}
