# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What lies on a block device: nothing at all, a file system, or something that must not be touched."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# Far beyond where partition tables, file systems, LVM, md and Ceph keep their marks, at either end.
_LOOKED_AT_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024

# blkid(8): nothing was found. 8 is an ambivalent result, which is found too.
_NOTHING = 2


class Content(t.NamedTuple):
    """What blkid finds; all empty where it finds nothing. ``blank`` says that only zeros are there as well."""

    kind: str
    label: str
    uuid: str
    blank: bool

    def describe(self) -> str:
        """Return what is there, for a person."""
        if self.blank:
            return "empty"
        if not self.kind:
            return "data that is no known file system"
        return (
            f"{self.kind}{f' labelled {self.label}' if self.label else ''}{f', UUID {self.uuid}' if self.uuid else ''}"
        )


def read_content(device: str) -> Content:
    """Look at a device, past the cache of blkid.

    :raises TuningError: when it cannot be read.
    """
    done = subprocess.run(
        ["blkid", "--probe", "--output", "export", device], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, _NOTHING):
        return Content("something ambiguous", "", "", False)
    found = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    kind = found.get("TYPE") or (f"{found['PTTYPE']} partition table" if "PTTYPE" in found else "")
    return Content(kind, found.get("LABEL", ""), found.get("UUID", ""), not kind and is_blank(device))


def is_blank(device: str) -> bool:
    """Return whether the beginning and the end of a device are zeros.

    :raises TuningError: when it cannot be read.
    """
    try:
        with open(device, "rb", buffering=0) as stream:
            size = stream.seek(0, os.SEEK_END)
            begins = {0, max(0, size - _LOOKED_AT_BYTES)}
            return all(_zeros(stream, begin, min(_LOOKED_AT_BYTES, size)) for begin in begins)
    except OSError as error:
        raise TuningError(f"{device} cannot be read: {error.strerror}.") from error


def _zeros(stream: t.Any, begin: int, length: int) -> bool:
    stream.seek(begin)
    while length > 0:
        chunk = stream.read(min(_CHUNK_BYTES, length))
        if not chunk:
            return True
        if chunk.count(0) != len(chunk):
            return False
        length -= len(chunk)
    return True
