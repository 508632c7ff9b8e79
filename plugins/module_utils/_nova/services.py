# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Which of nova's services run here, and since when."""

from __future__ import annotations

import datetime
import os
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._boot.loader import Run
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import read_text

# Debian calls a service as nova does, Red Hat's family puts this before it.
_PREFIXES = ("", "openstack-")
MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def running_services(names: t.Sequence[str], run: Run, root: str = "/") -> dict[str, str]:
    """Return {unit: moment of its start} of those services that systemd runs; one that is stopped stays so.

    :param names: as nova calls them: nova-api, nova-scheduler, nova-compute.
    """
    units = [f"{prefix}{name}" for name in names for prefix in _PREFIXES]
    if not units:
        return {}
    try:
        shown = run(["systemctl", "show", "--property=Id,ActiveState,MainPID", "--", *units])
    except TuningError:
        # No systemd: nobody knows since when a service runs.
        return {}
    started = {}
    for block in shown.split("\n\n"):
        unit = dict(line.partition("=")[::2] for line in block.splitlines())
        moment = _started(unit.get("MainPID", "0"), root)
        if unit.get("ActiveState") == "active" and moment:
            started[unit["Id"].removesuffix(".service")] = moment
    return started


def _started(pid: str, root: str) -> str:
    """Return when a process began: proc(5), field 22 of stat, in ticks since the boot."""
    fields = read_text(root, "proc", pid, "stat").rpartition(")")[2].split()
    boot = next((line for line in read_text(root, "proc/stat").splitlines() if line.startswith("btime ")), "")
    if len(fields) < 20 or not boot:
        return ""
    # Rounded up: a service that began within the second of a write began after it, as far as can be told.
    seconds = int(boot.split()[1]) + -(-int(fields[19]) // os.sysconf("SC_CLK_TCK"))
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):{MOMENT}}"
