# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's Ceph as its administrator sees it, by the program ``ceph``; and how to put it back as it was."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import BENIGN_CHECKS

_NOTES = "virtscale.tuning/"


class Ceph:
    """One cluster, named by its ceph.conf."""

    def __init__(self, conf: Path) -> None:
        self.conf = conf

    def ask(self, *words: str) -> t.Any:
        """Return what a command prints as JSON."""
        return json.loads(self._run("--format", "json", *words))

    def tell(self, *words: str) -> None:
        """Run a command for its effect."""
        self._run(*words)

    def answers(self) -> bool:
        """Whether a monitor answers at all."""
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            return bool(self._run("--connect-timeout", "5", "fsid"))
        return False

    def pools(self) -> dict[str, dict[str, t.Any]]:
        """The pools by name, as ``ceph osd pool ls detail`` describes them."""
        return {pool["pool_name"]: pool for pool in self.ask("osd", "pool", "ls", "detail")}

    def clean(self) -> bool:
        """Whether every PG of every pool is active and clean, and no check is raised but advice about settings."""
        status = self.ask("status")
        states = {state["state_name"]: state["count"] for state in status["pgmap"].get("pgs_by_state", [])}
        clean = sum(count for name, count in states.items() if name.startswith("active+clean"))
        # The manager's count lags behind the pools.
        wanted = sum(pool["pg_num"] for pool in self.pools().values())
        return clean == wanted and status["health"]["checks"].keys() <= set(BENIGN_CHECKS)

    def notes(self) -> dict[str, str]:
        """What the collection has noted in the cluster about values before its changes."""
        return {key: note for key, note in self.ask("config-key", "dump").items() if key.startswith(_NOTES)}

    def _run(self, *words: str) -> str:
        command = ["ceph", "--conf", str(self.conf), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def wait_for(what: str, reached: t.Callable[[], t.Any], timeout_s: float) -> None:
    """Return as soon as ``reached`` is true; an AssertionError says what did not come."""
    until = time.monotonic() + timeout_s
    while not reached():
        assert time.monotonic() < until, f"{what} did not come within {timeout_s:.0f} s"
        time.sleep(2)


@contextlib.contextmanager
def restored(ceph: Ceph, timeout_s: float) -> t.Iterator[None]:
    """Afterwards pools and notes are what they were before.

    A pool whose number of PGs changed is made again, because Ceph merges PGs one at a time.
    """
    pools, notes = ceph.pools(), ceph.notes()
    try:
        yield
    finally:
        for name, before in pools.items():
            if ceph.pools()[name]["pg_num_target"] != before["pg_num_target"]:
                _make_again(ceph, before)
            if ceph.pools()[name]["pg_autoscale_mode"] != before["pg_autoscale_mode"]:
                ceph.tell("osd", "pool", "set", name, "pg_autoscale_mode", before["pg_autoscale_mode"])
        for key in ceph.notes().keys() - notes.keys():
            ceph.tell("config-key", "rm", key)
        for key, note in notes.items():
            ceph.tell("config-key", "set", key, note)
        wait_for("a clean cluster", ceph.clean, timeout_s)


def _make_again(ceph: Ceph, pool: dict[str, t.Any]) -> None:
    name, pg_num = pool["pool_name"], str(pool["pg_num_target"])
    [usage] = [entry["stats"] for entry in ceph.ask("df")["pools"] if entry["name"] == name]
    assert usage["objects"] == 0, f"pool {name} holds {usage['objects']} objects: it is not made again"
    ceph.tell("osd", "pool", "rm", name, name, "--yes-i-really-really-mean-it")
    ceph.tell("osd", "pool", "create", name, pg_num, pg_num, "replicated", "--size", str(pool["size"]))
    for application in pool["application_metadata"]:
        ceph.tell("osd", "pool", "application", "enable", name, application)
