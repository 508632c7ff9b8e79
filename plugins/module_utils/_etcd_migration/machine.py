# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The machine that a member runs on: which process has its store open, and what programs and masters are there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_VERSION_S = 30.0


def holder(store: Path, proc: Path = Path("/proc")) -> tuple[int, str] | None:
    """Return the process that has the store's database open, and its name."""
    try:
        wanted = (store / "snap" / "db").stat()
    except FileNotFoundError:
        return None
    for each in proc.iterdir():
        if not each.name.isdigit():
            continue
        try:
            for descriptor in (each / "fd").iterdir():
                # A link's text alone may name another host's file, where hosts share a kernel.
                if not os.readlink(descriptor).endswith("/db"):
                    continue
                found = descriptor.stat()
                if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                    return int(each.name), (each / "comm").read_text().strip()
        except OSError:
            continue
    return None


def embedded(store_holder: tuple[int, str] | None, master_config: Path) -> str:
    """Return how a master runs etcd within itself; nothing where it does not."""
    if store_holder and store_holder[1] != "etcd":
        return f"its store is open in the process {store_holder[1]}"
    try:
        text = master_config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return f"{master_config} has a section etcdConfig" if re.search(r"(?m)^etcdConfig:\s*\n[ ]+\S", text) else ""


def tools(etcd: str, etcdctl: str) -> dict[str, str]:
    """Return the versions of the programs, and what is against a migration with them."""
    found = {"etcd": _says([etcd, "--version"], "3"), "etcdctl": _says([etcdctl, "version"], "3")}
    migrates = _says([etcdctl, "migrate", "--help"], "3")
    against = ""
    if not found["etcd"] or not found["etcdctl"]:
        against = f"has no {etcd if not found['etcd'] else etcdctl} that runs"
    elif "v2 store" not in migrates:
        against = f"has an {etcdctl} that cannot migrate, as those since etcd 3.5"
    return {
        **{name: (re.search(r"[0-9]+\.[0-9]+\.[0-9]+", text) or [""])[0] for name, text in found.items()},
        "against": against,
    }


def _says(command: list[str], api: str) -> str:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "ETCDCTL_API": api},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=_VERSION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
