# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long simulated things take: one JSON file for all stand-ins, read again whenever it changes.

    {"factor": 1.0, "reboot_s": 1.0, "boot_s": 2.0, "stop_s": 3.0, "migration_s": {"rhel": 14, "default": 14},
     "guest_boot_s": {"mean": 20, "spread": 5}, "import_s": 20, "clone_s": 1.0, "copy_s": 60,
     "upgrade_s": 30, "operator_patience_s": 10,
     "clone": {"parallel": 10, "per_parent": 1, "per_snapshot": 10, "flatten_from": 250, "block_at": 450,
               "flatten_delay_s": 1.0, "flatten_s": 5.0}}

Every time is what it would be on a real cluster; a stand-in waits that time divided by ``factor``. A file that was
written before a setting came has the setting's default.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import random
import typing as t
from pathlib import Path

log = logging.getLogger("standin")

DEFAULTS: dict[str, t.Any] = {
    "guest_boot_s": {"mean": 20.0, "spread": 5.0},
    "import_s": 20.0,
    "clone_s": 1.0,
    "copy_s": 60.0,
    "upgrade_s": 30.0,
    "operator_patience_s": 10.0,
    # The external provisioner asks the driver for ten volumes at a time; the driver locks the image that is cloned.
    # At rbd's default limits, clones of an image are flattened, and at last refused until some are.
    "clone": {
        "parallel": 10,
        "per_parent": 1,
        "per_snapshot": 10,
        "flatten_from": 250,
        "block_at": 450,
        "flatten_delay_s": 1.0,
        "flatten_s": 5.0,
    },
}

# The shape of a fleet's migration times, taken from the reference architecture: 35 % of the RHEL VMs are done
# in half the mean. The others take as much longer as keeps the mean.
QUICK_SHARE = 0.35
QUICK_TIME = 0.5
SLOW_TIME = (1 - QUICK_SHARE * QUICK_TIME) / (1 - QUICK_SHARE)
QUICK_SPREAD, SLOW_SPREAD = 0.1, 0.3


@dataclasses.dataclass(frozen=True)
class CloneLimits:
    """How the storage clones, with times as a stand-in waits them."""

    parallel: int
    """How many clones are made at a time."""
    per_parent: int
    """How many of them of one volume."""
    per_snapshot: int
    """How many of them of one VolumeSnapshot."""
    flatten_from: int
    """From so many clones of a volume on, the oldest are flattened, one at a time, and a new one is delayed."""
    block_at: int
    """With so many clones that are not flattened, no new one is made of a volume."""
    clone_s: float
    flatten_delay_s: float
    flatten_s: float


class Times:
    """The times in a file. While the file cannot be read, the last ones that could be read hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._times: dict[str, t.Any] = _with_defaults(json.loads(path.read_text()))

    def reboot_s(self) -> float:
        """How long a node is down."""
        return self._scaled("reboot_s")

    def boot_s(self) -> float:
        """From a virtual machine's pod that runs to the machine that runs."""
        return self._scaled("boot_s")

    def stop_s(self) -> float:
        """How long a guest takes to shut down."""
        return self._scaled("stop_s")

    def migration_s(self, system: str, who: str) -> float:
        """How long the memory of ``who`` is copied, a virtual machine with this operating system.

        The same ``who`` always takes the same time.
        """
        times = self._current()
        means = times["migration_s"]
        return float(means.get(system, means["default"]) * share_of_mean(who) / times["factor"])

    def import_s(self) -> float:
        """How long an image is imported."""
        return self._scaled("import_s")

    def copy_s(self) -> float:
        """How long a disk is copied whole."""
        return self._scaled("copy_s")

    def upgrade_s(self) -> float:
        """How long the control plane takes to apply a release, when nothing holds it up."""
        return self._scaled("upgrade_s")

    def operator_patience_s(self) -> float:
        """How long a degraded operator is waited for before the update counts as failing."""
        return self._scaled("operator_patience_s")

    def guest_boot_s(self, who: str) -> float:
        """From a virtual machine that runs to its guest's answer by SSH, each in its own time.

        The same ``who`` always takes the same time.
        """
        times = self._current()
        boot = times["guest_boot_s"]
        drawn = random.Random(who).gauss(boot["mean"], boot["spread"])
        return float(max(0.0, drawn) / times["factor"])

    def clone_limits(self) -> CloneLimits:
        """How the storage clones."""
        times = self._current()
        clone, factor = times["clone"], times["factor"]
        return CloneLimits(
            parallel=clone["parallel"],
            per_parent=clone["per_parent"],
            per_snapshot=clone["per_snapshot"],
            flatten_from=clone["flatten_from"],
            block_at=clone["block_at"],
            clone_s=times["clone_s"] / factor,
            flatten_delay_s=clone["flatten_delay_s"] / factor,
            flatten_s=clone["flatten_s"] / factor,
        )

    def _scaled(self, name: str) -> float:
        times = self._current()
        return float(times[name] / times["factor"])

    def _current(self) -> dict[str, t.Any]:
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_ino) != self._read_at:
                self._times = _with_defaults(json.loads(self._path.read_text()))
                self._read_at = (state.st_mtime_ns, state.st_ino)
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s", self._path, error)
        return self._times


def _with_defaults(times: dict[str, t.Any]) -> dict[str, t.Any]:
    clone = {**DEFAULTS["clone"], **times.get("clone", {})}
    return {**DEFAULTS, **times, "clone": clone}


def share_of_mean(who: str) -> float:
    """What one machine's migration takes, in means of its operating system; the mean over many machines is 1."""
    draw = random.Random(who)
    if draw.random() < QUICK_SHARE:
        return QUICK_TIME * draw.uniform(1 - QUICK_SPREAD, 1 + QUICK_SPREAD)
    return SLOW_TIME * draw.uniform(1 - SLOW_SPREAD, 1 + SLOW_SPREAD)
