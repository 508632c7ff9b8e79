# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a pool takes of which only the number of nodes is known, and how that is said."""

from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import (
    describe_seconds,
    estimate,
    seconds_left,
)
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("nodes", "at_once", "drain_s", "reboot_s", "at_least", "at_most", "limit"),
    [
        # 4 waves, each of 5 + 30 + 10 (the daemon's poll) + 300 + 5 + 10 s, and a turn
        (34, 10, 30, 300, 4 * 350, 4 * 370, "reboots"),
        # all at once; pods that take 10 min leave meanwhile: in attempts of 90 s, a minute between them
        (34, 34, 600, 60, 600, 1500, "shut down"),
        # hardly any drain or reboot
        (100, 30, 1, 1, 200, 420, "drain workers"),
        (0, 10, 30, 300, 0, 0, "nothing"),
        (1, 10, 30, 300, 345, 375, "reboots"),
    ],
)
def test_what_takes_longest_sets_the_pace(
    nodes: int, at_once: int, drain_s: float, reboot_s: float, at_least: float, at_most: float, limit: str
) -> None:
    forecast = estimate(nodes, at_once, drain_s=drain_s, reboot_s=reboot_s)
    assert at_least <= forecast.seconds <= at_most
    assert limit in forecast.limit


def test_a_person_reads_nodes_waves_and_minutes() -> None:
    assert str(estimate(34, 10)) == "34 nodes in 4 waves of 10: about 24 min, most of it for reboots"
    assert str(estimate(3, 10, drain_s=1, reboot_s=1)).startswith("3 nodes in 1 wave: about 32 s")
    assert str(estimate(0, 10)) == "no node has to change"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 120), st.integers(1, 30), st.floats(0, 60), st.floats(0, 1e4))
def test_more_at_once_takes_no_longer_and_more_nodes_no_shorter(
    nodes: int, at_once: int, drain_s: float, reboot_s: float
) -> None:
    def seconds(some_nodes: int, some_at_once: int) -> float:
        return estimate(some_nodes, some_at_once, drain_s=drain_s, reboot_s=reboot_s).seconds

    # The daemons' polls and the controllers' delays fall differently.
    a_poll_a_wave = 15 * (nodes / at_once + 1)
    assert seconds(nodes, at_once + 1) <= seconds(nodes, at_once) + a_poll_a_wave
    assert seconds(nodes + 1, at_once) >= seconds(nodes, at_once) - a_poll_a_wave


@pytest.mark.parametrize(
    ("todo", "done", "elapsed_s", "expected"),
    [(0, 34, 500, 0), (34, 0, 9000, 0), (24, 10, 300, 720)],
)
def test_the_rest_follows_its_own_pace_once_a_wave_is_through(
    todo: int, done: int, elapsed_s: float, expected: float
) -> None:
    assert seconds_left(todo, done, elapsed_s, estimate(34, 10)) == expected


@pytest.mark.parametrize(("done", "elapsed_s"), [(0, 100), (4, 300)])
def test_the_rest_follows_the_estimate_before_that(done: int, elapsed_s: float) -> None:
    before = estimate(34, 10)
    assert seconds_left(34 - done, done, elapsed_s, before) == before.seconds - elapsed_s


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nodes", {"nodes": -1, "at_once": 1}),
        ("at_once", {"nodes": 1, "at_once": 0}),
        ("drain_s", {"nodes": 1, "at_once": 1, "drain_s": -1}),
        ("reboot_s", {"nodes": 1, "at_once": 1, "reboot_s": -0.5}),
    ],
)
def test_what_cannot_be_is_refused_by_name(name: str, arguments: dict[str, float]) -> None:
    with pytest.raises(InvalidValue, match=name):
        estimate(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (150, "2 min"), (5300, "88 min"), (5500, "1 h 32 min"), (7200, "2 h")],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert describe_seconds(seconds) == text
