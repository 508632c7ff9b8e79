# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._network.softnet import parse_softnet, softnet_delta
from hypothesis import given
from hypothesis import strategies as st

# As the reference architecture shows it; the last column is the CPU.
THIRTEEN = """\
01877e29 00000000 00000022 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000005d
0c4a6107 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 0000005e
"""
COUNTER = st.integers(0, 2**32 - 1)


def line(*columns: int) -> str:
    return " ".join(f"{column:08x}" for column in columns) + "\n"


def test_the_lines_of_the_reference_architecture() -> None:
    sample = parse_softnet(THIRTEEN)
    assert sorted(sample) == [0x5D, 0x5E]
    assert sample[0x5D]["processed"] == 0x01877E29
    assert sample[0x5D]["time_squeeze"] == 34


@pytest.mark.parametrize(
    "width, cpu, counters",
    [
        (9, 0, {"processed", "dropped", "time_squeeze"}),
        (10, 0, {"processed", "dropped", "time_squeeze", "received_rps"}),
        (11, 0, {"processed", "dropped", "time_squeeze", "received_rps", "flow_limit_count"}),
        (13, 13, {"processed", "dropped", "time_squeeze", "received_rps", "flow_limit_count"}),
        # The CPU stays the 13th column although it is no longer the last.
        (15, 13, {"processed", "dropped", "time_squeeze", "received_rps", "flow_limit_count"}),
    ],
)
def test_the_widths_of_the_kernels(width: int, cpu: int, counters: set[str]) -> None:
    sample = parse_softnet(line(*range(1, width + 1)))
    assert list(sample) == [cpu]
    assert set(sample[cpu]) == counters
    assert sample[cpu]["time_squeeze"] == 3


@pytest.mark.parametrize("text", ["01 02 03\n", "x y z 0 0 0 0 0 0\n", line(*range(8))])
def test_something_else_is_refused(text: str) -> None:
    with pytest.raises(TuningError, match=r"^/proc/net/softnet_stat has a line"):
        parse_softnet(text)


@given(COUNTER, st.integers(0, 2**31))
def test_a_counter_that_wraps_counts_on(before: int, events: int) -> None:
    first = parse_softnet(line(before, *[0] * 8))
    second = parse_softnet(line((before + events) % 2**32, *[0] * 8))
    assert softnet_delta(first, second, 1.0)["processed"] == events


@given(st.lists(st.tuples(COUNTER, COUNTER, COUNTER), min_size=1, max_size=8))
def test_nothing_happened_between_two_equal_samples(cpus: list[tuple[int, int, int]]) -> None:
    sample = parse_softnet("".join(line(*cpu, *[0] * 10) for cpu in cpus[:1]))
    delta = softnet_delta(sample, sample, 60.0)
    assert (delta["processed"], delta["dropped"], delta["time_squeeze"], delta["lagging_cpus"]) == (0, 0, 0, [])


def test_the_cpus_that_lag_are_named_and_one_that_came_is_left_out() -> None:
    before = {
        0: {"processed": 10, "dropped": 5, "time_squeeze": 0},
        1: {"processed": 0, "dropped": 0, "time_squeeze": 7},
    }
    after = {
        0: {"processed": 30, "dropped": 5, "time_squeeze": 0},
        1: {"processed": 5, "dropped": 0, "time_squeeze": 9},
        2: {"processed": 999, "dropped": 999, "time_squeeze": 999},
    }
    delta = softnet_delta(before, after, 2.0)
    assert delta["cpus"] == 2
    assert delta["lagging_cpus"] == [1]
    assert (delta["processed"], delta["dropped"], delta["time_squeeze"]) == (25, 0, 2)
