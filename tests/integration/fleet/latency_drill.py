# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that fio runs in: a real sshd on an address of its own, with a disk that the others do not see."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object

CHECKOUT = Path(__file__).resolve().parents[3]
PORT = 2290
SHAPE = {"directories": 3, "files": 2, "file_mib": 2}

_SSHD = """\
Port {port}
ListenAddress {address}
HostKey {keys}/host
AuthorizedKeysFile {keys}/authorized
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PidFile none
"""


class Hosts:
    """Servers that end with the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mount = root / "disk"
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self.mount.mkdir()
        Path("/run/sshd").mkdir(exist_ok=True)
        for name in ("host", "key"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / name], check=True)
        (root / "authorized").write_bytes((root / "key.pub").read_bytes())

    def start(self, address: str) -> None:
        """Let a machine answer at an address; what it writes below the mount point is its own."""
        disk = self.root / f"disk-{address}"
        disk.mkdir(exist_ok=True)
        config = self.root / f"sshd-{address}"
        config.write_text(_SSHD.format(port=PORT, address=address, keys=self.root))
        script = f"mount --bind {disk} {self.mount} && exec /usr/sbin/sshd -D -e -f {config}"
        command = ["unshare", "--mount", "sh", "-c", script]
        self._servers[address] = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not _answers(address):
            assert time.monotonic() < end, f"no sshd at {address}"
            time.sleep(0.1)

    def stop(self, address: str) -> None:
        """Let a machine answer no more; what runs in it goes on."""
        server = self._servers.pop(address)
        server.send_signal(signal.SIGTERM)
        server.wait()

    def close(self) -> None:
        """End every server."""
        for address in list(self._servers):
            self.stop(address)

    def files(self, address: str) -> list[Path]:
        """Return the files of a machine's dataset."""
        return sorted((self.root / f"disk-{address}").glob("latency/data-*/d*/f*"))

    def running(self) -> list[Path]:
        """Return the disks of machines in which a measurement runs."""
        found = []
        for path in self.root.glob("disk-*/latency/pid"):
            command = Path("/proc") / path.read_text().strip() / "cmdline"
            if command.exists() and b"virtscale-run" in command.read_bytes():
                found.append(path.parents[1])
        return found

    def begin(self, *flags: str, **options: t.Any) -> subprocess.Popen[str]:
        """Begin a measurement."""
        arguments: Object = {
            "vms_per_node": 1,
            "runtime_s": 4,
            "ramp_s": 1,
            "dataset": SHAPE,
            "directory": f"{self.mount}/latency",
            "key_file": f"{self.root}/key",
            "port": PORT,
            **options,
        }
        tasks = [
            {"virtscale.tuning.io_latency": arguments, "register": "found"},
            {
                "ansible.builtin.copy": {
                    "content": "{{ found | to_json }}",
                    "dest": f"{self.root}/found.json",
                    "mode": "0600",
                },
                "check_mode": False,
            },
        ]
        variables = {"virtscale_artifacts_dir": f"{self.root}/artifacts", "ansible_python_interpreter": sys.executable}
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}
        (self.root / "play.yml").write_text(json.dumps([play]))
        (self.root / "found.json").unlink(missing_ok=True)
        playbook = str(Path(sys.executable).with_name("ansible-playbook"))
        command = [playbook, "-i", "localhost,", *flags, f"{self.root}/play.yml"]
        return subprocess.Popen(
            command, cwd=CHECKOUT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )

    def measure(self, *flags: str, **options: t.Any) -> Object:
        """Measure, and return what the module returned and, under ``told``, what was shown."""
        process = self.begin(*flags, **options)
        told, _nothing = process.communicate(timeout=900)
        assert process.returncode == 0, told
        found: Object = json.loads((self.root / "found.json").read_text())
        return {**found, "told": told}

    def kill(self, process: subprocess.Popen[str]) -> None:
        """Kill a playbook with all of its processes, as a machine that loses power would."""
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _answers(address: str) -> bool:
    try:
        with socket.create_connection((address, PORT), timeout=2):
            return True
    except OSError:
        return False
