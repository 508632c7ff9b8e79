# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from types import MappingProxyType

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephCommandError
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import BENIGN_CHECKS
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_give_back import give_back
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_pgs import PoolPlan, apply_plans, parse_plans
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_ramp import eta_s
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import recorded, replay


def _plan(
    plans: dict[str, int], changes: t.Mapping[str, t.Any] = MappingProxyType({}), allow_lower: bool = False
) -> dict[str, t.Any]:
    client, transport = replay(changes)
    wanted = [PoolPlan(name, pg_num, "as planned") for name, pg_num in plans.items()]
    try:
        return apply_plans(client, wanted, allow_lower=allow_lower, benign_checks=BENIGN_CHECKS, check_mode=True)
    finally:
        assert transport.writes == [], "check mode and refusals must not write"


def _statuses(result: dict[str, t.Any]) -> dict[tuple[str, str], str]:
    return {(row["where"], row["what"]): row["status"] for row in result["rows"]}


def test_equal_targets_are_done_while_the_pool_is_on_its_way_and_the_cluster_unwell() -> None:
    dump = recorded("osd_dump")
    dump["pools"][2]["pg_autoscale_mode"] = "off"
    result = _plan({"objects": 64}, {"osd dump": dump, "health": recorded("unwell")["health"]})
    assert result["changed"] is False
    assert set(_statuses(result).values()) == {"ok"}


def test_a_pool_below_its_plan_would_change() -> None:
    result = _plan({"vms": 300})
    assert result["changed"] is True
    assert _statuses(result) == {
        ("pool vms", "pg_autoscale_mode"): "ok",
        ("pool vms", "pg_num"): "would_change",
        ("pool vms", "pgp_num"): "would_change",
    }
    assert result["diff"] == {
        "before": {"pool vms pg_num": "256", "pool vms pgp_num": "256"},
        "after": {"pool vms pg_num": "300", "pool vms pgp_num": "300"},
    }


def test_a_pool_above_its_plan_keeps_its_number_but_not_the_autoscaler() -> None:
    dump = recorded("osd_dump")
    dump["pools"][1]["pg_autoscale_mode"] = "on"
    assert _statuses(_plan({"vms": 64}, {"osd dump": dump})) == {
        ("pool vms", "pg_autoscale_mode"): "would_change",
        ("pool vms", "pg_num"): "note",
        ("pool vms", "pgp_num"): "ok",
    }


def test_a_pool_above_its_plan_is_lowered_when_asked() -> None:
    assert _statuses(_plan({"vms": 64}, allow_lower=True))[("pool vms", "pg_num")] == "would_change"


def test_pgp_num_that_was_set_apart_follows_again() -> None:
    dump = recorded("osd_dump")
    dump["pools"][1]["pg_placement_num_target"] = 128
    assert _statuses(_plan({"vms": 256}, {"osd dump": dump}))[("pool vms", "pgp_num")] == "would_change"


def test_a_pool_that_keeps_its_number_is_judged_by_that_number() -> None:
    dump = _dump_with(1, pg_placement_num_target=128, options={"pg_num_min": 128})
    assert _statuses(_plan({"vms": 64}, {"osd dump": dump})) == {
        ("pool vms", "pg_autoscale_mode"): "ok",
        ("pool vms", "pg_num"): "note",
        ("pool vms", "pgp_num"): "would_change",
    }


def _dump_with(pool: int, **changes: t.Any) -> dict[str, t.Any]:
    dump = recorded("osd_dump")
    dump["pools"][pool].update(changes)
    return t.cast(t.Dict[str, t.Any], dump)


@pytest.mark.parametrize(
    ("plans", "changes", "reason"),
    [
        ({"fast": 32}, {}, "pool fast has the flag nopgchange"),
        ({"device_health_metrics": 64}, {}, "pool device_health_metrics has pg_num_max 32"),
        ({"vms": 512}, {}, "above mon_max_pg_per_osd 250"),
        ({"vms": 131072}, {}, "pg_num 131072 of pool vms is above mon_max_pool_pg_num 65536"),
        ({"vms": 300}, {"health": recorded("unwell")["health"]}, "health check OSDMAP_FLAGS: noout flag"),
        ({"vms": 300}, {"status": {"pgmap": recorded("unwell")["pgmap"]}}, "48 PGs are unknown"),
        ({"vms": 300}, {"osd dump": _dump_with(1, flags_names="hashpspool,nearfull")}, "pool vms is nearfull"),
    ],
)
def test_refusals(plans: dict[str, int], changes: dict[str, t.Any], reason: str) -> None:
    with pytest.raises(TuningError) as caught:
        _plan(plans, changes)
    assert reason in str(caught.value)
    refused = [row for row in caught.value.details["rows"] if row["status"] == "refused"]
    assert {row["what"] for row in refused} >= {"pg_num", "pgp_num"}
    assert all(reason in row["why"] and row["effective"] == row["before"] for row in refused)


def _run(changes: t.Mapping[str, t.Any]) -> tuple[list[str], TuningError]:
    client, transport = replay({"osd dump": _dump_with(1, pg_autoscale_mode="on"), **changes})
    with pytest.raises(TuningError) as caught:
        apply_plans(client, [PoolPlan("vms", 300, "")], allow_lower=False, benign_checks=(), check_mode=False)
    return transport.writes, caught.value


def test_the_mode_is_noted_before_it_is_changed_and_the_autoscaler_off_before_the_number() -> None:
    writes, error = _run({})
    assert writes == [
        'config-key set virtscale.tuning/pool/vms {"pg_autoscale_mode": "on"}',
        "osd pool set vms pg_autoscale_mode off",
        "osd pool set vms pg_num 300",
        "osd pool set vms pgp_num 300",
    ]
    # The recording still says 256 afterwards.
    assert "pg_num of pool vms, pgp_num of pool vms; does something else set it?" in str(error)
    assert [row["status"] for row in error.details["rows"]] == ["failed", "failed", "failed"]


def test_a_mode_that_was_noted_before_is_not_noted_again() -> None:
    writes, _result = _run({"config-key dump": {"virtscale.tuning/pool/vms": '{"pg_autoscale_mode": "warn"}'}})
    assert writes[0] == "osd pool set vms pg_autoscale_mode off"


def test_a_refusal_of_the_monitors_gives_the_mode_back() -> None:
    said = "pool id 2 pg_num 300 size 3 would mean 1500 total pgs, which exceeds max 1200 (mon_max_pg_per_osd 200 * 6)"
    writes, error = _run({"osd pool set vms pg_num 300": CephCommandError("osd pool set", "ERANGE", said)})
    assert writes[-3:] == [
        "osd pool set vms pg_autoscale_mode off",
        "osd pool set vms pg_autoscale_mode on",
        "config-key rm virtscale.tuning/pool/vms",
    ]
    assert f"ERANGE {said}" in str(error)
    assert [row["status"] for row in error.details["rows"]] == ["refused", "refused", "refused"]


@pytest.mark.parametrize("pg_num", [0, -1, "many", True, None, 1.5])
def test_pg_num_must_be_a_number(pg_num: t.Any) -> None:
    with pytest.raises(InvalidValue, match="pg_num is "):
        parse_plans([{"name": "vms", "pg_num": pg_num, "evidence": ""}])


def test_a_pool_may_be_named_once() -> None:
    pool = {"name": "vms", "pg_num": 64, "evidence": ""}
    with pytest.raises(InvalidValue, match="pools is 'vms'"):
        parse_plans([pool, pool])


@pytest.mark.parametrize(
    ("first", "now", "elapsed_s", "eta"),
    [(6000, 5000, 60.0, 300), (6000, 0, 60.0, 0), (6000, 6000, 60.0, None), (100, 120, 60.0, None), (6, 5, 0.0, None)],
)
def test_eta(first: int, now: int, elapsed_s: float, eta: int | None) -> None:
    assert eta_s(first, now, elapsed_s) == eta


@pytest.mark.parametrize(
    ("before", "final", "release", "threshold", "mode"),
    [
        # 256 PGs: with a threshold of 3 the autoscaler keeps its hands off 128 and 512.
        ("on", 256, "pacific", None, "on"),
        ("on", 128, "pacific", None, "on"),
        ("on", 512, "pacific", None, "on"),
        ("on", 64, "pacific", None, "warn"),
        ("on", 1024, "pacific", None, "warn"),
        ("on", 128, "reef", 1.5, "warn"),
        ("on", 128, "tentacle", 3.0, "warn"),
        # Not in autoscale-status, as with overlapping CRUSH roots.
        ("on", None, "pacific", None, "warn"),
        ("warn", 32, "pacific", None, "warn"),
    ],
)
def test_what_the_autoscale_mode_becomes(
    before: str, final: int | None, release: str, threshold: float | None, mode: str
) -> None:
    client, transport = replay(
        {
            "osd dump": {**recorded("osd_dump"), "require_osd_release": release},
            "config-key dump": {"virtscale.tuning/pool/vms": f'{{"pg_autoscale_mode": "{before}"}}'},
            "config get mgr mgr/pg_autoscaler/threshold": threshold,
            "osd pool autoscale-status": [] if final is None else [{"pool_name": "vms", "pg_num_final": final}],
        },
    )
    result = give_back(client, None, check_mode=True)
    assert transport.writes == []
    assert result["changed"] is True
    assert [(row["what"], row["wanted"], row["status"]) for row in result["rows"]] == [
        ("pg_autoscale_mode", mode, "would_change"),
        ("pg_num", None, "note"),
    ]
