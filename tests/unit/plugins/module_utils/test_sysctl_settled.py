# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._network.info import measure
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.settled import settled_rows
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.sysctl_tree import Tree

KEYS = {"net.core.rmem_max": 5242880, "net.ipv4.tcp_rmem": [4096, 131072, 5242880]}
FILES: dict[str, dict[str, t.Any]] = {"a.conf": KEYS, "b.conf": {"net.ipv4.conf.all.arp_filter": 1}}
NEVER_LOWER = ["net.ipv4.tcp_rmem"]


def rows(tree: Tree) -> t.Any:
    measured = measure(
        {
            "interface": None,
            "peers": [],
            "ping_count": 1,
            "ping_interval_s": 1,
            "path_mtu": False,
            "softnet_window_s": 0,
            "sysctls": [key for settings in FILES.values() for key in settings],
            "expected_bond": None,
            "bond_policy": "ignore",
            "where": "ceph01",
        },
        str(tree.root),
    )
    files = [{"name": name, "settings": settings} for name, settings in FILES.items()]
    return settled_rows(measured, files, NEVER_LOWER, "ceph01")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_a_settled_host_gets_the_rows_that_the_module_would_give(tree: Tree) -> None:
    tree.apply(FILES, never_lower=NEVER_LOWER)
    found = rows(tree)
    assert [row["status"] for row in found] == ["ok", "ok", "ok"]
    assert found == tree.apply(FILES, never_lower=NEVER_LOWER)["rows"]


def applied_with_one_key_more(tree: Tree) -> None:
    tree.apply({"a.conf": {**KEYS, "net.core.wmem_max": 7}, "b.conf": FILES["b.conf"]})


CHANGES: list[t.Callable[[Tree], t.Any]] = [
    lambda tree: tree.give_back("b.conf"),
    lambda tree: tree.write("/proc/sys/net/core/rmem_max", "1\n"),
    lambda tree: tree.write("/proc/sys/net/ipv4/tcp_rmem", "4096 131072 99999999\n"),
    lambda tree: tree.write("/etc/sysctl.d/a.conf", "net.core.rmem_max = 5242880\n"),
    lambda tree: tree.write(
        "/etc/sysctl.d/b.conf", tree.read("/etc/sysctl.d/b.conf").replace("filter = 1", "filter = 0")
    ),
    lambda tree: tree.write("/etc/sysctl.d/zz.conf", "net.core.rmem_max = 1\n"),
    lambda tree: tree.write("/etc/sysctl.conf", "net.core.rmem_max = 5242880\n"),
    applied_with_one_key_more,
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_difference_is_left_to_the_module(tree: Tree, change: t.Callable[[Tree], t.Any]) -> None:
    tree.apply(FILES)
    change(tree)
    assert rows(tree) is None


def test_a_fresh_host_is_not_settled(tree: Tree) -> None:
    assert rows(tree) is None
