# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.options import Database, Who, members, merge
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import Replay
from hypothesis import given
from hypothesis import strategies as st

# As a 16.2 cluster dumps it; further keys left out.
_DUMP = [
    {"section": "global", "mask": "host:h1", "name": "osd_max_backfills", "value": "4"},
    {"section": "mgr", "mask": "", "name": "mgr/prometheus/scrape_interval", "value": "60.000000"},
    {"section": "mgr", "mask": "", "name": "mgr/prometheus/x/scrape_interval", "value": "30.000000"},
    {"section": "osd", "mask": "host:h1", "name": "osd_memory_target", "value": "5368709120"},
    {"section": "osd", "mask": "", "name": "osd_memory_target", "value": "4294967296"},
    {"section": "osd", "mask": "host:h1/class:ssd", "name": "osd_max_backfills", "value": "3"},
    {"section": "osd.0", "mask": "", "name": "osd_memory_target", "value": "6442450944"},
]


@pytest.fixture
def database() -> Database:
    return Database(CephClient(Replay({"config dump": _DUMP})))


@pytest.mark.parametrize(
    ("who", "name", "value"),
    [
        ("osd", "osd_memory_target", "4294967296"),
        ("osd/host:h1", "osd_memory_target", "5368709120"),
        ("osd/host:h2", "osd_memory_target", None),
        ("osd/class:ssd/host:h1", "osd_max_backfills", "3"),
        ("osd/host:h1/class:ssd", "osd_max_backfills", "3"),
        ("osd", "osd_max_backfills", None),
        ("host:h1", "osd_max_backfills", "4"),
        ("global/host:h1", "osd_max_backfills", "4"),
    ],
)
def test_section_and_mask_are_compared_apart(database: Database, who: str, name: str, value: str | None) -> None:
    assert database.get(Who.parse(who), name) == value


def test_what_wins_is_named(database: Database) -> None:
    assert database.stronger(Who.parse("osd"), "osd_memory_target") == {
        "osd/host:h1 osd_memory_target": "5368709120",
        "osd.0 osd_memory_target": "6442450944",
    }
    assert database.stronger(Who.parse("osd/host:h1"), "osd_memory_target") == {"osd.0 osd_memory_target": "6442450944"}
    assert database.stronger(Who.parse("osd.0"), "osd_memory_target") == {}


def test_the_option_of_one_manager_wins_over_that_of_all(database: Database) -> None:
    found = database.stronger(Who.parse("mgr"), "mgr/prometheus/scrape_interval")
    assert found == {"mgr mgr/prometheus/x/scrape_interval": "30.000000"}


@pytest.mark.parametrize("who", ["", "pool/host:h1", "osd/mgr", "osd/", "osd/host:", "osd host:h1"])
def test_who_must_be_a_section(who: str) -> None:
    with pytest.raises(InvalidValue, match=r"^who is "):
        Who.parse(who)


@pytest.mark.parametrize(
    ("value", "add", "remove", "merged"),
    [
        (None, ["vms"], [], "vms"),
        ("images, vms2", ["vms"], [], "images,vms2,vms"),
        # In no need of a change, the value keeps the spelling that somebody gave it.
        ("images, vms", ["vms"], [], "images, vms"),
        ("images vms", [], ["vms"], "images"),
        ("vms", [], ["vms"], None),
        (None, [], ["vms"], None),
        ("vms/tenant,*", ["vms"], ["*"], "vms/tenant,vms"),
    ],
)
def test_merge(value: str | None, add: list[str], remove: list[str], merged: str | None) -> None:
    assert merge(value, add, remove) == merged


_NAMES = st.lists(st.text("abcxyz*/_-", min_size=1, max_size=6), unique=True, max_size=6)


@given(_NAMES, _NAMES)
def test_taking_back_what_was_added_leaves_what_others_put_there(others: list[str], ours: list[str]) -> None:
    before = ", ".join(others) or None
    after = merge(before, ours, [])
    assert set(members(after)) == {*others, *ours}
    added = set(members(after)) - set(others)
    assert members(merge(after, [], added)) == others
