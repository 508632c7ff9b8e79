# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.config import (
    apply_options,
    option_key,
    parse_requests,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.config_give_back import give_back_options
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.mgr_module import module_to_restart
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import replay

_INTERVAL = "mgr/prometheus/scrape_interval"
_POOLS = "mgr/prometheus/rbd_stats_pools"


def _help(name: str, kind: str, default: t.Any) -> dict[str, t.Any]:
    described = {"name": name, "type": kind, "default": default, "min": "", "max": ""}
    return {**described, "enum_values": [], "can_update_at_runtime": False}


def _cluster(dump: list[dict[str, t.Any]] | None = None, notes: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
    prefix = "virtscale.tuning/config/"
    return {
        "config dump": dump or [],
        "config help": None,
        f"config help {_INTERVAL}": _help(_INTERVAL, "float", 15),
        f"config help {_POOLS}": _help(_POOLS, "str", ""),
        "mgr module ls": {"enabled_modules": ["prometheus"]},
        "config-key dump": {prefix + key: json.dumps(note) for key, note in (notes or {}).items()},
    }


def _set(name: str, value: str, section: str = "mgr") -> dict[str, t.Any]:
    return {"section": section, "mask": "", "name": name, "value": value}


def _option(name: str, value: t.Any = None, add: t.Any = None, remove: t.Any = None) -> dict[str, t.Any]:
    return {"who": "mgr", "name": name, "value": value, "add": add, "remove": remove}


def _preview(options: list[dict[str, t.Any]], **state: t.Any) -> dict[str, t.Any]:
    client, transport = replay(_cluster(**state))
    try:
        return apply_options(client, parse_requests(options), check_mode=True)
    finally:
        assert transport.writes == [], "check mode must not write"


def test_only_what_differs_would_change() -> None:
    result = _preview(
        [_option(_INTERVAL, "60"), _option(_POOLS, add=["vms"])],
        dump=[_set(_INTERVAL, "60.000000"), _set(_POOLS, "images")],
    )
    assert [(row["before"], row["wanted"], row["status"]) for row in result["rows"]] == [
        ("60", "60", "ok"),
        ("images", "images,vms", "would_change"),
    ]
    assert (result["changed"], result["restarted_modules"]) == (True, [])


def test_the_interval_restarts_its_module() -> None:
    result = _preview([_option(_INTERVAL, 60)])
    assert result["restarted_modules"] == ["prometheus"]
    assert result["rows"][0]["why"] == "was not set, default 15, module prometheus restarted for it"


def test_a_restart_that_was_cut_off_is_made_up_for() -> None:
    note = {"before": None, "wrote": "60", "restart": "prometheus"}
    result = _preview([_option(_INTERVAL, 60)], dump=[_set(_INTERVAL, "60.000000")], notes={f"mgr/{_INTERVAL}": note})
    assert (result["changed"], result["restarted_modules"]) == (True, ["prometheus"])


@pytest.mark.parametrize(
    "stronger", [_set("mgr/prometheus/x/scrape_interval", "30.000000"), _set(_INTERVAL, "30.000000", "mgr.x")]
)
def test_what_overrides_is_named(stronger: dict[str, t.Any]) -> None:
    row = _preview([_option(_INTERVAL, 60)], dump=[_set(_INTERVAL, "60.000000"), stronger])["rows"][0]
    assert row["status"] == "overridden"
    assert f"{stronger['section']} {stronger['name']} = 30.000000" in row["why"]


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TuningError, match="This Ceph has no option 'mgr/prometheus/scrap_interval'") as caught:
        _preview([_option(_INTERVAL, 60), _option("mgr/prometheus/scrap_interval", 60)])
    assert [row["status"] for row in caught.value.details["rows"]] == ["refused"]


@pytest.mark.parametrize(
    "options",
    [
        [_option(_POOLS)],
        [_option(_POOLS, "vms", add=["images"])],
        [_option(_INTERVAL, 60), _option(_INTERVAL, 30)],
        [_option(_INTERVAL, "often")],
    ],
)
def test_bad_requests(options: list[dict[str, t.Any]]) -> None:
    with pytest.raises(InvalidValue):
        _preview(options)


@pytest.mark.parametrize(
    ("dump", "note", "wanted", "status"),
    [
        ([_set(_INTERVAL, "60.000000")], {"before": None, "wrote": "60"}, None, "would_change"),
        ([_set(_INTERVAL, "60.000000")], {"before": "20", "wrote": "60"}, "20", "would_change"),
        ([_set(_INTERVAL, "45.000000")], {"before": None, "wrote": "60"}, "45", "note"),
        ([], {"before": None, "wrote": "60"}, None, "ok"),
    ],
)
def test_giving_back(dump: list[dict[str, t.Any]], note: dict[str, t.Any], wanted: str | None, status: str) -> None:
    client, _calls = replay(_cluster(dump, {f"mgr/{_INTERVAL}": note}))
    rows = give_back_options(client, None, check_mode=True)["rows"]
    assert [(row["wanted"], row["status"]) for row in rows] == [(wanted, status)]


def test_of_a_set_only_our_names_are_taken_back() -> None:
    note = {"before": "images", "wrote": "images,vms", "added": ["vms"], "removed": []}
    client, _calls = replay(_cluster([_set(_POOLS, "images vms later")], {f"mgr/{_POOLS}": note}))
    rows = give_back_options(client, None, check_mode=True)["rows"]
    assert [(row["wanted"], row["status"]) for row in rows] == [("images,later", "would_change")]


def test_notes_of_masked_options_are_found_again() -> None:
    name = "osd_memory_target"
    key = option_key("osd/class:ssd/host:h1", name)
    answers = _cluster(
        [{"section": "osd", "mask": "host:h1/class:ssd", "name": name, "value": "5368709120"}],
        {key: {"before": None, "wrote": "5368709120"}},
    )
    client, _calls = replay({**answers, f"config help {name}": _help(name, "size", "4294967296")})
    rows = give_back_options(client, [option_key("osd/host:h1/class:ssd", name)], check_mode=True)["rows"]
    assert [(row["where"], row["before"], row["wanted"]) for row in rows] == [
        ("osd/class:ssd/host:h1", "5368709120", None)
    ]


@pytest.mark.parametrize(
    ("option", "module"),
    [
        (_INTERVAL, "prometheus"),
        ("mgr/prometheus/x/server_port", "prometheus"),
        ("mgr/dashboard/ssl", "dashboard"),
        (_POOLS, None),
        ("mgr/telemetry/interval", None),
        ("osd_memory_target", None),
    ],
)
def test_modules_that_must_start_anew(option: str, module: str | None) -> None:
    assert module_to_restart(option) == module
