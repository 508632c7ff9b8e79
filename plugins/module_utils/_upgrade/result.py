# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""An upgrade as return values, rows and lines: how long its parts took, who held it up, which machines it cost."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import compression
from ansible_collections.virtscale.tuning.plugins.module_utils._report.paper import UPGRADE_S
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import NodeTimes
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import ClusterVersion, minor_of

Json = t.Dict[str, t.Any]

# Operators that the summary names.
_NAMED = 3
# Holding it up for less is no more than its turn.
_WORTH_NAMING_S = 1.0


def measured(
    version: ClusterVersion,
    nodes: t.Iterable[NodeTimes],
    pools: t.Collection[str],
    held_s: t.Mapping[str, float],
    machines: t.Optional[Json],
    *,
    watched: int = 0,
    time_factor: float,
    now: float,
    finished: bool = True,
) -> Json:
    """Return the figures of an upgrade whose newest entry of the history it is.

    The control plane's are the API's own times. The pools' begin with the first node that was chosen and end with the
    last one that was back; they overlap with the control plane's where a pool was not held.

    :param nodes: the nodes' steps in seconds of the epoch, as far as they were seen.
    :param pools: the pools whose nodes count, without those of the control plane.
    :param machines: the statistics of the migrations, None where there are no virtual machines.
    :param watched: how many of them ran when the watch began.
    :param now: the moment up to which an upgrade is told that did not come to its end.
    :param finished: whether it did; only then it has a ``total_s``, which is what others compare.
    """
    newest = version.newest
    ours = [times for times in nodes if times.pool in pools and times.selected is not None]
    began = min((times.selected for times in ours if times.selected is not None), default=None)
    unfinished = any(times.done is None for times in ours)
    ended = now if unfinished else max((times.done for times in ours if times.done is not None), default=None)
    control_plane_end = newest.ended if newest.completed else None
    last = max((at for at in (control_plane_end, ended) if at is not None), default=now)
    return {
        "from": version.before,
        "to": newest.version,
        "control_plane_s": _between(newest.started, control_plane_end),
        "pools_s": 0.0 if began is None else _between(began, ended),
        "total_s" if finished else "so_far_s": _between(newest.started, last if finished else now),
        "nodes": len(ours),
        "operators": {
            name: round(seconds, 1)
            for name, seconds in sorted(held_s.items(), key=lambda entry: -entry[1])
            if seconds >= _WORTH_NAMING_S
        },
        "vms": None if machines is None else _machines(machines, watched),
        "accepted_risks": newest.accepted_risks or None,
        "time_factor": time_factor,
    }


def rows(upgrade: Json) -> list[Row]:
    """Return what somebody must know of an upgrade: how long it took, and which machines it cost."""
    found = []
    if "total_s" in upgrade:
        duration = describe_seconds(upgrade["total_s"])
        why = f"{_parts(upgrade)}; {_paper(upgrade)}"
        found.append(row("cluster", "duration of the upgrade", effective=duration, status="note", why=why))
    machines = upgrade["vms"]
    if machines is not None:
        lost = machines["lost"]
        found.append(
            row(
                "VMs",
                "lost",
                wanted="0",
                effective=lost,
                status="failed" if lost else "ok",
                why=f"{machines['watched']:,} ran before; {_machine_words(machines)}",
            )
        )
    return found


def lines(upgrade: Json) -> list[str]:
    """Return the summary: durations beside the paper's, who held it up, what became of the machines."""
    if "total_s" in upgrade:
        took = f"{describe_seconds(upgrade['total_s'])} ({_paper(upgrade)})"
    else:
        took = f"not at its end after {describe_seconds(upgrade['so_far_s'] or 0)}"
    told = [f"{upgrade['from']} -> {upgrade['to']}: {took}", _parts(upgrade)]
    operators = list(upgrade["operators"].items())[:_NAMED]
    if operators:
        longest = ", ".join(f"{name} {describe_seconds(seconds)}" for name, seconds in operators)
        told.append(f"waited longest for the operators {longest}")
    machines = upgrade["vms"]
    if machines is not None:
        told.append(f"VMs: {machines['watched']:,} watched, {machines['lost']:,} lost; {_machine_words(machines)}")
    if upgrade["accepted_risks"]:
        told.append(f"accepted risks: {' '.join(upgrade['accepted_risks'].split())}")
    if upgrade["time_factor"] != 1:
        told.append(compression(upgrade["time_factor"]))
    return told


def _machines(stats: Json, watched: int) -> Json:
    lost = [one for one in stats["not_running"] if not one["expected"]]
    restarted = [one for one in stats["restarted"] if not one["expected"]]
    return {
        "watched": watched,
        "lost": len(lost),
        "restarted": len(restarted),
        "restarted_as_asked": len(stats["restarted"]) - len(restarted),
        "migrated": stats["totals"]["vms_moved"],
    }


def _machine_words(machines: Json) -> str:
    told = [f"{machines['migrated']:,} migrated", f"{machines['restarted']:,} restarted although they were to stay up"]
    if machines["restarted_as_asked"]:
        told.append(f"{machines['restarted_as_asked']:,} restarted as their eviction strategy says")
    return ", ".join(told)


def _parts(upgrade: Json) -> str:
    seconds = upgrade["control_plane_s"]
    control_plane = f"control plane {'not done' if seconds is None else describe_seconds(seconds)}"
    if upgrade["nodes"]:
        return f"{control_plane}; pools {describe_seconds(upgrade['pools_s'])} for {upgrade['nodes']} nodes"
    return f"{control_plane}; no node had to change" if "total_s" in upgrade else control_plane


def _paper(upgrade: Json) -> str:
    """Return what the reference architecture measured of such an upgrade, by its own names."""
    kind = "minor" if minor_of(upgrade["from"]) == minor_of(upgrade["to"]) else "major"
    return f"the paper's {kind} upgrade: {UPGRADE_S[kind] // 60} min"


def _between(start: t.Optional[float], end: t.Optional[float]) -> t.Optional[float]:
    return None if start is None or end is None else round(max(0.0, end - start), 1)
