# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine-config-daemon does next, decided from its node's annotations alone.

* After the controller's desiredConfig: state=Working and desiredDrain=drain-<desired>.
* After its lastAppliedDrain: reboot, boot with the configuration, desiredDrain=uncordon-<desired>.
* After its next lastAppliedDrain: currentConfig=<desired> and state=Done.
"""

from __future__ import annotations

import dataclasses
import typing as t

_PREFIX = "machineconfiguration.openshift.io/"
CURRENT = f"{_PREFIX}currentConfig"
DESIRED = f"{_PREFIX}desiredConfig"
STATE = f"{_PREFIX}state"
REASON = f"{_PREFIX}reason"
DESIRED_DRAIN = f"{_PREFIX}desiredDrain"
APPLIED_DRAIN = f"{_PREFIX}lastAppliedDrain"
# The lab's own: kwok leaves such a node alone, and a killed stand-in finds its reboots again.
REBOOTING = "lab.virtscale/rebooting"
# For tests: such a node stays down when it reboots, until the annotation is taken away.
NEVER_COMES_BACK = "lab.virtscale/never-comes-back"

Annotations = t.Dict[str, t.Optional[str]]


@dataclasses.dataclass(frozen=True)
class FirstBoot:
    """The node has never run a configuration."""

    @staticmethod
    def annotations_for(config: str) -> Annotations:
        """What a node reports that was installed with this configuration."""
        drain = f"uncordon-{config}"
        return {CURRENT: config, DESIRED: config, STATE: "Done", REASON: "", DESIRED_DRAIN: drain, APPLIED_DRAIN: drain}


@dataclasses.dataclass(frozen=True)
class Annotate:
    """Only tell the controller something."""

    annotations: Annotations

    @classmethod
    def degraded(cls, reason: str) -> Annotate:
        return cls({STATE: "Degraded", REASON: reason})


@dataclasses.dataclass(frozen=True)
class Reboot:
    """Begin to move from one configuration to another: ask for a drain, unless both are the same."""

    current: str
    to: str

    @property
    def annotations(self) -> Annotations:
        return {STATE: "Working", REASON: "", DESIRED_DRAIN: f"drain-{self.to}"}


@dataclasses.dataclass(frozen=True)
class Boot:
    """The node is drained: reboot it into this configuration."""

    config: str

    @property
    def annotations(self) -> Annotations:
        """What the node reports when it is up again."""
        return {REBOOTING: None, DESIRED_DRAIN: f"uncordon-{self.config}"}


@dataclasses.dataclass(frozen=True)
class Done:
    """The node runs what it should."""

    config: str

    @property
    def annotations(self) -> Annotations:
        return {CURRENT: self.config, STATE: "Done", REASON: ""}


Step = t.Union[FirstBoot, Annotate, Reboot, Boot, Done]


def next_step(annotations: t.Mapping[str, str]) -> Step | None:
    """The daemon's next step; None when it is the controller's turn or nothing is to be done."""
    if REBOOTING in annotations:
        return Boot(annotations[REBOOTING])  # a reboot that a killed stand-in had begun
    desired, current = annotations.get(DESIRED), annotations.get(CURRENT)
    if not desired or not current:
        return FirstBoot()
    drain = annotations.get(DESIRED_DRAIN)
    applied = drain is not None and annotations.get(APPLIED_DRAIN) == drain
    if desired == current:
        return _stay(annotations, desired, drain, applied)
    if drain == f"drain-{desired}":
        return Boot(desired) if applied else None
    if drain == f"uncordon-{desired}":
        return Done(desired) if applied else None
    return Reboot(current, desired)


def _stay(annotations: t.Mapping[str, str], config: str, drain: str | None, applied: bool) -> Step | None:
    """The node has what it should have; a change that was called off is wound up."""
    if drain is not None and drain.startswith("drain-"):
        return Annotate({DESIRED_DRAIN: f"uncordon-{config}"})
    if annotations.get(STATE) != "Done" and (drain is None or applied):
        return Done(config)
    return None
