# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.virtscale.tuning.plugins.filter.host_results import host_results
from ansible_collections.virtscale.tuning.plugins.filter.worst_rtt import worst_rtt

GOOD = {"rtt": {"10.0.0.1": {"avg_ms": 0.2}}, "failed": False}


@pytest.mark.parametrize(
    "result, kept",
    [
        (GOOD, True),
        ({**GOOD, "failed": True}, False),
        ({**GOOD, "unreachable": True}, False),
        ({**GOOD, "skipped": True}, False),
        ({}, False),
        (None, False),
    ],
)
def test_only_results_count(result: t.Any, kept: bool) -> None:
    hostvars = {"ceph01": {"network": result}, "ceph02": {}, "ceph03": {"network": GOOD}}
    found = host_results(["ceph01", "ceph02", "ceph03", "gone"], hostvars, "network")
    assert set(found) == ({"ceph01", "ceph03"} if kept else {"ceph03"})
    assert found["ceph03"] == GOOD


def test_other_values_are_left_out() -> None:
    hostvars = {"ceph01": {"network": GOOD | {"rows": [1, 2, 3]}}}
    assert host_results(["ceph01"], hostvars, "network", ["rtt", "softnet"]) == {
        "ceph01": {"rtt": GOOD["rtt"], "softnet": None}
    }


def test_the_filters_fit_together() -> None:
    found = host_results(["ceph01"], {"ceph01": {"network": GOOD}}, "network")
    assert worst_rtt(found)["rtt_ms"] == 0.2
    with pytest.raises(AnsibleFilterError, match=r"^No round trip was measured"):
        worst_rtt({})
