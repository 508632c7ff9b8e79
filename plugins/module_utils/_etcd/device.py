# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The device below a directory: what kind of disk it is, and who else uses it."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import names, read_text

_NETWORK_FILE_SYSTEMS = ("nfs", "nfs4", "cifs", "ceph", "fuse.ceph", "glusterfs", "fuse.glusterfs", "9p", "virtiofs")
_MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
_NETWORK_DEVICES = ("rbd", "nbd", "drbd")
_VIRTUAL_DEVICES = ("vd", "xvd")
# What hypervisors call the disks that they give: flags of such a disk say what the hypervisor says.
_VIRTUAL_MODELS = ("qemu", "virtual", "vmware", "msft", "persistentdisk")


@dataclass(frozen=True)
class Device:
    """``kind`` is nvme, ssd, rotational, virtual, network, memory or unknown."""

    name: str | None
    kind: str
    # The names from the file system's device down to this disk.
    path: tuple[str, ...]
    model: str | None = None


@dataclass(frozen=True)
class Mount:
    """One mounted file system."""

    point: str
    kind: str
    source: str
    device_number: str


@dataclass(frozen=True)
class Storage:
    """Where a directory lies."""

    directory: str
    mount: Mount | None
    devices: tuple[Device, ...]
    # Other mount points on one of these disks.
    shared_with: tuple[str, ...]


def below(directory: str, root: str = "/") -> Storage:
    """Return where a directory lies."""
    mounts = _mounts(root)
    place = os.path.realpath(directory)
    mount = max((each for each in mounts if _inside(place, each.point)), key=lambda each: len(each.point), default=None)
    if mount is None:
        return Storage(directory, None, (Device(None, "unknown", ()),), ())
    if mount.kind in _NETWORK_FILE_SYSTEMS or mount.kind in _MEMORY_FILE_SYSTEMS:
        kind = "network" if mount.kind in _NETWORK_FILE_SYSTEMS else "memory"
        return Storage(directory, mount, (Device(None, kind, ()),), ())
    devices = _disks(root, mount.device_number)
    return Storage(directory, mount, devices, _shared(root, mounts, mount, devices))


def _shared(root: str, mounts: list[Mount], mount: Mount, devices: tuple[Device, ...]) -> tuple[str, ...]:
    names = {device.name for device in devices if device.name}
    numbers = {each.device_number for each in mounts if each.device_number != mount.device_number}
    sharing = {number for number in numbers if names & {disk.name for disk in _disks(root, number)}}
    # Bind mounts of one file system are one.
    points: dict[str, str] = {}
    for each in mounts:
        if each.device_number in sharing:
            points.setdefault(each.device_number, each.point)
    return tuple(sorted(points.values()))


def _disks(root: str, number: str) -> tuple[Device, ...]:
    """Return the disks below a block device, through partitions, mappings, arrays and files."""
    if number.startswith("0:"):
        return (Device(None, "unknown", ()),)
    start = os.path.realpath(os.path.join(root, "sys/dev/block", number))
    found: dict[str | None, Device] = {}
    left: list[tuple[str, tuple[str, ...]]] = [(start, ())]
    while left:
        place, path = left.pop()
        if not os.path.isdir(place):
            found.setdefault(None, Device(None, "unknown", path))
            continue
        if os.path.exists(f"{place}/partition"):
            path, place = (*path, os.path.basename(place)), os.path.dirname(place)
        name = os.path.basename(place)
        path = (*path, name)
        slaves = [os.path.realpath(f"{place}/slaves/{each}") for each in names(f"{place}/slaves")]
        backing = read_text(f"{place}/loop/backing_file")
        if slaves and name not in path[:-1]:
            left += [(slave, path) for slave in slaves]
        elif backing:
            below_file = _number_of(backing)
            left += [(os.path.realpath(os.path.join(root, "sys/dev/block", below_file)), path)] if below_file else []
            if not below_file:
                found.setdefault(name, Device(name, "unknown", path))
        else:
            model = read_text(f"{place}/device/model")
            found.setdefault(name, Device(name, _kind(place, name, model), path, model or None))
    return tuple(sorted(found.values(), key=lambda device: device.name or ""))


def _kind(place: str, name: str, model: str) -> str:
    if name.startswith(_NETWORK_DEVICES):
        return "network"
    if name.startswith(_VIRTUAL_DEVICES) or any(word in model.lower() for word in _VIRTUAL_MODELS):
        return "virtual"
    if name.startswith("nvme"):
        return "nvme"
    return {"0": "ssd", "1": "rotational"}.get(read_text(f"{place}/queue/rotational"), "unknown")


def _mounts(root: str) -> list[Mount]:
    mounts = []
    for line in read_text(os.path.join(root, "proc/self/mountinfo")).splitlines():
        words, _dash, rest = line.partition(" - ")
        fields, kinds = words.split(), rest.split()
        if len(fields) >= 5 and len(kinds) >= 2:
            point = fields[4].encode().decode("unicode_escape")
            mounts.append(Mount(point, kinds[0], kinds[1], fields[2]))
    return mounts


def _inside(place: str, point: str) -> bool:
    return place == point or place.startswith(point.rstrip("/") + "/")


def _number_of(file: str) -> str | None:
    try:
        number = os.stat(file).st_dev
    except OSError:
        return None
    return f"{os.major(number)}:{os.minor(number)}"


def as_facts(storage: Storage) -> dict[str, t.Any]:
    """Return what a result and a report tell of it."""
    return {
        "data_dir": storage.directory,
        "file_system": storage.mount.kind if storage.mount else None,
        "mount_point": storage.mount.point if storage.mount else None,
        "devices": [
            {"name": each.name, "kind": each.kind, "model": each.model, "path": list(each.path)}
            for each in storage.devices
        ],
        "shared_with": list(storage.shared_with),
    }
