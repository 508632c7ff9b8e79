# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree that stands for a host: its sysctl files and its running values."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.flow import run

RUNNING = {
    "net/core/rmem_max": "212992",
    "net/core/wmem_max": "212992",
    "net/core/netdev_budget": "300",
    "net/ipv4/tcp_rmem": "4096\t131072\t6291456",
    "net/ipv4/conf/all/arp_filter": "0",
    "net/ipv4/conf/all/arp_announce": "0",
    "net/ipv4/neigh/default/gc_thresh1": "128",
    "net/ipv4/neigh/default/gc_thresh2": "512",
    "net/ipv4/neigh/default/gc_thresh3": "1024",
}


class Tree:
    """Builds and reads the tree; files are named as on the host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, value in RUNNING.items():
            self.write(f"/proc/sys/{path}", value + "\n")

    def write(self, file: str, text: str) -> None:
        location = self.root / file.lstrip("/")
        location.parent.mkdir(parents=True, exist_ok=True)
        location.write_text(text, newline="")

    def read(self, file: str) -> str:
        return (self.root / file.lstrip("/")).read_text()

    def running(self, key: str) -> str:
        return self.read("/proc/sys/" + key.replace(".", "/")).strip()

    def state(self) -> dict[str, tuple[str, int]]:
        """Return every file with its text and mode."""
        return {
            os.path.relpath(path, self.root): (path.read_text(), path.stat().st_mode & 0o7777)
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }

    def apply(self, files: dict[str, dict[str, t.Any]], check: bool = False, **options: t.Any) -> dict[str, t.Any]:
        """Run the module's flow on the tree."""
        params = {
            "files": [{"name": name, "settings": settings} for name, settings in files.items()],
            "state": "present",
            "never_lower": [],
            "arp_without_source_routing": "allow",
            "peers": [],
            "peer_interface": None,
            "peer_timeout_s": 1,
            "where": "ceph01",
            **options,
        }
        return run(params, check, str(self.root))

    def give_back(self, *names: str, check: bool = False) -> dict[str, t.Any]:
        return self.apply({name: {} for name in names}, check=check, state="absent")
