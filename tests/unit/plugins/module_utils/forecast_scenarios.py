# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios for tests of the forecast."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.inputs import read_scenario
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import Scenario
from hypothesis import strategies as st


def scenario(
    nodes: int = 6,
    max_unavailable: int = 3,
    vms: t.Mapping[str, int] | None = None,
    pods: int = 0,
    limits: tuple[int, int] = (5, 2),
    pools: int = 1,
    others: int = 10,
    drain_by: str = "controller",
    one_at_a_time: bool = True,
    share: float = 1,
    **durations: t.Any,
) -> Scenario:
    """Return equal pools of equal nodes."""
    pool = {"nodes": nodes, "max_unavailable": max_unavailable, "vms": dict(vms or {}), "pods": pods}
    return read_scenario(
        {
            "pools": [{"name": f"zone-{number}", **pool} for number in range(pools)],
            "other_nodes": others,
            "limits": {"parallelMigrationsPerCluster": limits[0], "parallelOutboundMigrationsPerNode": limits[1]},
            "durations": durations,
            "drain_by": drain_by,
            "one_at_a_time": one_at_a_time,
            "max_disrupted_share": share,
        }
    )


def reference(**changed: t.Any) -> Scenario:
    """Return the reference architecture's zone: 34 nodes with 1,000 VMs and 7,000 other pods."""
    told: dict[str, t.Any] = {
        "nodes": 34,
        "max_unavailable": 10,
        "vms": {"rhel": 400, "fedora": 400, "windows": 200},
        "pods": 7000,
        "limits": (20, 4),
        "others": 66,
        "reboot_s": 600,
    }
    return scenario(**{**told, **changed})


def scenarios() -> st.SearchStrategy[Scenario]:
    """Return any small rollout."""
    return st.builds(
        scenario,
        nodes=st.integers(1, 12),
        max_unavailable=st.integers(1, 12),
        vms=st.dictionaries(st.sampled_from(["rhel", "fedora", "windows"]), st.integers(0, 40), max_size=3),
        pods=st.integers(0, 200),
        limits=st.tuples(st.integers(1, 20), st.integers(1, 6)),
        pools=st.integers(1, 3),
        others=st.integers(1, 6),
        drain_by=st.sampled_from(["controller", "daemon"]),
        one_at_a_time=st.booleans(),
        share=st.floats(0.05, 1),
        reboot_s=st.sampled_from([0, 1, 60, 600]),
        pod_stop_s=st.sampled_from([0, 0.2, 30, 120]),
        daemon_poll_s=st.sampled_from([0, 10]),
    )
