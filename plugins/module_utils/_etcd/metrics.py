# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a member counts: Prometheus' text format, and percentiles of its histograms."""

from __future__ import annotations

import math
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

_SAMPLE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}

Labels = t.FrozenSet[t.Tuple[str, str]]
# From a name to the values of its series.
Metrics = t.Dict[str, t.Dict[Labels, float]]


def parse(text: str) -> Metrics:
    """Return all samples.

    :raises TuningError: for a line that is none.
    """
    found: Metrics = {}
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _SAMPLE.fullmatch(line)
        try:
            name, labels, value = t.cast("re.Match[str]", match).groups()
            number = float(value)
        except (AttributeError, ValueError) as error:
            raise TuningError(f"etcd's metrics hold a line that cannot be read: {line[:200]!r}.") from error
        found.setdefault(name, {})[_labels(labels or "")] = number
    return found


def value(metrics: Metrics, name: str) -> float | None:
    """Return the value of a metric without labels, None where there is none."""
    return metrics.get(name, {}).get(frozenset())


def quantile(
    metrics: Metrics, name: str, share: float, before: Metrics | None = None, to: str | None = None
) -> float | None:
    """Return a percentile of a histogram as Prometheus' ``histogram_quantile`` does: linear within its bucket.

    :param share: 0.99 for the 99th percentile.
    :param before: an earlier reading: only what was observed since then counts.
    :param to: only the series with this ``To``, as etcd names a peer.
    :return: in the unit of the histogram; None where nothing was observed; the highest bound where it lies above all.
    """
    buckets = _buckets(metrics, name, to)
    if before is not None:
        earlier = _buckets(before, name, to)
        buckets = {bound: count - earlier.get(bound, 0.0) for bound, count in buckets.items()}
    bounds = sorted(buckets)
    if not bounds or not math.isinf(bounds[-1]) or buckets[bounds[-1]] <= 0:
        return None
    rank = share * buckets[bounds[-1]]
    lower_bound, lower_count = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound):
                return lower_bound
            inside = buckets[bound] - lower_count
            return lower_bound + (bound - lower_bound) * ((rank - lower_count) / inside if inside else 1.0)
        lower_bound, lower_count = bound, buckets[bound]
    return lower_bound


def observed(metrics: Metrics, name: str, before: Metrics | None = None) -> int:
    """Return how often a histogram observed something, since the earlier reading if there is one."""
    count = sum(metrics.get(f"{name}_count", {}).values())
    return round(count - (sum(before.get(f"{name}_count", {}).values()) if before else 0.0))


def peers(metrics: Metrics, name: str) -> list[str]:
    """Return every peer that a histogram tells of, by the id that ``To`` gives."""
    return sorted({dict(labels)["To"] for labels in metrics.get(f"{name}_count", {}) if "To" in dict(labels)})


def _buckets(metrics: Metrics, name: str, to: str | None) -> dict[float, float]:
    buckets: dict[float, float] = {}
    for labels, count in metrics.get(f"{name}_bucket", {}).items():
        said = dict(labels)
        if to in (None, said.get("To")):
            bound = float(said["le"])
            buckets[bound] = buckets.get(bound, 0.0) + count
    return buckets


def _labels(text: str) -> Labels:
    return frozenset(
        (name, re.sub(r'\\[n"\\]', lambda found: _ESCAPES[found.group()], content))
        for name, content in _LABEL.findall(text)
    )
