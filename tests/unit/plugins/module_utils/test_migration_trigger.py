# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import (
    TRIGGER_PATH,
    Triggered,
    check_run_id,
    run_of,
    trigger,
)
from hypothesis import given
from hypothesis import strategies as st
from migration_facts import LATER, RUN, facts, triggered, zone_node

Object = t.Dict[str, t.Any]


def test_the_trigger_is_one_file_for_one_pool() -> None:
    found = trigger("zone-0", RUN)
    assert found["metadata"]["name"] == "99-zone-0-virtscale-migration"
    assert found["metadata"]["labels"]["machineconfiguration.openshift.io/role"] == "zone-0"
    assert found["spec"]["config"] == {
        "ignition": {"version": "3.2.0"},
        "storage": {
            "files": [
                {
                    "path": "/etc/virtscale-migration",
                    "mode": 420,
                    "overwrite": True,
                    "contents": {"source": "data:,20260801T120000Z-migrate%0A"},
                }
            ]
        },
    }


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True))
def test_the_run_is_read_back(run_id: str) -> None:
    assert run_of(trigger("zone-0", check_run_id(run_id))) == run_id


@pytest.mark.parametrize("run_id", ["", " ", "a b", "-a", "a\n", "ä", "a/b", "a" * 129])
def test_ids_that_are_no_plain_names(run_id: str) -> None:
    with pytest.raises(InvalidValue):
        check_run_id(run_id)


def with_file(source: str | None, path: str = TRIGGER_PATH) -> Object:
    return {"spec": {"config": {"storage": {"files": [{"path": path, "contents": {"source": source}}]}}}}


@pytest.mark.parametrize(
    "config, run",
    [
        (None, None),
        ({"spec": {"config": {}}}, None),
        (with_file("data:,x", path="/etc/other"), None),
        (with_file("data:,x%0A"), "x"),
        (with_file("data:text/plain;charset=utf-8;base64," + base64.b64encode(b"x\n").decode()), "x"),
        (with_file("data:;base64,%%%"), ""),
        (with_file("https://elsewhere/x"), ""),
        (with_file(None), ""),
    ],
)
def test_which_run_a_configuration_holds(config: Object | None, run: str | None) -> None:
    assert run_of(config) == run


def nodes(*runs: str | None) -> list[Object]:
    return [zone_node(f"a{number}", "zone-0", run) for number, run in enumerate(runs)]


@pytest.mark.parametrize(
    "runs, trigger_of, lacking, unfinished, under_way, to_be_cleared, effective",
    [
        ((None, None), None, [], False, False, False, None),
        ((None, None), RUN, ["a0", "a1"], True, True, True, None),
        ((RUN, None), RUN, ["a1"], True, True, True, f"{RUN} on 1 of 2 nodes"),
        ((RUN, RUN), RUN, [], False, False, True, RUN),
        ((RUN, LATER), LATER, ["a0"], True, True, True, f"{RUN} on 1 of 2 nodes; {LATER} on 1 of 2 nodes"),
        # Its removal has begun.
        ((RUN, None), None, ["a0"], False, True, True, f"{RUN} on 1 of 2 nodes"),
    ],
)
def test_where_a_pool_stands(
    runs: t.Sequence[str | None],
    trigger_of: str | None,
    lacking: list[str],
    unfinished: bool,
    under_way: bool,
    to_be_cleared: bool,
    effective: str | None,
) -> None:
    found = facts(nodes(*runs), triggers=triggered(trigger_of, "zone-0") if trigger_of else {})
    state = Triggered.of(Machines.from_facts(found), found, "zone-0")
    assert [node.name for node in state.lacking()] == lacking
    assert (state.unfinished, state.under_way, state.to_be_cleared) == (unfinished, under_way, to_be_cleared)
    assert state.effective() == effective
