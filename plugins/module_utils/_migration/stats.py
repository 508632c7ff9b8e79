# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The statistics of live migrations: distributions, histograms, and how many ran at once over time.

Nothing is rounded but the results, to milliseconds; the API's own times have a resolution of a second.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration

Json = t.Dict[str, t.Any]

PERCENTILES = (50, 75, 90, 95, 99)
# The reference architecture says of 35 % of its RHEL machines that they moved in 7 s.
WITHIN_S = 7.0
# The widths of a histogram's bins, how many bins for 99 % of the values a reader can tell apart, and how many for all
# of them a record should hold.
_BINS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_BINS_MAX = 40
_ALL_BINS_MAX = 400
_CURVE_POINTS = 240
_QUEUED, _RUNNING = "queued", "running"


def percentile(ordered: t.Sequence[float], percent: float) -> float:
    """Return a percentile of values in ascending order, interpolated between its neighbours (Hyndman and Fan's 7)."""
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def distribution(values: t.Iterable[float | None]) -> Json:
    """Return count, sum, mean, percentiles and maximum, leaving None out; of no values only the count."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return {"count": 0}
    return {
        "count": len(ordered),
        "sum_s": round(math.fsum(ordered), 3),
        "mean_s": round(math.fsum(ordered) / len(ordered), 3),
        **{f"p{percent}_s": round(percentile(ordered, percent), 3) for percent in PERCENTILES},
        "max_s": ordered[-1],
    }


def share_within(values: t.Iterable[float | None], limit_s: float) -> float | None:
    """Return which part of the values is at most ``limit_s``, 0 to 1."""
    known = [value for value in values if value is not None]
    return round(sum(value <= limit_s for value in known) / len(known), 4) if known else None


def bin_width(values: t.Iterable[float | None]) -> int:
    """Return the seconds of a bin in which these values give a readable histogram."""
    ordered = sorted(value for value in values if value is not None) or [0.0]
    most, highest = percentile(ordered, 99), ordered[-1]
    fitting = (width for width in _BINS_S if most / width < _BINS_MAX and highest / width < _ALL_BINS_MAX)
    return next(fitting, _BINS_S[-1])


def histogram(values: t.Iterable[float | None], width_s: int) -> list[int]:
    """Return how many values lie in each bin: from 0 to below ``width_s``, from there to twice that, and so on."""
    known = [value for value in values if value is not None]
    counts = [0] * (int(max(known) // width_s) + 1 if known else 0)
    for value in known:
        counts[int(value // width_s)] += 1
    return counts


def by_os(migrations: t.Sequence[Migration], time_factor: float) -> Json:
    """Return the statistics of each operating system's successful migrations, and the width of their histograms."""
    width_s = bin_width(migration.run_s for migration in migrations)
    found: Json = {}
    for name in sorted({migration.os for migration in migrations}):
        ours = [migration for migration in migrations if migration.os == name]
        runs = [migration.run_s for migration in ours]
        found[name] = {
            **distribution(runs),
            "count": len(ours),
            "vms": len({migration.vm for migration in ours}),
            "share_within_7_s": share_within(runs, WITHIN_S / time_factor),
            "histogram": histogram(runs, width_s),
            "queued": distribution(migration.queued_s for migration in ours),
            "prepare": distribution(migration.prepare_s for migration in ours),
            "total": distribution(migration.total_s for migration in ours),
        }
    return {"bin_s": width_s, "by_os": found}


def curve(migrations: t.Iterable[Migration], begin: float, end: float) -> Json:
    """Return how many migrations ran, waited, and at most left one node in each of at most 240 equal parts of the time.

    Each figure is the highest of its part. Where one ends in the second in which another gets its place, they
    do not run at once.
    """
    step_s = max(1, math.ceil((end - begin) / _CURVE_POINTS))
    parts = max(1, math.ceil((end - begin) / step_s))
    running, queued, on_node = [0] * parts, [0] * parts, [0] * parts
    counts: dict[str, int] = {}
    waiting, at = 0, 0
    for moment, change, kind, node in sorted(_changes(migrations, end)):
        part = min(parts - 1, max(0, int((moment - begin) // step_s)))
        for passed in range(at + 1, part + 1):
            running[passed], queued[passed], on_node[passed] = sum(counts.values()), waiting, _most(counts)
        at = max(at, part)
        if kind == _QUEUED:
            waiting += change
        else:
            counts[node] = counts.get(node, 0) + change
        running[at] = max(running[at], sum(counts.values()))
        queued[at] = max(queued[at], waiting)
        on_node[at] = max(on_node[at], _most(counts))
    return {"step_s": step_s, "running": running, "queued": queued, "busiest_node": on_node}


def _changes(migrations: t.Iterable[Migration], end: float) -> t.Iterator[tuple[float, int, str, str]]:
    for migration in migrations:
        closed = end if migration.closed_at is None else migration.closed_at
        began = closed if migration.began_at is None else migration.began_at
        for kind, start, stop in ((_QUEUED, migration.wanted_at, began), (_RUNNING, began, closed)):
            if start is not None and start < stop:
                yield start, 1, kind, migration.source or ""
                yield stop, -1, kind, migration.source or ""


def _most(counts: t.Mapping[str, int]) -> int:
    return max((count for node, count in counts.items() if node), default=0)


def moving_s(migrations: t.Iterable[Migration], end: float) -> float:
    """Return in how many seconds at least one machine waited for its migration or was in it."""
    spans = [
        (migration.wanted_at, end if migration.closed_at is None else migration.closed_at)
        for migration in migrations
        if migration.wanted_at is not None
    ]
    total, reached = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return round(total, 3)
