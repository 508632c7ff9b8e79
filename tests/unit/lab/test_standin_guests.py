# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests have addresses of their own, and answer there when they have booted."""

from __future__ import annotations

import ipaddress
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.guest_protocol import (
    Addresses,
    address_of,
    guest_of,
    left_s,
    with_address,
)
from ansible_collections.virtscale.tuning.lab.standins.times import Times

NETWORK = ipaddress.IPv4Network("127.64.0.0/12")


def instance(phase: str = "Running", **annotations: str) -> dict[str, t.Any]:
    return {
        "metadata": {"namespace": "vms", "name": "a", "uid": "u", "annotations": annotations},
        "spec": {"domain": {"devices": {"interfaces": [{"name": "nic"}, {"name": "second"}]}}},
        "status": {
            "phase": phase,
            "interfaces": [{"name": "nic", "ipAddress": "127.64.0.9"}],
            "phaseTransitionTimestamps": [
                {"phase": "Scheduled", "phaseTransitionTimestamp": "1970-01-01T00:01:30Z"},
                {"phase": "Running", "phaseTransitionTimestamp": "1970-01-01T00:01:40Z"},
            ],
        },
    }


def test_every_instance_has_an_address_of_its_own_and_keeps_it() -> None:
    addresses = Addresses(NETWORK)
    found = {f"uid-{number}": addresses.of(f"uid-{number}") for number in range(5000)}
    assert len(set(found.values())) == 5000
    assert all(ipaddress.IPv4Address(address) in NETWORK for address in found.values())
    assert {uid: addresses.of(uid) for uid in found} == found


def test_an_address_in_use_is_given_to_nobody_else() -> None:
    small = ipaddress.IPv4Network("127.64.0.0/30")
    addresses = Addresses(small)
    addresses.known("old", "127.64.0.1")
    assert addresses.of("new") == "127.64.0.2"
    assert addresses.of("old") == "127.64.0.1"
    addresses.gone("old")
    assert addresses.of("newer") == "127.64.0.1"


def test_the_first_interface_gets_the_address() -> None:
    vmi = instance()
    vmi["status"]["interfaces"] = [{"name": "nic", "podInterfaceName": "eth0"}]
    vmi["status"]["interfaces"] = with_address(vmi, "127.64.0.7")
    assert [one["name"] for one in vmi["status"]["interfaces"]] == ["nic", "second"]
    assert vmi["status"]["interfaces"][0]["podInterfaceName"] == "eth0"
    assert address_of(vmi) == "127.64.0.7"


def test_a_machine_without_interfaces_has_the_one_of_the_pod() -> None:
    vmi = {"spec": {"domain": {}}, "status": {}}
    (found,) = with_address(vmi, "127.64.0.7")
    assert (found["name"], found["ipAddress"]) == ("default", "127.64.0.7")


@pytest.mark.parametrize("phase", ["Scheduled", "Succeeded", "Failed"])
def test_only_a_running_instance_has_a_guest(phase: str) -> None:
    assert guest_of(instance(phase)) is None


def test_a_guest_as_its_instance_describes_it() -> None:
    guest = guest_of(instance())
    assert guest is not None
    assert (guest.who, guest.address, guest.runs_since) == ("vms/a", "127.64.0.9", 100)
    assert (guest.never_boots, guest.stand_in) == (False, None)
    marked = guest_of(instance(**{"lab.virtscale/never-boots": "true", "lab.virtscale/guest": "2"}))
    assert marked is not None
    assert (marked.never_boots, marked.stand_in) == (True, 2)


@pytest.mark.parametrize(("now", "left"), [(100.2, 20), (101.9, 20), (105, 15), (200, -80)])
def test_a_boot_that_was_seen_to_begin_takes_its_whole_time(now: float, left: float) -> None:
    guest = guest_of(instance())
    assert guest is not None
    assert left_s(guest, 20, now) == pytest.approx(left)


def test_each_machine_boots_in_a_time_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps({"factor": 2.0, "guest_boot_s": {"mean": 20, "spread": 5}}))
    times = Times(path)
    drawn = [times.guest_boot_s(f"vms/{number}") for number in range(2000)]
    assert drawn[:5] == [times.guest_boot_s(f"vms/{number}") for number in range(5)]
    assert sum(drawn) / len(drawn) == pytest.approx(10, abs=0.3)
    assert min(drawn) >= 0


def test_a_file_that_is_older_than_a_setting_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "times.json"
    path.write_text(json.dumps({"factor": 2.0, "clone": {"parallel": 3}}))
    limits = Times(path).clone_limits()
    assert (limits.parallel, limits.per_parent, limits.block_at, limits.clone_s) == (3, 1, 450, 0.5)
