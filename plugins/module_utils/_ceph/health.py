# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether a cluster is well enough to be changed: health checks, PG states and objects on the move."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient

# Warnings that say nothing about the data or the daemons now: advice about settings, notes about the past.
BENIGN_CHECKS = (
    "AUTH_INSECURE_GLOBAL_ID_RECLAIM",
    "AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED",
    "MANY_OBJECTS_PER_PG",
    "MON_MSGR2_NOT_ENABLED",
    "PG_NOT_DEEP_SCRUBBED",
    "PG_NOT_SCRUBBED",
    "POOL_APP_NOT_ENABLED",
    "POOL_PG_NUM_NOT_POWER_OF_TWO",
    "POOL_TOO_FEW_PGS",
    "POOL_TOO_MANY_PGS",
    "RECENT_CRASH",
    "RECENT_MGR_MODULE_CRASH",
    "SMALLER_PGP_NUM",
    "TELEMETRY_CHANGED",
    "TOO_FEW_PGS",
)

# Every PG state is made of words joined by "+"; a PG whose words are all here is as it should be.
_QUIET_WORDS = frozenset({"active", "clean", "scrubbing", "deep", "snaptrim", "snaptrim_wait"})


@dataclasses.dataclass(frozen=True)
class Health:
    """The cluster's health, and what is against changing something now.

    ``problems`` are sentences; none means that all PGs are active and clean, nothing is misplaced or degraded,
    and no check but muted and benign ones is raised.
    """

    status: str
    checks: t.Tuple[t.Dict[str, t.Any], ...]
    pg_states: t.Dict[str, int]
    misplaced_objects: int
    degraded_objects: int
    problems: t.Tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when nothing is against a change."""
        return not self.problems

    def as_result(self) -> t.Dict[str, t.Any]:
        """Return it as a module's return values."""
        result = dataclasses.asdict(self)
        return {**result, "checks": list(self.checks), "problems": list(self.problems), "ok": self.ok}


def read_health(client: CephClient, benign_checks: t.Iterable[str] = BENIGN_CHECKS) -> Health:
    """Ask the cluster; two commands."""
    return judge_health(client.read("health", detail="detail"), client.read("status")["pgmap"], benign_checks)


def judge_health(
    health: t.Mapping[str, t.Any],
    pgmap: t.Mapping[str, t.Any],
    benign_checks: t.Iterable[str] = BENIGN_CHECKS,
) -> Health:
    """Return the verdict on what ``ceph health detail`` and ``ceph status`` (its pgmap) say.

    :param benign_checks: codes of health checks that are no reason to wait; muted ones never are.
    """
    benign = frozenset(benign_checks)
    checks = tuple(
        {
            "code": code,
            "severity": check["severity"],
            "message": check["summary"]["message"],
            "muted": bool(check.get("muted")),
            "benign": code in benign,
        }
        for code, check in sorted(health.get("checks", {}).items())
    )
    states = {state["state_name"]: int(state["count"]) for state in pgmap.get("pgs_by_state", [])}
    misplaced, degraded = int(pgmap.get("misplaced_objects", 0)), int(pgmap.get("degraded_objects", 0))
    problems = [
        f"health check {check['code']}: {check['message']}"
        for check in checks
        if not check["muted"] and not check["benign"]
    ]
    problems += [f"{count} PGs are {state}" for state, count in sorted(states.items()) if not _is_quiet(state)]
    if misplaced:
        problems.append(f"{misplaced} object copies are misplaced")
    if degraded:
        problems.append(f"{degraded} object copies are degraded")
    return Health(
        status=health["status"],
        checks=checks,
        pg_states=states,
        misplaced_objects=misplaced,
        degraded_objects=degraded,
        problems=tuple(problems),
    )


def _is_quiet(state: str) -> bool:
    words = frozenset(state.split("+"))
    return {"active", "clean"} <= words <= _QUIET_WORDS
