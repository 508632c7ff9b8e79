# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.load import worst_load
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import (
    recorded_cluster,
    uniform_cluster,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("hosts", "per_host", "pg_num", "size", "one_host_out", "pgs"),
    [
        # The reference architecture: 4096 x 3 on 141 OSDs, and on the 138 that are left.
        (47, 3, 4096, 3, False, 4096 * 3 / 141),
        (47, 3, 4096, 3, True, 4096 * 3 / 138),
        (47, 3, 8192, 3, True, 8192 * 3 / 138),
        # Three copies on three hosts: the lost copies have nowhere to go.
        (3, 2, 256, 3, True, 128),
        (4, 2, 256, 3, True, 128),
        (1, 3, 64, 1, True, 64 / 3),
    ],
)
def test_fullest_osd(hosts: int, per_host: int, pg_num: int, size: int, one_host_out: bool, pgs: float) -> None:
    load = worst_load(uniform_cluster(hosts, per_host, {"vms": (0, size)}), {"vms": pg_num}, one_host_out)
    assert load is not None
    assert load.pgs == pytest.approx(pgs)


def test_other_pools_and_todays_unevenness_count_on_top() -> None:
    cluster = uniform_cluster(10, 2, {"vms": (64, 3), "other": (128, 3)})
    # 576 replicas on 20 OSDs are 28.8 each; osd.7 holds 40.
    osds = {**cluster.osds, 7: dataclasses.replace(cluster.osds[7], pgs=40)}
    load = worst_load(dataclasses.replace(cluster, osds=osds), {"vms": 512}, one_host_out=True)
    assert load is not None
    assert load.osd_id == 7
    assert load.pgs == pytest.approx((512 + 128) * 3 / 18 + 40 - 28.8)


def test_the_sentence_names_osd_and_host() -> None:
    load = worst_load(recorded_cluster(), {"vms": 256}, one_host_out=True)
    assert load is not None
    # With h1 or h2 out the pool fast, which has five OSDs for its two copies, moves to the rest.
    assert str(load) == f"osd.{load.osd_id} would hold {load.pgs:.1f} PG replicas with host {load.host_out} out"


@given(st.integers(4, 12), st.integers(1, 4), st.integers(1, 4096))
def test_losing_a_host_never_lightens_the_others(hosts: int, per_host: int, pg_num: int) -> None:
    cluster = uniform_cluster(hosts, per_host, {"vms": (0, 3)})
    whole, less = (worst_load(cluster, {"vms": pg_num}, one_host_out=lost) for lost in (False, True))
    assert whole is not None
    assert less is not None
    assert less.pgs > whole.pgs
    assert less.pgs * per_host * (hosts - 1) == pytest.approx(pg_num * 3)
