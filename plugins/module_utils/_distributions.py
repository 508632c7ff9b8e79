# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Distributions of seconds: percentiles, histograms, shares. Results are rounded to milliseconds, nothing before."""

from __future__ import annotations

import math
import typing as t

Json = t.Dict[str, t.Any]

PERCENTILES = (50, 75, 90, 95, 99)
# The widths of a histogram's bins, how many bins for 99 % of the values a reader can tell apart, and how many for all
# of them a record should hold.
_BINS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_BINS_MAX = 40
_ALL_BINS_MAX = 400


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
