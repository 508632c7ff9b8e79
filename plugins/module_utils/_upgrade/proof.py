# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether a cluster came through an upgrade: the version, the operators, every node back, every machine as before."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.preflight import named
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.proof import prove
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    ClusterVersion,
    parse_cluster_version,
    parse_operator,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.plan import (
    CLUSTER,
    RELEASE,
    UpgradeWishes,
    at_version,
    plan_upgrade,
)

Facts = t.Mapping[str, t.Any]


def prove_upgrade(before: Facts, after: Facts, wishes: UpgradeWishes) -> list[Row]:
    """Return rows that compare the facts of before an upgrade with those of after it."""
    was, now = parse_cluster_version(before["cluster_version"]), parse_cluster_version(after["cluster_version"])
    pools = plan_upgrade(after, wishes, look=False).pools
    return [_version_row(was, now, wishes), _operator_row(after), *prove(before, after, pools)]


def _version_row(was: ClusterVersion, now: ClusterVersion, wishes: UpgradeWishes) -> Row:
    reached = at_version(now, wishes.wanted) and now.newest.completed
    ok, why = ("ok", "it had it before") if was.newest == now.newest else ("changed", f"Completed; {now.channel}")
    return row(
        CLUSTER,
        RELEASE,
        before=now.before if reached else was.current,
        wanted=str(wishes.wanted),
        effective=now.current,
        status=ok if reached else "failed",
        why=why if reached else str(now.condition("Progressing")),
    )


def _operator_row(after: Facts) -> Row:
    operators = [parse_operator(item) for item in after.get("cluster_operators") or []]
    troubled = [f"{one.name} is {one.trouble}" for one in operators if one.trouble]
    return row(
        "ClusterOperators",
        "available and not degraded",
        wanted=f"{len(operators)} of {len(operators)}",
        effective=f"{len(operators) - len(troubled)} of {len(operators)}",
        status="failed" if troubled else "ok",
        why=named(troubled) if troubled else "all",
    )
