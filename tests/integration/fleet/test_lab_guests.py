# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's virtual machines can be reached as real ones: by their address, and through KubeVirt's API."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import typing as t

import pytest
import yaml
from ansible_collections.virtscale.tuning.lab.standins.lab_client import VIRTUAL_MACHINES, VMIS, LabClient

from .lab_fleet import LAB, Space, image_url, ssh, times, until

pytestmark = pytest.mark.lab

BOOT_S = 6.0


@pytest.fixture(scope="module")
def space() -> t.Iterator[Space]:
    """A namespace with a golden image, while guests boot in seconds."""
    found = Space(LabClient.connect({"kubeconfig": str(LAB / "kubeconfig")}), "lab-guests-test")
    boot = {"mean": BOOT_S, "spread": 0}
    with times(factor=1.0, import_s=1, clone_s=0.2, boot_s=1, stop_s=1, guest_boot_s=boot):
        found.make()
        try:
            found.disk("golden", {"source": {"http": {"url": image_url("rhel8.qcow2")}}})
            yield found
        finally:
            found.remove()


def answers(address: str) -> bool:
    """Whether port 22 takes a connection."""
    try:
        socket.create_connection((address, 22), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_machine_answers_when_it_has_booted(space: Space) -> None:
    space.machine("one", space.clone_of("golden"))
    address = space.address("one")
    began = time.monotonic()
    assert not answers(address)
    until(lambda: answers(address), 60, "the guest answers")
    assert time.monotonic() - began >= BOOT_S - 2.5  # it ran before it was seen to
    assert ssh(address, "true").returncode == 0
    assert ssh(address, "hostname").stdout.strip() == "one"


def test_a_login_runs_no_programs_of_this_machine(space: Space) -> None:
    done = ssh(space.address("one"), "fio --version; id")
    assert done.returncode == 127
    assert "no kernel of its own" in done.stderr
    assert done.stdout == ""


def test_a_restarted_machine_boots_again(space: Space) -> None:
    address = space.address("one")
    before = ssh(address, "cat /proc/sys/kernel/random/boot_id").stdout
    uid = space.instance("one")["metadata"]["uid"]
    space.client.delete(VMIS, "one", space.name)
    until(lambda: (space.instance("one") or {}).get("metadata", {}).get("uid", uid) != uid, 120, "it runs anew")
    again = space.address("one")
    assert not answers(again)
    until(lambda: answers(again), 60, "the guest answers again")
    after = ssh(again, "cat /proc/sys/kernel/random/boot_id").stdout
    assert len(after) == len(before) == 37
    assert after != before


def test_a_machine_that_never_boots_never_answers(space: Space) -> None:
    space.machine("dead", space.clone_of("golden"), **{"lab.virtscale/never-boots": "true"})
    address = space.address("dead")
    time.sleep(BOOT_S + 4)
    assert not answers(address)


def port_forward(space: Space, name: str) -> bytes:
    """The first bytes that a guest sends through KubeVirt's API."""
    aiohttp = pytest.importorskip("aiohttp")
    config = yaml.safe_load((LAB / "kubeconfig").read_text())
    server = config["clusters"][0]["cluster"]["server"].replace("https", "wss", 1)
    context = ssl.create_default_context(cafile=str(LAB / "pki/ca.crt"))
    context.load_cert_chain(LAB / "pki/admin.crt", LAB / "pki/admin.key")
    instance = f"/apis/subresources.kubevirt.io/v1/namespaces/{space.name}/virtualmachineinstances/{name}"
    url = f"{server}{instance}/portforward/22/tcp"

    async def first() -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, ssl=context, protocols=["plain.kubevirt.io"]) as stream,
        ):
            assert stream.protocol == "plain.kubevirt.io"
            return t.cast(bytes, (await stream.receive(timeout=20)).data)

    return asyncio.run(first())


def test_the_api_forwards_to_a_guest(space: Space) -> None:
    until(lambda: answers(space.address("one")), 60, "the guest answers")
    assert port_forward(space, "one").startswith(b"SSH-2.0-OpenSSH")


def test_the_api_says_that_a_guest_does_not_answer(space: Space) -> None:
    aiohttp = pytest.importorskip("aiohttp")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        port_forward(space, "dead")
    assert refused.value.status == 500


def test_a_stopped_machine_answers_no_more(space: Space) -> None:
    address = space.address("one")
    halted = {"spec": {"runStrategy": "Halted"}}
    space.client.merge_patch(VIRTUAL_MACHINES, "one", halted, field_manager="test", namespace=space.name)
    until(lambda: not answers(address), 60, "the address falls silent")
