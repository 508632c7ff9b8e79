# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster-version operator says of an update: its history and conditions, in its own words."""

from __future__ import annotations

import re
import time
import typing as t

from ansible_collections.virtscale.tuning.lab.standins.cluster_operators import Health
from ansible_collections.virtscale.tuning.lab.standins.release_graph import Payload
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object

_GATE = re.compile(r"^ack-([4-5]\.[0-9]+)-[^-]")
# Conditions that are there only while they are True.
_PASSING = ("Invalid",)


class Walk:
    """How far the operator is in a release: half of the time it applies manifests, half it waits for operators."""

    def __init__(self, payload: Payload, seconds: float, operators: t.Sequence[str]) -> None:
        self.payload = payload
        self.operator_s = seconds / 2 / len(operators)
        self._manifest_s = seconds / 2 / payload.manifests
        self._stops = {
            payload.manifests * (number + 1) // (len(operators) + 1): name for number, name in enumerate(operators)
        }
        self._at = time.monotonic()
        self._waits_since: float | None = None
        self.done = 0

    @property
    def waited_s(self) -> float:
        """How long it has waited for the operator that it waits for."""
        return 0.0 if self._waits_since is None else time.monotonic() - self._waits_since

    def step(self, settled: t.Callable[[str], bool]) -> str | None:
        """Apply what there was time for, and return the operator that is waited for."""
        now = time.monotonic()
        todo = int((now - self._at) / self._manifest_s)
        self._at = now
        for _manifest in range(max(1, todo)):
            name = self._stops.get(self.done)
            if name is not None and not settled(name):
                self._waits_since = now if self._waits_since is None else self._waits_since
                return name
            self._waits_since = None
            if self.done == self.payload.manifests:
                break
            self.done += 1
        return None


def accepted(version: str, image: str, failure: tuple[str, str] | None = None) -> Object:
    """The condition that says whether a release may be applied."""
    named = f'version="{version}" image="{image}"'
    if failure is None:
        message = f"Payload loaded {named}"
        return {"type": "ReleaseAccepted", "status": "True", "reason": "PayloadLoaded", "message": message}
    reason, why = failure
    if reason == "PreconditionChecks":
        message = f"Preconditions failed for payload loaded {named}: {why}"
    else:
        message = f"Retrieving payload failed {named} failure={why}"
    return {"type": "ReleaseAccepted", "status": "False", "reason": reason, "message": message}


def history_with(history: t.Sequence[Object], payload: Payload, now: str, forced: bool, risks: str) -> list[Object]:
    """The history when an update begins."""
    before = [{**history[0], "completionTime": history[0]["completionTime"] or now}, *history[1:]]
    entry = {
        "state": "Partial",
        "startedTime": now,
        "completionTime": None,
        "version": payload.version,
        "image": payload.image,
        "verified": not forced,
    }
    return [{**entry, "acceptedRisks": risks} if risks else entry, *before]


def upgradeable(
    version: Object, operators: t.Mapping[str, Object], gates: t.Mapping[str, str], acks: t.Mapping[str, str]
) -> Object:
    """Whether the cluster may leave its minor version: operators, overrides and acknowledgements have a say."""
    against: list[tuple[str, str]] = []
    minor = ".".join(version["status"]["history"][0]["version"].split(".")[:2])
    for gate, message in sorted(gates.items()):
        found = _GATE.match(gate)
        if found and found[1] == minor and acks.get(gate) != "true":
            against.append(("AdminAckRequired", message))
    for name, operator in operators.items():
        for one in operator["status"]["conditions"]:
            if one["type"] == "Upgradeable" and one["status"] == "False":
                message = f"Cluster operator {name} should not be upgraded between minor versions: {one['message']}"
                against.append((one["reason"], message))
    if any(one.get("unmanaged") for one in version["spec"].get("overrides") or []):
        message = "Disabling ownership via cluster version overrides prevents upgrades. Please remove overrides."
        against.append(("ClusterVersionOverridesSet", message))
    if not against:
        return {"type": "Upgradeable", "status": "True", "reason": "", "message": ""}
    if len(against) == 1:
        return {"type": "Upgradeable", "status": "False", "reason": against[0][0], "message": against[0][1]}
    reasons = ",".join(reason for reason, _message in against)
    whole = f"Cluster should not be upgraded between minor versions for multiple reasons: {reasons}"
    message = "\n* ".join([whole, *(message for _reason, message in against)])
    return {"type": "Upgradeable", "status": "False", "reason": "MultipleReasons", "message": message}


def progress_conditions(
    payload: Payload, done: int | None, waits: Health, name: str, patience_used: float
) -> list[Object]:
    """How an update goes, or with no ``done`` how a version is kept.

    :param patience_used: how much of the time has passed for which a degraded operator is waited for.
    """
    version = payload.version
    failing = bool(waits.reason) and (not waits.passes or patience_used > 1 or done is None)
    if waits.reason == "ClusterOperatorUpdating":
        failing = False
    summary = waits.summary.replace("Cluster operator", "the cluster operator", 1)
    if done is None:
        progressing, reason = "False", waits.reason
        message = f"Error while reconciling {version}: {summary}" if failing else f"Cluster version is {version}"
    elif failing:
        progressing, reason = "True", waits.reason
        message = f"Unable to apply {version}: {summary}"
        if waits.passes:
            message = f"Unable to apply {version}: wait has exceeded 40 minutes for these operators: {name}"
    else:
        progressing, reason = "True", waits.reason
        share = done * 100 // payload.manifests
        message = f"Working towards {version}: {done} of {payload.manifests} done ({share}% complete)"
        if waits.reason == "ClusterOperatorUpdating":
            message += f", waiting on {name}"
        elif waits.reason:
            message += f", waiting up to 40 minutes on {name}"
    found: list[Object] = [
        {"type": "Progressing", "status": progressing, "reason": reason, "message": message},
        {
            "type": "Failing",
            "status": "True" if failing else "False",
            "reason": waits.reason if failing else "",
            "message": waits.summary if failing else "",
        },
    ]
    if done is None:
        message = f"Done applying {version}"
        found.append({"type": "Available", "status": "True", "reason": "", "message": message})
    return found


def with_conditions(present: t.Sequence[Object], found: t.Sequence[Object], now: str) -> list[Object]:
    """The conditions with those that were found; each keeps the time since which it has its status."""
    kept = {one["type"]: one for one in present if one["type"] not in _PASSING}
    for one in found:
        before = kept.get(one["type"], {})
        since = before.get("lastTransitionTime", now) if before.get("status") == one["status"] else now
        kept[one["type"]] = {**one, "lastTransitionTime": since}
    return [kept[name] for name in sorted(kept)]
