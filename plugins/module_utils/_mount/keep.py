# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The block device of a PCI device mounted at a directory, by UUID, without ever overwriting data.

Everything is looked at before anything is written. A file system is made on an empty device only and gets a label; by
it the next run knows a device that is already prepared, also when it was killed in between.
"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._boot.loader import Run, run_program
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._files import read_file, write_file
from ansible_collections.virtscale.tuning.plugins.module_utils._mount.content import Content, read_content
from ansible_collections.virtscale.tuning.plugins.module_utils._mount.fstab import Mounted, with_line, without_line
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.block import BlockDevice, read_mounts
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.sysfs import Wanted, read_devices
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_FSTAB = "/etc/fstab"
_OPTIONS = "defaults,noatime"
# What a fresh ext4 has in it.
_NO_DATA = frozenset({"lost+found"})
_LONGEST_LABEL = 12
_MODE = 0o700


class Place(t.NamedTuple):
    """A device and a directory as they were found."""

    device: str
    uses: list[str]
    content: Content
    path: str
    mounted: bool


def keep_mounted(params: dict[str, t.Any], check_mode: bool, run: Run = run_program) -> dict[str, t.Any]:
    """Bring the directory to what ``params`` ask for, and return the module's results.

    :raises InvalidValue: for a path or a label that is none.
    :raises TuningError: where data stands in the way; nothing was changed then.
    """
    path = _check(params)
    fstab = read_file(_FSTAB) or ""
    if params["state"] == "absent":
        return _unmount(params["where"], path, fstab, check_mode, run)
    place = _look(params, path)
    blank = place.content.blank
    if blank and not params["format"]:
        why = f"{place.device} is empty; format makes a file system on it"
        rows = [_row(params["where"], place, "pending", why)]
        return {"changed": False, "device": place.device, "uuid": None, "rows": rows, "diff": []}
    kind = params["fstype"] if blank else place.content.kind
    source = "(of the new file system)" if blank else place.content.uuid
    after = with_line(fstab, Mounted(f"UUID={source}", path, kind, _OPTIONS))
    changed = blank or not place.mounted or after != fstab
    if changed and not check_mode:
        uuid = _prepare(place, params, fstab, run)
        place = place._replace(content=place.content._replace(kind=kind, label=params["label"], uuid=uuid, blank=False))
    status = ("would_change" if check_mode else "changed") if changed else "ok"
    why = f"a new {kind} on an empty device" if blank else f"{kind} labelled {params['label']}"
    diff = {"before_header": _FSTAB, "after_header": _FSTAB, "before": fstab, "after": after}
    return {
        "changed": changed,
        "device": place.device,
        "uuid": place.content.uuid or None,
        "rows": [_row(params["where"], place, status, why)],
        "diff": [diff] if changed else [],
    }


def _check(params: dict[str, t.Any]) -> str:
    path = os.path.normpath(params["path"])
    if not os.path.isabs(path) or path == "/" or len(path.split()) != 1:
        raise InvalidValue("path", params["path"], "the absolute path of a directory, without blanks")
    label = params["label"]
    if not label.replace("-", "").isalnum() or len(label) > _LONGEST_LABEL:
        raise InvalidValue("label", label, f"letters, digits and dashes, at most {_LONGEST_LABEL}")
    return path


def _look(params: dict[str, t.Any], path: str) -> Place:
    addresses = [params["address"]] if params["address"] else []
    wanted = Wanted.parse(params["vendor_id"], params["product_id"], params["class_code"], addresses)
    found = [(device.address, block) for device in read_devices(wanted) for block in device.block_devices]
    here = [one for one in found if f"is mounted at {path}" in one[1].uses]
    if len(here or found) != 1:
        known = ", ".join(f"{address} (/dev/{block.name})" for address, block in found) or "none"
        raise TuningError(f"One block device is wanted of the PCI devices that fit, and there are: {known}.")
    _address, block = (here or found)[0]
    place = Place(f"/dev/{block.name}", block.uses, read_content(f"/dev/{block.name}"), path, bool(here))
    _refuse(place, block, params["label"])
    return place


def _refuse(place: Place, block: BlockDevice, label: str) -> None:
    if block.uses and not place.mounted:
        raise TuningError(f"{place.device} {block.uses[0]}, so it is not free.")
    if not place.content.blank and place.content.label != label:
        raise TuningError(
            f"{place.device} holds {place.content.describe()}: it is not overwritten. A device that was prepared "
            f"here is labelled {label}."
        )
    if place.mounted:
        return
    if any(mount.target == place.path for mount in read_mounts()):
        raise TuningError(f"Something else is mounted at {place.path}.")
    with contextlib.suppress(FileNotFoundError):
        data = sorted(set(os.listdir(place.path)) - _NO_DATA)
        if data:
            raise TuningError(
                f"{place.path} holds data ({data[0]}), which the device would hide: stop who uses it and "
                "move the data away."
            )


def _prepare(place: Place, params: dict[str, t.Any], fstab: str, run: Run) -> str:
    """Make the file system if there is none, write fstab, mount; return the UUID."""
    content = place.content
    if content.blank:
        program = f"mkfs.{params['fstype']}"
        run([program, "-q", "-L", params["label"], place.device])
        content = read_content(place.device)
    if not content.uuid:
        raise TuningError(f"{place.device} holds {content.describe()}, which has no UUID.")
    os.makedirs(place.path, mode=_MODE, exist_ok=True)
    owner = os.stat(place.path)
    line = Mounted(f"UUID={content.uuid}", place.path, content.kind, _OPTIONS)
    write_file(_FSTAB, with_line(fstab, line))
    if not place.mounted:
        try:
            run(["mount", "-t", line.kind, "-o", _OPTIONS, line.source, place.path])
        except TuningError:
            write_file(_FSTAB, fstab)
            raise
        # Who owned the directory, such as the user etcd, owns the file system in its place.
        os.chown(place.path, owner.st_uid, owner.st_gid)
        os.chmod(place.path, stat.S_IMODE(owner.st_mode))
        if os.path.exists("/sys/fs/selinux/enforce"):
            run(["restorecon", place.path])
    return content.uuid


def _unmount(where: str, path: str, fstab: str, check_mode: bool, run: Run) -> dict[str, t.Any]:
    after = without_line(fstab, path)
    changed = after != fstab
    mounted = changed and any(mount.target == path for mount in read_mounts())
    if changed and not check_mode:
        if mounted:
            run(["umount", path])
        write_file(_FSTAB, after)
    status = ("would_change" if check_mode else "changed") if changed else "ok"
    why = (
        "unmounted; the file system and its data stay on the device" if changed else "nothing of ours is mounted there"
    )
    diff = {"before_header": _FSTAB, "after_header": _FSTAB, "before": fstab, "after": after}
    rows = [row(where, path, before="mounted" if mounted else None, status=status, why=why)]
    return {"changed": changed, "device": None, "uuid": None, "rows": rows, "diff": [diff] if changed else []}


def _row(where: str, place: Place, status: str, why: str) -> Row:
    now = place.device if place.mounted else None
    effective = place.device if status in ("ok", "changed") else now
    return row(where, place.path, before=now, wanted=place.device, effective=effective, status=status, why=why)
