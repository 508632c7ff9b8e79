# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from child_process import environment

# A child of a child, as the processes of Ansible's tasks are.
_PLAYBOOK = "import subprocess, sys, time; subprocess.Popen([sys.executable, *sys.argv[1:]]); time.sleep(60)"
_TASK = """
import time
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.orphan import ParentWatch
watch = ParentWatch()
print(watch.obstacle(), flush=True)
end = time.monotonic() + 10
while watch.obstacle() is None and time.monotonic() < end:
    time.sleep(0.01)
print(watch.obstacle(), flush=True)
"""


def test_a_rollout_ends_when_its_playbook_is_killed(tmp_path: Path) -> None:
    playbook = [sys.executable, "-c", _PLAYBOOK, "-c", _TASK]
    with subprocess.Popen(playbook, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "None\n"
        running.kill()
        told = running.stdout.readline()
    assert told == "The playbook that began this rollout was killed. Run it again to go on.\n"
