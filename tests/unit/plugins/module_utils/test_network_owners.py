# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._network.owners import Owner, find_owners
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import read_boot_settings
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.sysctl_tree import Tree

KEYS = ["net/core/rmem_max", "net/core/netdev_budget"]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def owners(tree: Tree) -> list[Owner]:
    return find_owners(KEYS, read_boot_settings(str(tree.root)), str(tree.root))


def test_nobody(tree: Tree) -> None:
    tree.write("/usr/lib/sysctl.d/50-default.conf", "kernel.sysrq = 16\n")
    tree.apply({"99.5-buffers.conf": {"net.core.rmem_max": 5242880}})
    assert owners(tree) == []


@pytest.mark.parametrize(
    "file, who",
    [
        ("/etc/sysctl.d/90-osd-cephadm-tuned-profile.conf", "cephadm tuned profile /etc/sysctl.d/90-osd-cephadm-"),
        ("/usr/lib/sysctl.d/90-ceph-salt.conf", "/usr/lib/sysctl.d/90-ceph-salt.conf"),
        ("/etc/sysctl.conf", "/etc/sysctl.conf"),
    ],
)
def test_a_file_that_sets_our_keys(tree: Tree, file: str, who: str) -> None:
    tree.write(file, "net.core.rmem_max = 1\nkernel.pid_max = 2\n")
    (owner,) = owners(tree)
    assert owner.who.startswith(who)
    assert owner.keys == ["net.core.rmem_max"]


PROFILE = "[main]\ninclude=base-profile\n[sysctl]\nnet.core.netdev_budget = 600\nvm.swappiness=10\n"
BASE = "[sysctl]\nnet.core.rmem_max=>16777216\n[script]\nscript=${i:PROFILE_DIR}/script.sh\n"


@pytest.mark.parametrize(
    "main, advice",
    [("reapply_sysctl = 0\n", "TuneD wins"), ("daemon = 1\n", "our files win"), (None, "our files win")],
)
def test_the_active_tuned_profile_with_what_it_includes(tree: Tree, main: str | None, advice: str) -> None:
    tree.write("/etc/tuned/active_profile", "ceph-throughput\n")
    tree.write("/etc/tuned/profiles/ceph-throughput/tuned.conf", PROFILE)
    tree.write("/usr/lib/tuned/base-profile/tuned.conf", BASE)
    if main is not None:
        tree.write("/etc/tuned/tuned-main.conf", main)
    (owner,) = owners(tree)
    assert owner.who == "TuneD profile ceph-throughput"
    assert owner.keys == ["net.core.netdev_budget", "net.core.rmem_max"]
    assert advice in owner.advice


BROKEN: list[dict[str, t.Any]] = [
    {"/etc/tuned/active_profile": "missing\n"},
    {"/etc/tuned/active_profile": "../../etc\n"},
    {"/etc/tuned/active_profile": "a\n", "/etc/tuned/a/tuned.conf": "no section = 1\n"},
    {"/etc/tuned/active_profile": "a\n", "/etc/tuned/a/tuned.conf": "[main]\ninclude=a\n"},
]


@pytest.mark.parametrize("files", BROKEN)
def test_what_tuned_itself_could_not_use_is_passed_over(tree: Tree, files: dict[str, str]) -> None:
    for file, text in files.items():
        tree.write(file, text)
    assert owners(tree) == []
