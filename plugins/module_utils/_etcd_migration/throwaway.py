# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A member that is started to look at a copy of a store, on loopback and for moments, and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api

_START_S = 120.0
_STOP_S = 15.0
# It outlives a killed run by no more than this.
_LONGEST_S = 900


@contextlib.contextmanager
def throwaway(data_dir: Path, etcd: str) -> t.Iterator[Api]:
    """Start a cluster of one from the data directory, which is written to, and stop it at the end.

    It writes a snapshot at once, in which everything is that it has read.

    :raises TuningError: when it does not become well.
    """
    client, peer = _free_ports()
    log = data_dir / "throw-away.log"
    urls = {"client": f"http://127.0.0.1:{client}", "peer": f"http://127.0.0.1:{peer}"}
    command = [
        *("timeout", "--kill-after=5", str(_LONGEST_S)),
        *(etcd, "--name=throw-away", f"--data-dir={data_dir}", "--force-new-cluster", "--enable-v2"),
        *("--snapshot-count=1", "--initial-cluster-token=throw-away", f"--initial-cluster=throw-away={urls['peer']}"),
        *(f"--listen-client-urls={urls['client']}", f"--advertise-client-urls={urls['client']}"),
        *(f"--listen-peer-urls={urls['peer']}", f"--initial-advertise-peer-urls={urls['peer']}"),
    ]
    # Not the settings of the member: etcd takes every ETCD_ variable.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ETCD")}
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
    except OSError as error:
        raise TuningError(f"The program {etcd} cannot be started: {error}.") from error
    try:
        member = Api(Access(urls["client"]))
        _await(member, process, log)
        yield member
        member.close()
    finally:
        _stop(process)


def _await(member: Api, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_S
    while True:
        with contextlib.suppress(TuningError):
            if str(member.call("GET", "/health", timeout_s=2.0).get("health")).lower() == "true":
                return
        if process.poll() is not None or time.monotonic() > end:
            last = log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
            raise TuningError(f"A throw-away member does not start from the backup. Its last words: {last[0][:500]}")
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
