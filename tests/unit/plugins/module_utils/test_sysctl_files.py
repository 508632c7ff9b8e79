# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import (
    Setting,
    parse_settings,
    read_boot_settings,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.sysctl_tree import Tree
from hypothesis import given
from hypothesis import strategies as st

RMEM = "net/core/rmem_max"


@pytest.mark.parametrize(
    "line, settings",
    [
        ("net.core.rmem_max = 1", [(RMEM, "1")]),
        ("  net/core/rmem_max=1\t", [(RMEM, "1")]),
        ("-net.core.rmem_max = 1", [(RMEM, "1")]),
        ("-net.core.rmem_max", [(RMEM, None)]),
        ("net.core.rmem_max", []),
        ("# net.core.rmem_max = 1", []),
        ("; net.core.rmem_max = 1", []),
        ("", []),
        ("= 1", []),
        # Not a comment: the whole rest of the line is the value.
        ("net.core.rmem_max=1 #default value 0", [(RMEM, "1 #default value 0")]),
        ("net.ipv4.tcp_rmem = 4096\t131072\t6291456", [("net/ipv4/tcp_rmem", "4096 131072 6291456")]),
        ("net.ipv4.conf.*.rp_filter = 2", [("net/ipv4/conf/*/rp_filter", "2")]),
    ],
)
def test_one_line(line: str, settings: list[tuple[str, str | None]]) -> None:
    for ending in ("\n", "\r\n", ""):
        assert [(s.path, s.value) for s in parse_settings(line + ending, "f")] == settings


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = "# one\r\n\r\nnet.core.rmem_max = 1\r\nnet.core.wmem_max = 2\r\n"
    assert [s.line for s in parse_settings(text, "f")] == [3, 4]


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    for setting in parse_settings(text, "f"):
        assert setting.path
        assert setting.line <= text.count("\n") + 1


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.mark.parametrize(
    "files, winner",
    [
        ({}, None),
        ({"/etc/sysctl.d/10-a.conf": "1"}, "/etc/sysctl.d/10-a.conf"),
        # The name decides, wherever the file lies; letters come after digits.
        ({"/etc/sysctl.d/10-a.conf": "1", "/usr/lib/sysctl.d/50-b.conf": "2"}, "/usr/lib/sysctl.d/50-b.conf"),
        ({"/etc/sysctl.d/99-a.conf": "1", "/run/sysctl.d/ceph.conf": "2"}, "/run/sysctl.d/ceph.conf"),
        ({"/etc/sysctl.d/99.8-a.conf": "1", "/etc/sysctl.d/99-sysctl.conf": "2"}, "/etc/sysctl.d/99.8-a.conf"),
        # The same name: /etc, /run, /usr/local/lib, /usr/lib.
        ({"/etc/sysctl.d/a.conf": "1", "/run/sysctl.d/a.conf": "2"}, "/etc/sysctl.d/a.conf"),
        ({"/usr/local/lib/sysctl.d/a.conf": "1", "/usr/lib/sysctl.d/a.conf": "2"}, "/usr/local/lib/sysctl.d/a.conf"),
        # No reader takes other names.
        (
            {"/etc/sysctl.d/a.conf": "1", "/etc/sysctl.d/z.conf.bak": "2", "/etc/sysctl.d/README": "3"},
            "/etc/sysctl.d/a.conf",
        ),
    ],
)
def test_which_file_wins_at_boot(tree: Tree, files: dict[str, str], winner: str | None) -> None:
    for file, value in files.items():
        tree.write(file, f"net.core.rmem_max = {value}\n")
    found = read_boot_settings(str(tree.root)).winner(RMEM)
    assert (found.file if found else None) == winner


def test_a_link_to_nothing_masks_the_file_of_the_same_name(tree: Tree) -> None:
    tree.write("/usr/lib/sysctl.d/a.conf", "net.core.rmem_max = 1\n")
    tree.write("/etc/sysctl.d/b.conf", "")
    (tree.root / "etc/sysctl.d/a.conf").symlink_to("/dev/null")
    assert read_boot_settings(str(tree.root)).winner(RMEM) is None


@pytest.mark.parametrize(
    "text, value",
    [
        # A key that is named beats a pattern, even a later one.
        ("net.ipv4.conf.eth0.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 2\n", "1"),
        ("net.ipv4.conf.*.rp_filter = 2\n", "2"),
        ("net.ipv4.conf.*.rp_filter = 2\nnet.ipv4.conf.eth*.rp_filter = 0\n", "0"),
        ("net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.eth0.rp_filter\n", None),
        # A star does not reach over a slash.
        ("net.ipv4.*.rp_filter = 2\n", None),
    ],
)
def test_patterns(tree: Tree, text: str, value: str | None) -> None:
    tree.write("/etc/sysctl.d/a.conf", text)
    found = read_boot_settings(str(tree.root)).winner("net/ipv4/conf/eth0/rp_filter")
    assert (found.value if found else None) == value


def test_procps_reads_sysctl_conf_after_everything_else(tree: Tree) -> None:
    tree.write("/etc/sysctl.d/zz.conf", "net.core.rmem_max = 1\n")
    tree.write("/etc/sysctl.conf", "net.core.rmem_max = 2\n")
    boot = read_boot_settings(str(tree.root))
    assert boot.winner(RMEM) == Setting(RMEM, "1", "/etc/sysctl.d/zz.conf", 1)
    assert boot.last_word(RMEM) == Setting(RMEM, "2", "/etc/sysctl.conf", 1)


def test_a_linked_sysctl_conf_is_one_of_the_files(tree: Tree) -> None:
    tree.write("/etc/sysctl.conf", "net.core.rmem_max = 2\n")
    tree.write("/etc/sysctl.d/zz.conf", "net.core.rmem_max = 1\n")
    (tree.root / "etc/sysctl.d/99-sysctl.conf").symlink_to("../sysctl.conf")
    boot = read_boot_settings(str(tree.root))
    assert boot.last_word(RMEM) == Setting(RMEM, "1", "/etc/sysctl.d/zz.conf", 1)


def test_a_planned_file_is_judged_before_it_exists(tree: Tree) -> None:
    tree.write("/etc/sysctl.d/b.conf", "net.core.rmem_max = 1\n")
    replaced = {"/etc/sysctl.d/c.conf": "net.core.rmem_max = 3\n", "/etc/sysctl.d/b.conf": None}
    assert read_boot_settings(str(tree.root), replaced).winner(RMEM) == Setting(RMEM, "3", "/etc/sysctl.d/c.conf", 1)


@given(st.dictionaries(st.from_regex(r"[a-zA-Z0-9._-]{1,6}\.conf", fullmatch=True), st.integers(0, 9), min_size=1))
def test_the_last_name_wins_as_the_shell_sorts(tmp_path_factory: pytest.TempPathFactory, files: dict[str, int]) -> None:
    tree = Tree(tmp_path_factory.mktemp("host"))
    for name, value in files.items():
        tree.write(f"/etc/sysctl.d/{name}", f"net.core.rmem_max = {value}\n")
    winner = read_boot_settings(str(tree.root)).winner(RMEM)
    last = max(files, key=lambda name: name.encode())
    assert winner is not None
    assert (winner.file, winner.value) == (f"/etc/sysctl.d/{last}", str(files[last]))
