# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One value for a cluster out of what each of its hosts measured."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError


def worst_round_trip(results: dict[str, dict[str, t.Any]], limited_to: str = "") -> dict[str, t.Any]:
    """Return the host and peer with the longest average round trip.

    :param results: for each host its ``network_info`` result.
    :param limited_to: the part of the inventory that this run was limited to, for the evidence.
    :raises TuningError: if no host has a round trip to any peer.
    """
    averages = [
        (trip["avg_ms"], host, peer)
        for host, result in results.items()
        for peer, trip in (result.get("rtt") or {}).items()
        if trip and trip.get("avg_ms") is not None
    ]
    if not averages:
        hosts = ", ".join(sorted(results)) or "no host"
        raise TuningError(f"No round trip was measured ({hosts}): no peer given, none answered, or no ping there.")
    rtt_ms, host, peer = max(averages)
    measured = sorted({host for _average, host, _peer in averages})
    silent = sorted(set(results) - set(measured))
    evidence = f"the worst of {len(measured)} hosts is {host}: {rtt_ms} ms on average to {peer}"
    if silent:
        evidence += f"; without a round trip: {', '.join(silent)}"
    if limited_to:
        evidence += f"; taken over {', '.join(measured)} only (limited to {limited_to})"
    return {"rtt_ms": rtt_ms, "host": host, "peer": peer, "hosts": measured, "evidence": evidence}
