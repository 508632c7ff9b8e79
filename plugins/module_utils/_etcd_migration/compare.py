# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Compare what was in the v2 storage with what a member holds now, key by key."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import V2Key, V3Key

# Leases are granted in whole seconds, and never shorter than one and a half election timeouts; clocks
# of hosts differ a little. A key that expires within so many seconds may be there or not.
SLACK_S = 10.0
# How many keys of each kind are named.
_NAMED = 5


@dataclasses.dataclass
class Comparison:
    """What came out: numbers of keys, and the names of those that are not as they were."""

    same: int = 0
    expiring: int = 0
    expired: int = 0
    missing: list[str] = dataclasses.field(default_factory=list)
    different: list[str] = dataclasses.field(default_factory=list)
    unleased: list[str] = dataclasses.field(default_factory=list)
    wrong_time: list[str] = dataclasses.field(default_factory=list)
    extra: list[str] = dataclasses.field(default_factory=list)

    def alike(self) -> bool:
        """Return whether every key is there as it was, and no other."""
        return not (self.missing or self.different or self.unleased or self.wrong_time or self.extra)

    def as_result(self) -> dict[str, t.Any]:
        """Return the numbers, for a program."""
        lists = ("missing", "different", "unleased", "wrong_time", "extra")
        return {
            "same": self.same,
            "expiring": self.expiring,
            "expired": self.expired,
            **{name: len(getattr(self, name)) for name in lists},
            "alike": self.alike(),
        }

    def words(self) -> str:
        """Return one line for a person."""
        parts = [f"{self.same} keys are the same, {self.expiring} of them with their time to live"]
        if self.expired:
            parts.append(f"{self.expired} have expired")
        for names, says in (
            (self.missing, "missing"),
            (self.different, "with another value"),
            (self.unleased, "without the time to live that they had"),
            (self.wrong_time, "with another time to live"),
            (self.extra, "that were not there before"),
        ):
            if names:
                parts.append(f"{len(names)} {says} ({_named(names)})")
        return ", ".join(parts)


def compare_v3(
    before: t.Mapping[str, V2Key], after: t.Mapping[str, V3Key], remaining_s: t.Mapping[int, float], now: float
) -> Comparison:
    """Compare the v2 keys with a member's v3 keys.

    :param remaining_s: how many seconds each lease has left.
    :param now: seconds since the epoch, when the leases were asked.
    """
    found, kept = _compare_values(before, after, now)
    for key in kept:
        expires_at, lease_id = before[key].expires_at, after[key].lease_id
        if expires_at is not None:
            _count_leased(found, key, expires_at - now, remaining_s.get(lease_id))
        elif lease_id:
            found.wrong_time.append(key)
        else:
            found.same += 1
    return found


def compare_v2(before: t.Mapping[str, V2Key], after: t.Mapping[str, V2Key], now: float) -> Comparison:
    """Compare the v2 keys with those of a member, or of a backup, at another time."""
    found, kept = _compare_values(before, after, now)
    for key in kept:
        expires_at = before[key].expires_at
        if after[key].expires_at != expires_at:
            found.wrong_time.append(key)
        else:
            found.same += 1
            found.expiring += expires_at is not None
    return found


def _compare_values(
    before: t.Mapping[str, V2Key], after: t.Mapping[str, t.Union[V2Key, V3Key]], now: float
) -> tuple[Comparison, list[str]]:
    """Return what is known without times to live, and the keys that have the value that they had."""
    found = Comparison(extra=sorted(after.keys() - before.keys()))
    kept = []
    for key, old in before.items():
        new = after.get(key)
        if new is None:
            _count_absent(found, key, old, now)
        elif new.digest != old.digest:
            found.different.append(key)
        else:
            kept.append(key)
    return found, kept


def _count_absent(found: Comparison, key: str, old: V2Key, now: float) -> None:
    if old.expires_at is not None and old.expires_at <= now + SLACK_S:
        found.expired += 1
    else:
        found.missing.append(key)


def _count_leased(found: Comparison, key: str, wanted_s: float, remaining_s: float | None) -> None:
    if remaining_s is None and wanted_s <= SLACK_S:
        # It went between the reading of the keys and that of the leases.
        found.expired += 1
    elif remaining_s is None:
        found.unleased.append(key)
    elif abs(max(wanted_s, 0.0) - remaining_s) > SLACK_S:
        found.wrong_time.append(key)
    else:
        found.same += 1
        found.expiring += 1


def _named(names: t.Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown}, ..."
