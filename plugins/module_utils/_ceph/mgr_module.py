# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Restart the manager for options that its modules read only once, and wait until it is itself again."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import read_health
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# Options that their module reads when it starts; all others it reads each time it needs them.
_READ_ONCE: t.Dict[str, t.FrozenSet[str]] = {
    "prometheus": frozenset({"scrape_interval", "server_addr", "server_port"}),
    "dashboard": frozenset({"server_addr", "server_port", "ssl", "ssl_server_port"}),
}
# Checks that a starting manager raises; what else comes up meanwhile is not ours to wait for.
_START_CHECKS = frozenset({"MGR_DOWN", "MGR_MODULE_ERROR", "PG_AVAILABILITY"})
_WAIT_S = 300.0
_POLL_S = 1.0


def module_to_restart(option: str) -> t.Optional[str]:
    """Return the module that must start anew for a new value of mgr/<module>/[<manager>/]<option>."""
    parts = option.split("/")
    if len(parts) < 3 or parts[0] != "mgr" or parts[-1] not in _READ_ONCE.get(parts[1], ()):
        return None
    return parts[1]


def enabled_modules(client: CephClient) -> t.List[str]:
    """Return the modules that an operator has enabled."""
    modules: t.List[str] = client.read("mgr module ls")["enabled_modules"]
    return modules


def restart_active_manager(client: CephClient) -> None:
    """Hand over to another manager, or let the only one start anew, and wait for it and for the warnings to go.

    Modules cannot be loaded twice into one process: disabling and enabling one makes the manager start anew two times,
    so this is the shorter way to the same end.

    :raises TuningError: when manager, its services or health are not back after five minutes.
    """
    old = client.read("mgr dump")
    checks = _raised_checks(client)
    # Without an active manager one is about to start: a run that was cut off here before has seen to that.
    if old["active_name"]:
        client.write("mgr fail", who=old["active_name"])
    deadline = time.monotonic() + _WAIT_S
    while True:
        time.sleep(_POLL_S)
        missing = _missing(client, old, checks)
        if missing is None:
            return
        if time.monotonic() > deadline:
            raise TuningError(f"The manager was restarted, but after {_WAIT_S:.0f} s {missing}.")


def _raised_checks(client: CephClient) -> t.FrozenSet[str]:
    return frozenset(check["code"] for check in read_health(client).checks)


def _missing(client: CephClient, old: t.Mapping[str, t.Any], checks: t.FrozenSet[str]) -> t.Optional[str]:
    """Return what is not yet as before the restart."""
    now = client.read("mgr dump")
    # Until the monitors hear of the new process they go on showing the old one as available.
    if not now["available"] or now["active_gid"] == old["active_gid"]:
        return "no manager is active"
    silent = sorted(set(old["services"]) - set(now["services"]))
    if silent:
        return f"it does not serve {', '.join(silent)}"
    health = read_health(client)
    new = sorted(_START_CHECKS & {check["code"] for check in health.checks} - checks)
    if new:
        return f"health says {', '.join(new)}"
    if any("unknown" in state for state in health.pg_states):
        return "it does not know all placement groups yet"
    return None
