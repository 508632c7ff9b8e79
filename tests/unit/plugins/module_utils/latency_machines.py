# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines for the tests of latency: directories on this one, the scripts run by its shell, fio played back."""

from __future__ import annotations

import asyncio
import shutil
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Dataset, Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import COMMAND, CONNECT, SshError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.session import Completed

RECORDED = Path(__file__).parent / "fio_3_33"
DATASET = Dataset(directories=2, files=2, file_mib=1)
SETTINGS = Settings(vms_per_node=1, runtime_s=0.3, ramp_s=0, dataset=DATASET, directory="/virtscale-latency")

_PROGRAMS = (
    *("awk", "cat", "cp", "date", "df", "dirname", "du", "find", "grep", "head", "kill", "mkdir", "mv", "rm", "sed"),
    *("seq", "setsid", "sh", "sleep", "sync", "tail", "touch", "xargs"),
)

# Lays files out as fio does, and answers a measurement with what fio 3.33 reported of one.
_FIO = """#!/bin/sh
case "$1" in
  --version) echo fio-3.33; exit ;;
  --enghelp) printf '\\tsync\\n\\tlibaio\\n'; exit ;;
  --output-format=*)
    if [ -f ../fails ]; then echo "fio: $(cat ../fails)"; exit 1; fi
    direction=$(sed -n 's/^rw=rand//p' job.fio)
    rate=$(sed -n 's/^rate_iops=//p' job.fio)
    ms=$(sed -n 's/^runtime=\\(.*\\)ms$/\\1/p' job.fio)
    n=0
    while [ "$n" -lt $((ms / 50)) ] && [ ! -f stop ]; do sleep 0.05; n=$((n + 1)); done
    cp "$RECORDED/$direction-$rate.json" report.json ;;
  *)
    if [ -f ../../fails ]; then echo "fio: $(cat ../../fails)"; exit 1; fi
    size=$(sed -n 's/^filesize=//p' "$1"); number=$(sed -n 's/^nrfiles=//p' "$1")
    sed -n 's/^directory=//p' "$1" | while read -r directory; do
      for n in $(seq 0 $((number - 1))); do
        [ -f "$directory/f$n" ] || head -c "$size" /dev/urandom > "$directory/f$n"
      done
    done ;;
esac
"""


class Machine:
    """One machine, below a directory of its own."""

    def __init__(self, root: Path, fio: bool = True) -> None:
        self.root = root
        self.directory = root / "measured"
        self.tools = root / "bin"
        self.tools.mkdir(parents=True)
        # None: it answers. Else why it does not.
        self.away: str | None = None
        self.sessions = 0
        self.commands = 0
        # Break the session under the next commands, after they were done.
        self.breaks = 0
        if fio:
            self.put("fio", _FIO)
        # The programs that every machine has, and no fio of this one.
        for name in _PROGRAMS:
            (self.tools / name).symlink_to(t.cast(str, shutil.which(name)))

    async def _start(self, command: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command.split(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": str(self.tools), "RECORDED": str(RECORDED)},
            start_new_session=True,
        )

    def put(self, name: str, text: str) -> None:
        """Put a program into its path, before the others."""
        # The link goes, and never what it leads to.
        (self.tools / name).unlink(missing_ok=True)
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def fails(self, words: str) -> None:
        """Let fio fail in it from now on."""
        (self.root / "fails").write_text(words)

    async def connect(self, _target: Target) -> Machine:
        if self.away:
            raise SshError(CONNECT, self.away)
        self.sessions += 1
        return self

    async def run(self, command: str, *, stdin: str | bytes = b"", timeout_s: float | None = None) -> Completed:
        self.commands += 1
        assert isinstance(stdin, str)
        # Nothing of this machine's own programs, such as its fio.
        script = stdin.replace(SETTINGS.directory, str(self.directory)).replace(":/usr/local/bin:/usr/sbin:/sbin", "")
        process = await self._start(command)
        out, err = await asyncio.wait_for(process.communicate(script.encode()), timeout_s)
        if self.breaks:
            self.breaks -= 1
            raise SshError(COMMAND, "the connection was lost")
        return Completed(process.returncode, out.decode(), err.decode())

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def files(self) -> list[Path]:
        """Return the files of its dataset."""
        return sorted((self.directory / DATASET.name).glob("d*/f*"))


def target(number: int, node: str | None = None) -> Target:
    """Return a machine of a fleet."""
    return Target(f"rhel-{number:04d}", f"127.90.0.{number}", node or f"worker{number:03d}", namespace="vms")
