# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The flow of ``sysctl_dropins``: plan, ask the peers, apply, report."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._network.arp import find_risk
from ansible_collections.virtscale.tuning.plugins.module_utils._network.ping import PeerGuard, checked_peers
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.apply import apply_plan, diff_of, rows_of
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.kernel import Kernel
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import decides_answers
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.plan import (
    Plan,
    plan_absent,
    plan_present,
    read_requests,
)


def run(params: dict[str, t.Any], check_mode: bool, root: str = "/") -> dict[str, t.Any]:
    """Return the result of the module for its parameters.

    :raises TuningError: if nothing could be changed; whatever was begun has been taken back.
    """
    peers = checked_peers(params["peers"])
    timeout_s = float(parse_decimal("peer_timeout_s", params["peer_timeout_s"], above=0, maximum=600))
    requests = read_requests(params["files"])
    kernel = Kernel(root)
    if params["state"] == "absent":
        plan = plan_absent(requests, kernel=kernel, root=root)
    else:
        refuse = params["arp_without_source_routing"] == "refuse"
        plan = plan_present(
            requests,
            never_lower=params["never_lower"],
            arp_risk=find_risk if refuse else _no_risk,
            kernel=kernel,
            root=root,
        )
    guard = _guard(plan, peers, params["peer_interface"], timeout_s)
    diff = diff_of(plan, root)
    if plan.changed and not check_mode:
        apply_plan(plan, kernel, guard.check if guard else _nothing, params["where"], root)
    rows = rows_of(plan, kernel, params["where"], check_mode)
    return {"changed": plan.changed, "rows": rows, "files": list(plan.files), "diff": diff}


def _guard(plan: Plan, peers: list[str], interface: str | None, timeout_s: float) -> PeerGuard | None:
    if not peers or not any(decides_answers(path) for path in plan.kernel_changes):
        return None
    return PeerGuard(peers, interface, timeout_s)


def _no_risk() -> str:
    return ""


def _nothing() -> None:
    return None
