# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.fio import parse_report
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.histogram import (
    Latencies,
    merged,
    percent_more,
    summary,
)
from hypothesis import given
from hypothesis import strategies as st
from latency_machines import RECORDED

_BINS = st.dictionaries(st.integers(1, 10**10), st.integers(1, 10_000), min_size=1, max_size=30)


def _latencies(bins: dict[int, int]) -> Latencies:
    return Latencies(bins, math.fsum(middle * number for middle, number in bins.items()), min(bins), max(bins))


_PARTS = st.lists(_BINS.map(_latencies), min_size=1, max_size=8)


def _values(parts: list[Latencies]) -> list[int]:
    return sorted(value for part in parts for value, number in part.bins.items() for _each in range(number))


@given(_PARTS, st.sampled_from([0.1, 1, 50, 95, 99, 99.9, 100]))
def test_a_percentile_of_many_is_that_of_all_their_requests(parts, percent):
    values = _values(parts)
    rank = next(rank for rank in range(1, len(values) + 1) if rank >= percent / 100 * len(values))
    assert merged(parts).percentile(percent) == values[rank - 1]


@given(_PARTS)
def test_nothing_is_lost_by_merging(parts):
    whole = merged(parts)
    assert whole.count == sum(part.count for part in parts)
    assert whole.mean_ns == pytest.approx(math.fsum(_values(parts)) / whole.count)
    assert (whole.min_ns, whole.max_ns) == (min(_values(parts)), max(_values(parts)))


@given(_PARTS)
def test_the_order_and_the_grouping_do_not_matter(parts):
    at_once = merged(parts)
    one_by_one = parts[-1]
    for part in reversed(parts[:-1]):
        one_by_one = merged([one_by_one, part])
    assert one_by_one.bins == at_once.bins
    assert one_by_one.sum_ns == pytest.approx(at_once.sum_ns)


@given(_PARTS)
def test_percentiles_lie_between_those_of_the_parts(parts):
    found = [part.percentile(99) for part in parts]
    assert min(found) <= merged(parts).percentile(99) <= max(found)


def test_a_mean_of_percentiles_would_be_wrong():
    quick, slow = _latencies({100_000: 1000}), _latencies({100_000: 900, 9_000_000: 100})
    assert merged([quick, slow]).percentile(95) == 9_000_000 or merged([quick, slow]).percentile(94) == 100_000
    assert merged([quick, slow]).percentile(95) != (quick.percentile(95) + slow.percentile(95)) / 2


@pytest.mark.parametrize("name", ["read-1", "write-1", "read-1000", "write-1000"])
def test_percentiles_are_those_that_fio_found_itself(name):
    text = (RECORDED / f"{name}.json").read_text()
    direction = name.partition("-")[0]
    found = parse_report(text, direction).latencies
    report = __import__("json").loads(text[text.index("{\n") :])["jobs"][0][direction]["lat_ns"]
    for percent, value in report["percentile"].items():
        # fio says 50.000000, and never more than the largest request.
        assert found.percentile(float(percent)) == pytest.approx(value, rel=0.01), percent
    assert found.mean_ns == pytest.approx(report["mean"])


def test_nothing_measured_has_no_figures():
    nothing = merged([])
    assert nothing.count == 0
    assert set(summary(nothing).values()) == {None}
    with pytest.raises(ValueError):
        nothing.percentile(50)


def test_microseconds_keep_nanoseconds():
    assert summary(_latencies({109_056: 3}))["p50_us"] == 109.056


@pytest.mark.parametrize(
    ("value", "base", "more"),
    [
        (188.0, 100.0, 88.0),
        (70.0, 100.0, -30.0),
        (100.0004, 100.0, 0.0),
        (None, 1.0, None),
        (1.0, None, None),
        (1.0, 0.0, None),
    ],
)
def test_percent_more(value, base, more):
    assert percent_more(value, base) == more
