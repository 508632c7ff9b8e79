# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small cluster beside the lab's, by the same role: what dies of it, and what the next start makes of that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from .conftest import CHECKOUT
from .lab_ceph import Ceph, wait_for

HOSTS = 6
UP_TIMEOUT_S = 900


class SmallLab:
    """Six hosts of one OSD each, with a supervisor and ports of their own."""

    def __init__(self, directory: Path) -> None:
        self.ceph = Ceph(directory / "ceph" / "ceph.conf")
        self._supervisor = directory / "supervisor" / "supervisord.conf"
        self._variables = {
            "lab_dir": str(directory),
            "lab_ceph_hosts": HOSTS,
            "lab_ceph_osds": HOSTS,
            "lab_ceph_mon_port": 13301,
            "lab_ceph_port_min": 18900,
            "lab_ceph_port_max": 18990,
            "lab_ceph_prometheus_port": 19284,
            "lab_ceph_pools": [{"name": "kept", "size": 3, "pg_num": 8, "application": "rbd"}],
        }

    def up(self) -> None:
        """Start it, or start it again."""
        command = ["ansible-playbook", "-i", "localhost,", "lab/up.yml", "--tags", "lab_ceph"]
        command += ["--extra-vars", json.dumps(self._variables)]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=UP_TIMEOUT_S)
        assert done.returncode == 0, done.stdout[-4000:]
        assert self.ceph.ask("health")["status"] == "HEALTH_OK"

    def control(self, *words: str) -> str:
        """Say something to its supervisor."""
        command = [str(Path(sys.executable).with_name("supervisorctl")), "-c", str(self._supervisor), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout

    def process_ids(self, program: str) -> list[int]:
        """Ids of the running processes of a program."""
        lines = [line.split() for line in self.control("status").splitlines()]
        return [int(words[3].rstrip(",")) for words in lines if words[0].startswith(program) and words[1] == "RUNNING"]

    def store(self) -> None:
        """Put an object into the pool."""
        self._rados("put", "object", "/etc/os-release")

    def stored(self) -> bool:
        """Whether that object is there."""
        return "object" in self._rados("ls").split()

    def _rados(self, *words: str) -> str:
        command = ["rados", "--conf", str(self.ceph.conf), "--pool", "kept", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def kill(process_ids: list[int]) -> None:
    """End processes as a crash does."""
    assert process_ids
    for process_id in process_ids:
        os.kill(process_id, signal.SIGKILL)


@pytest.fixture(scope="module")
def small_lab(lab: Ceph, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[SmallLab]:
    """A running small lab; ``lab`` is asked for so that a machine without a lab is left alone."""
    started = SmallLab(tmp_path_factory.mktemp("small"))
    try:
        started.up()
        yield started
    finally:
        started.control("shutdown")
        wait_for("the end of the supervisor", lambda: not started.control("pid").strip().isdigit(), 60)


def test_one_dead_osd_is_filled_again(small_lab: SmallLab) -> None:
    small_lab.store()
    kill(small_lab.process_ids("ceph-osd:osd.0"))
    small_lab.up()
    assert small_lab.stored()


def test_a_dead_monitor_keeps_the_cluster(small_lab: SmallLab) -> None:
    small_lab.store()
    kill(small_lab.process_ids("ceph-mon"))
    small_lab.up()
    assert small_lab.stored()


def test_a_cluster_without_its_osds_is_made_anew(small_lab: SmallLab) -> None:
    small_lab.store()
    kill(small_lab.process_ids("ceph-osd"))
    small_lab.up()
    assert not small_lab.stored()
    assert set(small_lab.ceph.pools()) == {"kept"}


def test_a_lab_killed_whole_comes_back(small_lab: SmallLab) -> None:
    supervisor = int(small_lab.control("pid"))
    daemons = small_lab.process_ids("ceph-")
    assert len(daemons) == HOSTS + 2
    # The supervisor first, so that it starts nothing again; the daemons of two hosts outlive it.
    kill([supervisor, *daemons[:-2]])
    small_lab.up()
    assert len(small_lab.process_ids("ceph-")) == HOSTS + 2
