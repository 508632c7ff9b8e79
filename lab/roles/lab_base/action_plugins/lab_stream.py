# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a long command beside the controller and shows its lines while they come.

The command's last line is a JSON object, the result of the task; its ``changed`` says whether it changed anything.
"""

from __future__ import annotations

import collections
import json
import subprocess
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

_TOLD_ON_FAILURE = 20


class ActionModule(ActionBase):
    """Takes ``argv`` only."""

    _supports_check_mode = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec({"argv": {"type": "list", "elements": "str"}})
        lines: collections.deque[str] = collections.deque(maxlen=_TOLD_ON_FAILURE)
        with subprocess.Popen(
            arguments["argv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            for line in t.cast(t.Iterable[str], process.stdout):
                lines.append(line.rstrip())
                if not line.startswith("{"):
                    Display().display(f"    {line.rstrip()}")
        if process.returncode:
            return {**result, "failed": True, "msg": "\n".join(lines)}
        return {**result, **json.loads(lines[-1])}
