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
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    KUBELET_CONFIGS,
    NODES,
    KubeClient,
)

from .drill import Kubectl
from .sampler import pools_of, zone_of

CHECKOUT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale"))
LAB = CACHE / "lab"
ROLES = "cnv_migration,ocp_kubelet,ocp_rollout"
SITE, ROLLBACK = "site.yml", "playbooks/rollback.yml"
ZONES = ("zone-0", "zone-1", "zone-2")
# A play that rolls nothing, and one that does, with much room for a machine that is busy.
PLAY_S, ROLLOUT_S = 600, 1800


class Command:
    """A running program: what it says goes to a file."""

    def __init__(self, directory: Path, *command: str, **environment: str) -> None:
        self._log = directory / "output"
        with self._log.open("w") as log:
            # A group of its own, so that a kill reaches the workers too.
            self._process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
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
            pytest.fail(f"it ran longer than {timeout_s} s:\n{self.output[-4000:]}")

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


class Playbook(Command):
    """A playbook of the collection, which records to a directory of its own."""

    def __init__(self, directory: Path, playbook: str, *arguments: str, tags: str = ROLES, **variables: t.Any) -> None:
        self.artifacts = directory / "artifacts"
        extra = json.dumps({"virtscale_artifacts_dir": str(self.artifacts), **variables})
        super().__init__(directory, "ansible-playbook", playbook, "--tags", tags, "--extra-vars", extra, *arguments)

    def rows(self, role: str, step: str) -> list[dict[str, t.Any]]:
        """Return the rows that a role recorded for a step."""
        record = json.loads((self.artifacts / "latest" / f"{role}.{step}.json").read_text())
        hosts = record["hosts"]
        return [row for host in hosts.values() for row in host["rows"]]


class Roll(Command):
    """The module rollout by itself, over the pools that a test names."""

    def __init__(self, directory: Path, *pools: str, **options: t.Any) -> None:
        arguments = json.dumps({"pools": pools, "max_disrupted_share": 1, **options})
        module = ("--module-name", "virtscale.tuning.rollout", "--args", arguments)
        kubeconfig = str(LAB / "kubeconfig")
        super().__init__(
            directory, "ansible", "localhost", "--inventory", "localhost,", *module, K8S_AUTH_KUBECONFIG=kubeconfig
        )

    def result(self, timeout_s: float) -> dict[str, t.Any]:
        """Return what the module returned, ``failed`` among it."""
        failed = self.wait(timeout_s) != 0
        _head, arrow, answer = self.output.partition(" => ")
        assert arrow, self.output
        return {**json.loads(answer), "failed": failed}


Play = t.Callable[..., Playbook]
Rolls = t.Callable[..., Roll]


@pytest.fixture(scope="session")
def client() -> KubeClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return KubeClient.connect({"kubeconfig": str(LAB / "kubeconfig")})


@pytest.fixture(scope="module")
def running() -> t.Iterator[list[Command]]:
    """What the tests of a module start; what still runs at the end is killed."""
    started: list[Command] = []
    yield started
    for one in started:
        one.kill()


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory, running: list[Command]) -> Play:
    """Start playbooks."""

    def start(playbook: str, *arguments: str, **variables: t.Any) -> Playbook:
        run = Playbook(tmp_path_factory.mktemp("play"), playbook, *arguments, **variables)
        running.append(run)
        return run

    return start


@pytest.fixture(scope="module")
def roll(tmp_path_factory: pytest.TempPathFactory, running: list[Command]) -> Rolls:
    """Start rollouts of some pools, without a playbook around them."""

    def start(*pools: str, **options: t.Any) -> Roll:
        run = Roll(tmp_path_factory.mktemp("roll"), *pools, **options)
        running.append(run)
        return run

    return start


def cluster_state(client: KubeClient) -> dict[str, t.Any]:
    """What site may change: pools and pauses, nodes' zones and configurations, kubelet settings."""
    nodes = client.list(NODES).items
    return {
        "pools": {name: pool["spec"].get("paused", False) for name, pool in pools_of(client).items()},
        "zones": {node["metadata"]["name"]: zone_of(node) for node in nodes},
        "pods": {node["metadata"]["name"]: node["status"]["capacity"]["pods"] for node in nodes},
        "kubelet_configs": sorted(item["metadata"]["name"] for item in client.list(KUBELET_CONFIGS).items),
    }


@pytest.fixture(scope="module")
def untouched(client: KubeClient, play: Play) -> dict[str, t.Any]:
    """The cluster without our tuning: given back first where an earlier run has left it tuned."""
    if client.list(KUBELET_CONFIGS).items or set(ZONES) & set(pools_of(client)):
        rollback = play(ROLLBACK)
        assert rollback.wait(ROLLOUT_S) == 0, rollback.output[-4000:]
    state = cluster_state(client)
    assert set(state["pods"].values()) == {"250"}
    return state


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """What a person at a terminal would do."""
    return Kubectl(str(CACHE / "tools/bin/kubectl"), str(LAB / "kubeconfig"))


@pytest.fixture(scope="session")
def supervise() -> t.Callable[[str, str], None]:
    """Start, stop or restart one of the lab's programs."""

    def tell(verb: str, program: str) -> None:
        conf = LAB / "supervisor/supervisord.conf"
        subprocess.run(["supervisorctl", "-c", str(conf), verb, program], check=True, capture_output=True)

    return tell


@pytest.fixture(scope="session")
def restart_api_server(supervise: t.Callable[[str, str], None]) -> t.Callable[[], None]:
    """Restart kube-apiserver under everybody who watches."""
    return lambda: supervise("restart", "kube-apiserver")
