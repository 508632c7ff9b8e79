# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster's processes: started and stopped by supervisord, found again when it has lost them."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import time

_PROGRAMS = {"ceph-mon", "ceph-mgr", "ceph-osd"}


class Supervisor:
    """The three programs of the cluster under one supervisord."""

    def __init__(self, supervisorctl: list[str]) -> None:
        """:param supervisorctl: the command with what it needs to find its supervisord"""
        self._supervisorctl = supervisorctl

    def process_ids(self) -> dict[str, str]:
        """The cluster's processes that run or are just being restarted, by name; the latter have no id yet: ''."""
        found = {}
        for line in self._run("status").splitlines():
            # "ceph-osd:osd.0   RUNNING   pid 10938, uptime 0:04:15"
            name, state, *rest = line.split()
            if name.startswith("ceph-") and state in ("RUNNING", "STARTING", "BACKOFF"):
                found[name] = rest[1].rstrip(",") if state == "RUNNING" else ""
        return found

    def start(self, program: str) -> None:
        """Start all processes of a program and wait until each has lived a second.

        :raises RuntimeError: one did not stay up
        """
        failed = [line for line in self._run("start", f"{program}:*").splitlines() if "ERROR" in line]
        if failed:
            raise RuntimeError("; ".join(failed))

    def stop(self) -> None:
        """Stop all processes of the cluster."""
        for program in ("ceph-osd", "ceph-mgr", "ceph-mon"):
            self._run("stop", f"{program}:*")

    def _run(self, *arguments: str) -> str:
        # Its exit status tells of any process that is not running, which is no failure here.
        return subprocess.run([*self._supervisorctl, *arguments], capture_output=True, text=True, check=False).stdout


def strays(conf: str) -> list[int]:
    """Process ids of daemons of this cluster, whoever started them: recognised by the conf file they were given."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if pathlib.PurePath(os.fsdecode(words[0])).name in _PROGRAMS and os.fsencode(conf) in words:
                found.append(int(entry.name))
    return found


def kill_strays(conf: str, wait_s: float = 20.0) -> int:
    """Kill daemons that no supervisor has any more (it was killed itself) and wait until they are gone."""
    killed = strays(conf)
    for pid in killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    end = time.monotonic() + wait_s
    while strays(conf) and time.monotonic() < end:
        time.sleep(0.2)
    return len(killed)
