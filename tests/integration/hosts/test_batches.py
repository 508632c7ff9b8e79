# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host first, then batches: what goes wrong on the way stops the rest, and leaves it as it was."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import typing as t
from pathlib import Path

import pytest

from .conftest import Play
from .lab_hosts import on, supervise

pytestmark = pytest.mark.lab

SITE, ROLLBACK = "site.yml", "playbooks/rollback.yml"
CACHE = Path(os.environ.get("VIRTSCALE_CACHE") or "/var/cache/virtscale")
CANARY, *OTHERS = HOSTS = ["ceph05", "ceph06", "ceph07", "ceph08"]
LIMIT = ":".join(HOSTS)
OURS = "ls /etc/sysctl.d | grep -c '^99[.]' || true"


def files_of_ours(host: str) -> int:
    """Return how many drop-ins of the role a host has."""
    return int(on(host, OURS))


@pytest.fixture
def untuned(play: Play) -> t.Iterator[None]:
    """The hosts without any drop-in of the role; tuned as the others are afterwards."""
    given_back = play(ROLLBACK, LIMIT)
    assert given_back.status == 0, given_back.output[-4000:]
    assert [files_of_ours(host) for host in HOSTS] == [0] * len(HOSTS)
    yield
    play(SITE, LIMIT)


@pytest.fixture
def canary_refuses(untuned: None) -> t.Iterator[None]:
    """The first host cannot write its files."""
    on(CANARY, "mount --bind /etc/sysctl.d /etc/sysctl.d && mount -o remount,ro,bind /etc/sysctl.d")
    yield
    on(CANARY, "umount /etc/sysctl.d")


def test_a_first_host_that_fails_stops_the_others(play: Play, canary_refuses: None) -> None:
    run = play(SITE, LIMIT)
    assert run.status != 0
    assert "failed" in run.statuses(CANARY)
    for host in OTHERS:
        assert run.statuses(host) == {"refused"}
        assert run.line(host, "this batch").why == "left as it is, because no host of the batch before came through"
        assert files_of_ours(host) == 0


def ceph(*words: str) -> str:
    command = ["ceph", "--conf", str(CACHE / "lab/ceph/ceph.conf"), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
def osd_down_after_the_first(untuned: None) -> t.Iterator[threading.Event]:
    """An OSD falls silent as soon as the first host is tuned; the event says that it did."""
    fell, ended = threading.Event(), threading.Event()

    def let_it_fall() -> None:
        while not files_of_ours(CANARY):
            if ended.wait(0.2):
                return
        supervise("stop", "ceph-osd:osd.0")
        ceph("osd", "down", "0")
        fell.set()

    thread = threading.Thread(target=let_it_fall)
    thread.start()
    yield fell
    ended.set()
    thread.join()
    supervise("start", "ceph-osd:osd.0")
    until = time.monotonic() + 300
    while "OSD_DOWN" in ceph("health"):
        assert time.monotonic() < until, "osd.0 did not come back"
        time.sleep(2)


def test_a_cluster_that_falls_ill_between_two_batches_stops_the_rest(
    play: Play, osd_down_after_the_first: threading.Event
) -> None:
    batches = json.dumps({"virtscale_batches": [1] * len(HOSTS), "ceph_network_health_from": "ceph-admin"})
    run = play(SITE, LIMIT, "-e", batches)
    assert osd_down_after_the_first.is_set()
    assert run.status != 0
    assert run.statuses(CANARY) <= {"ok", "changed", "note"}
    left = HOSTS[-2:]
    for host in left:
        assert files_of_ours(host) == 0
        assert run.statuses(host) <= {"failed", "refused"}
    assert "OSD_DOWN" in run.output or "osds down" in run.output
