# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a member's configuration is found, and the way to it that follows from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import configuration
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.configuration import Configuration, NoEtcd

TLS = {
    "ETCD_TRUSTED_CA_FILE": "/etc/etcd/ca.crt",
    "ETCD_CERT_FILE": "/etc/etcd/server.crt",
    "ETCD_KEY_FILE": "/etc/etcd/server.key",
    "ETCD_PEER_CERT_FILE": "/etc/etcd/peer.crt",
    "ETCD_PEER_KEY_FILE": "/etc/etcd/peer.key",
    "ETCD_ADVERTISE_CLIENT_URLS": "https://10.0.0.1:2379",
}


def process(
    root: Path, pid: int, words: list[str], variables: dict[str, str] | None = None, comm: str = "etcd"
) -> None:
    directory = root / "proc" / str(pid)
    (directory / "ns").mkdir(parents=True)
    (directory / "comm").write_text(f"{comm}\n")
    (directory / "cmdline").write_text("".join(f"{word}\0" for word in words))
    (directory / "environ").write_text("".join(f"{name}={value}\0" for name, value in (variables or {}).items()))
    (directory / "ns/mnt").symlink_to("mnt:[1]" if pid < 100 else "mnt:[2]")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc/self/ns").mkdir(parents=True)
    (tmp_path / "proc/self/ns/mnt").symlink_to("mnt:[1]")
    (tmp_path / "etc/default").mkdir(parents=True)
    return tmp_path


def test_what_runs_counts_before_the_file(root: Path) -> None:
    (root / "etc/default/etcd").write_text("ETCD_DATA_DIR=/old\n")
    process(
        root, 7, ["/usr/bin/etcd", "--data-dir=/flag"], {"ETCD_DATA_DIR": "/variable", "ETCD_NAME": "a", "HOME": "/"}
    )
    process(root, 8, ["bash"], comm="bash")
    found = configuration.read(str(root))
    assert dict(found.values) == {"ETCD_DATA_DIR": "/flag", "ETCD_NAME": "a"}
    assert (found.pid, found.data_dir) == (7, "/flag")


def test_a_container_s_paths_are_seen_through_its_process(root: Path) -> None:
    process(root, 123, ["etcd", "--data-dir", "/var/lib/etcd", "--enable-v2", "--name", "m"])
    found = configuration.read(str(root))
    assert found.data_dir == f"{root}/proc/123/root/var/lib/etcd"
    assert found.values["ETCD_ENABLE_V2"] == "true"


def test_of_several_one_must_be_named(root: Path) -> None:
    process(root, 7, ["etcd", "--data-dir=/a"])
    process(root, 8, ["etcd", "--data-dir=/b"])
    with pytest.raises(TuningError, match="data_dir"):
        configuration.read(str(root))
    assert configuration.read(str(root), "/b").pid == 8


def test_without_a_process_the_file_counts(root: Path) -> None:
    (root / "etc/default/etcd").write_text("ETCD_DATA_DIR=/var/lib/etcd/default\n")
    found = configuration.read(str(root))
    assert (found.source, found.pid, found.data_dir) == ("/etc/default/etcd", None, "/var/lib/etcd/default")


def test_a_host_without_etcd_says_so(root: Path) -> None:
    with pytest.raises(NoEtcd, match="No etcd runs on this host"):
        configuration.read(str(root))


def test_a_zombie_is_no_member(root: Path) -> None:
    process(root, 7, [])
    with pytest.raises(NoEtcd):
        configuration.read(str(root))


def test_the_peer_s_certificate_is_taken_for_a_client() -> None:
    way = configuration.access(Configuration(TLS, "test", root="/proc/9/root"))
    assert way.url == "https://10.0.0.1:2379"
    assert way.cert_file == "/proc/9/root/etc/etcd/peer.crt"
    assert way.ca_file == "/proc/9/root/etc/etcd/ca.crt"


def test_what_is_given_wins() -> None:
    way = configuration.access(Configuration(TLS, "test"), url="https://x:1", ca_file="ca", cert_file="c", key_file="k")
    assert (way.url, way.ca_file, way.cert_file, way.key_file) == ("https://x:1", "ca", "c", "k")


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://localhost:2379"),
        ({"ETCD_LISTEN_CLIENT_URLS": "https://0.0.0.0:2379"}, "http://localhost:2379"),
        ({"ETCD_LISTEN_CLIENT_URLS": "http://0.0.0.0:2379, http://127.0.0.1:2379"}, "http://127.0.0.1:2379"),
        ({"ETCD_ADVERTISE_CLIENT_URLS": "http://a:1", "ETCD_LISTEN_CLIENT_URLS": "http://b:1"}, "http://a:1"),
    ],
)
def test_the_url_is_one_that_can_be_asked(values: dict[str, str], url: str) -> None:
    assert Configuration(values, "test").client_url == url


def test_this_machine_s_own_processes_can_be_read() -> None:
    assert os.path.isdir("/proc/self")
    try:
        configuration.read("/")
    except TuningError as error:
        assert "etcd" in str(error)
