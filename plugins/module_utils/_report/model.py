# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a run says, put in order: the records of its steps become lines, roles and counts.

The steps of one role speak of the same values. The latest of measure, plan and apply says how a value
ended; verify, which looks again, can make that worse but not better.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import natural_key
from ansible_collections.virtscale.tuning.plugins.module_utils._record import STEPS, Json, Run

# What a reader wants to know first stands first.
BY_URGENCY = ("failed", "refused", "overridden", "pending", "would_change", "changed", "note", "ok")
TROUBLE = ("failed", "refused")
ATTENTION = ("failed", "refused", "overridden", "pending")

# The order of site, and then of the measurements; other roles follow in the order in which they reported.
_ROLES = (
    *("ceph_network", "ceph_pools", "ceph_metrics", "cnv_migration", "ocp_kubelet", "ocp_rollout"),
    *("cnv_storage", "cnv_fleet", "cnv_latency", "ocp_upgrade"),
)


@dataclasses.dataclass(frozen=True)
class Line:
    """How one value ended."""

    role: str
    host: str
    where: str
    what: str
    before: str | None
    wanted: str | None
    effective: str | None
    status: str
    why: str


@dataclasses.dataclass(frozen=True)
class RoleView:
    """What one role did in this run."""

    name: str
    lines: tuple[Line, ...]
    # Step, then host, to what the role recorded there.
    data: dict[str, dict[str, t.Any]]

    def counts(self) -> dict[str, int]:
        """Return how many lines ended with each status."""
        return count(self.lines)

    def hosts(self) -> list[str]:
        """Return the hosts that reported, in natural order."""
        reported = {line.host for line in self.lines} | {host for step in self.data.values() for host in step}
        return sorted(reported, key=natural_key)


@dataclasses.dataclass(frozen=True)
class RunView:
    """A whole run."""

    run_id: str
    playbook: str
    check_mode: bool
    started_at: str
    finished_at: str | None
    roles: tuple[RoleView, ...]

    def lines(self) -> list[Line]:
        """Return the lines of all roles."""
        return [line for role in self.roles for line in role.lines]

    def attention(self) -> list[Line]:
        """Return the lines that somebody has to look at, the most urgent first."""
        lines = [line for line in self.lines() if line.status in ATTENTION]
        return sorted(lines, key=lambda line: BY_URGENCY.index(line.status))

    def in_trouble(self) -> bool:
        """Return whether anything failed or was refused."""
        return any(line.status in TROUBLE for line in self.lines())


def view_run(run: Run) -> RunView:
    """Read the records of a run.

    :raises TuningError: when the run or one of its records cannot be read.
    """
    description = run.description()
    records = run.records()
    names = list(dict.fromkeys(str(record["role"]) for record in records))
    names.sort(key=lambda name: _ROLES.index(name) if name in _ROLES else len(_ROLES))
    return RunView(
        run_id=run.run_id,
        playbook=run.playbook,
        check_mode=bool(description.get("check_mode")),
        started_at=str(description["started_at"]),
        finished_at=description.get("finished_at"),
        roles=tuple(_view_role(name, [record for record in records if record["role"] == name]) for name in names),
    )


def count(lines: t.Iterable[Line]) -> dict[str, int]:
    """Return how many of the lines ended with each status, in order of urgency."""
    totals = dict.fromkeys(BY_URGENCY, 0)
    for line in lines:
        totals[line.status] += 1
    return totals


def _view_role(name: str, records: list[Json]) -> RoleView:
    by_step = {step: record["hosts"] for step in STEPS for record in records if record["step"] == step}
    lines: dict[tuple[str, str, str], Line] = {}
    for step, hosts in by_step.items():
        for host, entry in hosts.items():
            for line in _lines_of(name, host, entry):
                key = (host, line.where, line.what)
                lines[key] = _later(lines[key], line, step) if key in lines else line
    data = {
        step: {host: entry["data"] for host, entry in hosts.items() if entry["data"] not in (None, {}, [])}
        for step, hosts in by_step.items()
    }
    position = {what: number for number, what in enumerate(dict.fromkeys(line.what for line in lines.values()))}
    ordered = sorted(lines.values(), key=lambda line: (natural_key(line.where), position[line.what]))
    return RoleView(name, tuple(ordered), data)


def _lines_of(role: str, host: str, entry: Json) -> t.Iterator[Line]:
    told = False
    for row in entry["rows"]:
        told = told or row["status"] in TROUBLE
        yield Line(
            role=role,
            host=host,
            where=str(row["where"]),
            what=str(row["what"]),
            before=row.get("before"),
            wanted=row.get("wanted"),
            effective=row.get("effective"),
            status=row["status"] if row["status"] in BY_URGENCY else "note",
            why=str(row.get("why") or ""),
        )
    if entry["state"] != "ok" and not told:
        message = entry["message"] or "no message"
        why = f"unreachable: {message}" if entry["state"] == "unreachable" else message
        yield Line(role, host, host, "the host itself", None, None, None, "failed", why)


def _later(earlier: Line, later: Line, step: str) -> Line:
    # What verify finds "before" is what the step before it made.
    unknown = earlier.before is None and step != "verify"
    merged = dataclasses.replace(
        later,
        before=later.before if unknown else earlier.before,
        wanted=earlier.wanted if later.wanted is None else later.wanted,
        effective=earlier.effective if later.effective is None else later.effective,
        why=later.why or earlier.why,
    )
    if step == "verify" and BY_URGENCY.index(earlier.status) <= BY_URGENCY.index(later.status):
        return dataclasses.replace(merged, status=earlier.status, why=earlier.why or later.why)
    return merged
