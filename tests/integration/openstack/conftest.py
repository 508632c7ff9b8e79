# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""openstack_pci on the lab's compute host and virtual machine, run by the playbook as a person runs it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import find_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import Line, view_run

CHECKOUT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTSCALE_CACHE") or "/var/cache/virtscale")
PORTS = {"compute01": 26221, "etcd-vm01": 26222}

# Without KVM a host boots in half a minute; on a busy machine in several.
LONGEST_BOOT_S = 900


@dataclasses.dataclass(frozen=True)
class Played:
    """A playbook that has ended: its exit status, its output and what it recorded."""

    status: int
    output: str
    lines: list[Line]

    def statuses(self) -> dict[str, str]:
        """Return how each value ended."""
        return {line.what: line.status for line in self.lines}

    def why(self, what: str) -> str:
        """Return the reason that stands beside a value."""
        return next(line.why for line in self.lines if line.what == what)


Play = t.Callable[..., Played]


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Run the playbook; keyword arguments are its extra variables."""
    artifacts = tmp_path_factory.mktemp("openstack") / "artifacts"

    def run(limit: str, *arguments: str, **variables: t.Any) -> Played:
        extra = json.dumps({"virtscale_artifacts_dir": str(artifacts), "allow_disruption": False, **variables})
        command = ["ansible-playbook", "playbooks/openstack_pci.yml", "--limit", limit, "-e", extra, *arguments]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=2400, check=False)
        recorded = view_run(find_run(artifacts, (artifacts / "latest").resolve().name))
        return Played(done.returncode, done.stdout + done.stderr, list(recorded.lines()))

    return run


def on(host: str, script: str, timeout_s: float = 300) -> str:
    """Run a shell script as root on a host, and return what it prints."""
    keys = CACHE / "lab/ssh"
    command = ["ssh", "-F", "none", "-o", "ConnectTimeout=60", "-o", "BatchMode=yes", "-o", "HostKeyAlias=127.0.0.1"]
    command += ["-o", f"UserKnownHostsFile={keys}/known_hosts", "-i", f"{keys}/id_ed25519", "-p", str(PORTS[host])]
    return subprocess.run(
        [*command, "root@127.0.0.1", script], check=True, capture_output=True, text=True, timeout=timeout_s
    ).stdout


def module(host: str, name: str, **arguments: t.Any) -> dict[str, t.Any]:
    """Run a module on a host, and return its result."""
    command = ["ansible", host, "-m", f"virtscale.tuning.{name}", "-a", json.dumps(arguments)]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
    )
    result: dict[str, t.Any] = json.loads(done.stdout)["plays"][0]["tasks"][0]["hosts"][host]
    return result


def reboot(host: str) -> None:
    """Reboot a host, and return when it answers with another boot's id."""
    old = on(host, "cat /proc/sys/kernel/random/boot_id; systemctl reboot")
    deadline = time.monotonic() + LONGEST_BOOT_S
    while boot_id(host) in ("", old):
        assert time.monotonic() < deadline, f"{host} did not come back within {LONGEST_BOOT_S} s"
        time.sleep(2)


def boot_id(host: str) -> str:
    """Return the id of a host's boot, nothing while it does not answer."""
    try:
        return on(host, "cat /proc/sys/kernel/random/boot_id")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return ""


def nova_tree() -> Path:
    """Return the directory in which nova is installed."""
    return (CACHE / "lab/nova").resolve()


def nova_reads(conf: str, devices: t.Sequence[dict[str, t.Any]], flavor_property: str) -> dict[str, t.Any]:
    """Return what nova itself makes of a nova.conf and of the devices that were found."""
    program = (Path(__file__).parent / "nova_reads.py").read_text()
    (nova_tree() / "tmp/nova_reads.py").write_text(program)
    (nova_tree() / "tmp/nova.conf").write_text(conf)
    command = ["chroot", str(nova_tree()), "python3", "/tmp/nova_reads.py", "/tmp/nova.conf", json.dumps(devices)]
    done = subprocess.run([*command, flavor_property], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    answer: dict[str, t.Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
