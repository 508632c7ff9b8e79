# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's etcd members while they are migrated: played as by a person, killed in the middle, read from beside."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import time
import typing as t
import urllib.parse
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTSCALE_CACHE") or "/var/cache/virtscale")
LAB = Path(os.environ.get("VIRTSCALE_LAB") or CACHE / "lab")
DATA_DIR = "var/lib/etcd/default"
JOURNAL = f"{DATA_DIR}/v2-migration/journal.jsonl"

Json = t.Dict[str, t.Any]


class Killed(t.NamedTuple):
    """Where a run was killed."""

    host: str
    step: str


class Drill:
    """The members, and the playbook on them."""

    def __init__(self, artifacts: Path) -> None:
        self.beside = _etcd_run()
        self.lab_state = self.beside.Lab(LAB)
        facts = json.loads((LAB / "etcd-hosts/lab.json").read_text())
        self.members: dict[str, str] = facts["members"]
        self.namespaces: str = facts["namespaces"]
        self.extra: Json = {
            "virtscale_artifacts_dir": str(artifacts),
            "lab_ssh_dir": str(LAB / "ssh"),
            "lab_etcd_network": ".".join(next(iter(self.members.values())).split(".")[:2]),
            "etcd_host_migrate": "lab",
            "etcd_host_migrate_measure_s": 0,
        }

    def lab(self, *words: str) -> str:
        """Do something to the members from beside."""
        command = ["lab/etcd", f"--lab={LAB}", *words]
        return subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, timeout=300, check=True).stdout

    def play(self, *arguments: str, **extra: t.Any) -> tuple[int, str]:
        """Run the playbook to its end; return its exit status and its output."""
        with self._started(arguments, extra) as running:
            output, _none = running.communicate(timeout=900)
            return running.returncode, output

    def play_and_kill(self, host: str, step: str, after_s: float, **extra: t.Any) -> str:
        """Run the playbook and kill it, and the step itself on its host, so long after the step has begun."""
        seen = len(self.journal(host))
        with self._started((), extra) as running:
            while True:
                begun = [each for each in self.journal(host)[seen:] if (each["kind"], each["step"]) == ("begin", step)]
                if begun or running.poll() is not None:
                    break
                time.sleep(0.02)
            assert begun, f"{step} never began on {host}: {running.communicate()[0]}"
            time.sleep(after_s)
            os.killpg(running.pid, signal.SIGKILL)
            self._in(host, "kill", "-KILL", str(begun[-1]["pid"]))
            return running.communicate()[0]

    def journal(self, host: str) -> list[Json]:
        """Return what the journal of a member says."""
        try:
            return [json.loads(line) for line in (self.root(host) / JOURNAL).read_text().splitlines()]
        except (FileNotFoundError, json.JSONDecodeError):
            return []

    def root(self, host: str) -> Path:
        """Return the root directory of a host."""
        return Path(f"/proc/{self._pid(host)}/root")

    def run(self, host: str, script: str) -> str:
        """Run a shell script on a host."""
        return self._in(host, "sh", "-c", script)

    def v2_keys(self, host: str) -> dict[str, str]:
        """Return a digest of each v2 key of a member."""
        return {key: _digest(node["value"].encode()) for key, node in self.beside.keys_of(self.lab_state, host).items()}

    def v2_write(self, host: str, key: str, value: str, ttl_s: int | None = None) -> None:
        """Write a v2 key through a member."""
        form = {"value": value, **({} if ttl_s is None else {"ttl": str(ttl_s)})}
        path = f"/v2/keys{urllib.parse.quote(key)}"
        status, answer = self.lab_state.request(host, "PUT", path, urllib.parse.urlencode(form))
        assert status in (200, 201), answer

    def v2_delete(self, host: str, key: str) -> None:
        """Delete a v2 key through a member."""
        status, answer = self.lab_state.request(host, "DELETE", f"/v2/keys{urllib.parse.quote(key)}?recursive=true")
        assert status == 200, answer

    def v3_keys(self, host: str) -> dict[str, str]:
        """Return a digest of each v3 key, as etcdctl reads them from this member alone."""
        found = json.loads(self.etcdctl(host, "get", "", "--from-key", "--consistency=s", "--write-out=json"))
        decode = base64.b64decode
        return {decode(kv["key"]).decode(): _digest(decode(kv.get("value", ""))) for kv in found.get("kvs", [])}

    def v3_ttl_s(self, host: str, key: str) -> int:
        """Return how many seconds a v3 key has left."""
        lease = json.loads(self.etcdctl(host, "get", key, "--write-out=json"))["kvs"][0]["lease"]
        return int(json.loads(self.etcdctl(host, "lease", "timetolive", f"{lease:x}", "--write-out=json"))["ttl"])

    def v2_ttl_s(self, host: str, key: str) -> int:
        """Return how many seconds a v2 key has left."""
        return int(self.beside.keys_of(self.lab_state, host)[key]["ttl"])

    def started(self, host: str) -> int:
        """Return how many started members a member knows of."""
        _status, answer = self.lab_state.request(host, "GET", "/v2/members")
        return sum(bool(each["name"]) for each in answer["members"])

    def settled(self) -> None:
        """Wait until every member is healthy and has applied the same."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                health = [self.lab_state.request(host, "GET", "/health")[1]["health"] for host in self.members]
                if health == ["true"] * len(self.members):
                    return
            except OSError:
                pass
            time.sleep(0.5)
        raise AssertionError("the members do not become healthy")

    def etcdctl(self, host: str, *words: str) -> str:
        """Run etcdctl for the v3 storage of one member."""
        pki = LAB / "etcd-hosts/pki"
        command = ["etcdctl", f"--endpoints=https://{self.members[host]}:2379", f"--cacert={pki}/ca.crt"]
        command += [f"--cert={pki}/client.crt", f"--key={pki}/client.key", *words]
        environment = {**os.environ, "ETCDCTL_API": "3"}
        return subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True
        ).stdout

    def _started(self, arguments: t.Sequence[str], extra: Json) -> subprocess.Popen[str]:
        variables = json.dumps({**self.extra, **extra})
        command = ["ansible-playbook", "playbooks/etcd_migrate.yml", "--tags", "etcd_migrate", "-e", variables]
        return subprocess.Popen(
            [*command, *arguments],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _pid(self, host: str) -> int:
        """Return the process of this machine that is the first one of the host."""
        found = subprocess.run(
            ["ip", "netns", "pids", f"{self.namespaces}{host}"], stdout=subprocess.PIPE, text=True, check=True
        )
        inside = [pid for pid in found.stdout.split() if _is_first(pid)]
        return int(inside[0])

    def _in(self, host: str, *command: str) -> str:
        enter = ["nsenter", f"--target={self._pid(host)}", "--pid", "--mount", "--net", "--uts"]
        return subprocess.run([*enter, *command], stdout=subprocess.PIPE, text=True, timeout=120, check=False).stdout


def _etcd_run() -> t.Any:
    """Return the lab's own program for its members, which reads etcd without this collection."""
    spec = importlib.util.spec_from_file_location("etcd_run", CHECKOUT / "lab/etcd_run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _digest(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def _is_first(pid: str) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(numbers) == 2 and numbers[1] == "1"
