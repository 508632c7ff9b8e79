# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._process import peak_memory_bytes

_LIMITS = """
import resource, sys
from ansible_collections.virtscale.tuning.plugins.module_utils._process import allow_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (256, int(sys.argv[1])))
allow_connections(int(sys.argv[2]))
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


_KILLED = """
import multiprocessing, os, pathlib, signal, sys, time
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook

told = pathlib.Path(sys.argv[1])

def work(parent):
    playbook = Playbook("storm") if sys.argv[2] == "before" else None
    if playbook:
        playbook.check()
    told.write_text("works")
    while os.getppid() == parent:
        time.sleep(0.05)
    try:
        (playbook or Playbook("storm")).check()
    except TuningError as error:
        told.write_text(str(error))
        told.rename(told.with_suffix(".end"))

multiprocessing.get_context("fork").Process(target=work, args=(os.getpid(),)).start()
while not told.exists():
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


@pytest.mark.parametrize("asked", ["before", "after"])
def test_work_ends_with_its_playbook(tmp_path: Path, asked: str) -> None:
    """Whether the work looks for the first time before its playbook is killed or only afterwards."""
    told = tmp_path / "told"
    subprocess.run([sys.executable, "-c", _KILLED, str(told), asked], env=_environment(), timeout=30, check=False)
    end = time.monotonic() + 10
    while not told.with_suffix(".end").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert (
        told.with_suffix(".end").read_text() == "The playbook that began this storm was killed. Run it again to go on."
    )


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
    done = subprocess.run(command, env=_environment(), check=True, capture_output=True, text=True)
    assert int(done.stdout) == limit


def test_memory_grows_with_what_is_held() -> None:
    before = peak_memory_bytes()
    held = bytearray(before + (64 << 20))
    assert peak_memory_bytes() >= len(held)
