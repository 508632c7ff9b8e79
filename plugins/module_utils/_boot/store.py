# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Where our kernel arguments are kept, so that they can be given back, for each of the two tools.

* grub: a file of ours in /etc/default/grub.d, or marked lines at the end of /etc/default/grub where grub-mkconfig reads
  no such files. Either appends to what the variable holds, so that everybody else's words stay.
* grubby: the arguments that it was told, in a file below /var/lib, because boot entries hold no comments.
"""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._boot.loader import Entry, Grub, Run, grubby_entries
from ansible_collections.virtscale.tuning.plugins.module_utils._files import below, read_file, write_file

_BEGIN = "# Managed by virtscale.tuning.kernel_arguments ({name}); changes made here by hand are overwritten."
_END = "# End of virtscale.tuning.kernel_arguments ({name})."
_SETTING = re.compile(r'^GRUB_CMDLINE_LINUX="\$GRUB_CMDLINE_LINUX (.*)"$', re.MULTILINE)


class Store(t.Protocol):
    """One tool, and where it keeps what is ours."""

    tool: str
    file: str

    def entries(self) -> list[Entry]:
        """Return what can be booted next."""

    def ours(self) -> list[str]:
        """Return the arguments that we have set."""

    def text(self, ours: t.Sequence[str]) -> str | None:
        """Return what ``file`` would hold with these arguments; None for no file."""

    def save(self, text: str | None, ours: t.Sequence[str]) -> None:
        """Write that, and let the tool take it up."""


class GrubStore:
    """Our arguments in a file that grub-mkconfig reads."""

    tool = "grub"

    def __init__(self, name: str, run: Run, root: str = "/") -> None:
        self._grub, self._run, self._root = Grub.find(root), run, root
        self._begin, self._end = _BEGIN.format(name=name), _END.format(name=name)
        self.file = f"/etc/default/grub.d/virtscale-{name}.cfg" if self._grub.has_dropins else "/etc/default/grub"

    def entries(self) -> list[Entry]:
        return self._grub.entries(self._root)

    def ours(self) -> list[str]:
        _rest, block = self._split()
        match = _SETTING.search(block)
        return match.group(1).split() if match else []

    def text(self, ours: t.Sequence[str]) -> str | None:
        rest, _block = self._split()
        if not ours:
            return rest or None
        setting = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(ours)}"'
        return f"{rest}{self._begin}\n{setting}\n{self._end}\n"

    def save(self, text: str | None, ours: t.Sequence[str]) -> None:
        write_file(below(self._root, self.file), text)
        self._run(self._grub.update)

    def _split(self) -> tuple[str, str]:
        """Return the file's text without our lines, and our lines."""
        text = read_file(below(self._root, self.file)) or ""
        begin, end = text.find(self._begin), text.find(self._end)
        if begin < 0 or end < begin:
            return text, ""
        end = text.find("\n", end) + 1 or len(text)
        return text[:begin] + text[end:], text[begin:end]


class GrubbyStore:
    """Our arguments in the boot entries, and a note of which are ours."""

    tool = "grubby"

    def __init__(self, name: str, run: Run, root: str = "/") -> None:
        self._run, self._root = run, root
        self.file = f"/var/lib/virtscale-tuning/kernel-arguments-{name}.json"

    def entries(self) -> list[Entry]:
        return grubby_entries(self._run)

    def ours(self) -> list[str]:
        try:
            noted = json.loads(read_file(below(self._root, self.file)) or "{}")
        except ValueError:
            return []
        return [str(argument) for argument in noted.get("ours", [])] if isinstance(noted, dict) else []

    def text(self, ours: t.Sequence[str]) -> str | None:
        return json.dumps({"ours": list(ours)}) + "\n" if ours else None

    def save(self, text: str | None, ours: t.Sequence[str]) -> None:
        location = below(self._root, self.file)
        dropped = [argument for argument in self.ours() if argument not in ours]
        # The note comes first when arguments are added and goes last: a killed run leaves it too long, never too short.
        if ours:
            os.makedirs(os.path.dirname(location), mode=0o755, exist_ok=True)
            write_file(location, self.text([*ours, *dropped]))
            self._run(["grubby", "--update-kernel=ALL", f"--args={' '.join(ours)}"])
        if dropped:
            self._run(["grubby", "--update-kernel=ALL", f"--remove-args={' '.join(dropped)}"])
        write_file(location, text)
