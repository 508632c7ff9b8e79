# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What an upgrade needs to know of the ClusterVersion and of the operators of a release.

The objects of the API come in as they are and leave as small facts. Fields that an older release does not have yet
are empty: conditionalUpdates and the condition ReleaseAccepted came with 4.10.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import annotations_of
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import moment

Object = t.Mapping[str, t.Any]

COMPLETED = "Completed"
# On the ClusterVersion: the run whose journal holds what was before the upgrade to a version, as "version/run".
RUN_ANNOTATION = "tuning.virtscale/upgrade"

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_DONE = re.compile(r"(\d+) of (\d+) done")


def minor_of(version: str) -> tuple[int, int]:
    """Return the minor version: (4, 10) of 4.10.9.

    :raises InvalidValue: for what is no version.
    """
    found = _VERSION.fullmatch(version)
    if not found:
        raise InvalidValue("version", version, "a semantic version such as 4.10.9")
    return int(found[1]), int(found[2])


@dataclass(frozen=True)
class Condition:
    """A condition; ``since`` is in seconds of the epoch, None where the API does not say."""

    status: str = ""
    reason: str = ""
    message: str = ""
    since: t.Optional[float] = None

    @property
    def true(self) -> bool:
        """Whether it is known to be so."""
        return self.status == "True"

    @property
    def false(self) -> bool:
        """Whether it is known not to be so."""
        return self.status == "False"

    def __str__(self) -> str:
        return one_line(self.message) or self.reason or "no reason given"


@dataclass(frozen=True)
class Risk:
    """A known issue of an update."""

    name: str
    message: str
    url: str

    def __str__(self) -> str:
        return f"{self.name}: {one_line(self.message)} ({self.url})"


@dataclass(frozen=True)
class Update:
    """A release that is offered; ``not_recommended`` says why it is not recommended, None where it is."""

    version: str
    image: str
    not_recommended: t.Optional[Condition] = None
    risks: t.Sequence[Risk] = ()


@dataclass(frozen=True)
class Applied:
    """An entry of the history; times in seconds of the epoch."""

    version: str
    image: str
    completed: bool
    started: t.Optional[float]
    ended: t.Optional[float]
    accepted_risks: str


@dataclass(frozen=True)
class ClusterVersion:
    """Where the cluster is, what it was asked for, and what it is offered."""

    resource_version: str
    generation: int
    observed_generation: int
    channel: str
    # What the channel is checked against; empty where the update service did not say.
    channels: t.Sequence[str]
    asked: Object
    desired_version: str
    desired_image: str
    history: t.Sequence[Applied]
    conditions: t.Mapping[str, Condition]
    # None while nothing was retrieved.
    available: t.Optional[t.Sequence[Update]]
    conditional: t.Sequence[Update]
    run: str

    def condition(self, kind: str) -> Condition:
        """Return a condition, an empty one where there is none."""
        return self.conditions.get(kind, Condition())

    @property
    def current(self) -> str:
        """The version that was applied whole last; that of the first entry in a cluster that never was."""
        done = [entry.version for entry in self.history if entry.completed]
        return done[0] if done else self.history[-1].version if self.history else self.desired_version

    @property
    def before(self) -> str:
        """The version from which the newest one came."""
        done = [entry.version for entry in self.history[1:] if entry.completed]
        return done[0] if done else self.current

    @property
    def newest(self) -> Applied:
        """The newest entry of the history."""
        return self.history[0] if self.history else Applied("", "", False, None, None, "")

    @property
    def progress(self) -> t.Optional[tuple[int, int]]:
        """How many manifests are applied, and of how many; None while the operator does not say."""
        found = _DONE.search(self.condition("Progressing").message)
        return (int(found[1]), int(found[2])) if found else None

    def run_of(self, version: str) -> t.Optional[str]:
        """Return the run that began the upgrade to ``version`` or took it over, or None."""
        upgraded, _slash, run = self.run.partition("/")
        return run if run and upgraded == version else None


@dataclass(frozen=True)
class Operator:
    """A ClusterOperator."""

    name: str
    version: str
    conditions: t.Mapping[str, Condition]

    def condition(self, kind: str) -> Condition:
        """Return a condition, an empty one where there is none."""
        return self.conditions.get(kind, Condition())

    @property
    def trouble(self) -> str:
        """What is wrong with it, in words; "" when nothing is."""
        if self.condition("Available").false:
            return f"not available ({self.condition('Available')})"
        if self.condition("Degraded").true:
            return f"degraded ({self.condition('Degraded')})"
        return ""


def parse_cluster_version(item: Object) -> ClusterVersion:
    """Return the facts of a ClusterVersion."""
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    desired = status.get("desired") or {}
    available = status.get("availableUpdates")
    return ClusterVersion(
        resource_version=meta.get("resourceVersion", ""),
        generation=meta.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        channel=spec.get("channel") or "",
        channels=tuple(desired.get("channels") or ()),
        asked=spec.get("desiredUpdate") or {},
        desired_version=desired.get("version") or "",
        desired_image=desired.get("image") or "",
        history=tuple(_applied(entry) for entry in status.get("history") or []),
        conditions=_conditions(status.get("conditions")),
        available=None if available is None else tuple(_update(one) for one in available),
        conditional=tuple(_conditional(one) for one in status.get("conditionalUpdates") or []),
        run=annotations_of(item).get(RUN_ANNOTATION, ""),
    )


def parse_operator(item: Object) -> Operator:
    """Return the facts of a ClusterOperator; its version is the one that it calls ``operator``."""
    status = item.get("status") or {}
    versions = {one["name"]: one["version"] for one in status.get("versions") or []}
    return Operator(item["metadata"]["name"], versions.get("operator", ""), _conditions(status.get("conditions")))


def one_line(message: str) -> str:
    """Return a message as a part of a sentence."""
    return " ".join(message.split()).rstrip(".")


def _applied(entry: Object) -> Applied:
    return Applied(
        version=entry.get("version") or "",
        image=entry.get("image") or "",
        completed=entry.get("state") == COMPLETED,
        started=_time(entry.get("startedTime")),
        ended=_time(entry.get("completionTime")),
        accepted_risks=entry.get("acceptedRisks") or "",
    )


def _update(release: Object) -> Update:
    return Update(release.get("version") or "", release.get("image") or "")


def _conditional(item: Object) -> Update:
    found = _conditions(item.get("conditions")).get("Recommended", Condition())
    return Update(
        version=item["release"].get("version") or "",
        image=item["release"].get("image") or "",
        not_recommended=None if found.true else found,
        risks=tuple(Risk(one["name"], one.get("message", ""), one.get("url", "")) for one in item.get("risks") or []),
    )


def _conditions(items: t.Optional[t.Sequence[Object]]) -> dict[str, Condition]:
    return {
        one["type"]: Condition(
            one.get("status", ""),
            one.get("reason", ""),
            one.get("message", ""),
            _time(one.get("lastTransitionTime")),
        )
        for one in items or []
    }


def _time(text: t.Optional[str]) -> t.Optional[float]:
    return moment(text) if text else None
