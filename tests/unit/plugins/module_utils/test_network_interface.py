# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._network.interface import (
    interface_facts,
    judge_bond,
)

# (mii status, speed, MTU) of each slave; the kernel refuses to tell the speed of one that is down.
Slaves = t.Dict[str, t.Tuple[str, t.Optional[int], int]]
GOOD: Slaves = {"ens1f0": ("up", 25000, 9000), "ens1f1": ("up", 25000, 9000)}


def build(root: Path, slaves: Slaves, mode: str = "balance-alb 6") -> None:
    net = root / "sys/class/net"
    bond = net / "bond0"
    (bond / "bonding").mkdir(parents=True)
    (bond / "bonding/mode").write_text(mode + "\n")
    (bond / "bonding/slaves").write_text(" ".join(slaves) + "\n")
    (bond / "mtu").write_text("9000\n")
    (bond / "speed").write_text("50000\n")
    (bond / "operstate").write_text("up\n")
    for name, (status, speed, mtu) in slaves.items():
        slave = net / name
        (slave / "bonding_slave").mkdir(parents=True)
        (slave / "bonding_slave/mii_status").write_text(status + "\n")
        (slave / "speed").write_text(f"{speed}\n" if speed else "-1\n")
        (slave / "mtu").write_text(f"{mtu}\n")
    vlan = net / "br-storage"
    vlan.mkdir()
    (vlan / "mtu").write_text("1500\n")
    os.symlink("../bond0", vlan / "lower_bond0")


def findings(root: Path, name: str = "bond0") -> list[str]:
    facts = interface_facts(name, str(root))
    assert facts is not None
    return [finding.what for finding in judge_bond(facts, "balance-alb", 2, 25000)]


def test_the_bond_of_the_reference_architecture(tmp_path: Path) -> None:
    build(tmp_path, GOOD)
    facts = interface_facts("bond0", str(tmp_path))
    assert facts is not None
    assert (facts["mtu"], facts["speed_mbps"], facts["state"]) == (9000, 50000, "up")
    bond = facts["bond"]
    assert (bond["mode"], bond["slave_speed_mbps"], bond["summed_speed_mbps"]) == ("balance-alb", 25000, 50000)
    assert findings(tmp_path) == []


def test_the_bond_below_a_bridge_is_found(tmp_path: Path) -> None:
    build(tmp_path, GOOD)
    facts = interface_facts("br-storage", str(tmp_path))
    assert facts is not None
    assert facts["bond"]["name"] == "bond0"
    assert findings(tmp_path, "br-storage") == []


@pytest.mark.parametrize(
    "slaves, mode, what",
    [
        (GOOD, "active-backup 1", ["bond0 mode"]),
        ({"ens1f0": ("up", 25000, 9000)}, "balance-alb 6", ["bond0 slaves"]),
        ({**GOOD, "ens1f1": ("down", None, 9000)}, "balance-alb 6", ["bond0 slaves"]),
        ({**GOOD, "ens1f1": ("up", 10000, 9000)}, "balance-alb 6", ["bond0 slave speeds", "ens1f1 speed"]),
        ({**GOOD, "ens1f1": ("up", 25000, 1500)}, "balance-alb 6", ["bond0 MTU"]),
        ({}, "802.3ad 4", ["bond0 mode", "bond0 slaves"]),
    ],
)
def test_what_is_not_as_expected_is_found(tmp_path: Path, slaves: Slaves, mode: str, what: list[str]) -> None:
    build(tmp_path, slaves, mode)
    assert findings(tmp_path) == what


def test_a_plain_interface_is_no_bond(tmp_path: Path) -> None:
    (tmp_path / "sys/class/net/eth0").mkdir(parents=True)
    facts = interface_facts("eth0", str(tmp_path))
    assert facts == {"name": "eth0", "mtu": None, "state": None, "speed_mbps": None, "bond": None}
    assert [finding.found for finding in judge_bond(facts, "balance-alb", 2, 25000)] == ["no bond"]


@pytest.mark.parametrize("name", ["bond1", "../net/bond0", ""])
def test_an_interface_that_is_not_there(tmp_path: Path, name: str) -> None:
    build(tmp_path, GOOD)
    assert name == "" or interface_facts(name, str(tmp_path)) is None
