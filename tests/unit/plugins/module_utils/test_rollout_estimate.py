# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a rollout takes: each limit where it binds, and what must hold for all of them."""

from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_estimate import (
    describe_seconds,
    estimate,
    seconds_left,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("nodes", "at_once", "drain_s", "reboot_s", "seconds", "limit"),
    [
        # 4 waves of 20 s of delays + 30 s of drain + 300 s of reboot
        (34, 10, 30, 300, 4 * 350, "each wave"),
        # 34 nodes of 600 s by 5 workers, and the last one through its reboot
        (34, 34, 600, 60, 33 * 600 / 5 + 680, "5 workers"),
        # hardly any drain or reboot: 15 requests a node at 5 a second
        (100, 30, 1, 1, 99 * 3 + 22, "5 requests a second"),
        (0, 10, 30, 300, 0, "nothing"),
        (1, 10, 30, 300, 350, "each wave"),
    ],
)
def test_the_slowest_limit_sets_the_pace(
    nodes: int, at_once: int, drain_s: float, reboot_s: float, seconds: float, limit: str
) -> None:
    forecast = estimate(nodes, at_once, drain_s=drain_s, reboot_s=reboot_s)
    assert forecast.seconds == pytest.approx(seconds)
    assert limit in forecast.limit


def test_a_person_reads_nodes_waves_and_minutes() -> None:
    limit = "for the drains, reboots and delays of each wave"
    assert str(estimate(34, 10)) == f"34 nodes in 4 waves of 10: about 23 min, {limit}"
    assert str(estimate(3, 10, drain_s=1, reboot_s=1)).startswith("3 nodes in 1 wave: about 28 s")
    assert str(estimate(0, 10)) == "no node has to change"


@given(st.integers(1, 500), st.integers(1, 50), st.floats(0, 1e4), st.floats(0, 1e4))
def test_more_at_once_never_takes_longer_and_more_nodes_never_shorter(
    nodes: int, at_once: int, drain_s: float, reboot_s: float
) -> None:
    def seconds(some_nodes: int, some_at_once: int) -> float:
        return estimate(some_nodes, some_at_once, drain_s=drain_s, reboot_s=reboot_s).seconds

    assert seconds(nodes, at_once + 1) <= seconds(nodes, at_once)
    assert seconds(nodes + 1, at_once) >= seconds(nodes, at_once)


@pytest.mark.parametrize(
    ("todo", "done", "elapsed_s", "expected"),
    [(0, 34, 500, 0), (34, 0, 100, 1300), (34, 0, 9000, 0), (24, 10, 300, 720), (30, 4, 300, 1100)],
)
def test_the_rest_follows_the_estimate_until_a_wave_is_through(
    todo: int, done: int, elapsed_s: float, expected: float
) -> None:
    assert seconds_left(todo, done, elapsed_s, estimate(34, 10)) == expected


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
