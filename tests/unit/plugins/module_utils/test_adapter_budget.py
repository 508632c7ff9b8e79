# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.adapter_budget import plan_hosts, read_limits
from hypothesis import given
from hypothesis import strategies as st

DEFAULTS = {
    "budget": 1000,
    "budget_cap": 8000,
    "usecs_cap": 50000,
    "backlog": 5000,
    "backlog_cap": 40000,
    "step_percent": 25,
    "squeezes_per_million": 100,
    "drops_per_million": 1,
}
LIMITS = read_limits(DEFAULTS)
KEYS = ("net.core.netdev_budget", "net.core.netdev_budget_usecs", "net.core.netdev_max_backlog")
NUMBER = st.integers(1, 10**6)


def host(
    values: tuple[int, int, int], squeezes: int = 0, drops: int = 0, processed: int = 1_000_000
) -> dict[str, t.Any]:
    return {
        "sysctls": {key: {"value": str(value)} for key, value in zip(KEYS, values)},
        "softnet": {"window_s": 60.0, "processed": processed, "dropped": drops, "time_squeeze": squeezes},
    }


def plan(facts: dict[str, t.Any]) -> tuple[tuple[int, ...], list[str]]:
    result = plan_hosts({"ceph01": facts}, LIMITS)["ceph01"]
    return tuple(int(result["sysctls"][key]) for key in KEYS), result["grew"]


@pytest.mark.parametrize(
    "running, squeezes, drops, wanted, grew",
    [
        # The kernel's defaults get the floor of the reference architecture, and no step on top of it.
        ((300, 2000, 1000), 0, 0, (1000, 6667, 5000), []),
        ((300, 2000, 1000), 9999, 9999, (1000, 6667, 5000), []),
        # Silent when nothing grows, or no more than noise.
        ((1000, 6667, 5000), 0, 0, (1000, 6667, 5000), []),
        ((1000, 6667, 5000), 100, 1, (1000, 6667, 5000), []),
        # One step each for what lags.
        ((1000, 6667, 5000), 101, 0, (1250, 8334, 5000), ["net.core.netdev_budget"]),
        ((1000, 6667, 5000), 0, 2, (1000, 6667, 6250), ["net.core.netdev_max_backlog"]),
        # A time limit that is generous already takes a step too: it may be what bites.
        ((1000, 20000, 5000), 500, 0, (1250, 25000, 5000), ["net.core.netdev_budget"]),
        # Up to the cap, and never below what runs.
        (
            (7900, 49000, 39000),
            500,
            500,
            (8000, 50000, 40000),
            ["net.core.netdev_budget", "net.core.netdev_max_backlog"],
        ),
        ((8000, 50000, 40000), 500, 500, (8000, 50000, 40000), []),
        ((64000, 90000, 250000), 500, 500, (64000, 90000, 250000), []),
    ],
)
def test_the_next_step(
    running: tuple[int, int, int], squeezes: int, drops: int, wanted: tuple[int, int, int], grew: list[str]
) -> None:
    assert plan(host(running, squeezes, drops)) == (wanted, grew)


def test_without_a_window_a_host_keeps_the_larger_of_floor_and_running_value() -> None:
    facts = host((2000, 2000, 1000))
    facts["softnet"] = None
    result = plan_hosts({"ceph01": facts}, LIMITS)["ceph01"]
    assert [result["sysctls"][key] for key in KEYS] == ["2000", "13334", "5000"]
    assert result["evidence"].startswith("no softnet window was taken; ")


def test_a_host_that_does_not_show_its_values_gets_the_floor() -> None:
    assert plan({"sysctls": {key: {"value": None} for key in KEYS}}) == ((1000, 6667, 5000), [])


@given(st.tuples(NUMBER, NUMBER, NUMBER), st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_run_lowers_a_value_or_steps_over_the_cap(running: tuple[int, int, int], squeezes: int, drops: int) -> None:
    wanted, _grew = plan(host(running, squeezes, drops))
    for value, before, floor, cap in zip(wanted, running, (1000, 0, 5000), (8000, 50000, 40000)):
        assert before <= value <= max(before, floor, cap)


@given(st.tuples(NUMBER, NUMBER, NUMBER))
def test_while_nothing_grows_the_second_plan_is_the_first(running: tuple[int, int, int]) -> None:
    wanted, grew = plan(host(running))
    assert grew == []
    assert plan(host((wanted[0], wanted[1], wanted[2]))) == (wanted, [])


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"budget": 0}, "budget is 0, but must be a whole number at least 1 and at most 2147483647."),
        ({"step_percent": True}, "step_percent is True"),
        ({"budget_cap": 500}, "budget_cap is 500, but must be at least budget, which is 1000."),
        ({"backlog_cap": 1}, "backlog_cap is 1, but must be at least backlog, which is 5000."),
        ({"usecs_cap": float("nan")}, "usecs_cap is nan"),
    ],
)
def test_bad_limits(change: dict[str, t.Any], sentence: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        read_limits(DEFAULTS | change)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    "facts",
    ["x", None, {"softnet": 5}, {"softnet": {"processed": -1}}, {"sysctls": {KEYS[0]: {"value": "many"}}}],
)
def test_what_is_no_result_of_network_info_is_refused_by_name(facts: t.Any) -> None:
    with pytest.raises(TuningError, match=r"^hosts\.ceph01"):
        plan_hosts({"ceph01": facts}, LIMITS)
