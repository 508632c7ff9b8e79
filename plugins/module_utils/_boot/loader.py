# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The boot loader's own tool: which one there is, what it boots next, and how it is run.

* Where there is grubby (Red Hat's family), it changes every boot entry and what later kernels inherit.
* Elsewhere grub-mkconfig makes grub.cfg out of /etc/default/grub and, on Debian and Ubuntu, of the files in
  /etc/default/grub.d, which it reads after that.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import read_text

# Run(arguments) returns what a program prints.
Run = t.Callable[[t.Sequence[str]], str]

_GRUB_CFGS = ("boot/grub/grub.cfg", "boot/grub2/grub.cfg")
_MKCONFIGS = ("usr/sbin/grub-mkconfig", "usr/sbin/grub2-mkconfig", "usr/bin/grub-mkconfig")
_LINUX = re.compile(r"^\s*linux(?:16|efi)?\s+(\S+)\s*(.*)$")
_INFO = re.compile(r'^(kernel|args)=(?:"(.*)"|(.*))$')


class Entry(t.NamedTuple):
    """One kernel that can be booted, and its command line."""

    kernel: str
    line: str


def has_grubby(root: str = "/") -> bool:
    """Return whether boot entries are grubby's."""
    return any(os.path.exists(os.path.join(root, place, "grubby")) for place in ("usr/sbin", "sbin", "usr/bin"))


def grubby_entries(run: Run) -> list[Entry]:
    """Return the boot entries that grubby knows.

    :raises TuningError: when grubby fails, or knows none.
    """
    entries: list[Entry] = []
    kernel = ""
    for line in run(["grubby", "--info=ALL"]).splitlines():
        match = _INFO.match(line)
        if match is None:
            continue
        value = match.group(2) if match.group(2) is not None else match.group(3)
        if match.group(1) == "kernel":
            kernel = value
        else:
            entries.append(Entry(kernel, value))
    if not entries:
        raise TuningError("grubby knows no boot entry, so there is nothing to set kernel arguments in.")
    return entries


class Grub(t.NamedTuple):
    """A grub that is configured by grub-mkconfig. Paths are absolute."""

    cfg: str
    update: list[str]
    has_dropins: bool

    @classmethod
    def find(cls, root: str = "/") -> Grub:
        """Return the grub of this machine.

        :raises TuningError: where there is none.
        """
        cfg = next((path for path in _GRUB_CFGS if os.path.exists(os.path.join(root, path))), None)
        program = next((path for path in _MKCONFIGS if os.path.exists(os.path.join(root, path))), None)
        if cfg is None or program is None or not os.path.exists(os.path.join(root, "etc/default/grub")):
            raise TuningError(
                "Neither grubby nor a grub with grub-mkconfig, /etc/default/grub and grub.cfg is here: set the kernel "
                "arguments by the boot loader's own means."
            )
        wrapper = os.path.exists(os.path.join(root, "usr/sbin/update-grub"))
        update = ["update-grub"] if wrapper else [os.path.basename(program), "-o", f"/{cfg}"]
        return cls(f"/{cfg}", update, "default/grub.d" in read_text(root, program))

    def entries(self, root: str = "/") -> list[Entry]:
        """Return the kernels that grub.cfg boots.

        :raises TuningError: when it boots none.
        """
        lines = read_text(root, self.cfg.lstrip("/")).splitlines()
        found = [Entry(match.group(1), match.group(2).strip()) for match in map(_LINUX.match, lines) if match]
        if not found:
            raise TuningError(f"{self.cfg} boots no kernel, so there is nothing to set kernel arguments in.")
        return found


def run_program(arguments: t.Sequence[str]) -> str:
    """Run a program and return what it prints.

    :raises TuningError: with its last words when it fails.
    """
    path = shutil.which(arguments[0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin")
    if path is None:
        raise TuningError(f"{arguments[0]} is not installed.")
    environment = {**os.environ, "LC_ALL": "C"}
    done = subprocess.run([path, *arguments[1:]], capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise TuningError(f"{arguments[0]} failed: {last[0]}")
    return done.stdout
