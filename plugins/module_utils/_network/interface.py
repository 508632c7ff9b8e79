# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Network interfaces and bonds, as /sys/class/net tells them, against what is expected of a bond."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import typing as t

_SIOCETHTOOL = 0x8946
_ETHTOOL_GRINGPARAM = 0x10
# Interfaces on top of each other: a VLAN on a bridge on a bond is deep enough.
_DEEPEST = 4


class Finding(t.NamedTuple):
    """Something about a host's network that is not as expected."""

    what: str
    found: str | None
    expected: str | None
    why: str


def interface_facts(name: str, root: str = "/") -> dict[str, t.Any] | None:
    """Return an interface's facts, with those of the bond that it is or lies on; None if there is none.

    Speeds are in Mb/s and None where the driver does not say.
    """
    base = os.path.join(root, "sys/class/net")
    if "/" in name or not os.path.isdir(os.path.join(base, name)):
        return None
    bond = _find_bond(base, name)
    return {
        "name": name,
        "mtu": _number(base, name, "mtu"),
        "state": _text(base, name, "operstate"),
        "speed_mbps": _speed(base, name),
        "bond": _bond_facts(base, bond) if bond else None,
    }


def judge_bond(facts: dict[str, t.Any], mode: str, slaves: int, slave_speed_mbps: int) -> list[Finding]:
    """Compare an interface with the bond that is expected there."""
    bond = facts["bond"]
    name = facts["name"]
    if bond is None:
        return [Finding(name, "no bond", f"{mode} of {slaves}", "the interface neither is a bond nor lies on one")]
    findings = []
    name = bond["name"]
    if bond["mode"] != mode:
        findings.append(Finding(f"{name} mode", bond["mode"], mode, "the bond has another mode"))
    up = [slave for slave in bond["slaves"] if slave["up"]]
    if len(up) != slaves:
        down = [slave["name"] for slave in bond["slaves"] if not slave["up"]]
        why = f"down: {', '.join(down)}" if down else f"the bond has {len(bond['slaves'])} slaves"
        findings.append(Finding(f"{name} slaves", str(len(up)), str(slaves), why))
    speeds = {slave["name"]: slave["speed_mbps"] for slave in up}
    if len(set(speeds.values())) > 1:
        why = "the slaves are unequal: " + ", ".join(f"{slave} {speed}" for slave, speed in speeds.items())
        findings.append(Finding(f"{name} slave speeds", " ".join(map(str, speeds.values())), None, why))
    for slave, speed in speeds.items():
        if speed is not None and speed != slave_speed_mbps:
            findings.append(
                Finding(f"{slave} speed", str(speed), str(slave_speed_mbps), "Mb/s of one slave, so of one TCP flow")
            )
    mtus = {slave["name"]: slave["mtu"] for slave in bond["slaves"]}
    if len(set(mtus.values())) > 1:
        why = "the slaves differ: " + ", ".join(f"{slave} {mtu}" for slave, mtu in mtus.items())
        findings.append(Finding(f"{name} MTU", None, None, why))
    return findings


def ring_sizes(interface: str) -> dict[str, int] | None:
    """Return an interface's ring sizes and their limits, or None where the driver has none to tell."""
    request = array.array("I", [_ETHTOOL_GRINGPARAM] + [0] * 8)
    packed = struct.pack("16sP", os.fsencode(interface)[:15], request.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            fcntl.ioctl(connection.fileno(), _SIOCETHTOOL, packed)
    except OSError:
        return None
    _command, rx_max, _mini_max, _jumbo_max, tx_max, rx, _mini, _jumbo, tx = request
    return {"rx": rx, "rx_max": rx_max, "tx": tx, "tx_max": tx_max}


def _bond_facts(base: str, bond: str) -> dict[str, t.Any]:
    names = _text(base, bond, "bonding/slaves") or ""
    slaves = [
        {
            "name": slave,
            "up": _text(base, slave, "bonding_slave/mii_status") == "up",
            "speed_mbps": _speed(base, slave),
            "mtu": _number(base, slave, "mtu"),
        }
        for slave in names.split()
    ]
    speeds = [slave["speed_mbps"] for slave in slaves if slave["up"]]
    known = [speed for speed in speeds if speed is not None]
    return {
        "name": bond,
        "mode": (_text(base, bond, "bonding/mode") or "unknown").split()[0],
        "slaves": slaves,
        # What one TCP flow can get, and what all of them can get together.
        "slave_speed_mbps": min(known) if known else None,
        "summed_speed_mbps": sum(known) if known and len(known) == len(speeds) else None,
    }


def _find_bond(base: str, name: str, depth: int = 0) -> str | None:
    if os.path.isdir(os.path.join(base, name, "bonding")):
        return name
    if depth == _DEEPEST:
        return None
    for entry in sorted(os.listdir(os.path.join(base, name))):
        if entry.startswith("lower_"):
            bond = _find_bond(base, entry[len("lower_") :], depth + 1)
            if bond:
                return bond
    return None


def _speed(base: str, name: str) -> int | None:
    speed = _number(base, name, "speed")
    return speed if speed is not None and speed > 0 else None


def _number(base: str, name: str, entry: str) -> int | None:
    text = _text(base, name, entry)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _text(base: str, name: str, entry: str) -> str | None:
    # Reading "speed" of an interface that is down fails with EINVAL.
    try:
        with open(os.path.join(base, name, entry), encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return None
