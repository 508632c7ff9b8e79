# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to the lab's etcd members from beside: lab/etcd load | keys | cut | heal | reset.

Talks to etcd without this collection, so that tests compare two ways of reading.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import http.client
import json
import os
import random
import ssl
import subprocess
import sys
import threading
import typing as t
import urllib.parse
from pathlib import Path

CACHE = Path(os.environ.get("VIRTSCALE_CACHE") or "/var/cache/virtscale")
TIMEOUT_S = 30
# Kinds of an OpenShift cluster: share of all keys, bytes of a value, seconds to live (0: for ever).
KINDS: dict[str, tuple[float, tuple[int, int], int]] = {
    "kubernetes.io/events": (0.20, (400, 900), 3600),
    "kubernetes.io/pods": (0.30, (1500, 4000), 0),
    "kubernetes.io/secrets": (0.20, (1000, 4000), 0),
    "kubernetes.io/configmaps": (0.10, (200, 2000), 0),
    "openshift.io/images": (0.10, (4000, 12000), 0),
    "openshift.io/builds": (0.08, (1000, 3000), 0),
    "openshift.io/oauth/accesstokens": (0.02, (200, 400), 86400),
}
SEED = 20260801


class Lab:
    """The members, as lab_etcd wrote them down."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "etcd-hosts"
        self.ssh = directory / "ssh"
        facts = json.loads((self.directory / "lab.json").read_text())
        self.members: dict[str, str] = facts["members"]
        self.namespaces: str = facts["namespaces"]
        self.tls = ssl.create_default_context(cafile=self.directory / "pki/ca.crt")
        self.tls.load_cert_chain(self.directory / "pki/client.crt", self.directory / "pki/client.key")
        self._local = threading.local()

    def request(self, member: str, method: str, path: str, body: str = "") -> tuple[int, t.Any]:
        """Send one request over this thread's connection to a member."""
        connections = self._local.__dict__
        if member not in connections:
            connections[member] = http.client.HTTPSConnection(
                self.members[member], 2379, context=self.tls, timeout=TIMEOUT_S
            )
        connection = connections[member]
        connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def network(self, *words: str) -> None:
        """Change the members' network."""
        subprocess.run([self.directory / "etcd-network", words[0], self.namespaces, *words[1:]], check=True)

    def on(self, member: str, script: str) -> None:
        """Run a shell script on a member."""
        command = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={self.ssh}/known_hosts"]
        command += ["-i", str(self.ssh / "id_ed25519"), f"root@{self.members[member]}", script]
        subprocess.run(command, check=True, timeout=120)


def plan(count: int) -> list[tuple[str, str, int]]:
    """Return keys, values and seconds to live: the same ones every time."""
    chance = random.Random(SEED)
    made = []
    for kind, (share, (least, most), ttl_s) in KINDS.items():
        for number in range(round(count * share)):
            key = f"/{kind}/project-{number % 50:02d}/{kind.rsplit('/', 1)[1]}-{number:05d}"
            text = json.dumps({"kind": kind, "name": key.rsplit("/", 1)[1], "text": "ü" * (number % 3)})
            filler = chance.randbytes(chance.randint(least, most) // 2).hex()
            made.append((key, f"{text[:-1]}, {json.dumps('data')}: {json.dumps(filler)}}}", ttl_s))
    return made


def load(lab: Lab, count: int, short_ttl_s: int) -> None:
    """Write keys through v2 to all members in turn."""
    members = list(lab.members)
    keys = plan(count)
    if short_ttl_s:
        keys += [(f"/kubernetes.io/masterleases/10.0.0.{number}", "{}", short_ttl_s) for number in range(1, 4)]

    def put(numbered: tuple[int, tuple[str, str, int]]) -> None:
        number, (key, value, ttl_s) = numbered
        body = {"value": value, **({"ttl": ttl_s} if ttl_s else {})}
        path = "/v2/keys" + urllib.parse.quote(key)
        status, answer = lab.request(members[number % len(members)], "PUT", path, urllib.parse.urlencode(body))
        if status not in (200, 201):
            raise RuntimeError(f"{key}: {status} {answer}")

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(put, enumerate(keys)))
    print(f"{len(keys)} v2 keys written, {sum(1 for key in keys if key[2])} of them with a time to live")


def keys_of(lab: Lab, member: str) -> dict[str, dict[str, t.Any]]:
    """Return all v2 keys of a member, hidden ones aside."""
    status, answer = lab.request(member, "GET", "/v2/keys/?recursive=true&quorum=false")
    if status != 200:
        raise RuntimeError(f"{member}: {status} {answer}")
    found: dict[str, dict[str, t.Any]] = {}
    left = [answer["node"]]
    while left:
        node = left.pop()
        left += node.get("nodes", [])
        if not node.get("dir"):
            found[node["key"]] = node
    return found


def reset(lab: Lab) -> None:
    """Begin anew: an empty cluster, configured as it was at first."""
    for member in lab.members:
        lab.network("heal", member)
        lab.on(member, "service etcd stop >/dev/null; find /var/lib/etcd -mindepth 1 -delete")
    for member in lab.members:
        # Started together, because the first would wait in vain for a majority.
        lab.on(member, "cp /etc/default/etcd.lab /etc/default/etcd; service etcd start >/dev/null")


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab/etcd", description="What is done to the lab's etcd members from beside.")
    parser.add_argument("--lab", type=Path, default=CACHE / "lab", help="the lab's directory")
    verbs = parser.add_subparsers(dest="verb", required=True)
    loading = verbs.add_parser("load", help="write keys through the v2 API, some with a time to live")
    loading.add_argument("--keys", type=int, default=10000)
    loading.add_argument("--short-ttl-s", type=int, default=0, help="three more keys that live so many seconds")
    listing = verbs.add_parser("keys", help="print a member's v2 keys, sorted")
    listing.add_argument("member")
    for verb, text in (("cut", "take a member from the others; clients still reach it"), ("heal", "give it back")):
        verbs.add_parser(verb, help=text).add_argument("member")
    verbs.add_parser("reset", help="begin anew with an empty cluster")
    arguments = parser.parse_args()
    lab = Lab(arguments.lab)
    if arguments.verb == "load":
        load(lab, arguments.keys, arguments.short_ttl_s)
    elif arguments.verb == "keys":
        for key, node in sorted(keys_of(lab, arguments.member).items()):
            print(f"{key}\t{node.get('ttl', '')}\t{len(node['value'])}")
    elif arguments.verb == "reset":
        reset(lab)
    else:
        lab.network(arguments.verb, arguments.member)
    return 0


if __name__ == "__main__":
    sys.exit(main())
