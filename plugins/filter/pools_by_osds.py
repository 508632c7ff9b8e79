# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: pools_by_osds
short_description: Pools that lie on the same OSDs, to be planned together
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Groups pools by the OSDs that their CRUSH rules choose, because their shares of the data and their placement
    groups add up there.
positional: measured
options:
  measured:
    description: The same pools, as M(virtscale.tuning.ceph_pool_info) returns them, in the same order.
    type: list
    elements: dict
    required: true
  _input:
    description: The pools, each with its C(name) and its C(data_share).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Plan pools that share their OSDs together
  virtscale.tuning.placement_groups:
    osds: "{{ item.osds }}"
    pools: "{{ item.pools }}"
    other_pg_replicas: "{{ item.other_pg_replicas }}"
  loop: "{{ wanted | virtscale.tuning.pools_by_osds(info.pools) }}"
"""

RETURN = r"""
_value:
  description:
    - The groups. C(pools) and the other keys are what M(virtscale.tuning.placement_groups) takes, with
      C(other_pg_replicas) less the pools of the group itself; C(measured) are the facts of its pools.
  type: list
  elements: dict
"""

import typing as t

Pool = t.Dict[str, t.Any]


def pools_by_osds(wanted: list[Pool], measured: list[Pool]) -> list[dict[str, t.Any]]:
    groups: dict[t.Any, list[tuple[Pool, Pool]]] = {}
    for pool, facts in zip(wanted, measured):
        groups.setdefault(_same_osds(facts), []).append((pool, facts))
    return [_group(members) for members in groups.values()]


def _same_osds(facts: Pool) -> t.Hashable:
    return (tuple(facts["crush_roots"]), tuple(facts["device_classes"]), facts["osds"], facts["osds_per_host"])


def _group(members: list[tuple[Pool, Pool]]) -> dict[str, t.Any]:
    measured = [facts for _pool, facts in members]
    first = measured[0]
    of_the_rest = sum(facts["pg_num_target"] * facts["replicas"] for facts in measured[1:])
    return {
        "osds": first["osds"],
        "osds_per_host": first["osds_per_host"] if first["hosts"] > 1 else 0,
        "other_pg_replicas": max(0, first["other_pg_replicas"] - of_the_rest),
        "pools": [
            {"name": facts["name"], "replicas": facts["replicas"], "data_share": pool["data_share"]}
            for pool, facts in members
        ],
        "measured": measured,
    }


class FilterModule:
    """The filter, as Ansible looks it up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"pools_by_osds": pools_by_osds}
