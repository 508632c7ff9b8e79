# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.plugins.inventory import detect_range, expand_hostname_range
from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import compress, natural_key, shorten
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["ceph01"], "ceph01"),
        (["ceph02", "ceph01"], "ceph01, ceph02"),
        ([f"ceph{number:02}" for number in range(1, 48)], "ceph[01:47]"),
        ([f"ceph{number:02}" for number in range(1, 48) if number != 23], "ceph[01:22], ceph[24:47]"),
        (["osd.8", "osd.9", "osd.10", "osd.11"], "osd.8, osd.9, osd.10, osd.11"),
        (["node worker001", "node worker002", "node worker003", "pool vms"], "node worker[001:003], pool vms"),
        (["a1b", "a2b", "a3b"], "a1b, a2b, a3b"),
        (["a", "a", "b"], "a, b"),
    ],
)
def test_names_are_told_as_ranges(names: list[str], expected: str) -> None:
    assert compress(names) == expected


@given(st.sets(st.integers(min_value=0, max_value=120), min_size=1), st.integers(min_value=1, max_value=3))
def test_ansible_reads_the_ranges_back(numbers: set[int], digits: int) -> None:
    names = {f"ceph{number:0{digits}}" for number in numbers}
    ranges = compress(names).split(", ")
    read = [name for text in ranges for name in (expand_hostname_range(text) if detect_range(text) else [text])]
    assert sorted(read) == sorted(names)


def test_many_ranges_are_told_by_the_first_and_the_last() -> None:
    assert shorten([f"node{number:03}" for number in range(1, 101, 3)]) == "node001, node004 ... node100"
    assert shorten([f"node{number:03}" for number in range(1, 101)]) == "node[001:100]"


def test_numbers_sort_as_numbers() -> None:
    assert sorted(["osd.10", "osd.9", "osd"], key=natural_key) == ["osd", "osd.9", "osd.10"]
