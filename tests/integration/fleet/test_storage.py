# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden images and StorageProfiles on the lab, whose CDI asks the test's own web server for real."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
import typing as t
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from ansible_collections.virtscale.tuning.lab.standins.lab_client import NAMESPACES, PVCS, LabClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.images import (
    DATA_IMPORT_CRONS,
    DATA_SOURCES,
    DATA_VOLUMES,
    IMMEDIATE_ANNOTATION,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.profile import (
    STORAGE_CLASSES,
    STORAGE_PROFILES,
)

pytestmark = pytest.mark.lab

CHECKOUT = Path(__file__).resolve().parents[3]
LAB = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale")) / "lab"
KUBECONFIG = str(LAB / "kubeconfig")
SPACE, CLASS = "storage-golden-test", "storage-rbd-test"
IMAGES, PROFILE = "virtscale.tuning.golden_images", "virtscale.tuning.storage_profile"
ROOMY = [{"name": "vms", "replicas": 3, "max_avail_bytes": 100 << 40, "stored_bytes": 0, "used_bytes": 0}]
FULL = [{**ROOMY[0], "max_avail_bytes": 78 << 40}]


def until(happens: t.Callable[[], t.Any], timeout_s: float, what: str) -> None:
    end = time.monotonic() + timeout_s
    while not happens():
        assert time.monotonic() < end, f"{what}: not within {timeout_s} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def client() -> LabClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return LabClient.connect({"kubeconfig": KUBECONFIG})


@pytest.fixture(scope="module", autouse=True)
def space(client: LabClient) -> t.Iterator[None]:
    """A namespace of the test's own."""
    client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
    yield
    client.delete(NAMESPACES, SPACE)
    until(lambda: client.get(NAMESPACES, SPACE) is None, 60, "the namespace is gone")


@pytest.fixture(scope="module")
def storage_class(client: LabClient) -> t.Iterator[str]:
    """A StorageClass beside the lab's, so that clones of others stay as they are."""
    (found,) = [one for one in client.list(STORAGE_CLASSES).items if "openshift-storage" in one["provisioner"]][:1]
    body = {key: found[key] for key in ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode")}
    client.create(
        STORAGE_CLASSES,
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": CLASS}, **body},
    )
    until(lambda: strategy(client), 30, "CDI makes a profile for the class")
    yield CLASS
    client.delete(STORAGE_CLASSES, CLASS)


class Web:
    """A web server with images."""

    def __init__(self, directory: Path) -> None:
        handler = functools.partial(SimpleHTTPRequestHandler, directory=str(directory))
        handler.log_message = lambda *arguments: None  # type: ignore[attr-defined]
        self._directory = directory
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def put(self, name: str) -> str:
        """Have an image, and return its URL."""
        (self._directory / name).write_bytes(b"QFI\xfb" + bytes(4096))
        return self.url(name)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Web]:
    found = Web(tmp_path_factory.mktemp("images"))
    yield found
    found.close()


class Play:
    """Runs a module as a playbook does, several times in a row: a start of Ansible takes seconds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(self, module: str, *steps: Object) -> list[Object]:
        """Return the result of each step, which is the module's arguments and perhaps ``check``."""
        tasks: list[Object] = []
        for number, step in enumerate(steps):
            arguments = {key: value for key, value in step.items() if key != "check"}
            running = {"register": f"step{number}", "ignore_errors": True, "check_mode": step.get("check", False)}
            tasks.append({module: arguments, **running})
        names = ", ".join(f"step{number}" for number in range(len(steps)))
        result, playbook = self._directory / "result.json", self._directory / "play.yml"
        tasks.append({"copy": {"dest": str(result), "content": f"{{{{ [{names}] | to_json }}}}"}})
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        play["vars"] = {"ansible_python_interpreter": sys.executable}
        playbook.write_text(yaml.safe_dump([play]))
        command = ["ansible-playbook", "-i", "localhost,", str(playbook)]
        environment = {**os.environ, "K8S_AUTH_KUBECONFIG": KUBECONFIG}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        self.shown = done.stdout
        found: list[Object] = json.loads(result.read_text())
        return found


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def image(name: str, **more: t.Any) -> Object:
    return {"name": name, "namespace": SPACE, **more}


def statuses(result: Object) -> list[str]:
    return [line["status"] for line in result["rows"]]


def strategy(client: LabClient) -> str | None:
    found: str | None = value_at(client.get(STORAGE_PROFILES, CLASS) or {}, ("status", "cloneStrategy"))
    return found


def told(result: Object) -> tuple[bool, list[str]]:
    """Whether it says that something changed, and the statuses of its rows."""
    return result["changed"], statuses(result)


def test_images_are_imported_once_and_taken_away(client: LabClient, play: Play, web: Web) -> None:
    images = [
        image("rhel", url=web.put("rhel8.qcow2")),
        image("windows", url=web.put("win10.qcow2")),
        image("fedora", registry="docker://registry.invalid/fedora:35", size="10Gi"),
    ]
    there: Object = {"images": images, "timeout_s": 180}
    (foreseen,) = play(IMAGES, {**there, "check": True})
    assert told(foreseen) == (True, ["would_change"] * 3)
    assert client.list(DATA_VOLUMES, SPACE).items == []

    made, again, checked, going = play(
        IMAGES, there, there, {**there, "check": True}, {**there, "state": "absent", "check": True}
    )
    assert told(made) == (True, ["changed"] * 3), made
    assert all(one["ready"] and one["seconds"] > 0 for one in made["images"])
    assert [one["source"]["kind"] for one in made["images"]] == ["pvc", "pvc", "datasource"]
    assert "golden images: 0 of 3 ready" in play.shown
    assert told(again) == told(checked) == (False, ["ok"] * 3)
    assert told(going) == (True, ["would_change"] * 3)
    rhel = client.get(DATA_VOLUMES, "rhel", SPACE) or {}
    assert rhel["metadata"]["annotations"][IMMEDIATE_ANNOTATION] == "true"
    assert value_at(rhel, ("status", "phase")) == "Succeeded"
    assert rhel["spec"]["pvc"]["resources"]["requests"]["storage"] == "40Gi"

    gone, nothing = play(IMAGES, *[{**there, "state": "absent"}] * 2)
    assert told(gone) == (True, ["changed"] * 3), gone
    assert told(nothing) == (False, ["ok"] * 3)
    assert client.get(DATA_IMPORT_CRONS, "fedora", SPACE) is None
    until(lambda: client.get(DATA_SOURCES, "fedora", SPACE) is None, 30, "the DataSource goes with its cron")
    until(lambda: client.list(PVCS, SPACE).items == [], 30, "the claims are gone")


def test_a_failed_import_shows_cdis_own_message_and_the_others_go_on(play: Play, web: Web) -> None:
    images = [image("good", url=web.put("good.qcow2")), image("missing", url=web.url("missing.qcow2"))]
    (failed,) = play(IMAGES, {"images": images, "attempts": 1, "timeout_s": 120})
    assert failed["failed"]
    assert "404" in failed["msg"]
    assert f"{SPACE}/missing" in failed["msg"]
    assert statuses(failed) == ["changed", "failed"]

    web.put("missing.qcow2")
    mended, _gone = play(
        IMAGES, {"images": images, "attempts": 9, "timeout_s": 180}, {"images": images, "state": "absent"}
    )
    assert not mended.get("failed"), mended
    assert [one["ready"] for one in mended["images"]] == [True, True]


def test_what_is_not_ready_in_time_says_where_it_is(play: Play, web: Web) -> None:
    images = [image("slow", url=web.url("nowhere.qcow2"))]
    failed, _gone = play(
        IMAGES, {"images": images, "attempts": 100, "timeout_s": 8}, {"images": images, "state": "absent"}
    )
    assert "not ready after 8 s" in failed["msg"]
    assert "404" in failed["msg"]


def test_another_image_of_the_same_name_is_refused(client: LabClient, play: Play, web: Web) -> None:
    taken = {"images": [image("taken", url=web.put("one.qcow2"))]}
    asked = [image("new", url=web.put("two.qcow2")), image("taken", url=web.url("two.qcow2"), size="50Gi")]
    _made, checked, refused, _gone = play(
        IMAGES, taken, {"images": asked, "check": True}, {"images": asked}, {**taken, "state": "absent"}
    )
    assert checked["msg"] == refused["msg"]
    assert "spec.source.http.url is" in refused["msg"]
    assert "spec.pvc.resources.requests.storage is '40Gi', not '50Gi'" in refused["msg"]
    assert client.get(DATA_VOLUMES, "new", SPACE) is None


def test_an_image_of_somebody_else_serves_and_stays(client: LabClient, play: Play, web: Web) -> None:
    asked = [image("theirs", url=web.put("theirs.qcow2"))]
    claim = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "40Gi"}}, "volumeMode": "Block"}
    body = {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "DataVolume",
        "metadata": {"name": "theirs", "namespace": SPACE},
        "spec": {
            "source": {"http": {"url": asked[0]["url"]}},
            "pvc": {**claim, "storageClassName": "ocs-external-storagecluster-ceph-rbd"},
        },
    }
    client.create(DATA_VOLUMES, body)
    found, kept = play(IMAGES, {"images": asked}, {"images": asked, "state": "absent"})
    assert told(found) == (False, ["ok"])
    assert told(kept) == (False, ["note"])
    assert client.get(DATA_VOLUMES, "theirs", SPACE) is not None


def test_a_claim_without_its_data_volume_counts_and_can_be_taken_away(client: LabClient, play: Play, web: Web) -> None:
    asked = {"images": [image("collected", url=web.put("collected.qcow2"))]}
    play(IMAGES, asked)
    client.delete(DATA_VOLUMES, "collected", SPACE, {"propagationPolicy": "Orphan"})
    until(lambda: client.get(DATA_VOLUMES, "collected", SPACE) is None, 30, "the DataVolume is gone")
    found, gone = play(IMAGES, asked, {**asked, "state": "absent"})
    assert told(found) == (False, ["ok"]), found
    assert "its DataVolume is gone" in found["rows"][0]["why"]
    assert told(gone) == (True, ["changed"]), gone
    assert client.get(PVCS, "collected", SPACE) is None


def test_what_cannot_be_is_refused_at_once(play: Play) -> None:
    url = "http://127.0.0.1:1/x"
    cases: list[tuple[Object, str]] = [
        ({"name": "a"}, "either a url or a registry"),
        ({"name": "a", "url": "ftp://x/y"}, "http:// or https://"),
        ({"name": "a", "url": url, "size": "forty"}, "images[a].size is 'forty'"),
        ({"name": "a", "url": url, "namespace": "storage-nowhere"}, "no namespace storage-nowhere"),
    ]
    results = play(IMAGES, *({"images": [given], "check": check} for given, _words in cases for check in (True, False)))
    for result, message in zip(results, [words for _given, words in cases for _check in (True, False)]):
        assert result["failed"]
        assert message in result["msg"]


def test_a_strategy_is_set_read_back_and_given_back(client: LabClient, play: Play, storage_class: str) -> None:
    copy = {"storage_class": storage_class, "clone_strategy": "copy", "planned_clones": 2000}
    left, *refused, foreseen = play(
        PROFILE,
        {"storage_class": storage_class},
        {**copy, "ceph_pools": FULL, "check": True},
        {**copy, "ceph_pools": FULL},
        {**copy, "ceph_pools": ROOMY, "check": True},
    )
    assert (left["clone_strategy"], *told(left)) == ("csi-clone", False, ["note"])
    for one in refused:
        assert one["failed"]
        assert "2000 x 40.0 GiB = 78.1 TiB" in one["msg"]
        assert "234.4 TiB raw of 234.0 TiB" in one["msg"]
        assert statuses(one) == ["refused", "refused"]
    assert told(foreseen) == (True, ["would_change", "ok"])
    assert strategy(client) == "csi-clone"

    done, again = play(PROFILE, {**copy, "ceph_pools": ROOMY}, copy)
    assert told(done) == (True, ["changed", "ok"]), done
    assert told(again) == (False, ["ok"])
    assert strategy(client) == "copy"

    back = {"storage_class": storage_class, "state": "absent"}
    other, checked, given, nothing = play(
        PROFILE, {"storage_class": storage_class, "clone_strategy": "snapshot"}, {**back, "check": True}, back, back
    )
    assert (other["clone_strategy"], *told(other)) == ("snapshot", True, ["changed"])
    assert told(checked) == (True, ["would_change"])
    assert told(given) == (True, ["changed"]), given
    assert told(nothing) == (False, [])
    assert strategy(client) == "csi-clone"


def test_room_that_nobody_could_ask_for_is_told(play: Play, storage_class: str) -> None:
    asked = {"storage_class": storage_class, "clone_strategy": "copy", "planned_clones": 10, "check": True}
    unasked, elsewhere = play(PROFILE, asked, {**asked, "ceph_pools": [{**ROOMY[0], "name": "other"}]})
    assert unasked["rows"][1]["why"] == "not checked: no Ceph host was asked"
    assert elsewhere["rows"][1]["why"] == "not checked: the Ceph that was asked has no pool vms"


def test_a_strategy_of_somebody_else_is_taken_over_on_request_only(
    client: LabClient, play: Play, storage_class: str
) -> None:
    patch = {"spec": {"cloneStrategy": "snapshot"}}
    client.merge_patch(STORAGE_PROFILES, storage_class, patch, field_manager="kubectl-edit")
    asked = {"storage_class": storage_class, "clone_strategy": "csi-clone"}
    refused, taken, given = play(
        PROFILE, asked, {**asked, "force_conflicts": True}, {"storage_class": storage_class, "state": "absent"}
    )
    assert "set by kubectl-edit" in refused["msg"]
    assert (taken["clone_strategy"], *told(taken)) == ("csi-clone", True, ["changed"])
    assert given["clone_strategy"] == "snapshot"


def test_a_profile_that_is_not_there_is_named_with_those_that_are(play: Play) -> None:
    (failed,) = play(PROFILE, {"storage_class": "storage-none", "clone_strategy": "copy"})
    assert "no StorageProfile storage-none" in failed["msg"]
    assert "ocs-external-storagecluster-ceph-rbd" in failed["msg"]
