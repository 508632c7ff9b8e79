# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check before a migration stops a cluster that is bad in the way it looks for, and leaves it as it was."""

from __future__ import annotations

import contextlib
import threading
import time
import typing as t

import pytest

from .migration_drill import DATA_DIR, Drill

pytestmark = [pytest.mark.lab, pytest.mark.long]

Cluster = t.Callable[[Drill], t.ContextManager[object]]


@pytest.fixture(scope="module")
def loaded(drill: Drill) -> dict[str, str]:
    """Begin anew with keys."""
    drill.lab("reset")
    drill.lab("load", "--keys=1500")
    return drill.v2_keys("etcd01")


@contextlib.contextmanager
def stopped(drill: Drill) -> t.Iterator[None]:
    """Let one member be down."""
    drill.run("etcd02", "service etcd stop")
    try:
        yield
    finally:
        drill.run("etcd02", "service etcd start")
        drill.settled()


@contextlib.contextmanager
def cut(drill: Drill) -> t.Iterator[None]:
    """Let one member be cut from the others, who go on."""
    drill.lab("cut", "etcd03")
    try:
        time.sleep(10)
        drill.v2_write("etcd01", "/while-cut", "1")
        drill.v2_delete("etcd01", "/while-cut")
        yield
    finally:
        drill.lab("heal", "etcd03")
        drill.settled()


@contextlib.contextmanager
def v3_key(drill: Drill) -> t.Iterator[None]:
    """Let somebody have used the v3 storage."""
    drill.etcdctl("etcd01", "put", "/v3", "1")
    try:
        yield
    finally:
        drill.etcdctl("etcd01", "del", "/v3")


@contextlib.contextmanager
def embedded(drill: Drill) -> t.Iterator[None]:
    """Let a host be a master that runs etcd itself."""
    config = "/etc/origin/master/master-config.yaml"
    drill.run("etcd01", f"mkdir -p /etc/origin/master; printf 'etcdConfig:\\n  address: :4001\\n' >{config}")
    try:
        yield
    finally:
        drill.run("etcd01", "rm -r /etc/origin")


@contextlib.contextmanager
def without_v2(drill: Drill) -> t.Iterator[None]:
    """Let a member not serve the v2 API."""
    restart = "service etcd stop; service etcd start"
    drill.run("etcd02", f"sed -i s/^ETCD_ENABLE_V2=.*/ETCD_ENABLE_V2=false/ /etc/default/etcd; {restart}")
    try:
        time.sleep(8)
        yield
    finally:
        drill.run("etcd02", f"sed -i s/^ETCD_ENABLE_V2=.*/ETCD_ENABLE_V2=true/ /etc/default/etcd; {restart}")
        drill.settled()


@contextlib.contextmanager
def hidden_key(drill: Drill) -> t.Iterator[None]:
    """Let there be a key that no listing shows and etcdctl does not migrate."""
    drill.v2_write("etcd01", "/_hidden/key", "1")
    try:
        yield
    finally:
        drill.v2_delete("etcd01", "/_hidden")


@contextlib.contextmanager
def written_to(drill: Drill) -> t.Iterator[None]:
    """Let a client write all the time."""
    over = threading.Event()

    def write() -> None:
        while not over.wait(2):
            drill.v2_write("etcd03", "/heartbeat", str(time.time()))

    client = threading.Thread(target=write)
    client.start()
    try:
        yield
    finally:
        over.set()
        client.join()
        drill.v2_delete("etcd03", "/heartbeat")


BAD: dict[str, tuple[Cluster, list[str]]] = {
    "a member is down": (stopped, ["etcd02 does not answer"]),
    "a member is cut off": (cut, ["etcd03 is not healthy", "the raft indexes that"]),
    "a v3 key": (v3_key, ["etcd01 has 1 v3 key already", "etcd02 has 1 v3 key already"]),
    "etcd within a master": (embedded, ["etcd01 runs etcd within a master"]),
    "no v2 API": (without_v2, ["etcd02 does not serve the v2 API"]),
    "a client that writes": (written_to, ["Somebody still writes to etcd"]),
    "a hidden key": (hidden_key, ["etcdctl does not migrate hidden keys, and there are 1: /_hidden/key"]),
}


@pytest.mark.parametrize(("bad", "says"), BAD.values(), ids=BAD.keys())
def test_a_bad_cluster_is_left_as_it_is(drill: Drill, loaded: dict[str, str], bad: Cluster, says: list[str]) -> None:
    with bad(drill):
        status, output = drill.play()
    assert status != 0
    for each in says:
        assert each in " ".join(output.split()), output
    for host in drill.members:
        assert not (drill.root(host) / DATA_DIR / "v2-migration/v2").exists()
        assert drill.v2_keys(host) == loaded
        assert drill.started(host) == len(drill.members)
    assert drill.play("--check", etcd_host_migrate_state="absent")[0] == 0


def test_another_cluster_is_left_as_it_is(drill: Drill, loaded: dict[str, str]) -> None:
    status, output = drill.play(etcd_host_migrate="production")
    assert status != 0
    assert "belongs to the cluster 'lab', and etcd_host_migrate names 'production'" in output


def test_a_part_of_the_cluster_is_left_as_it_is(drill: Drill, loaded: dict[str, str]) -> None:
    status, output = drill.play("--limit", "localhost,etcd01,etcd02")
    assert status != 0
    assert "etcd03 is a member of the cluster, as etcd01 says, and not among the hosts of this run" in output


def test_without_a_snapshot_nothing_is_begun(drill: Drill) -> None:
    drill.lab("reset")
    drill.settled()
    status, output = drill.play()
    assert status != 0
    assert "etcd01 has no v2 snapshot yet" in output
