# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets on the lab: deployed, failing in part, killed and continued, through a restart of the API, removed."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
import threading
import time
import typing as t
from collections import Counter
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.lab_client import DATA_VOLUMES, NAMESPACES, PODS, LabClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object, Resource

from .fleet_drill import GOLDEN, GOLDEN_SPACE, KUBECONFIG, LAB, Q35, Fleet, groups, until

pytestmark = pytest.mark.lab

CONFIG_MAPS = Resource("v1", "configmaps")
KILLS = 10
# Of a deployment that is killed, of one during which the API restarts, and of one in which some fail.
VMS = int(os.environ.get("FLEET_VMS", "40"))
# From the start of ansible-playbook, which takes seconds itself.
KILLED_AFTER_S = (4.0, 5.0 + VMS / 10)


@pytest.fixture(scope="module")
def client() -> LabClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return LabClient.connect({"kubeconfig": KUBECONFIG})


@pytest.fixture(scope="module", autouse=True)
def golden(client: LabClient, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[None]:
    """A golden image, imported from a web server of the test's own."""
    directory = tmp_path_factory.mktemp("web")
    (directory / "golden.qcow2").write_bytes(b"QFI\xfb" + bytes(508))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(directory))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GOLDEN_SPACE}})
    url = f"http://127.0.0.1:{server.server_port}/golden.qcow2"
    claim = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "resources": {"requests": {"storage": "40Gi"}}}
    volume = {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "metadata": {"name": GOLDEN[0]["name"], "namespace": GOLDEN_SPACE},
        "spec": {"source": {"http": {"url": url}}, "pvc": claim},
    }
    client.create(DATA_VOLUMES, volume)

    def imported() -> bool:
        found = client.get(DATA_VOLUMES, GOLDEN[0]["name"], GOLDEN_SPACE) or {}
        return bool(found.get("status", {}).get("phase") == "Succeeded")

    until(imported, 90, "the golden image is there")
    yield
    server.shutdown()
    client.delete(NAMESPACES, GOLDEN_SPACE)
    until(lambda: client.get(NAMESPACES, GOLDEN_SPACE) is None, 60, "the namespace is gone")


@pytest.fixture
def fleet(client: LabClient, tmp_path: Path, request: pytest.FixtureRequest) -> t.Iterator[t.Callable[..., Fleet]]:
    """Makes fleets, and takes them away in the end."""
    made: list[Fleet] = []

    def make(name: str, wanted: list[Object], **options: t.Any) -> Fleet:
        made.append(Fleet(client, tmp_path, name, wanted, **options))
        return made[-1]

    yield make
    for one in made:
        one.run(state="absent", groups=[], pods=0)
        assert one.leftovers() == []


def test_all_kinds_are_deployed_again_and_removed(client: LabClient, fleet: t.Callable[..., Fleet]) -> None:
    one = fleet("fleet-all", groups(15, 5, 20), state="started", pods=48)
    found = one.run()
    told = found["fleet"]
    (series,) = told["series"]
    assert found["changed"] is True
    assert (series["vms"], series["measured"], series["failed"]) == (40, 40, [])
    assert told["totals"] == {"vms": 40, "running": 40, "failed": 0, "pods": 48}
    assert one.statuses() == {"Running"}
    assert [batch["vms"] for batch in series["batches"]] == [10] * 4
    # A batch is begun when the clones of the one before are done; Fedora has none to wait for.
    for before, after in zip(series["batches"], series["batches"][1:]):
        assert after["began_s"] >= (before["cloned_s"] or before["created_s"])
    for name, cloned in (("rhel", 15), ("windows", 5), ("fedora", 0)):
        group = series["groups"][name]
        assert group["cloned"]["count"] == cloned
        assert group["running"]["p50_s"] > (group["cloned"]["p50_s"] if cloned else group["created"]["p50_s"])
    namespaces = {name.partition("/")[0] for name in one.machines()}
    assert namespaces == {"fleet-all-00", "fleet-all-01", "fleet-all-02", "fleet-all-03"}
    # The idle pods are spread evenly over the workers.
    nodes = [
        pod["spec"]["nodeName"] for pod in client.list(PODS, None, f"{one.mark},tuning.virtscale/group=pods").items
    ]
    assert max(nodes.count(node) for node in nodes) <= 4
    assert told["cost"]["requests"] <= 40 + 45

    before = one.machines()
    again = one.run()
    assert again["changed"] is False
    assert again["fleet"]["series"] == told["series"]
    assert one.machines() == before

    # What somebody else puts into a namespace keeps that one, and only that one.
    client.create(
        CONFIG_MAPS,
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs", "namespace": "fleet-all-02"}},
    )
    gone = one.run(state="absent", groups=[], pods=0)
    assert one.leftovers() == ["namespaces/fleet-all-02"]
    assert any("configmaps/theirs" in row["why"] for row in gone["rows"])
    client.delete(CONFIG_MAPS, "theirs", "fleet-all-02")


def of_instance(spec: Object) -> Object:
    """Return the overrides that differ in the instance's own spec."""
    return {"spec": {"template": {"spec": spec}}}


def test_what_fails_is_named_and_the_rest_goes_on(fleet: t.Callable[..., Fleet]) -> None:
    usual = VMS // 5
    unclonables = max(1, 2 * usual // 100)
    failing = {"lab.virtscale/failing-clone": "the pool is full"}
    claim = {"accessModes": ["ReadWriteMany"], "volumeMode": "Block", "resources": {"requests": {"storage": "40Gi"}}}
    source = {"pvc": {"name": GOLDEN[0]["name"], "namespace": GOLDEN_SPACE}}
    template = {"metadata": {"name": "root", "annotations": failing}, "spec": {"pvc": claim, "source": source}}
    refused = {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}
    unclonable = {"spec": {**Q35["spec"], "dataVolumeTemplates": [template]}}
    wanted = [
        *groups(usual, 0, usual),
        {"name": "unclonable", "vms": unclonables, "kind": "rhel", "sources": GOLDEN, "overrides": unclonable},
        {"name": "refused", "vms": 1, "kind": "fedora", "overrides": of_instance({"domain": refused})},
        {"name": "unplaceable", "vms": 1, "kind": "fedora", "overrides": of_instance({"nodeSelector": {"no": "node"}})},
    ]
    one = fleet("fleet-fails", wanted, state="started", batch_size=VMS // 4)
    told = one.run()["fleet"]
    (series,) = told["series"]
    assert Counter((failure["group"], failure["stage"]) for failure in series["failed"]) == {
        ("unclonable", "clone"): unclonables,
        ("refused", "create"): 1,
        ("unplaceable", "start"): 1,
    }
    reasons = {failure["group"]: failure["reason"] for failure in series["failed"]}
    assert "the pool is full" in reasons["unclonable"]
    assert "is greater than spec.template.spec.domain.resources.limits.memory" in reasons["refused"]
    assert "nodes are available" in reasons["unplaceable"]
    made = 2 * usual + unclonables + 1
    assert told["totals"] == {"vms": made, "running": 2 * usual, "failed": unclonables + 2, "pods": 0}
    assert series["groups"]["rhel"]["running"]["count"] == usual
    assert series["groups"]["fedora"]["running"]["count"] == usual
    rows = one.timings(f"batches-of-{VMS // 4}")
    assert len(rows) == made + 1
    stages = Counter(row["stage"] for row in rows.values() if row["stage"])
    assert stages == {"clone": unclonables, "create": 1, "start": 1}


@pytest.mark.long
def test_killed_at_random_moments_and_continued(fleet: t.Callable[..., Fleet]) -> None:
    rhel, windows, batch = VMS * 13 // 20, VMS // 5, VMS // 10
    one = fleet("fleet-kill", groups(rhel, windows, VMS - rhel - windows), state="started", batch_size=batch)
    chance = random.Random(7)
    known: dict[str, str] = {}
    killed = 0
    while killed < KILLS and one.run_and_kill(chance.uniform(*KILLED_AFTER_S), workers_too=bool(killed % 2)):
        killed += 1
        now = one.machines()
        assert {name: now.get(name) for name in known} == known, "a machine was lost or made anew"
        known = now
    assert killed >= 3, "it was over before it was killed"
    # Of a deployment that came to its end before the last kill, the figures are told again.
    told = one.run()["fleet"]
    now = one.machines()
    assert {name: now.get(name) for name in known} == known
    assert len(now) == VMS and len(one.data_volumes()) == rhel + windows
    assert told["totals"] == {"vms": VMS, "running": VMS, "failed": 0, "pods": 0}
    (series,) = told["series"]
    assert series["measured"] == VMS
    rows = one.timings(f"batches-of-{batch}")
    assert len(rows) == VMS
    for row in rows.values():
        times = [float(row[name]) for name in ("created_s", "running_s")]
        assert 0 <= times[0] <= times[1], row
        assert row["times"] in ("seen", "api")
    assert {row["times"] for row in rows.values()} == {"seen", "api"}


@pytest.mark.long
def test_the_api_restarts_meanwhile(fleet: t.Callable[..., Fleet]) -> None:
    one = fleet("fleet-restart", groups(VMS // 2, 0, VMS - VMS // 2), state="started", batch_size=VMS // 5)
    process = one.start()
    time.sleep(6)
    conf = LAB / "supervisor/supervisord.conf"
    supervisorctl = str(Path(sys.executable).with_name("supervisorctl"))
    subprocess.run([supervisorctl, "-c", str(conf), "restart", "kube-apiserver"], check=True, capture_output=True)
    told, _nothing = process.communicate(timeout=600)
    assert process.returncode == 0, told
    assert one.statuses() == {"Running"}
    assert len(one.machines()) == VMS


def test_ways_are_compared_each_from_nothing(fleet: t.Callable[..., Fleet]) -> None:
    ways = [{"mode": "batches", "batch_size": 4}, {"mode": "at_once"}, {"mode": "rate", "rate_per_s": 4}]
    one = fleet("fleet-ways", groups(8, 0, 0), series=ways)
    found = one.run()["fleet"]
    assert [way["label"] for way in found["series"]] == ["batches of 4", "at once", "4 per second"]
    for way in found["series"]:
        assert (way["measured"], way["failed"]) == (8, [])
        assert way["groups"]["rhel"]["cloned"]["count"] == 8
    asked = sorted(float(row["asked_s"]) for row in one.timings("4-per-second").values())
    assert 7 / 4 - 0.1 <= asked[-1] - asked[0] <= 7 / 4 + 2
    assert one.statuses() == {"Stopped"}
    # Another series would not begin from nothing.
    process = one.start(groups=groups(9, 0, 0))
    told, _nothing = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "has 8; remove it" in told
