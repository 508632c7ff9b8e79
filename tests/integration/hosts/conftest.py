# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role ceph_network on the lab's hosts, run by the playbooks as a person runs them."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import find_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import Line, view_run

CHECKOUT = Path(__file__).resolve().parents[3]


@dataclasses.dataclass(frozen=True)
class Played:
    """A playbook that has ended: its exit status, its output and what it recorded of ceph_network."""

    status: int
    output: str
    lines: list[Line]

    def statuses(self, host: str) -> set[str]:
        """Return every status that a host has in the record."""
        return {line.status for line in self.lines if line.where == host}

    def line(self, host: str, key: str) -> Line:
        """Return what was recorded of one key on one host."""
        return next(line for line in self.lines if (line.where, line.what) == (host, key))


Play = t.Callable[..., Played]


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Run the part of a playbook that tunes networks; Ceph, which is not the subject here, is not asked."""
    artifacts = tmp_path_factory.mktemp("hosts") / "artifacts"

    def run(playbook: str, limit: str, *arguments: str) -> Played:
        extra = json.dumps({"virtscale_artifacts_dir": str(artifacts), "ceph_network_health_from": ""})
        command = ["ansible-playbook", playbook, "--tags", "ceph_network", "--limit", limit, "-e", extra, *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900
        )
        recorded = view_run(find_run(artifacts, (artifacts / "latest").resolve().name))
        return Played(done.returncode, done.stdout, list(recorded.lines()))

    return run
