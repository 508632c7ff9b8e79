# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout_orphan import ParentWatch


def test_a_rollout_ends_when_its_playbook_is_gone(tmp_path: Path) -> None:
    """A child of a child, as the processes of Ansible's tasks are; the one between is killed."""
    answer = tmp_path / "answer"
    parent = os.fork()
    if parent == 0:
        if os.fork() == 0:
            watch = ParentWatch()
            answer.with_suffix(".before").write_text(str(watch.obstacle()))
            while watch.obstacle() is None:
                time.sleep(0.01)
            answer.with_suffix(".new").write_text(str(watch.obstacle()))
            answer.with_suffix(".new").rename(answer)
            os._exit(0)
        time.sleep(60)
        os._exit(0)
    before = answer.with_suffix(".before")
    while not before.exists() or not before.read_text():
        time.sleep(0.01)
    os.kill(parent, 9)
    os.waitpid(parent, 0)
    end = time.monotonic() + 10
    while not answer.exists() and time.monotonic() < end:
        time.sleep(0.01)
    assert before.read_text() == "None"
    assert answer.read_text() == "The playbook that began this rollout was killed. Run it again to go on."
