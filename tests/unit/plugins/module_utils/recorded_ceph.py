# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of a real Ceph 16.2: six OSDs on three hosts, one an hdd, a pool on its way; and clusters of any size."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import (
    CephClient,
    CephCommandError,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import (
    Cluster,
    Limits,
    Osd,
    Pool,
    Rule,
    parse_cluster,
)

_FILES = Path(__file__).parent / "ceph_16_2"
LIMITS = Limits(mon_max_pg_per_osd=250, mon_target_pg_per_osd=100, mon_max_pool_pg_num=65536)


def recorded(name: str) -> t.Any:
    """Return the JSON that one command printed."""
    return json.loads((_FILES / f"{name}.json").read_text())


def recorded_cluster() -> Cluster:
    """Return the recorded cluster."""
    return parse_cluster(recorded("osd_dump"), recorded("osd_crush_dump"), recorded("osd_df"), LIMITS)


class Replay:
    """Answers commands from a recording, and notes the writes; an answer of None stands for ENOENT.

    An answer that is a CephCommandError is raised.
    """

    name = "replay"

    def __init__(self, answers: t.Mapping[str, t.Any]) -> None:
        self._answers = answers
        self.writes: list[str] = []

    def run(self, prefix: str, arguments: t.Dict[str, str]) -> str:
        spoken = " ".join([prefix, *arguments.values()])
        for command in (spoken, prefix):
            if command in self._answers:
                if self._answers[command] is None:
                    raise CephCommandError(spoken, "ENOENT", "")
                if isinstance(self._answers[command], CephCommandError):
                    raise self._answers[command]
                return json.dumps(self._answers[command])
        self.writes.append(spoken)
        return ""

    def close(self) -> None:
        """Nothing is open."""


def replay(changes: t.Mapping[str, t.Any]) -> tuple[CephClient, Replay]:
    """Return a client of the recorded cluster, with some answers changed."""
    well = {"status": "HEALTH_OK", "checks": {}}
    answers = {
        "osd dump": recorded("osd_dump"),
        "osd crush dump": recorded("osd_crush_dump"),
        "osd df": recorded("osd_df"),
        "config get mon mon_max_pg_per_osd": 250,
        "config get mgr mon_target_pg_per_osd": 100,
        "config get mon mon_max_pool_pg_num": 65536,
        "health": well,
        "status": {"pgmap": {"pgs_by_state": [{"state_name": "active+clean", "count": 289}]}},
        "config-key dump": {},
    }
    transport = Replay({**answers, **changes})
    return CephClient(transport), transport


def uniform_cluster(hosts: int, osds_per_host: int, pools: t.Mapping[str, tuple[int, int]]) -> Cluster:
    """Return a cluster of equal OSDs; ``pools`` gives pg_num and size of each pool. All PGs lie evenly."""
    count = hosts * osds_per_host
    replicas = sum(pg_num * size for pg_num, size in pools.values())
    osds = {
        number: Osd(number, f"ceph{number // osds_per_host + 1:02}", "ssd", 1.0, replicas // count, ())
        for number in range(count)
    }
    return Cluster(
        pools={
            name: Pool(name, 0, size, pg_num, pg_num, pg_num, pg_num, "on", frozenset(), 0, 0)
            for name, (pg_num, size) in pools.items()
        },
        rules={0: Rule("replicated_rule", ("default",), "host", frozenset(osds))},
        osds=osds,
        limits=LIMITS,
        flags=frozenset(),
        release="pacific",
    )
