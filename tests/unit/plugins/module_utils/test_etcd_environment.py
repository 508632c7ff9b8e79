# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""etcd's file of variables: what systemd and the shell read in it, and what a change leaves alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import environment
from hypothesis import given
from hypothesis import strategies as st

TEXT = """# etcd of the lab
ETCD_NAME=etcd01
#ETCD_WAL_DIR=""

ETCD_DATA_DIR="/var/lib/etcd/"
ETCD_NAME=etcd02
export ETCD_ENABLE_V2='true'
"""
NAMES = st.from_regex(r"ETCD_[A-Z_]{1,12}", fullmatch=True)
VALUES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\"'\\$`\x7f\x85"), max_size=30
)


def test_the_last_of_several_counts() -> None:
    assert environment.parse(TEXT) == {
        "ETCD_NAME": "etcd02",
        "ETCD_DATA_DIR": "/var/lib/etcd/",
        "ETCD_ENABLE_V2": "true",
    }


def test_a_change_keeps_all_other_lines() -> None:
    new = environment.changed(TEXT, {"ETCD_NAME": "etcd03", "ETCD_ENABLE_V2": None, "ETCD_FORCE_NEW_CLUSTER": "true"})
    assert new.splitlines() == [
        "# etcd of the lab",
        '#ETCD_WAL_DIR=""',
        "",
        'ETCD_DATA_DIR="/var/lib/etcd/"',
        "ETCD_NAME=etcd03",
        "ETCD_FORCE_NEW_CLUSTER=true",
    ]


def test_what_is_right_already_keeps_its_line() -> None:
    text = 'ETCD_DATA_DIR="/var/lib/etcd/"\n'
    assert environment.changed(text, {"ETCD_DATA_DIR": "/var/lib/etcd/"}) == text


def test_a_quote_that_does_not_close_is_named_by_its_line() -> None:
    with pytest.raises(TuningError, match="Line 2"):
        environment.parse('ETCD_NAME=a\nETCD_DATA_DIR="/var\n')


@pytest.mark.parametrize("value", ["a\nb", 'a"b', "a$b", "a`b", "a\\b"])
def test_values_that_systemd_and_the_shell_read_differently_are_refused(value: str) -> None:
    with pytest.raises(InvalidValue):
        environment.changed("", {"ETCD_NAME": value})


@given(st.dictionaries(NAMES, VALUES, max_size=4), st.text(max_size=200))
def test_what_was_set_is_read_again(values: dict[str, str], comment: str) -> None:
    text = "".join(f"# {line}\n" for line in comment.splitlines())
    new = environment.changed(text, values)
    assert environment.parse(new) == values
    assert environment.changed(new, values) == new
    assert environment.changed(new, dict.fromkeys(values)) == text


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_the_shell_reads_the_same(values: dict[str, str]) -> None:
    text = environment.changed("", values)
    script = text + "".join(f'printf "%s\\0" "${name}"\n' for name in values)
    done = subprocess.run(["/bin/sh"], input=script.encode(), stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode().split("\0")[:-1] == list(values.values())


def test_a_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "etcd.conf"
    file.write_text("ETCD_NAME=a\n")
    file.chmod(0o640)
    environment.write(str(file), "ETCD_NAME=b\n")
    assert file.read_text() == "ETCD_NAME=b\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["etcd.conf"]


def test_the_first_file_that_is_there_is_the_one(tmp_path: Path) -> None:
    assert environment.find(str(tmp_path)) is None
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/etcd").write_text("")
    assert environment.find(str(tmp_path)) == "/etc/default/etcd"
    (tmp_path / "etc/etcd").mkdir()
    (tmp_path / "etc/etcd/etcd.conf").write_text("")
    assert environment.find(str(tmp_path)) == "/etc/etcd/etcd.conf"
