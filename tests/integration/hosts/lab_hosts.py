# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Ceph hosts, asked over ssh without Ansible and without this collection."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

LAB = Path(os.environ.get("VIRTSCALE_CACHE") or "/var/cache/virtscale") / "lab"
GUESTS = ("guest01", "guest02")

# Without KVM a guest boots in half a minute; on a busy machine in several.
LONGEST_BOOT_S = 600


def on(host: str, script: str) -> str:
    """Run a shell script as root on a host, and return what it prints."""
    command = ["ssh", "-F", "none", "-o", "ConnectTimeout=60", "-o", "BatchMode=yes", "-o", "ServerAliveInterval=10"]
    command += ["-o", f"UserKnownHostsFile={LAB}/ssh/known_hosts", "-i", f"{LAB}/ssh/id_ed25519"]
    command += [f"root@{_address(host)}", script]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=120).stdout


def sysctls(host: str, keys: list[str]) -> dict[str, str]:
    """Return what the guest's kernel answers for each key, blanks between numbers as one."""
    values = on(host, f"sysctl -n {' '.join(keys)}").splitlines()
    return {key: " ".join(value.split()) for key, value in zip(keys, values, strict=True)}


def sysctl_files(host: str) -> str:
    """Return all lines of all files that the guest's boot reads its sysctls from."""
    return on(host, "grep -r . /etc/sysctl.d /etc/sysctl.conf /run/sysctl.d /usr/lib/sysctl.d 2>/dev/null | sort")


def reboot(*hosts: str) -> None:
    """Reboot guests, and return when each answers with another boot's id."""
    boots = {host: on(host, "cat /proc/sys/kernel/random/boot_id; systemctl reboot") for host in hosts}
    deadline = time.monotonic() + LONGEST_BOOT_S
    for host, old in boots.items():
        while _boot_id(host) in (None, old):
            assert time.monotonic() < deadline, f"{host} did not come back within {LONGEST_BOOT_S} s"
            time.sleep(2)


def _address(host: str) -> str:
    number = int(host[-2:])
    return f"10.231.1.{100 + number if host in GUESTS else number}"


def _boot_id(host: str) -> str | None:
    try:
        return on(host, "cat /proc/sys/kernel/random/boot_id")
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None


def supervise(action: str, program: str) -> None:
    """Start or stop a program of the lab."""
    supervisorctl = Path(sys.executable).parent / "supervisorctl"
    subprocess.run(
        [supervisorctl, "-c", LAB / "supervisor/supervisord.conf", action, program], check=True, capture_output=True
    )
