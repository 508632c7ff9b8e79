# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One virtual machine in a storm: how it is started and stopped, and what became of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

# What can fail: the request, the machine's way to Running, and its way from there to an answer.
START, RUNNING, ANSWER = "start", "running", "answer"

# By a field of its spec, and by virt-api where the strategy leaves starting to people.
BY_STRATEGY, BY_RUNNING, BY_SUBRESOURCE = "runStrategy", "running", "subresource"

Json = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Failure:
    """Why a machine has no time, how far it came, and the address by which it was tried."""

    stage: str
    reason: str
    address: str | None = None


@dataclass
class Machine:
    """Moments are seconds since the epoch, by the controller's clock."""

    namespace: str
    name: str
    group: str
    switch: str
    requested: float | None = None
    accepted: bool = False
    running: float | None = None
    answered: float | None = None
    # Nobody tried it for some time before it answered, so that the moment is not known well enough to count.
    late: bool = False
    attempts: int = 0
    failure: Failure | None = None

    @property
    def key(self) -> str:
        """Return the namespace and the name."""
        return f"{self.namespace}/{self.name}"

    @property
    def over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.answered is not None or self.failure is not None

    @property
    def running_s(self) -> float | None:
        """Seconds from the request until it ran."""
        return _between(self.requested, self.running)

    @property
    def answering_s(self) -> float | None:
        """Seconds from the request until it answered."""
        return _between(self.requested, self.answered)

    def to_json(self) -> list[str]:
        """Return what of it never changes, for a journal."""
        return [self.namespace, self.name, self.group, self.switch]

    @classmethod
    def of_json(cls, entry: t.Sequence[str]) -> Machine:
        """Return the machine of :meth:`to_json`."""
        namespace, name, group, switch = entry
        return cls(namespace, name, group, switch)


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(max(0.0, end - begin), 3)
