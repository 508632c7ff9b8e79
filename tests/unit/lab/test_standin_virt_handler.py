# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated virt-handlers write what they decide, and let pods go when their guests are down."""

from __future__ import annotations

import copy
import ipaddress
import json
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.guest_protocol import Addresses
from ansible_collections.virtscale.tuning.lab.standins.lab_client import LabClient
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.lab.standins.virt_handler import Handlers, has_guest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError

Object = t.Dict[str, t.Any]
PATIENCE_S = 10
KEY = ("ns", "vm")


class Cluster:
    """Keeps objects as the API does: every write is a new version, and one of an old version is refused."""

    def __init__(self) -> None:
        self.vmi: Object = {}
        self.pods: dict[str, Object] = {}
        self.conflicts = 0

    def replace(self, _resource: object, body: Object) -> Object:
        if body["metadata"]["resourceVersion"] != self.vmi["metadata"]["resourceVersion"]:
            self.conflicts += 1
            raise KubeError("conflict", 409)
        return self.write(body)

    def write(self, vmi: Object) -> Object:
        newer = str(int(self.vmi["metadata"]["resourceVersion"]) + 1 if self.vmi else 1)
        self.vmi = copy.deepcopy(vmi)
        self.vmi["metadata"]["resourceVersion"] = newer
        return copy.deepcopy(self.vmi)

    def get(self, _resource: object, name: str, _namespace: str) -> Object | None:
        return copy.deepcopy(self.pods.get(name))

    def merge_patch(self, _resource: object, name: str, body: Object, **_more: object) -> Object:
        self.pods[name.split("/")[0]]["status"].update(body["status"])
        return {}

    def delete(self, _resource: object, name: str, _namespace: str, options: Object) -> None:
        assert options["gracePeriodSeconds"] == 0
        if self.pods.pop(name, None) is None:
            raise KubeError("not found", 404)


def vmi(phase: str = "Scheduled", **metadata: t.Any) -> Object:
    return {
        "metadata": {"namespace": "ns", "name": "vm", "uid": "u", "labels": {}, **metadata},
        "spec": {"domain": {}},
        "status": {"phase": phase, "nodeName": "node1", "conditions": []},
    }


def pod(name: str = "pod1", node: str = "node1", phase: str = "Running", **metadata: t.Any) -> Object:
    labels = {"kubevirt.io/created-by": "u"}
    annotations = {"kubevirt.io/domain": "vm"}
    return {
        "metadata": {
            "namespace": "ns",
            "name": name,
            "uid": f"uid of {name}",
            "labels": labels,
            "annotations": annotations,
            **metadata,
        },
        "spec": {"nodeName": node},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": "True"}]},
    }


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


@pytest.fixture
def handlers(cluster: Cluster, tmp_path: Path) -> Handlers:
    path = tmp_path / "times.json"
    times = {"factor": 100, "reboot_s": 1, "boot_s": 2, "stop_s": 3, "migration_s": {"default": 14}}
    path.write_text(json.dumps(times))
    addresses = Addresses(ipaddress.IPv4Network("127.64.0.0/12"))
    return Handlers(t.cast(LabClient, cluster), Times(path), addresses)


def until(happens: t.Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_guest_boots_and_stops_with_its_pod(cluster: Cluster, handlers: Handlers) -> None:
    cluster.pods["pod1"] = pod()
    handlers.vmi_seen(cluster.write(vmi()))
    until(lambda: cluster.vmi["status"]["phase"] == "Running")
    handlers.pod_seen(pod(deletionTimestamp="2026-01-01T00:00:00Z"))
    until(lambda: not cluster.pods)
    assert cluster.vmi["status"]["phase"] == "Succeeded"


def test_a_migration_ends_the_source(cluster: Cluster, handlers: Handlers) -> None:
    cluster.pods = {"pod1": pod(), "pod2": pod("pod2", "node2")}
    moving = vmi("Running", labels={"kubevirt.io/migrationTargetNodeName": "node2"})
    moving["status"]["migrationState"] = {
        "migrationUid": "m",
        "sourceNode": "node1",
        "sourcePod": "pod1",
        "targetNode": "node2",
        "targetPod": "pod2",
    }
    handlers.vmi_seen(cluster.write(moving))
    until(lambda: cluster.pods["pod1"]["status"]["phase"] == "Succeeded")
    assert cluster.vmi["status"]["nodeName"] == "node2"
    assert cluster.pods["pod2"]["status"]["phase"] == "Running"
    conditions = cluster.pods["pod1"]["status"]["conditions"]
    assert [(one["type"], one["status"]) for one in conditions] == [("Ready", "False")]


def test_it_goes_on_after_somebody_wrote_in_between(cluster: Cluster, handlers: Handlers) -> None:
    seen = cluster.write(vmi())
    newer = cluster.write(vmi())
    handlers.vmi_seen(seen)
    until(lambda: cluster.conflicts > 0)
    handlers.vmi_seen(newer)
    until(lambda: cluster.vmi["status"]["phase"] == "Running")


def test_what_is_older_than_known_is_not_taken_up(cluster: Cluster, handlers: Handlers) -> None:
    seen = cluster.write(vmi())
    handlers.vmi_seen(seen)
    until(lambda: cluster.vmi["status"]["phase"] == "Running")
    handlers.vmi_seen(seen)
    time.sleep(0.2)
    assert cluster.conflicts == 0


@pytest.mark.parametrize(
    ("one", "machine", "expected"),
    [
        pytest.param(pod(), vmi("Running"), True, id="its own"),
        pytest.param(pod(node="node2"), vmi("Running"), False, id="the target of a migration"),
        pytest.param(pod(phase="Succeeded"), vmi("Running"), False, id="ended"),
        pytest.param(pod(), vmi("Scheduling"), False, id="not handed over yet"),
        pytest.param(pod(), vmi("Succeeded"), False, id="shut down"),
        pytest.param(pod(), vmi("Running", uid="another"), False, id="of one before it of this name"),
    ],
)
def test_in_which_pod_the_guest_is(one: Object, machine: Object, expected: bool) -> None:
    assert has_guest(one, machine) is expected
