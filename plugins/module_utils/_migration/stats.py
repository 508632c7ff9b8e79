# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The statistics of live migrations: by operating system, and how many ran at once over time.

The API's own times have a resolution of a second.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import (
    bin_width,
    distribution,
    histogram,
    share_within,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration

Json = t.Dict[str, t.Any]

# The reference architecture says of 35 % of its RHEL machines that they moved in 7 s.
WITHIN_S = 7.0
_CURVE_POINTS = 240
_QUEUED, _RUNNING = "queued", "running"


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
