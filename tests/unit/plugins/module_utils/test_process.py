# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook, peak_memory_bytes

_LIMITS = """
import resource, sys
from ansible_collections.virtscale.tuning.plugins.module_utils._process import allow_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
allow_connections(int(sys.argv[2]))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_work_ends_with_its_playbook() -> None:
    parents = iter([7, 7, 7, 1])
    playbook = Playbook("storm", lambda: next(parents))
    assert playbook.killed() is None
    playbook.check()
    with pytest.raises(TuningError, match=r"^The playbook that began this storm was killed. Run it again to go on.$"):
        playbook.check()


@pytest.mark.parametrize(
    ("hard", "connections", "limit"),
    [
        pytest.param(2048, 0, 400, id="what is needed beside"),
        pytest.param(2048, 500, 1900, id="three files for each"),
        pytest.param(2048, 1000, 2048, id="no more than is allowed"),
        pytest.param(256, 10, 256, id="nothing more is allowed"),
    ],
)
def test_files_for_connections(hard: int, connections: int, limit: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    command = [sys.executable, "-c", _LIMITS, str(hard), str(connections)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert int(done.stdout) == limit


def test_memory_grows_with_what_is_held() -> None:
    before = peak_memory_bytes()
    held = bytearray(before + (64 << 20))
    assert peak_memory_bytes() >= len(held)
