# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Cells beside each other: load against baseline, more nodes against few, two pools, before and during migrations."""

from __future__ import annotations

import statistics
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import AFTER, ALONE, BEFORE, DURING, Json
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.histogram import percent_more
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import BASELINE, LOAD

Key = t.Tuple[t.Any, ...]


def differences(cells: t.Sequence[Json]) -> list[Json]:
    """Return by how many percent latency at the load is above the baseline of the same machines."""
    found = []
    by_key = _by_key(cells)
    for cell in cells:
        if cell["phase"] == ALONE and cell["profile"] == LOAD:
            base = by_key.get((ALONE, BASELINE, *_place(cell)))
            if base is not None:
                found.append({**_head(cell), **_percents(cell, base)})
    return found


def idle_spread(cells: t.Sequence[Json]) -> dict[str, float | None]:
    """Return by direction how many percent the highest mean of a baseline is above the lowest, over numbers of nodes.

    Of several pools the worst; None where there is only one number of nodes.
    """
    series: dict[str, dict[str | None, list[float]]] = {}
    for cell in cells:
        if (cell["phase"], cell["profile"]) == (ALONE, BASELINE) and cell["mean_us"] is not None:
            series.setdefault(cell["direction"], {}).setdefault(cell["pool"], []).append(cell["mean_us"])
    spread: dict[str, float | None] = {}
    for direction, means in series.items():
        found = [percent_more(max(values), min(values)) for values in means.values() if len(values) > 1]
        spread[direction] = max((percent for percent in found if percent is not None), default=None)
    return spread


def pools(cells: t.Sequence[Json]) -> list[Json]:
    """Return by how many percent latency in each further pool is above that in the first."""
    names = list(dict.fromkeys(cell["pool"] for cell in cells))
    by_key = _by_key(cells)
    found = []
    for cell in cells:
        if cell["phase"] == ALONE and cell["pool"] != names[0]:
            base = by_key.get((ALONE, cell["profile"], cell["direction"], cell["nodes"], names[0]))
            if base is not None:
                against = {"against": names[0], "against_replicas": base["replicas"]}
                found.append({"profile": cell["profile"], **_head(cell), **against, **_percents(cell, base)})
    return found


def during_migration(cells: t.Sequence[Json], waves: t.Sequence[Json]) -> Json | None:
    """Return what migrations do to latency, and load to migrations; None where none was measured.

    As in the reference architecture, a migration alone is one beside the baseline's few requests. Seconds are those in
    which memory moved, averaged over all machines of all such waves.
    """
    if not waves:
        return None
    by_key = _by_key(cells)
    changes = []
    for cell in cells:
        if cell["phase"] in (DURING, AFTER):
            base = by_key.get((BEFORE, cell["profile"], *_place(cell)))
            if base is not None:
                kept = percent_more(cell["iops_per_vm"], base["iops_per_vm"])
                told = {"phase": cell["phase"], "profile": cell["profile"], "iops_percent": kept}
                changes.append({**told, **_head(cell), **_percents(cell, base)})
    alone, loaded = (_seconds(waves, profile) for profile in (BASELINE, LOAD))
    return {
        "seconds_alone": alone,
        "seconds_loaded": loaded,
        "percent": percent_more(loaded, alone),
        "changes": changes,
        "waves": list(waves),
    }


def _seconds(waves: t.Sequence[Json], profile: str) -> float | None:
    runs = [wave["run"] for wave in waves if wave["profile"] == profile and wave["run"]["count"]]
    if not runs:
        return None
    return round(statistics.fmean([run["mean_s"] for run in runs], [run["count"] for run in runs]), 3)


def _by_key(cells: t.Iterable[Json]) -> dict[Key, Json]:
    return {(cell["phase"], cell["profile"], *_place(cell)): cell for cell in cells}


def _place(cell: Json) -> Key:
    return cell["direction"], cell["nodes"], cell["pool"]


def _head(cell: Json) -> Json:
    return {name: cell[name] for name in ("direction", "nodes", "replicas", "pool")}


def _percents(cell: Json, base: Json) -> Json:
    return {f"{name}_percent": percent_more(cell[f"{name}_us"], base[f"{name}_us"]) for name in ("mean", "p50", "p99")}
