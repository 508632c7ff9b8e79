# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import parse_cluster
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_facts import osd_facts, pool_facts
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import (
    LIMITS,
    recorded,
    recorded_cluster,
)


@pytest.mark.parametrize(
    ("pool", "osds", "hosts", "osds_per_host", "failure_domain", "roots"),
    [
        ("vms", 6, 3, 2, "host", ["default"]),
        # osd.5 is an hdd, so the rule for ssd sees one OSD less on its host.
        ("fast", 5, 3, 2, "host", ["default~ssd"]),
        ("objects", 6, 3, 2, "osd", ["default"]),
    ],
)
def test_osds_are_those_of_the_pools_rule(
    pool: str, osds: int, hosts: int, osds_per_host: int, failure_domain: str, roots: list[str]
) -> None:
    facts = pool_facts(recorded_cluster(), pool)
    found = tuple(facts[key] for key in ("osds", "hosts", "osds_per_host", "failure_domain", "crush_roots"))
    assert found == (osds, hosts, osds_per_host, failure_domain, roots)


def test_a_pool_on_its_way_has_numbers_and_targets() -> None:
    pool = recorded_cluster().pool("objects")
    assert (pool.pg_num, pool.pg_num_target, pool.pgp_num, pool.pgp_num_target) == (16, 64, 16, 64)
    assert not pool.settled


def test_other_pools_count_with_their_targets_and_their_share_of_the_osds() -> None:
    # objects 64 x 3 and device_health_metrics 1 x 3 lie on all six OSDs, fast 16 x 2 within them.
    assert pool_facts(recorded_cluster(), "vms")["other_pg_replicas"] == 192 + 3 + 32
    # Of 768 + 192 + 3 replicas on six OSDs five sixths lie on the five ssds.
    assert pool_facts(recorded_cluster(), "fast")["other_pg_replicas"] == round(963 * 5 / 6)


def test_osds_that_are_out_or_weigh_nothing_do_not_count() -> None:
    osd_df, osd_dump = recorded("osd_df"), recorded("osd_dump")
    osd_df["nodes"][0]["crush_weight"] = 0
    osd_dump["osds"][1]["in"] = 0
    cluster = parse_cluster(osd_dump, recorded("osd_crush_dump"), osd_df, LIMITS)
    assert sorted(cluster.osds) == [2, 3, 4, 5]
    assert pool_facts(cluster, "vms")["osds"] == 4


def test_an_unknown_pool_is_named_with_those_that_exist() -> None:
    with pytest.raises(TuningError, match="no pool 'vm' in this cluster; its pools are device_health_metrics, fast"):
        recorded_cluster().pool("vm")


def test_full_osds_and_pools_are_named() -> None:
    osd_dump = recorded("osd_dump")
    osd_dump["osds"][3]["state"].append("nearfull")
    osd_dump["pools"][1]["flags_names"] += ",full_quota"
    cluster = parse_cluster(osd_dump, recorded("osd_crush_dump"), recorded("osd_df"), LIMITS)
    assert cluster.full() == ["osd.3 is nearfull", "pool vms is full_quota"]


def test_osd_facts() -> None:
    assert osd_facts(recorded_cluster()) == {
        "count": 6,
        "hosts": 3,
        "pgs_min": 135,
        "pgs_mean": 141.8,
        "pgs_max": 149,
    }
