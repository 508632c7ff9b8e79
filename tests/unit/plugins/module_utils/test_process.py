# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._process import peak_memory_bytes
from child_process import environment

_LIMITS = """
import resource, sys
from ansible_collections.virtscale.tuning.plugins.module_utils._process import allow_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
allow_connections(int(sys.argv[2]))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


_PLAYBOOK = """
import multiprocessing, os, sys, time
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook

def task(parent):
    playbook = None
    if sys.argv[1] == "before":
        playbook = Playbook("storm")
        playbook.check()
    print("works", flush=True)
    while os.getppid() == parent:
        time.sleep(0.01)
    try:
        (playbook or Playbook("storm")).check()
    except TuningError as error:
        print(error, flush=True)

worker = multiprocessing.get_context("fork").Process(target=task, args=(os.getpid(),))
worker.start()
worker.join()
"""


@pytest.mark.parametrize("looks", ["before", "after"])
def test_work_ends_with_its_playbook(looks: str) -> None:
    """Whether the work looks for the first time before its playbook is killed or only afterwards."""
    command = [sys.executable, "-c", _PLAYBOOK, looks]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "works\n"
        running.kill()
        told = running.stdout.readline()
    assert told == "The playbook that began this storm was killed. Run it again to go on.\n"


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
    command = [sys.executable, "-c", _LIMITS, str(hard), str(connections)]
    done = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True)
    assert int(done.stdout) == limit


def test_memory_grows_with_what_is_held() -> None:
    before = peak_memory_bytes()
    held = bytearray(before + (64 << 20))
    assert peak_memory_bytes() >= len(held)
