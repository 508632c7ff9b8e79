# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role etcd_host on the lab's members: well, one cut off from the others, one with another certificate."""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

CHECKOUT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTSCALE_CACHE") or "/var/cache/virtscale")
LAB = Path(os.environ.get("VIRTSCALE_LAB") or CACHE / "lab")
MEMBERS = ("etcd01", "etcd02", "etcd03")
CUT_OFF = "etcd03"
SETTLED_S = 60

Json = t.Dict[str, t.Any]


class Played(t.NamedTuple):
    """A run of the playbook: its exit status, its output and what it recorded of each host, by role and step."""

    status: int
    output: str
    records: dict[str, dict[str, Json]]

    def measured(self, host: str) -> Json:
        """Return what was measured of a host."""
        return t.cast(Json, self.records["etcd_host.measure"][host]["data"])

    def row(self, record: str, host: str, what: str) -> Json:
        """Return one row of a host."""
        return next(row for row in self.records[record][host]["rows"] if row["what"] == what)


Play = t.Callable[..., Played]


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """Run the playbook as a person runs it."""
    artifacts = tmp_path_factory.mktemp("etcd-host") / "artifacts"
    addresses = json.loads((LAB / "etcd-hosts/lab.json").read_text())["members"]
    network = ".".join(next(iter(addresses.values())).split(".")[:2])
    always = {"virtscale_artifacts_dir": str(artifacts), "lab_ssh_dir": str(LAB / "ssh"), "lab_etcd_network": network}

    def run(*arguments: str, **extra: t.Any) -> Played:
        words = {"etcd_host_window_s": 0, "report_fail_in_trouble": True, **always, **extra}
        command = ["ansible-playbook", "playbooks/etcd.yml", "-e", json.dumps(words), *arguments]
        done = subprocess.run(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
        )
        files = (artifacts / "latest").glob("etcd_*.json")
        return Played(
            done.returncode, done.stdout, {file.stem: json.loads(file.read_text())["hosts"] for file in files}
        )

    return run


def lab(*words: str) -> None:
    subprocess.run(["lab/etcd", f"--lab={LAB}", *words], cwd=CHECKOUT, check=True, timeout=60)


def on(member: str, script: str) -> str:
    address = json.loads((LAB / "etcd-hosts/lab.json").read_text())["members"][member]
    command = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={LAB}/ssh/known_hosts", "-i", f"{LAB}/ssh/id_ed25519"]
    command += [f"root@{address}", script]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60).stdout


def wait_until_well() -> None:
    """Wait until each member says that it is well."""
    ask = "curl -s -m 2 --cacert /etc/etcd/ca.crt --cert /etc/etcd/peer.crt --key /etc/etcd/peer.key"
    deadline = time.monotonic() + SETTLED_S
    for member in MEMBERS:
        while '"true"' not in on(member, f"{ask} https://127.0.0.1:2379/health || true"):
            assert time.monotonic() < deadline, f"{member} is not well"
            time.sleep(0.5)


@pytest.fixture(autouse=True)
def members_well() -> None:
    wait_until_well()


def test_members_that_are_well(play: Play) -> None:
    run = play(etcd_host_platform_version="3.6", etcd_host_defragment=True, etcd_host_defragment_force=True)
    assert run.status == 0, run.output[-4000:]
    leaders = [host for host in MEMBERS if run.measured(host)["member"]["leader"]]
    assert len(leaders) == 1
    for host in MEMBERS:
        measured = run.measured(host)
        assert measured["member"]["version"].startswith("3.")
        assert measured["member"]["via"] == "gateway"
        assert {each["name"] for each in measured["etcd"]["members"] if each["healthy"]} == set(MEMBERS)
        assert measured["etcd"]["storage"]["quota_bytes"] == 4 * 1024**3
        assert len(measured["etcd"]["storage"]["peer_rtt_p99_ms"]) == 2
        assert run.row("etcd_host.measure", host, "quorum read")["status"] == "ok"
        assert run.row("etcd_host.measure", host, "placement")["effective"] == "a network of its own"
        # Nobody asked for it beside members that run.
        assert run.records["etcd_disk.measure"][host]["data"]["fdatasync"] is None
        told = run.row("etcd_defragment.apply", host, "defragmentation")
        assert told["status"] == "changed"
        assert told["why"].startswith("leader" if host in leaders else "follower")
    masters = run.records["etcd_host.verify"]["ocp-master"]["data"]["api_servers"]
    assert all(server["quorum_read"] is None for server in masters)


def test_a_preview_defragments_nothing(play: Play) -> None:
    before = {host: on(host, "stat -c %i /var/lib/etcd/default/member/snap/db") for host in MEMBERS}
    run = play(
        "--check", etcd_host_defragment=True, etcd_host_defragment_force=True, etcd_host_disk_beside_members=True
    )
    assert run.status == 0, run.output[-4000:]
    for host in MEMBERS:
        assert run.row("etcd_defragment.apply", host, "defragmentation")["status"] == "would_change"
        assert run.row("etcd_disk.measure", host, "fdatasync p99")["status"] == "would_change"
    # A defragmentation puts another file in its place.
    assert {host: on(host, "stat -c %i /var/lib/etcd/default/member/snap/db") for host in MEMBERS} == before


@pytest.mark.long
def test_disks_are_tried_beside_members_when_asked(play: Play) -> None:
    run = play(etcd_host_disk_beside_members=True, etcd_host_disk_limit_ms=0.0001, etcd_host_disk_policy="enforce")
    assert run.status != 0
    for host in MEMBERS:
        measured = run.records["etcd_disk.measure"][host]["data"]
        assert measured["fdatasync"]["writes"] == 22 * 1024**2 // 2300
        assert measured["fast_enough"] is False
        assert "too slow for etcd" in run.row("etcd_disk.measure", host, "fdatasync p99")["why"]
        assert set(on(host, "ls -A /var/lib/etcd").split()) <= {"default", "lost+found"}


@pytest.fixture
def one_cut_off(members_well: None) -> t.Iterator[None]:
    lab("cut", CUT_OFF)
    deadline = time.monotonic() + SETTLED_S
    ask = "curl -s -m 3 --cacert /etc/etcd/ca.crt --cert /etc/etcd/peer.crt --key /etc/etcd/peer.key"
    while '"true"' in on(CUT_OFF, f"{ask} https://127.0.0.1:2379/health || true"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    yield
    lab("heal", CUT_OFF)


def test_a_member_that_is_cut_off_reads_without_a_quorum_alone(play: Play, one_cut_off: None) -> None:
    before = {host: on(host, "stat -c %i /var/lib/etcd/default/member/snap/db") for host in MEMBERS}
    run = play(
        etcd_host_defragment=True,
        etcd_host_defragment_force=True,
        etcd_host_disk_beside_members=True,
        etcd_host_timeout_s=3,
    )
    quorum = {host: run.measured(host)["quorum"] for host in MEMBERS}
    assert {host: quorum[host]["linearizable"]["ok"] for host in MEMBERS} == {
        "etcd01": True,
        "etcd02": True,
        CUT_OFF: False,
    }
    assert quorum[CUT_OFF]["serializable"]["ok"]
    assert "may be old" in run.row("etcd_host.measure", CUT_OFF, "quorum read")["why"]
    for host in set(MEMBERS) - {CUT_OFF}:
        assert CUT_OFF in run.row("etcd_host.measure", host, "cluster")["why"]
    # Nothing is done to a cluster that another loss would stop.
    assert run.status != 0
    assert "was not measured" in run.output or "was not defragmented" in run.output
    assert {host: on(host, "stat -c %i /var/lib/etcd/default/member/snap/db") for host in MEMBERS} == before


@pytest.fixture
def certificate_for_servers_alone(members_well: None, tmp_path: Path) -> t.Iterator[str]:
    """A member whose server certificate is not one for clients, as OpenShift's first ones were."""
    member, pki = "etcd02", LAB / "etcd-hosts/pki"
    san = on(member, "openssl x509 -in /etc/etcd/server.crt -noout -ext subjectAltName | tail -n 1")
    names = san.replace("IP Address:", "IP:").replace(" ", "").strip()
    (tmp_path / "ext").write_text(f"extendedKeyUsage=serverAuth\nsubjectAltName={names}\n")
    make = f"""openssl req -new -key {pki}/{member}-server.key -subj /CN={member} -out {tmp_path}/csr
    openssl x509 -req -in {tmp_path}/csr -CA {pki}/ca.crt -CAkey {pki}/ca.key -set_serial 7 -days 1 \\
        -extfile {tmp_path}/ext -out {tmp_path}/crt"""
    subprocess.run(make, shell=True, check=True, capture_output=True)
    content = (tmp_path / "crt").read_text()
    keep = "cp -p /etc/etcd/server.crt /etc/etcd/server.kept"
    on(member, f"{keep}; echo '{content}' >/etc/etcd/server.crt; service etcd restart")
    wait_until_well()
    yield member
    on(member, "mv /etc/etcd/server.kept /etc/etcd/server.crt; service etcd restart")


@pytest.mark.long
def test_a_gateway_without_a_client_s_certificate(play: Play, certificate_for_servers_alone: str) -> None:
    run = play(etcd_host_defragment=True, etcd_host_defragment_force=True, etcd_host_timeout_s=10)
    assert run.status == 0, run.output[-4000:]
    measured = run.measured(certificate_for_servers_alone)
    assert measured["member"]["via"] == "etcdctl"
    assert measured["quorum"]["linearizable"]["ok"]
    assert len(measured["etcd"]["members"]) == 3
    for host in MEMBERS:
        assert run.row("etcd_defragment.apply", host, "defragmentation")["status"] == "changed"
