# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Our own sysctl drop-in: its text, and the record in it of what was there before.

The record is made of comment lines above the settings, so that it lives and is copied with them::

    # before: net.core.rmem_max = 212992
    # replaced: {"mode": 420, "text": "..."}        (only where somebody else's file had this name)

sysctl.d(5) has no comments behind a value, so every comment has a line of its own.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import parse_settings
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import key_name, key_path, normal

TITLE = "# Managed by virtscale.tuning.sysctl_dropins; changes made here by hand are overwritten."
_EXPLANATION = "# The lines that follow are what was here before; rollback gives it back."
_BEFORE = "# before: "
_REPLACED = "# replaced: "


class Dropin(t.NamedTuple):
    """What one of our files holds. Keys are paths below /proc/sys."""

    values: dict[str, str]
    before: dict[str, str]
    replaced: dict[str, t.Any] | None

    def render(self) -> str:
        """Return the file's text."""
        lines = [TITLE, _EXPLANATION]
        if self.replaced is not None:
            lines.append(_REPLACED + json.dumps(self.replaced, sort_keys=True))
        lines += [f"{_BEFORE}{key_name(path)} = {self.before[path]}" for path in self.values]
        lines += [f"{key_name(path)} = {value}" for path, value in self.values.items()]
        return "\n".join(lines) + "\n"


def parse_dropin(text: str) -> Dropin | None:
    """Return what one of our files holds, or None if the file is somebody else's."""
    if TITLE not in text.splitlines():
        return None
    before: dict[str, str] = {}
    replaced = None
    for line in text.splitlines():
        if line.startswith(_BEFORE):
            key, _equals, value = line[len(_BEFORE) :].partition("=")
            before[key_path(key.strip())] = normal(value)
        elif line.startswith(_REPLACED):
            replaced = _json_object(line[len(_REPLACED) :])
    values = {s.path: s.value for s in parse_settings(text, "") if s.value is not None}
    return Dropin(values, before, replaced)


def _json_object(text: str) -> dict[str, t.Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) and isinstance(value.get("text"), str) else None
