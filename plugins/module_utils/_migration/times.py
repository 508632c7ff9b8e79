# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The times of one live migration: what the API says of it, and what was seen where the API says nothing.

A VirtualMachineInstanceMigration goes Pending, Scheduling, Scheduled, PreparingTarget, TargetReady, Running and ends
Succeeded or Failed. KubeVirt stamps these since 0.55, with a resolution of a second; for older releases the moments
at which the phases were first seen stand in. ``migrationState`` of the VM's instance, which each migration carries
a copy of, says when memory began and ended to move, whichever the release.
"""

from __future__ import annotations

import calendar
import dataclasses
import re
import time
import typing as t

Json = t.Dict[str, t.Any]

SUCCEEDED, FAILED = "Succeeded", "Failed"
FINAL = (SUCCEEDED, FAILED)
# It was deleted, or its VM was, before its end could be seen.
GONE = "Gone"
# From its target pod on a migration holds one of the cluster's and one of its source node's places.
ACTIVE = ("Scheduling", "Scheduled", "PreparingTarget", "TargetReady", "Running")
_WAITING = ("", "WaitingForSync", "Synchronizing", "Pending")
_RANKS = {phase: rank for rank, phase in enumerate((*_WAITING, *ACTIVE, SUCCEEDED, FAILED, GONE))}
_EVACUATES = "kubevirt.io/evacuationMigration"
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))")


@dataclasses.dataclass
class Migration:
    """One attempt to move one VM; moments are seconds since the epoch."""

    uid: str
    vm: str = ""
    os: str = "unknown"
    phase: str = ""
    # When a drain was first seen to ask for it; KubeVirt before 1.7 creates it only when a place is free.
    asked: float | None = None
    created: float | None = None
    # Of each phase: the API's own time, and where it gives none the time at which it was first seen.
    phases: dict[str, float] = dataclasses.field(default_factory=dict)
    seen: dict[str, float] = dataclasses.field(default_factory=dict)
    source: str | None = None
    target: str | None = None
    started: float | None = None
    ended: float | None = None
    state_failed: bool = False
    reason: str | None = None

    def learn(self, facts: t.Mapping[str, t.Any]) -> Json:
        """Take over what ``facts`` say, and return what of it is new; a phase never goes back."""
        new: Json = {}
        for name, value in facts.items():
            if value is None or name not in _LEARNED:
                continue
            if name in ("phases", "seen"):
                known = getattr(self, name)
                added = {phase: moment for phase, moment in value.items() if phase not in known}
                known.update(added)
                if added:
                    new[name] = added
            elif value != getattr(self, name) and (name != "phase" or self._follows(value)):
                setattr(self, name, value)
                new[name] = value
        return new

    def _follows(self, phase: str) -> bool:
        return self.phase not in FINAL and _RANKS.get(phase, 0) > _RANKS.get(self.phase, 0)

    @property
    def active(self) -> bool:
        """Whether it holds a place: virt-controller counts it against its limits."""
        return self.phase in ACTIVE

    @property
    def waiting(self) -> bool:
        """Whether it waits for a place."""
        return self.phase in _WAITING

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of it."""
        return not self.active and not self.waiting

    @property
    def outcome(self) -> str:
        """Return ``succeeded``, ``failed``, ``unfinished`` or, if it vanished without an end, ``lost``."""
        if self.phase in FINAL:
            return self.phase.lower()
        if self.phase != GONE:
            return "unfinished"
        if self.ended is None:
            return "lost"
        return "failed" if self.state_failed else "succeeded"

    @property
    def wanted_at(self) -> float | None:
        """When a drain asked for it or, where that was not seen, when it was created."""
        return min((at for at in (self.asked, self.created) if at is not None), default=None)

    @property
    def began_at(self) -> float | None:
        """When it got its place."""
        return self._first(ACTIVE)

    @property
    def moved_from_at(self) -> float | None:
        """When memory began to move."""
        return self._first(("Running",)) if self.started is None else self.started

    @property
    def ended_at(self) -> float | None:
        """When the VM ran on its new node, or the attempt was given up."""
        if self.ended is None and self.phase == GONE:
            return None
        return self.closed_at if self.ended is None else self.ended

    @property
    def closed_at(self) -> float | None:
        """When it gave its place back."""
        closed = self._first((*FINAL, GONE))
        return self.ended if closed is None and self.over else closed

    @property
    def held_s(self) -> float | None:
        """Seconds from when a drain asked for it until it was created, by the clock of whoever watched."""
        return _between(self.asked, self.created)

    @property
    def queued_s(self) -> float | None:
        """Seconds from its creation until it got a place."""
        return _between(self.created, self.began_at)

    @property
    def prepare_s(self) -> float | None:
        """Seconds from then until memory began to move: the target's pod is scheduled and made ready."""
        return _between(self.began_at, self.moved_from_at)

    @property
    def run_s(self) -> float | None:
        """Seconds in which memory moved."""
        return _between(self.moved_from_at, self.ended_at)

    @property
    def total_s(self) -> float | None:
        """Seconds from its creation to its end: queued, prepare and run together."""
        return _between(self.created, self.ended_at)

    @property
    def times_of(self) -> str:
        """Return ``api`` when every time is the API's own, else ``seen``."""
        return "seen" if self.seen else "api"

    def _first(self, phases: t.Sequence[str]) -> float | None:
        """Return when the first of these phases that is known of was reached."""
        for moments in (self.phases, self.seen):
            found = [moments[phase] for phase in phases if phase in moments]
            if found:
                return min(found)
        return None


_LEARNED = frozenset(field.name for field in dataclasses.fields(Migration)) - {"uid"}


def facts_of_migration(item: t.Mapping[str, t.Any], now: float | None) -> Json:
    """Return what a VirtualMachineInstanceMigration says of itself; what it lacks is None.

    :param now: the moment at which it is seen, for phases that the API did not stamp; None if that says nothing.
    """
    meta, status = item["metadata"], item.get("status") or {}
    phase = status.get("phase") or ""
    stamped = {
        str(entry.get("phase")): when
        for entry in status.get("phaseTransitionTimestamps") or []
        if (when := moment(entry.get("phaseTransitionTimestamp"))) is not None
    }
    facts: Json = {
        "uid": meta["uid"],
        "vm": f"{meta.get('namespace', '')}/{(item.get('spec') or {}).get('vmiName', '')}",
        "created": moment(meta.get("creationTimestamp")),
        "phase": phase,
        "phases": stamped,
        "seen": {} if phase in stamped or not phase or now is None else {phase: round(now, 3)},
    }
    evacuated = (meta.get("annotations") or {}).get(_EVACUATES)
    state = facts_of_state(status.get("migrationState") or {}, meta["uid"])
    return {**facts, "source": evacuated, **state}


def facts_of_state(state: t.Mapping[str, t.Any], uid: str | None = None) -> Json:
    """Return what a ``migrationState`` says, if it is that of the migration ``uid``."""
    if not state or (uid is not None and state.get("migrationUid", uid) != uid):
        return {}
    facts = {
        "uid": state.get("migrationUid"),
        "source": state.get("sourceNode") or None,
        "target": state.get("targetNode") or None,
        "started": moment(state.get("startTimestamp")),
        "ended": moment(state.get("endTimestamp")),
        "state_failed": True if state.get("failed") else None,
        "reason": (state.get("failureReason") or None) if state.get("failed") else None,
    }
    return {name: value for name, value in facts.items() if value is not None}


def moment(text: t.Any) -> float | None:
    """Return a time of the API (RFC 3339) as seconds since the epoch, or None for anything else."""
    found = _MOMENT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        seconds = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S")) + float(found[2] or 0)
    except ValueError:
        return None
    if found[3] is None:
        return seconds
    offset_s = 3600 * int(found[4]) + 60 * int(found[5])
    return seconds - offset_s if found[3] == "+" else seconds + offset_s


def _between(start: float | None, end: float | None) -> float | None:
    """Return the seconds between two moments; two clocks may disagree, and nothing takes less than no time."""
    return None if start is None or end is None else round(max(0.0, end - start), 3)
