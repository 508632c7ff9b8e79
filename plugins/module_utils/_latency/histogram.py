# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Latencies of many machines as one distribution.

A percentile of several machines is not the mean of their percentiles, so fio's histograms are added up, bin by bin.
fio's bins are at most 1/64 of their value wide, and it names each by its middle: a percentile is right to 0.8 %. Means
are exact, because fio states them apart from the bins.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

_NS_PER_US = 1000
# Names of the percentiles in a result, and what they are of a hundred.
PERCENTILES = {"p50_us": 50.0, "p95_us": 95.0, "p99_us": 99.0, "p999_us": 99.9}


@dataclass(frozen=True)
class Latencies:
    """How long each of a number of requests took, in nanoseconds."""

    # From the middle of a bin to how many requests lie in it.
    bins: t.Mapping[int, int]
    sum_ns: float
    min_ns: int
    max_ns: int

    @property
    def count(self) -> int:
        """How many requests there were."""
        return sum(self.bins.values())

    @property
    def mean_ns(self) -> float:
        """Return the mean of all requests.

        :raises ValueError: of no requests.
        """
        if not self.bins:
            raise ValueError("no requests have no mean")
        return self.sum_ns / self.count

    def percentile(self, percent: float) -> int:
        """Return the bin in which the request of this rank lies, as fio itself finds it (nearest rank).

        :raises ValueError: of no requests.
        """
        rank, passed = percent / 100 * self.count, 0
        for middle, number in sorted(self.bins.items()):
            passed += number
            if passed >= rank:
                return middle
        raise ValueError("no requests have no percentile")


def merged(parts: t.Iterable[Latencies]) -> Latencies:
    """Return the requests of all parts as one distribution."""
    bins: dict[int, int] = {}
    known = [part for part in parts if part.bins]
    for part in known:
        for middle, number in part.bins.items():
            bins[middle] = bins.get(middle, 0) + number
    return Latencies(
        bins,
        math.fsum(part.sum_ns for part in known),
        min((part.min_ns for part in known), default=0),
        max((part.max_ns for part in known), default=0),
    )


def summary(latencies: Latencies) -> dict[str, float | None]:
    """Return mean, percentiles and extremes in microseconds; None where there were no requests."""
    if not latencies.bins:
        return dict.fromkeys(("mean_us", *PERCENTILES, "min_us", "max_us"))
    return {
        "mean_us": _us(latencies.mean_ns),
        **{name: _us(latencies.percentile(percent)) for name, percent in PERCENTILES.items()},
        "min_us": _us(latencies.min_ns),
        "max_us": _us(latencies.max_ns),
    }


def percent_more(value: float | None, base: float | None) -> float | None:
    """Return by how many percent ``value`` is above ``base``; below it is negative."""
    return None if value is None or not base else round((value / base - 1) * 100, 3)


def _us(nanoseconds: float) -> float:
    return round(nanoseconds / _NS_PER_US, 3)
