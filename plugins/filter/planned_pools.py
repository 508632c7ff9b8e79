# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: planned_pools
short_description: The plans of several pools, from a loop of placement_groups
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Makes one list of pools, each with its facts and its plan, out of the results of a loop.
positional: keys
options:
  keys:
    description: Only these keys of each pool; without it all.
    type: list
    elements: str
  _input:
    description:
      - The C(results) of M(virtscale.tuning.placement_groups) in a loop over the groups of
        P(virtscale.tuning.pools_by_osds#filter).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Bring the pools to their plan
  virtscale.tuning.ceph_pool_pgs:
    pools: "{{ plans.results | virtscale.tuning.planned_pools(['name', 'pg_num']) }}"
"""

RETURN = r"""
_value:
  description: The pools; C(pg_num) is the planned one, C(pg_num_now) the one of now.
  type: list
  elements: dict
"""

import typing as t

_OF_POOL = ("pg_num", "raw")
_OF_GROUP = ("pgs_per_osd", "pgs_per_osd_one_host_out", "within_limit", "evidence")


def planned_pools(results: list[dict[str, t.Any]], keys: list[str] | None = None) -> list[dict[str, t.Any]]:
    pools = [pool for result in results for pool in _planned(result)]
    return pools if keys is None else [{key: pool[key] for key in keys} for pool in pools]


def _planned(result: dict[str, t.Any]) -> t.Iterator[dict[str, t.Any]]:
    for facts, plan in zip(result["item"]["measured"], result["pools"]):
        now = {**facts, "pg_num_now": facts["pg_num"]}
        yield {**now, **{key: plan[key] for key in _OF_POOL}, **{key: result[key] for key in _OF_GROUP}}


class FilterModule:
    """The filter, as Ansible looks it up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"planned_pools": planned_pools}
