# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""End the processes that a lab's supervisor once started: python end_leftovers.py LAB_DIR.

Every one of them carries VIRTSCALE_LAB=LAB_DIR in its environment. Nothing else is touched. Prints what
it ended, one process a line.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

TERM_SECONDS = 10.0
KILL_SECONDS = 10.0


def leftovers(lab_dir: str) -> dict[int, str]:
    """Process ids and command lines of the lab's processes that run now (zombies have no environment)."""
    marker = f"VIRTSCALE_LAB={lab_dir}".encode()
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if marker in (process / "environ").read_bytes().split(b"\0"):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found[int(process.name)] = command.strip()
        except OSError:
            continue  # it ended while we looked
    found.pop(os.getpid(), None)
    return found


def end(lab_dir: str, number: signal.Signals, patience_seconds: float) -> dict[int, str]:
    """Send a signal to all of them and wait; returns who was there."""
    met = leftovers(lab_dir)
    for pid in met:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
    deadline = time.monotonic() + patience_seconds
    while leftovers(lab_dir) and time.monotonic() < deadline:
        time.sleep(0.2)
    return met


def main() -> int:
    lab_dir = sys.argv[1]
    met = end(lab_dir, signal.SIGTERM, TERM_SECONDS) if leftovers(lab_dir) else {}
    if leftovers(lab_dir):
        end(lab_dir, signal.SIGKILL, KILL_SECONDS)
    for pid, command in sorted(met.items()):
        print(f"{pid} {command[:160]}")
    left = leftovers(lab_dir)
    if left:
        print(f"Could not end: {left}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
