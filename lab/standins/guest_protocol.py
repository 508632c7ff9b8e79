# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which address a guest has, and from when on it answers there, decided from its VirtualMachineInstance."""

from __future__ import annotations

import calendar
import dataclasses
import ipaddress
import threading
import time
import typing as t
import zlib

Object = t.Dict[str, t.Any]

# The lab's own annotations of a VirtualMachineInstance; in a virtual machine they stand in spec.template.metadata.
NEVER_BOOTS = "lab.virtscale/never-boots"  # "true": it runs, and its guest never answers
GUEST = "lab.virtscale/guest"  # the number of the lab's guest with a kernel of its own that answers for it


class Addresses:
    """The guests' addresses: each instance has one of its own, from its boot to its end."""

    def __init__(self, network: ipaddress.IPv4Network) -> None:
        self._first = int(network.network_address) + 1
        self._count = network.num_addresses - 2
        self._of: dict[str, str] = {}
        self._used: set[str] = set()
        self._lock = threading.Lock()

    def known(self, uid: str, address: str) -> None:
        """Take notice of an address that is in use."""
        with self._lock:
            if uid not in self._of:
                self._of[uid] = address
                self._used.add(address)

    def of(self, uid: str) -> str:
        """The address of an instance, always the same."""
        with self._lock:
            if uid not in self._of:
                place = zlib.crc32(uid.encode()) % self._count
                while self._address(place) in self._used:
                    place = (place + 1) % self._count
                self._of[uid] = self._address(place)
                self._used.add(self._of[uid])
            return self._of[uid]

    def gone(self, uid: str) -> None:
        """Let others have the address of an instance."""
        with self._lock:
            self._used.discard(self._of.pop(uid, ""))

    def _address(self, place: int) -> str:
        return str(ipaddress.IPv4Address(self._first + place))


def address_of(vmi: Object) -> str | None:
    """The address that an instance says it has."""
    interfaces = (vmi.get("status") or {}).get("interfaces") or [{}]
    return interfaces[0].get("ipAddress")


def with_address(vmi: Object, address: str) -> list[Object]:
    """The interfaces of an instance's status when its guest has its address."""
    named = [one["name"] for one in vmi["spec"]["domain"].get("devices", {}).get("interfaces") or []]
    present = {one.get("name"): one for one in (vmi.get("status") or {}).get("interfaces") or []}
    found: list[Object] = []
    for name in named or ["default"]:
        entry = {**present.pop(name, {}), "name": name, "infoSource": "domain", "queueCount": 1}
        if not found:
            entry.update(ipAddress=address, ipAddresses=[address])
        found.append(entry)
    return found + list(present.values())


@dataclasses.dataclass(frozen=True)
class Guest:
    """A guest that runs."""

    who: str
    uid: str
    address: str
    runs_since: float
    """Seconds of the clock on the wall."""
    never_boots: bool
    stand_in: int | None
    """The number of the guest with a kernel of its own that answers for it."""


def guest_of(vmi: Object) -> Guest | None:
    """The guest that runs in an instance, if one does."""
    metadata, status = vmi["metadata"], vmi.get("status") or {}
    address = address_of(vmi)
    if status.get("phase") != "Running" or not address:
        return None
    annotations = metadata.get("annotations") or {}
    number = annotations.get(GUEST, "")
    return Guest(
        who=f"{metadata['namespace']}/{metadata['name']}",
        uid=metadata["uid"],
        address=address,
        runs_since=_running_since(status),
        never_boots=annotations.get(NEVER_BOOTS) == "true",
        stand_in=int(number) if number.isdigit() else None,
    )


def _running_since(status: Object) -> float:
    for entry in status.get("phaseTransitionTimestamps") or []:
        if entry["phase"] == "Running":
            return calendar.timegm(time.strptime(entry["phaseTransitionTimestamp"], "%Y-%m-%dT%H:%M:%SZ"))
    return time.time()


def left_s(guest: Guest, boot_s: float, now: float) -> float:
    """How many seconds of its boot are left."""
    age = now - guest.runs_since
    # Timestamps are whole seconds: only what an earlier process saw begin is counted from them.
    return boot_s - age if age > 2 else boot_s
