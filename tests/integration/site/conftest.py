# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks over the whole lab, run the way a person runs them, each recorded in a directory of its own."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import find_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import Line, RunView, view_run

from .lab_state import CHECKOUT

# With one rollout or giving back of a hundred nodes inside; a loaded machine is slow.
LONGEST_S = 1500
# The zones side by side, in half the time that they take one after the other.
QUICKER = ("-e", "max_disrupted_share=0.3", "-e", "ocp_rollout_one_at_a_time=false")


@dataclasses.dataclass(frozen=True)
class Played:
    """A playbook that has ended."""

    status: int
    output: str
    path: Path
    seconds: float

    @property
    def view(self) -> RunView:
        """What it recorded."""
        return view_run(find_run(self.path.parent, self.path.name))

    @property
    def lines(self) -> dict[tuple[str, str, str], Line]:
        """What it recorded, by role, place and value."""
        return {(line.role, line.where, line.what): line for line in self.view.lines()}

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        """Ansible's own sums for each host."""
        recap = self.output.rpartition("PLAY RECAP")[2]
        found = re.findall(r"^(\S+)\s+: (ok=.*)$", recap, re.MULTILINE)
        return {host: {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", sums)} for host, sums in found}

    def changed(self) -> dict[str, int]:
        """Return the hosts on which Ansible counted changes."""
        return {host: sums["changed"] for host, sums in self.stats.items() if sums["changed"]}


Play = t.Callable[..., Played]


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all runs of the session are recorded, side by side as a person's are."""
    return tmp_path_factory.mktemp("site") / "artifacts"


@pytest.fixture(scope="session")
def play(artifacts: Path) -> Play:
    """Run a playbook to its end."""

    def run(playbook: str, *arguments: str) -> Played:
        options = ("-e", f"virtscale_artifacts_dir={artifacts}", *QUICKER)
        command = ["ansible-playbook", playbook, *options, *arguments]
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LONGEST_S
        )
        latest = (artifacts / "latest").resolve()
        return Played(done.returncode, done.stdout, latest, time.monotonic() - started)

    return run
