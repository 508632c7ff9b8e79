# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long simulated things take: one JSON file for all stand-ins, read again whenever it changes.

    {"factor": 1.0, "reboot_s": 1.0, "boot_s": 2.0, "stop_s": 3.0, "migration_s": {"rhel": 14, "default": 14}}

Every time is what it would be on a real cluster; a stand-in waits that time divided by ``factor``.
"""

from __future__ import annotations

import json
import logging
import random
import typing as t
from pathlib import Path

log = logging.getLogger("standin")

# The shape of a fleet's migration times, taken from the reference architecture: 35 % of the RHEL VMs are done
# in half the mean. The others take as much longer as keeps the mean.
QUICK_SHARE = 0.35
QUICK_TIME = 0.5
SLOW_TIME = (1 - QUICK_SHARE * QUICK_TIME) / (1 - QUICK_SHARE)
QUICK_SPREAD, SLOW_SPREAD = 0.1, 0.3


class Times:
    """The times in a file. While the file cannot be read, the last ones that could be read hold."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at: tuple[int, int] | None = None
        self._times: dict[str, t.Any] = json.loads(path.read_text())

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

    def _scaled(self, name: str) -> float:
        times = self._current()
        return float(times[name] / times["factor"])

    def _current(self) -> dict[str, t.Any]:
        try:
            state = self._path.stat()
            if (state.st_mtime_ns, state.st_ino) != self._read_at:
                self._times = json.loads(self._path.read_text())
                self._read_at = (state.st_mtime_ns, state.st_ino)
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s", self._path, error)
        return self._times


def share_of_mean(who: str) -> float:
    """What one machine's migration takes, in means of its operating system; the mean over many machines is 1."""
    draw = random.Random(who)
    if draw.random() < QUICK_SHARE:
        return QUICK_TIME * draw.uniform(1 - QUICK_SPREAD, 1 + QUICK_SPREAD)
    return SLOW_TIME * draw.uniform(1 - SLOW_SPREAD, 1 + SLOW_SPREAD)
