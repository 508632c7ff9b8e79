# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Migrations looked at once, before or after: what would be watched, and what the cluster still knows."""

from __future__ import annotations

import collections
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import NoJournal
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.feed import Feed
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.limits import PER_CLUSTER, PER_NODE
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.result import statistics
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import moment
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.cluster import ClusterView

Json = t.Dict[str, t.Any]


def survey(client: KubeClient, pools: t.Sequence[t.Mapping[str, t.Any]]) -> Json:
    """Return which machines would have to move off the nodes of these pools, and within which limits.

    :param pools: as the preview of a rollout returns them.
    :raises KubeError: when the API does not answer, or serves no live migration.
    """
    feed = _looked(client, 0.0)
    snapshot = ClusterView(client).fresh()
    rolling = [pool["name"] for pool in pools if pool["nodes_to_roll"]]
    nodes = {node.name for name in rolling for node in snapshot.members(name)}
    found = collections.Counter(machine["os"] for machine in feed.machines.values() if machine["node"] in nodes)
    return {
        "vms_to_move": sum(found.values()),
        "by_os": {name: {"vms": count} for name, count in sorted(found.items())},
        "limits": {
            PER_CLUSTER: {"effective": feed.limits.per_cluster},
            PER_NODE: {"effective": feed.limits.per_node},
        },
        "unfinished": sum(not migration.over for migration in feed.history.migrations.values()),
    }


def survey_line(found: Json) -> str:
    """Return what would be watched, in words."""
    limits = found["limits"]
    systems = ", ".join(f"{entry['vms']:,} {name}" for name, entry in found["by_os"].items())
    return (
        f"VMs: {found['vms_to_move']:,} to move{f' ({systems})' if systems else ''}, at most "
        f"{limits[PER_CLUSTER]['effective']} at once and {limits[PER_NODE]['effective']} off one node"
    )


def known_migrations(client: KubeClient, since: str | None) -> Json:
    """Return the statistics of the migrations that the cluster still knows: the five newest of each machine.

    :param since: of those that have ended, only what was created after this moment, as the API writes it.
    :raises InvalidValue: when that is no moment.
    :raises KubeError: when the API does not answer, or serves no live migration.
    """
    after = moment(since) if since else 0.0
    if after is None:
        raise InvalidValue("since", since, "a time such as 2026-08-01T12:00:00Z")
    feed = _looked(client, after)
    return statistics(feed.history, feed.limits, time.time())


def _looked(client: KubeClient, since: float) -> Feed:
    feed = Feed(client, NoJournal(), since=since, afterwards=True)
    feed.refresh()
    return feed
