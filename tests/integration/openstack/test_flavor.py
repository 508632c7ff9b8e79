# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flavor's property, set through openstacksdk on nova's own API."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import typing as t
import urllib.error
import urllib.request
import venv
from pathlib import Path

import pytest

from .conftest import CACHE, CHECKOUT, nova_tree

pytestmark = [pytest.mark.lab, pytest.mark.long]

PORT = 26223
URL = f"http://127.0.0.1:{PORT}/v2.1"
PLAY = """
- hosts: api
  gather_facts: false
  vars:
    openstack_pci_cloud: lab
    openstack_pci_flavor: {name: etcd, ram: 8192, vcpus: 4, disk: 40}
    __openstack_pci_plan: {alias: {name: nvme}, flavor: {"pci_passthrough:alias": "nvme:1"}}
  tasks:
    - ansible.builtin.import_role:
        name: virtscale.tuning.openstack_pci
        tasks_from: flavor
"""


def ask(path: str, body: t.Any = None) -> t.Any:
    """Ask nova's API."""
    headers = {"X-Auth-Token": "admin:admin", "Content-Type": "application/json"}
    headers["X-OpenStack-Nova-API-Version"] = "2.61"
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{URL}{path}", data, headers), timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def api() -> t.Iterator[None]:
    """Nova's API, with a new database."""
    state = nova_tree() / "tmp/api"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    (state / "nova_api.py").write_text((Path(__file__).parent / "nova_api.py").read_text())
    command = ["chroot", str(nova_tree()), "python3", "/tmp/api/nova_api.py", str(PORT), "/tmp/api"]
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 300
        while not _answers():
            assert process.poll() is None and time.monotonic() < deadline, (state / "log").read_text()[-4000:]
            time.sleep(1)
        yield
    finally:
        process.kill()
        process.wait()


def _answers() -> bool:
    try:
        return ask("/flavors") is not None
    except (urllib.error.URLError, ConnectionError):
        return False


def flavors() -> list[dict[str, t.Any]]:
    """Return the flavors, without their addresses."""
    return [{k: v for k, v in one.items() if k != "links"} for one in ask("/flavors/detail")["flavors"]]


@pytest.fixture(scope="module")
def sdk() -> Path:
    """A Python with the newest openstacksdk that openstack.cloud works with; nova's own packages bring an older one."""
    directory = CACHE / "venv-openstacksdk"
    if not (directory / ".complete").exists():
        venv.create(directory, clear=True, with_pip=True)
        subprocess.run([directory / "bin/pip", "install", "--quiet", "openstacksdk>=1,<4.5"], check=True)
        (directory / ".complete").touch()
    return directory / "bin/python"


def run(tmp_path: Path, sdk: Path, *arguments: str) -> str:
    """Run the role's part, and return Ansible's recap."""
    play = tmp_path / "flavor.yml"
    play.write_text(PLAY)
    inventory = tmp_path / "hosts.yml"
    reached = {"ansible_connection": "local", "ansible_python_interpreter": str(sdk)}
    cloud = {"auth_type": "admin_token", "auth": {"endpoint": URL, "token": "admin:admin"}}
    (tmp_path / "clouds.yaml").write_text(json.dumps({"clouds": {"lab": cloud}}))
    environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}
    inventory.write_text(json.dumps({"all": {"hosts": {"api": reached}}}))
    artifacts = f"virtscale_artifacts_dir={tmp_path}/artifacts"
    command = ["ansible-playbook", "-i", str(inventory), str(play), "-e", artifacts, *arguments]
    done = subprocess.run(
        command, cwd=CHECKOUT, capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout.rpartition("PLAY RECAP")[2]


def test_a_flavor_comes_and_goes_with_the_property_and_keeps_its_own(api: None, sdk: Path, tmp_path: Path) -> None:
    assert "changed=1" in run(tmp_path, sdk, "--check")
    assert flavors() == []
    assert "changed=1" in run(tmp_path, sdk)
    (made,) = flavors()
    assert (made["ram"], made["vcpus"], made["disk"]) == (8192, 4, 40)
    assert made["extra_specs"] == {"pci_passthrough:alias": "nvme:1"}
    ask(f"/flavors/{made['id']}/os-extra_specs", {"extra_specs": {"hw:cpu_policy": "dedicated"}})
    assert "changed=0" in run(tmp_path, sdk, "-e", '{"openstack_pci_flavor": {"name": "etcd"}}')
    assert "changed=1" in run(tmp_path, sdk, "-e", "openstack_pci_state=absent")
    assert flavors() == [{**made, "extra_specs": {"hw:cpu_policy": "dedicated"}}]
    assert "changed=1" in run(tmp_path, sdk)
    assert flavors()[0]["extra_specs"] == {"hw:cpu_policy": "dedicated", "pci_passthrough:alias": "nvme:1"}
