# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's own counters, and percentiles of its histograms."""

from __future__ import annotations

import math

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import metrics
from hypothesis import given
from hypothesis import strategies as st

TEXT = """# HELP fsync a histogram
# TYPE fsync histogram
fsync_bucket{le="0.001"} 50
fsync_bucket{le="0.002"} 90
fsync_bucket{le="0.004"} 100
fsync_bucket{le="+Inf"} 100
fsync_sum 0.12
fsync_count 100
rtt_bucket{To="a",le="0.1"} 4
rtt_bucket{To="a",le="+Inf"} 4
rtt_count{To="a"} 4
rtt_bucket{To="b\\"c",le="0.1"} 0
rtt_bucket{To="b\\"c",le="+Inf"} 2
rtt_count{To="b\\"c"} 2
quota 4.294967296e+09
"""
BOUNDS = (0.001, 0.002, 0.004, math.inf)


def histogram(counts: list[int]) -> metrics.Metrics:
    total, lines = 0, []
    for bound, count in zip(BOUNDS, counts):
        total += count
        lines.append(f'h_bucket{{le="{"+Inf" if math.isinf(bound) else bound}"}} {total}')
    return metrics.parse("\n".join([*lines, f"h_count {total}"]))


def test_a_percentile_is_linear_within_its_bucket() -> None:
    parsed = metrics.parse(TEXT)
    assert metrics.quantile(parsed, "fsync", 0.5) == pytest.approx(0.001)
    assert metrics.quantile(parsed, "fsync", 0.7) == pytest.approx(0.0015)
    assert metrics.quantile(parsed, "fsync", 0.99) == pytest.approx(0.0038)


def test_peers_are_told_apart() -> None:
    parsed = metrics.parse(TEXT)
    assert metrics.peers(parsed, "rtt") == ["a", 'b"c']
    assert metrics.quantile(parsed, "rtt", 0.99, to="a") == pytest.approx(0.099)
    # All of them lie above the highest bound: it is all that is known.
    assert metrics.quantile(parsed, "rtt", 0.99, to='b"c') == pytest.approx(0.1)


def test_values_without_labels() -> None:
    parsed = metrics.parse(TEXT)
    assert metrics.value(parsed, "quota") == 4 * 1024**3
    assert metrics.value(parsed, "nothing") is None
    assert metrics.quantile(parsed, "nothing", 0.99) is None


def test_a_window_counts_only_what_happened_in_it() -> None:
    before, after = histogram([1000, 0, 0, 0]), histogram([1000, 0, 10, 0])
    assert metrics.quantile(after, "h", 0.99) < 0.001
    assert metrics.quantile(after, "h", 0.99, before) == pytest.approx(0.00398)
    assert metrics.observed(after, "h", before) == 10
    assert metrics.quantile(after, "h", 0.99, after) is None


def test_a_line_that_is_none_is_shown() -> None:
    with pytest.raises(TuningError, match="no sample"):
        metrics.parse("no sample")


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4), st.floats(0.01, 1))
def test_a_percentile_lies_in_the_bucket_of_its_rank(counts: list[int], share: float) -> None:
    found = metrics.quantile(histogram(counts), "h", share)
    if not sum(counts):
        assert found is None
        return
    rank, total, lower = share * sum(counts), 0, 0.0
    for bound, count in zip(BOUNDS, counts):
        total += count
        if total >= rank:
            break
        lower = bound
    assert found is not None
    assert lower <= found <= (lower if math.isinf(bound) else bound) * (1 + 1e-9)
