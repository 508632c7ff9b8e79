# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
import typing as t
from fractions import Fraction

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.placement_groups import (
    plan_placement_groups,
    round_autoscaler,
    round_nearest,
    round_pgcalc,
    round_up,
)
from hypothesis import given
from hypothesis import strategies as st

# raw number -> nearest, pgcalc, autoscaler, up: where the published rules agree and where they part.
ROUNDED: list[tuple[float, int, int, int, int]] = [
    (3995, 4096, 4096, 4096, 4096),
    (4096, 4096, 4096, 4096, 4096),
    (4097, 4096, 4096, 4096, 8192),
    (4700, 4096, 4096, 4096, 8192),
    (5461, 4096, 4096, 4096, 8192),
    (5462, 4096, 8192, 4096, 8192),
    (5792, 4096, 8192, 4096, 8192),
    (5793, 8192, 8192, 4096, 8192),
    (6143, 8192, 8192, 4096, 8192),
    (6144, 8192, 8192, 8192, 8192),
    (7990, 8192, 8192, 8192, 8192),
    (2731, 2048, 4096, 2048, 4096),
    (0.3, 1, 128, 32, 1),
    (3, 4, 128, 32, 4),
]


@pytest.mark.parametrize("raw, nearest, pgcalc, autoscaler, up", ROUNDED)
def test_rules_of_rounding(raw: float, nearest: int, pgcalc: int, autoscaler: int, up: int) -> None:
    x = Fraction(str(raw))
    assert (round_nearest(x), round_autoscaler(x), round_up(x)) == (nearest, autoscaler, up)
    assert round_pgcalc(x, osds=200, replicas=3) == pgcalc


@pytest.mark.parametrize("osds, replicas, minimum", [(3, 3, 4), (12, 3, 8), (141, 3, 128), (200, 3, 128), (10, 1, 16)])
def test_pgcalc_minimum_follows_the_osds(osds: int, replicas: int, minimum: int) -> None:
    assert round_pgcalc(Fraction(1, 10), osds, replicas) == minimum


def test_the_reference_architecture() -> None:
    plan = plan_placement_groups(osds=141, osds_per_host=3)
    assert (plan["pg_num"], plan["raw"]) == (4096, 3995.0)
    assert (plan["pgs_per_osd"], plan["pgs_per_osd_one_host_out"]) == (87.1, 89.0)
    assert plan["within_limit"] is True and plan["pools"] == []
    assert "100 PGs x 141 OSDs x 0.85 of the data / 3 replicas = 3995.0" in plan["evidence"]


def test_without_host_loss_check() -> None:
    assert plan_placement_groups(osds=141)["pgs_per_osd_one_host_out"] is None


def test_limit_is_compared_unrounded_and_with_one_host_out() -> None:
    at_limit = plan_placement_groups(osds=12, target_pgs_per_osd=250, data_share=1, rounding="up", max_pgs_per_osd=256)
    assert at_limit["pg_num"] == 1024 and at_limit["pgs_per_osd"] == 256.0 and at_limit["within_limit"] is True
    one_out = plan_placement_groups(
        osds=12, target_pgs_per_osd=250, data_share=1, rounding="up", max_pgs_per_osd=256, osds_per_host=1
    )
    assert one_out["pgs_per_osd_one_host_out"] == 279.3 and one_out["within_limit"] is False
    just_above = plan_placement_groups(
        osds=3000,
        other_pg_replicas=1,
        target_pgs_per_osd=256,
        data_share=1,
        replicas=3,
        max_pgs_per_osd=262,
        rounding="nearest",
    )
    assert just_above["pgs_per_osd"] == 262.1 and just_above["within_limit"] is False


def test_pools_share_the_osds() -> None:
    plan = plan_placement_groups(
        osds=141,
        pools=[{"name": "vms", "data_share": 0.8}, {"name": "ec", "replicas": 6, "data_share": "0.2"}],
        other_pg_replicas=141,
    )
    assert plan["pg_num"] is None
    assert [(pool["name"], pool["replicas"], pool["pg_num"]) for pool in plan["pools"]] == [
        ("vms", 3, 4096),
        ("ec", 6, 512),
    ]
    assert plan["pgs_per_osd"] == round((4096 * 3 + 512 * 6 + 141) / 141, 1)


REFUSED: list[tuple[dict[str, t.Any], str]] = [
    ({"osds": 0}, "osds is 0"),
    ({"osds": True}, "osds is True"),
    ({"osds": "many"}, "osds is 'many'"),
    ({"osds": float("inf")}, "osds is inf"),
    ({"osds": 10**30}, "osds is"),
    ({"osds": 2}, "replicas is 3"),
    ({"osds": 141, "replicas": 142}, "replicas is 142"),
    ({"osds": 141, "data_share": 1.01}, "data_share is 1.01"),
    ({"osds": 141, "data_share": 0}, "data_share is 0"),
    ({"osds": 141, "target_pgs_per_osd": -100}, "target_pgs_per_osd is -100"),
    ({"osds": 141, "max_pgs_per_osd": 0}, "max_pgs_per_osd is 0"),
    ({"osds": 3, "osds_per_host": 3}, "osds_per_host is 3"),
    ({"osds": 141, "osds_per_host": -1}, "osds_per_host is -1"),
    ({"osds": 141, "other_pg_replicas": -1}, "other_pg_replicas is -1"),
    ({"osds": 141, "rounding": "down"}, "rounding is 'down'"),
    ({"osds": 141, "pools": []}, "pools is empty"),
    ({"osds": 141, "pools": [{"name": "a", "data_share": 0.5}], "replicas": 3}, "pools is given together with"),
    ({"osds": 141, "pools": [{"name": "a", "data_share": 0.5}], "data_share": 0.5}, "pools is given together with"),
    ({"osds": 141, "pools": [{"name": "a"}]}, "pools[0].data_share is missing"),
    ({"osds": 141, "pools": [{"data_share": 0.5}]}, "pools[0].name is None"),
    (
        {"osds": 141, "pools": [{"name": "a", "data_share": 0.5}, {"name": "a", "data_share": 0.1}]},
        "names a more than once",
    ),
    ({"osds": 141, "pools": [{"name": "a", "data_share": 0.5}, {"name": "b", "data_share": 0.6}]}, "sums to 1.1"),
    ({"osds": 141, "pools": [{"name": "a", "data_share": 0.5, "replicas": 200}]}, "pools[0].replicas is 200"),
]


@pytest.mark.parametrize("params, named", REFUSED)
def test_bad_input_is_one_sentence(params: dict[str, t.Any], named: str) -> None:
    with pytest.raises(TuningError) as refusal:
        plan_placement_groups(**params)
    message = str(refusal.value)
    assert named in message
    assert message.endswith(".") and "\n" not in message


def test_shares_that_sum_to_one_in_decimal_are_accepted() -> None:
    pools = [{"name": str(n), "data_share": 0.1} for n in range(10)]
    assert plan_placement_groups(osds=141, pools=pools)["within_limit"] is True


@given(st.integers(1, 10**7))
def test_nearest_is_the_seeds_formula(x: int) -> None:
    assert round_nearest(Fraction(x)) == 2 ** round(math.log2(x))


@given(st.fractions(min_value=0, max_value=10**7))
def test_every_rule_gives_a_power_of_two(x: Fraction) -> None:
    for count in (round_nearest(x), round_up(x), round_autoscaler(x), round_pgcalc(x, 141, 3)):
        assert count >= 1 and count & (count - 1) == 0
