# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Restart a manager module for the options that it reads only once, and wait until the manager is itself again."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph_client import CephClient, CephUnreachable
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph_health import read_health
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# Options that their module reads when it starts; all others it reads each time it needs them.
_READ_ONCE: t.Dict[str, t.FrozenSet[str]] = {
    "prometheus": frozenset({"scrape_interval", "server_addr", "server_port"}),
    "dashboard": frozenset({"server_addr", "server_port", "ssl", "ssl_server_port"}),
}
_WAIT_S = 120.0
_POLL_S = 1.0


def module_to_restart(option: str) -> t.Optional[str]:
    """Return the module that must be restarted for a new value of mgr/<module>/[<manager>/]<option>."""
    parts = option.split("/")
    if len(parts) < 3 or parts[0] != "mgr" or parts[-1] not in _READ_ONCE.get(parts[1], ()):
        return None
    return parts[1]


def enabled_modules(client: CephClient) -> t.List[str]:
    """Return the modules that an operator has enabled."""
    modules: t.List[str] = client.read("mgr module ls")["enabled_modules"]
    return modules


def restart_module(client: CephClient, module: str) -> None:
    """Disable and enable a module, then wait: the active manager starts anew, with warnings that go by themselves.

    :raises TuningError: when manager, module or health are not back after two minutes.
    """
    checks = _raised_checks(client)
    serves = module in client.read("mgr services")
    client.write("mgr module disable", module=module)
    client.write("mgr module enable", module=module)
    deadline = time.monotonic() + _WAIT_S
    while True:
        time.sleep(_POLL_S)
        missing = _missing(client, module, serves, checks)
        if missing is None:
            return
        if time.monotonic() > deadline:
            raise TuningError(f"The manager module {module} was restarted, but after {_WAIT_S:.0f} s {missing}.")


def _raised_checks(client: CephClient) -> t.FrozenSet[str]:
    return frozenset(check["code"] for check in read_health(client).checks)


def _missing(client: CephClient, module: str, serves: bool, checks: t.FrozenSet[str]) -> t.Optional[str]:
    """Return what is not yet as before the restart."""
    try:
        if not client.read("mgr stat")["available"]:
            return "no manager is active"
        if serves and module not in client.read("mgr services"):
            return f"{module} does not serve"
        health = read_health(client)
    except CephUnreachable:
        # Commands of the manager get no answer while it starts.
        return "the manager does not answer"
    new = sorted({check["code"] for check in health.checks} - checks)
    if new:
        return f"health says {', '.join(new)}"
    if any("unknown" in state for state in health.pg_states):
        return "the manager does not know all placement groups yet"
    return None
