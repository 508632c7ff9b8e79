# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.filter.planned_pools import planned_pools
from ansible_collections.virtscale.tuning.plugins.module_utils._placement_groups import plan_placement_groups


def _looped(name: str, data_share: float, pg_num: int) -> dict[str, t.Any]:
    measured = {"name": name, "osds": 141, "replicas": 3, "pg_num": pg_num, "pg_num_target": pg_num}
    item = [{"name": name, "data_share": data_share}, measured]
    return {**plan_placement_groups(osds=141, data_share=data_share), "item": item, "changed": False}


def test_each_pool_has_its_facts_and_its_plan() -> None:
    vms, images = planned_pools([_looped("vms", 0.85, 32), _looped("images", 0.05, 64)])
    assert (vms["name"], vms["pg_num"], vms["pg_num_now"], vms["raw"]) == ("vms", 4096, 32, 3995.0)
    assert (images["name"], images["pg_num"], images["pg_num_now"]) == ("images", 256, 64)
    assert "changed" not in vms


def test_only_the_keys_that_are_asked_for() -> None:
    assert planned_pools([_looped("vms", 0.85, 32)], ["name", "pg_num"]) == [{"name": "vms", "pg_num": 4096}]
