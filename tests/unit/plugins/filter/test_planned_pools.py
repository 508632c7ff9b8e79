# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.filter.planned_pools import planned_pools
from ansible_collections.virtscale.tuning.plugins.filter.pools_by_osds import pools_by_osds
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.placement_groups import plan_placement_groups

Pool = t.Dict[str, t.Any]


def _facts(name: str, pg_num: int, root: str = "default", others: int = 0) -> Pool:
    where = {"crush_roots": [root], "device_classes": ["ssd"], "osds": 141, "hosts": 47, "osds_per_host": 3}
    return {
        **where,
        "name": name,
        "replicas": 3,
        "pg_num": pg_num,
        "pg_num_target": pg_num,
        "other_pg_replicas": others,
    }


def _planned(wanted: list[Pool], measured: list[Pool], keys: list[str] | None = None) -> list[Pool]:
    """Plan as the role does: one result for each group."""
    results = []
    for group in pools_by_osds(wanted, measured):
        plan = plan_placement_groups(**{key: value for key, value in group.items() if key != "measured"})
        results.append({**plan, "item": group, "changed": False})
    return planned_pools(results, keys)


VMS = {"name": "vms", "data_share": 0.85}
IMAGES = {"name": "images", "data_share": 0.05}


def test_each_pool_has_its_facts_and_its_plan() -> None:
    vms, images = _planned([VMS, IMAGES], [_facts("vms", 32), _facts("images", 64, "archive")])
    assert (vms["name"], vms["pg_num"], vms["pg_num_now"], vms["raw"]) == ("vms", 4096, 32, 3995.0)
    assert (images["name"], images["pg_num"], images["pg_num_now"]) == ("images", 256, 64)
    assert "changed" not in vms


def test_only_the_keys_that_are_asked_for() -> None:
    assert _planned([VMS], [_facts("vms", 32)], ["name", "pg_num"]) == [{"name": "vms", "pg_num": 4096}]


def test_pools_on_the_same_osds_count_together() -> None:
    # The other pools hold 100 replicas beside these two.
    measured = [_facts("vms", 32, others=64 * 3 + 100), _facts("images", 64, others=32 * 3 + 100)]
    [group] = pools_by_osds([VMS, IMAGES], measured)
    assert group["other_pg_replicas"] == 100
    vms, images = _planned([VMS, IMAGES], measured)
    assert vms["pgs_per_osd"] == images["pgs_per_osd"] == round((4096 * 3 + 256 * 3 + 100) / 141, 1)


def test_pools_on_other_osds_are_planned_by_themselves() -> None:
    groups = pools_by_osds([VMS, IMAGES], [_facts("vms", 32), _facts("images", 64, "archive")])
    assert [[pool["name"] for pool in group["pools"]] for group in groups] == [["vms"], ["images"]]


def test_shares_of_the_same_osds_add_up_to_one_at_most() -> None:
    with pytest.raises(TuningError, match=r"data_share of the pools sums to 1\.05"):
        _planned([VMS, {"name": "images", "data_share": 0.2}], [_facts("vms", 32), _facts("images", 64)])


def test_a_cluster_of_one_host_is_not_asked_to_lose_it() -> None:
    [group] = pools_by_osds([VMS], [{**_facts("vms", 32), "hosts": 1}])
    assert group["osds_per_host"] == 0
