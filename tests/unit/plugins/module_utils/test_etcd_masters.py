# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""API servers on a host, and how they read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import api_server, placement

MASTER_CONFIG = """admissionConfig:
  pluginConfig: {}
etcdClientInfo:
  ca: master.etcd-ca.crt
  certFile: master.etcd-client.crt
  urls:
  - https://master1.example.com:2379
  - "https://master2.example.com:2379"
kubernetesMasterConfig:
  apiServerArguments:
    deserialization-cache-size:
    - '50000'  # many
    etcd-quorum-read:
    - "false"
    storage-backend: [etcd3]

  masterCount: 3
"""


def process(root: Path, pid: int, *words: str) -> None:
    directory = root / "proc" / str(pid)
    directory.mkdir(parents=True)
    (directory / "cmdline").write_text("".join(f"{word}\0" for word in words))


def test_a_process_by_its_flags(tmp_path: Path) -> None:
    process(
        tmp_path,
        5,
        "/usr/bin/kube-apiserver",
        "--etcd-servers",
        "https://a:2379,https://b:2379",
        "--etcd-quorum-read=true",
    )
    process(tmp_path, 6, "/usr/bin/etcd", "--name", "kube-apiserver")
    (found,) = api_server.find(str(tmp_path))
    assert found.etcd_servers == ("https://a:2379", "https://b:2379")
    assert found.quorum_read is True
    assert found.uses(["https://b:2379/"])
    assert not found.uses(["https://c:2379"])


def test_openshift_3_by_the_file_that_its_process_names(tmp_path: Path) -> None:
    process(tmp_path, 5, "/usr/bin/openshift", "start", "master", "api", "--config=/etc/origin/m.yaml")
    process(tmp_path, 6, "/usr/bin/openshift", "start", "master", "controllers", "--config=/etc/origin/m.yaml")
    (tmp_path / "etc/origin").mkdir(parents=True)
    (tmp_path / "etc/origin/m.yaml").write_text(MASTER_CONFIG)
    (found,) = api_server.find(str(tmp_path))
    assert found.etcd_servers == ("https://master1.example.com:2379", "https://master2.example.com:2379")
    assert (found.quorum_read, found.storage_backend) == (False, "etcd3")


def test_openshift_4_by_its_json(tmp_path: Path) -> None:
    process(tmp_path, 5, "hypershift", "openshift-kube-apiserver", "--config=/etc/kubernetes/config.yaml")
    inside = tmp_path / "proc/5/root/etc/kubernetes"
    inside.mkdir(parents=True)
    told = {"apiServerArguments": {"etcd-servers": ["https://10.0.0.1:2379", "https://localhost:2379"]}}
    (inside / "config.yaml").write_text(json.dumps(told))
    (found,) = api_server.find(str(tmp_path))
    assert found.etcd_servers[0] == "https://10.0.0.1:2379"
    assert found.quorum_read is None
    assert found.uses([])


def test_a_master_that_does_not_run_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "etc/origin/master").mkdir(parents=True)
    (tmp_path / "etc/origin/master/master-config.yaml").write_text(MASTER_CONFIG)
    (found,) = api_server.find(str(tmp_path))
    assert found.source == "/etc/origin/master/master-config.yaml"


def test_arguments_of_yaml() -> None:
    assert api_server.arguments_of(MASTER_CONFIG) == {
        "deserialization-cache-size": ["50000"],
        "etcd-quorum-read": ["false"],
        "storage-backend": ["etcd3"],
    }


@pytest.mark.parametrize(
    ("quorum_read", "platform", "status"),
    [
        (True, "3.5", "ok"),
        (None, "3.5", "note"),
        (False, "3.5", "note"),
        (False, "3.6", "ok"),
        (None, "3.6", "ok"),
        (None, None, "ok"),
        (False, None, "note"),
    ],
)
def test_quorum_verdicts(quorum_read: bool | None, platform: str | None, status: str) -> None:
    server = api_server.ApiServer("process 5", (), quorum_read, None)
    (told,) = api_server.judge("master", [server], platform)
    assert told["status"] == status


@pytest.mark.parametrize(
    ("beside", "client", "default", "status"),
    [
        (True, "eth0", "eth0", "ok"),
        (False, "eth1", "eth0", "ok"),
        (False, "eth0", "eth0", "note"),
        (False, "lo", "eth0", "note"),
        (False, None, "eth0", "note"),
    ],
)
def test_placement_verdicts(beside: bool, client: str | None, default: str, status: str) -> None:
    told = {"beside_master": beside, "client_interface": client, "peer_interface": client, "default_interface": default}
    assert placement.judge("etcd01", told)["status"] == status
