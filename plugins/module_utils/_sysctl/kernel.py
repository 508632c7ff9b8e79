# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The running kernel's sysctls, as files below /proc/sys."""

from __future__ import annotations

import os

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import key_name, normal


class Rejected(TuningError):
    """The kernel did not take a value; ``path`` is the key."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Kernel:
    """Reads and writes the keys of one kernel (or of a tree that stands for one)."""

    def __init__(self, root: str = "/") -> None:
        self._base = os.path.join(root, "proc/sys")

    def read(self, path: str) -> str | None:
        """Return the running value with single spaces, or None where there is no such key to read."""
        try:
            with open(self._file(path), encoding="utf-8", errors="replace") as stream:
                return normal(stream.read())
        except OSError:
            return None

    def writable(self, path: str) -> bool:
        """Whether the key can be set here; some are read-only outside the first network namespace."""
        return os.access(self._file(path), os.W_OK)

    def write(self, path: str, value: str) -> None:
        """Set a key and read it back.

        :raises Rejected: if the kernel refuses the value or makes another one of it.
        """
        try:
            with open(self._file(path), "w", encoding="utf-8") as stream:
                stream.write(value + "\n")
        except OSError as error:
            reason = f"{key_name(path)} = {value}: the kernel refused it ({error.strerror})"
            raise Rejected(path, reason) from error
        held = self.read(path)
        if held != normal(value):
            raise Rejected(path, f"{key_name(path)} = {value}: the kernel made {held} of it")

    def _file(self, path: str) -> str:
        return os.path.join(self._base, path)
