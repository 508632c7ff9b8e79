# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether ARP filtering is safe on a host: several interfaces in one subnet need source routing.

With arp_filter an interface answers only for addresses from which the kernel would also send out of that interface.
Where two interfaces share a subnet and the routing table sends both out of one, the other's address goes silent.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import typing as t


class Address(t.NamedTuple):
    """One IPv4 address of the host."""

    interface: str
    address: ipaddress.IPv4Interface


class NoTool(Exception):
    """``ip`` is missing or did not give what was asked for."""


def find_risk() -> str:
    """Return why ARP keys should not be changed on this host; an empty string if nothing speaks against it."""
    try:
        addresses = parse_addresses(_ip("-j", "-4", "address", "show"))
        return judge(addresses, lambda target, source: parse_device(_ip("-j", "route", "get", target, "from", source)))
    except NoTool as error:
        return f"it is not known whether several interfaces share a subnet: {error}"


def parse_addresses(text: str) -> list[Address]:
    """Read ``ip -j -4 address show``."""
    found = []
    for link in _json_list(text):
        for entry in link.get("addr_info", []):
            if entry.get("family") == "inet" and entry.get("scope") != "host" and "local" in entry:
                address = ipaddress.IPv4Interface(f"{entry['local']}/{entry.get('prefixlen', 32)}")
                found.append(Address(link["ifname"], address))
    return found


def parse_device(text: str) -> str | None:
    """Read the interface out of ``ip -j route get``."""
    routes = _json_list(text)
    return routes[0].get("dev") if routes else None


def judge(addresses: list[Address], device_for: t.Callable[[str, str], str | None]) -> str:
    """Name the first address that would go silent, or return an empty string.

    :param device_for: the interface by which packets to a target leave, given their source address.
    """
    local = {str(address.address.ip) for address in addresses}
    for one in addresses:
        network = one.address.network
        sharing = sorted({a.interface for a in addresses if a.address.ip in network} - {one.interface})
        target = next((str(host) for host in _hosts(network) if str(host) not in local), None)
        if not sharing or target is None:
            continue
        device = device_for(target, str(one.address.ip))
        if device != one.interface:
            return (
                f"{one.interface} and {', '.join(sharing)} share {network}, and answers from {one.address.ip} "
                f"would leave by {device or 'no route'}: without source routing ARP filtering can silence it"
            )
    return ""


def _hosts(network: ipaddress.IPv4Network) -> t.Iterator[ipaddress.IPv4Address]:
    # From the top, where gateways are rare; a handful is enough to find one that is not this host's.
    for offset in range(2, min(network.num_addresses, 64)):
        yield network.broadcast_address - (offset - 1)


def _json_list(text: str) -> list[dict[str, t.Any]]:
    try:
        value = json.loads(text or "[]")
    except ValueError as error:
        raise NoTool("ip does not print JSON (too old?)") from error
    return [entry for entry in value if isinstance(entry, dict)]


def _ip(*arguments: str) -> str:
    ip = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if ip is None:
        raise NoTool("ip is not installed")
    done = subprocess.run([ip, *arguments], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
