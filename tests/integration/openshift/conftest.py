# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's OpenShift as the tests reach it, and playbooks run the way a person runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube_client import KubeClient

CHECKOUT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale"))
LAB = CACHE / "lab"
ROLES = "cnv_migration,ocp_kubelet,ocp_rollout"


class Playbook:
    """A running ansible-playbook: what it says goes to a file, what it records to a directory of its own."""

    def __init__(self, directory: Path, playbook: str, *arguments: str, tags: str = ROLES, **variables: t.Any) -> None:
        self.artifacts = directory / "artifacts"
        self._log = directory / "output"
        extra = {"virtscale_artifacts_dir": str(self.artifacts), **variables}
        command = ["ansible-playbook", playbook, "--tags", tags, "--extra-vars", json.dumps(extra), *arguments]
        with self._log.open("w") as log:
            # A group of its own, so that a kill reaches the workers too.
            self._process = subprocess.Popen(
                command, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def output(self) -> str:
        """What it has shown so far."""
        return self._log.read_text()

    def wait(self, timeout_s: float) -> int:
        """Return the exit status."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"the playbook ran longer than {timeout_s} s:\n{self.output[-4000:]}")

    def wait_for(self, pattern: str, timeout_s: float) -> None:
        """Return as soon as it shows something that matches ``pattern``."""
        until = time.monotonic() + timeout_s
        while not re.search(pattern, self.output):
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                pytest.fail(f"{pattern!r} was not shown:\n{self.output[-4000:]}")
            time.sleep(0.5)

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def rows(self, role: str, step: str) -> list[dict[str, t.Any]]:
        """Return the rows that a role recorded for a step."""
        record = json.loads((self.artifacts / "latest" / f"{role}.{step}.json").read_text())
        hosts = record["hosts"]
        return [row for host in hosts.values() for row in host["rows"]]


Play = t.Callable[..., Playbook]


@pytest.fixture(scope="session")
def client() -> KubeClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return KubeClient.connect({"kubeconfig": str(LAB / "kubeconfig")})


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Play]:
    """Start playbooks; those that still run at the end are killed."""
    started: list[Playbook] = []

    def start(playbook: str, *arguments: str, **variables: t.Any) -> Playbook:
        started.append(Playbook(tmp_path_factory.mktemp("play"), playbook, *arguments, **variables))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="session")
def restart_api_server() -> t.Callable[[], None]:
    """Restart kube-apiserver under everybody who watches."""

    def restart() -> None:
        conf = LAB / "supervisor/supervisord.conf"
        subprocess.run(["supervisorctl", "-c", str(conf), "restart", "kube-apiserver"], check=True, capture_output=True)

    return restart
