# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the planning of Kubernetes objects hands over: objects to write, and rows that tell of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import (
    DEFAULT_DRAIN_S,
    DEFAULT_REBOOT_S,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row

# Mirrors the documentation fragment virtscale.tuning.plan.
PLAN_SPEC: dict[str, dict[str, t.Any]] = {
    "facts": {"type": "dict", "required": True},
    "allow_disruption": {"type": "bool", "default": False},
    "force_conflicts": {"type": "bool", "default": False},
    "expected_rows": {"type": "list", "elements": "dict", "default": []},
}
# Mirrors the documentation fragment virtscale.tuning.plan.estimate.
ESTIMATE_SPEC: dict[str, dict[str, t.Any]] = {
    "drain_s": {"type": "raw", "default": DEFAULT_DRAIN_S},
    "reboot_s": {"type": "raw", "default": DEFAULT_REBOOT_S},
}
NEEDS_DISRUPTION = "needs allow_disruption: true"


@dataclass
class KubePlan:
    """The writes of one step, in the order in which they are made: patches, definitions, absent."""

    # Merge patches; with metadata.resourceVersion where a whole string is rewritten.
    patches: list[Object] = field(default_factory=list)
    # For server-side apply with our field manager.
    definitions: list[Object] = field(default_factory=list)
    # Whether a definition takes over a field of another manager, and may.
    force_conflicts: bool = False
    absent: list[Object] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.patches or self.definitions or self.absent)

    def withhold(self) -> None:
        """Drop all writes: a gate said no, or they are not allowed."""
        self.patches, self.definitions, self.absent, self.force_conflicts = [], [], [], False

    def as_result(self) -> dict[str, t.Any]:
        """Return the plan as return values of a module."""
        return {
            "changed": False,
            "patches": self.patches,
            "definitions": self.definitions,
            "force_conflicts": self.force_conflicts,
            "absent": self.absent,
            "rows": self.rows,
        }


def status_of(is_right: bool, allowed: bool = True) -> str:
    """Return a row's status before anything is written."""
    if is_right:
        return "ok"
    return "would_change" if allowed else "pending"


def confirmed(
    planned: t.Sequence[Row], now: t.Sequence[Row], check_mode: bool, *, given_back: bool = False
) -> list[Row]:
    """Return the planned rows with what came of them, read back after the writes; without any, those of now.

    :param now: the rows of the same plan, made again from what is measured now.
    :param given_back: the plan takes something back, in several steps, and is silent of what is done.
    """
    if not planned:
        return list(now)
    if check_mode:
        return list(planned)
    outcome, missing = (_left, _gone) if given_back else (_outcome, _missing)
    by_name = {(row["where"], row["what"]): row for row in now}
    result = []
    for row in planned:
        later = by_name.pop((row["where"], row["what"]), None)
        result.append(outcome(row, later) if later else missing(row))
    return result + [row if given_back else _unexpected(row) for row in by_name.values()]


def _gone(row: Row) -> Row:
    """Return a row of what was to be given back, and is."""
    return {**row, "effective": row["wanted"], "status": "changed"} if row["status"] == "would_change" else row


def _left(row: Row, later: Row) -> Row:
    """Return a row of what is still to be given back."""
    return {**row, **later, "before": row["before"]}


def _missing(row: Row) -> Row:
    """Return a row of which the plan is silent now; a setting that was to go is gone."""
    if row["status"] == "would_change" and row["wanted"] is None:
        return _gone(row)
    return {**row, "status": "note", "why": "no longer there"}


def _outcome(row: Row, later: Row) -> Row:
    """Return a planned row with what is found now."""
    if row["status"] != "would_change":
        return _unexpected({**row, **later, "before": row["before"]})
    found = {**row, "effective": later["effective"]}
    if later["status"] == "ok":
        return {**found, "status": "changed"}
    status = "failed" if later["status"] == "would_change" else later["status"]
    why = f"not effective after the run; {later['why']}" if status == "failed" else later["why"]
    return {**found, "status": status, "why": why}


def _unexpected(row: Row) -> Row:
    """Return a row that was not to be changed; one that has to be changed by now came from somebody else."""
    if row["status"] != "would_change":
        return row
    return {**row, "status": "failed", "why": "changed by somebody else during the run; run again"}
