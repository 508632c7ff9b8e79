# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Everything that one look at a host's network gives; what is missing on the host becomes null and a note."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below
from ansible_collections.virtscale.tuning.plugins.module_utils._network.arp import find_risk
from ansible_collections.virtscale.tuning.plugins.module_utils._network.interface import (
    Finding,
    interface_facts,
    judge_bond,
    ring_sizes,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._network.owners import find_owners
from ansible_collections.virtscale.tuning.plugins.module_utils._network.ping import (
    checked_peers,
    find_ping,
    measure_round_trips,
    path_carries,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._network.softnet import (
    SOFTNET_STAT,
    Sample,
    parse_softnet,
    softnet_delta,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.dropin import parse_dropin
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import (
    BootSettings,
    read_boot_settings,
    read_text,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.kernel import Kernel
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import checked_path, key_name

_LONGEST_WINDOW_S = 3600


def measure(params: dict[str, t.Any], root: str = "/") -> dict[str, t.Any]:
    """Return the result of the ``network_info`` module for its parameters.

    :raises TuningError: for bad parameters, and where ``bond_policy`` is ``enforce`` and a finding stands against it.
    """
    peers = checked_peers(params["peers"])
    window_s = float(
        parse_decimal("softnet_window_s", params["softnet_window_s"], minimum=0, maximum=_LONGEST_WINDOW_S)
    )
    notes: list[tuple[str, str]] = []

    name = params["interface"]
    facts = interface_facts(name, root) if name else None
    if name and facts is None:
        notes.append((f"interface {name}", "there is no such interface"))
    first, started = _softnet_sample(root, notes) if window_s else None, time.monotonic()
    round_trips, carried = _ping_peers(params, peers, facts, notes)
    softnet = _softnet_over(first, started, window_s, root, notes)
    findings = _judge(params, facts, carried)
    boot = read_boot_settings(root)
    sysctls, owners = _sysctls(params["sysctls"], boot, root)
    arp_risk = find_risk()

    where = params["where"]
    rows = [row(where, what, status="note", why=why) for what, why in notes]
    rows += _finding_rows(where, findings, params["bond_policy"])
    rows += [
        row(where, owner["who"], status="note", why=f"also sets {', '.join(owner['keys'])}: {owner['advice']}")
        for owner in owners
    ]
    if findings and params["bond_policy"] == "enforce":
        text = "; ".join(_sentence(finding) for finding in findings)
        raise TuningError(f"{where}: the network is not as expected: {text}. bond_policy is enforce.", rows=rows)
    return {
        "interface": facts,
        "rings": _rings(facts),
        "rtt": round_trips,
        "path_mtu": carried,
        "softnet": softnet,
        "sysctls": sysctls,
        "dropins": _dropins(boot, root),
        "owners": owners,
        "arp_risk": arp_risk or None,
        "notes": [f"{what}: {why}" for what, why in notes],
        "rows": rows,
    }


def _ping_peers(
    params: dict[str, t.Any], peers: list[str], facts: dict[str, t.Any] | None, notes: list[tuple[str, str]]
) -> tuple[dict[str, t.Any] | None, dict[str, bool] | None]:
    count = parse_int("ping_count", params["ping_count"], minimum=1, maximum=10000)
    interval_s = parse_decimal("ping_interval_s", params["ping_interval_s"], above=0, maximum=10)
    if not peers:
        return None, None
    ping = find_ping()
    if ping is None:
        notes.append(("ping", "is not installed, so nothing is known about the peers"))
        return None, None
    # Asked to leave by an interface that is not there, ping would fail for every peer.
    if params["interface"] and facts is None:
        return None, None
    trips = measure_round_trips(ping, peers, params["interface"], count, str(interval_s))
    for peer, trip in trips.items():
        if trip is None or not trip["received"]:
            notes.append((f"peer {peer}", "does not answer"))
    mtu = facts["mtu"] if facts else None
    if not params["path_mtu"] or mtu is None:
        return dict(trips), None
    alive = [peer for peer, trip in trips.items() if trip and trip["received"]]
    return dict(trips), path_carries(ping, alive, params["interface"], mtu)


def _softnet_sample(root: str, notes: list[tuple[str, str]]) -> Sample | None:
    text = read_text(below(root, SOFTNET_STAT))
    if text is None:
        notes.append((SOFTNET_STAT, "cannot be read, so nothing is known about what was dropped"))
        return None
    return parse_softnet(text)


def _softnet_over(
    first: Sample | None, started: float, window_s: float, root: str, notes: list[tuple[str, str]]
) -> dict[str, t.Any] | None:
    if first is None:
        return None
    time.sleep(max(0.0, started + window_s - time.monotonic()))
    second = _softnet_sample(root, notes)
    return softnet_delta(first, second, time.monotonic() - started) if second is not None else None


def _judge(params: dict[str, t.Any], facts: dict[str, t.Any] | None, carried: dict[str, bool] | None) -> list[Finding]:
    expected = params["expected_bond"]
    findings: list[Finding] = []
    if params["bond_policy"] == "ignore" or expected is None:
        return findings
    slaves = parse_int("expected_bond.slaves", expected["slaves"])
    speed = parse_int("expected_bond.slave_speed_mbps", expected["slave_speed_mbps"])
    if facts is None:
        what = params["interface"] or "interface"
        findings.append(Finding(what, None, expected["mode"], "there is no such interface, so no bond"))
    else:
        findings += judge_bond(facts, expected["mode"], slaves, speed)
    for peer, fits in (carried or {}).items():
        if not fits and facts:
            why = "full-size packets do not arrive unfragmented"
            findings.append(Finding(f"path MTU to {peer}", "smaller", str(facts["mtu"]), why))
    return findings


def _finding_rows(where: str, findings: list[Finding], policy: str) -> list[Row]:
    status = "refused" if policy == "enforce" else "note"
    return [
        row(where, f.what, before=f.found, wanted=f.expected, effective=f.found, status=status, why=f.why)
        for f in findings
    ]


def _sentence(finding: Finding) -> str:
    found = f" is {finding.found}" if finding.found else ""
    expected = f", expected {finding.expected}" if finding.expected else ""
    return f"{finding.what}{found}{expected} ({finding.why})"


def _rings(facts: dict[str, t.Any] | None) -> dict[str, dict[str, int] | None] | None:
    if facts is None:
        return None
    names = [slave["name"] for slave in facts["bond"]["slaves"]] if facts["bond"] else [facts["name"]]
    return {name: ring_sizes(name) for name in names}


def _dropins(boot: BootSettings, root: str) -> dict[str, dict[str, str]]:
    ours: dict[str, dict[str, str]] = {}
    for file in dict.fromkeys(setting.file for setting in boot.dropins):
        dropin = parse_dropin(read_text(below(root, file)) or "")
        if dropin is not None:
            ours[file] = {key_name(path): value for path, value in dropin.values.items()}
    return ours


def _sysctls(
    keys: list[str], boot: BootSettings, root: str
) -> tuple[dict[str, dict[str, str | None]], list[dict[str, t.Any]]]:
    paths = [checked_path(key) for key in keys]
    kernel = Kernel(root)
    sysctls: dict[str, dict[str, str | None]] = {}
    for path in paths:
        last = boot.last_word(path)
        sysctls[key_name(path)] = {
            "value": kernel.read(path),
            "boot_value": last.value if last else None,
            "file": last.file if last else None,
        }
    return sysctls, [owner._asdict() for owner in find_owners(paths, boot, root)]
