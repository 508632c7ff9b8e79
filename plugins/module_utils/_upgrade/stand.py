# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Where an upgrade stands, in the operators' own words: how far it is, who holds it up, what will not heal. No I/O."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import ClusterVersion, Operator

_WAITING = re.compile(r"(?:waiting (?:up to \d+ minutes )?on|for these operators:) (.+)$")
# Reasons with which releases before 4.10 refuse an update that their history names already.
_REFUSALS = ("UpgradePreconditionCheckFailed", "ImageVerificationFailed", "UpdatePayloadIntegrity")
# Operators that a line names before it counts the rest.
_NAMED = 3


@dataclass(frozen=True)
class Stand:
    """Where an upgrade stands; ``waits_for`` are the operators that hold it up, with what is wrong with each."""

    to: str
    done: t.Optional[t.Tuple[int, int]]
    completed: bool
    waits_for: t.Mapping[str, str]
    failing: str = ""
    # Why waiting is no use.
    lost: str = ""

    @property
    def counts(self) -> str:
        """How far it is, as the operator says it; "" while it does not."""
        if self.done is None:
            return ""
        done, total = self.done
        return f"{done} of {total} done ({100 * done // total} %)"


def stand(version: ClusterVersion, operators: t.Sequence[Operator], to: str) -> Stand:
    """Return where the upgrade to a version stands."""
    newest, failing = version.newest, version.condition("Failing")
    completed = newest.version == to and newest.completed
    return Stand(
        to=to,
        done=version.progress,
        completed=completed,
        waits_for={} if completed else _waits_for(version, operators, to),
        failing=f"{failing.reason or 'failing'}: {failing}" if failing.true else "",
        lost=_lost(version, to),
    )


def describe(standing: Stand, since_s: t.Optional[float], held_s: t.Mapping[str, float], *, most: int = _NAMED) -> str:
    """Return it in words that follow "waits for".

    :param since_s: seconds since the upgrade began.
    :param held_s: for how long each operator has held it up.
    """
    counts = f": {standing.counts}" if standing.counts else ""
    after = "" if since_s is None else f" after {describe_seconds(since_s)}"
    parts = [f"{standing.to}{counts}{after}"]
    names = sorted(standing.waits_for, key=lambda name: (-held_s.get(name, 0.0), name))
    if names:
        told = [_held(name, standing.waits_for[name], held_s.get(name, 0.0)) for name in names[:most]]
        rest = f" and {len(names) - most} more" if len(names) > most else ""
        parts.append(f"held up by {'; '.join(told)}{rest}")
    if standing.failing:
        parts.append(f"FAILING, {standing.failing}")
    return ", ".join(parts)


def _held(name: str, trouble: str, seconds: float) -> str:
    lasting = f" for {describe_seconds(seconds)}" if seconds >= 1 else ""
    return f"{name}{lasting}{f', {trouble}' if trouble else ''}"


def _waits_for(version: ClusterVersion, operators: t.Sequence[Operator], to: str) -> dict[str, str]:
    """Return who holds it up: whom the version operator names, and whoever is in trouble short of the version."""
    known = {operator.name: operator for operator in operators}
    found = _WAITING.search(version.condition("Progressing").message)
    names = [name.strip() for name in found[1].split(",")] if found else []
    waits = {name: known[name].trouble if name in known else "" for name in names if name}
    for operator in operators:
        if operator.trouble and operator.name not in waits and operator.version != to:
            waits[operator.name] = operator.trouble
    return waits


def _lost(version: ClusterVersion, to: str) -> str:
    """Return why this upgrade will not come to its end, however long one waits; "" while it may."""
    asked = version.asked.get("version")
    if asked and asked != to:
        return f"somebody has asked the cluster for {asked} in the place of {to}"
    if version.history and version.newest.version != to:
        return f"the cluster went on to {version.newest.version}, although {to} was asked for"
    failing = version.condition("Failing")
    if failing.true and failing.reason in _REFUSALS and not version.newest.completed:
        return f"the cluster refuses {to}: {failing}"
    return ""
