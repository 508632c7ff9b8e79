# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The block devices that a PCI device provides, and what uses them.

The kernel's own word is taken as well: whoever mounts a device or builds something of it claims it exclusively, so an
exclusive open fails. That also covers what no list names, such as ZFS.
"""

from __future__ import annotations

import errno
import os
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import names, read_text

_SECTOR_BYTES = 512
_OCTAL = re.compile(r"\\([0-7]{3})")


class BlockDevice(t.NamedTuple):
    """A whole disk or an NVMe namespace; ``uses`` says of it and its partitions what they are used for."""

    name: str
    size_bytes: int
    uses: list[str]


class Mount(t.NamedTuple):
    """A line of mountinfo: what is mounted, and where."""

    number: str
    source: str
    target: str


class BlockDevices:
    """All block devices of a host, read once."""

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self._mounts = read_mounts(root)
        self._swaps = {line.split()[0] for line in read_text(root, "proc/swaps").splitlines()[1:] if line.split()}
        self._owners = {name: self._addresses(name) for name in sorted(names(self._class("block")))}

    def of(self, address: str) -> list[BlockDevice]:
        """Return the disks that lie on a PCI device."""
        mine = [name for name, owners in self._owners.items() if address in owners]
        # One path of several to an NVMe namespace is hidden; the namespace itself is listed as well.
        return [self._read(name) for name in mine if read_text(self._class("block", name), "hidden") != "1"]

    def _class(self, *path: str) -> str:
        return os.path.join(self._root, "sys", *path)

    def _addresses(self, name: str) -> set[str]:
        path = os.path.realpath(self._class("block", name))
        parts = path.split(os.sep)
        # With native multipath an NVMe namespace hangs below its subsystem, which links to the controllers.
        if "nvme-subsystem" in parts:
            subsystem = os.sep.join(parts[: parts.index("nvme-subsystem") + 2])
            links = (os.path.join(subsystem, entry) for entry in names(subsystem))
            return {part for link in links if os.path.islink(link) for part in os.path.realpath(link).split(os.sep)}
        return set(parts)

    def _read(self, name: str) -> BlockDevice:
        path = self._class("block", name)
        size = read_text(path, "size")
        partitions = sorted(entry for entry in names(path) if os.path.exists(os.path.join(path, entry, "partition")))
        uses = self._uses(path, name)
        for partition in partitions:
            uses += [f"{use} (partition {partition})" for use in self._uses(os.path.join(path, partition), partition)]
        if not uses and self._claimed(name):
            uses = ["is claimed by the kernel for something that is mounted or built on it"]
        return BlockDevice(name, int(size) * _SECTOR_BYTES if size.isdigit() else 0, uses)

    def _uses(self, path: str, name: str) -> list[str]:
        number, device = read_text(path, "dev"), f"/dev/{name}"
        targets = [m.target for m in self._mounts if (number and m.number == number) or m.source == device]
        uses = [f"is mounted at {target}" for target in sorted(set(targets))]
        if device in self._swaps:
            uses.append("is swap space")
        uses += [f"is part of {holder}" for holder in sorted(names(os.path.join(path, "holders")))]
        return uses

    def _claimed(self, name: str) -> bool:
        # Only the running system's devices can be asked, not those of a directory that looks like one.
        if self._root != "/":
            return False
        try:
            os.close(os.open(f"/dev/{name}", os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
        except OSError as error:
            return error.errno == errno.EBUSY
        return False


def read_mounts(root: str = "/") -> list[Mount]:
    """Return what is mounted, from mountinfo: proc(5)."""
    mounts = []
    for line in read_text(root, "proc/self/mountinfo").splitlines():
        fields, _dash, rest = line.partition(" - ")
        if len(fields.split()) >= 5 and len(rest.split()) >= 2:
            mounts.append(Mount(fields.split()[2], _plain(rest.split()[1]), _plain(fields.split()[4])))
    return mounts


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)
