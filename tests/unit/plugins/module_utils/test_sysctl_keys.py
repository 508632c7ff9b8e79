# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import (
    checked_path,
    keep_larger,
    key_name,
    key_path,
    matches_any,
    shape_error,
    value_text,
    write_order,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.lists(st.from_regex(r"[a-z0-9_-]{1,8}(\.[0-9]{1,4})?", fullmatch=True), min_size=2, max_size=6)


@pytest.mark.parametrize(
    "key, path",
    [
        ("net.core.rmem_max", "net/core/rmem_max"),
        ("net/core/rmem_max", "net/core/rmem_max"),
        ("net.ipv4.conf.enp3s0/200.arp_filter", "net/ipv4/conf/enp3s0.200/arp_filter"),
        ("net/ipv4/conf/enp3s0.200/arp_filter", "net/ipv4/conf/enp3s0.200/arp_filter"),
        ("net.ipv4.conf.*.rp_filter", "net/ipv4/conf/*/rp_filter"),
    ],
)
def test_both_spellings_are_the_same_key(key: str, path: str) -> None:
    assert key_path(key) == path


@given(NAMES)
def test_a_name_leads_back_to_its_path(parts: list[str]) -> None:
    # A path whose first part has a dot has no spelling with dots; the kernel has none such.
    path = "/".join(["net", *parts])
    assert key_path(key_name(path)) == path


@pytest.mark.parametrize(
    "key", ["", "rmem_max", "net..core=1", "../../etc/passwd", "net/../x", "net.core.a b", 7, None]
)
def test_no_key(key: t.Any) -> None:
    with pytest.raises(InvalidValue, match=r"a sysctl key is .*, but must be a name such as net\.core\.rmem_max"):
        checked_path(key)


@pytest.mark.parametrize(
    "value, text", [(5, "5"), ("5", "5"), ([1, 2, "3"], "1 2 3"), ("4096\t131072  6291456", "4096 131072 6291456")]
)
def test_values_become_text(value: t.Any, text: str) -> None:
    assert value_text("k", value) == text


@pytest.mark.parametrize("value", [True, None, "", [], {}, 1.5, "1\n2", [True]])
def test_no_value(value: t.Any) -> None:
    with pytest.raises(InvalidValue, match=r"^k is "):
        value_text("k", value)


@pytest.mark.parametrize(
    "running, wanted, larger",
    [
        ("212992", "5242880", "5242880"),
        ("8388608", "5242880", "8388608"),
        ("4096 131072 33554432", "4096 131072 5242880", "4096 131072 33554432"),
        ("4096 87380 6291456", "8192 65536 6291456", "8192 87380 6291456"),
        ("cubic", "bbr", "bbr"),
        ("1 2", "3", "3"),
    ],
)
def test_the_larger_of_each_number_is_kept(running: str, wanted: str, larger: str) -> None:
    assert keep_larger(running, wanted) == larger


@pytest.mark.parametrize(
    "running, wanted, refused",
    [
        ("212992", "5242880", False),
        ("212992", "5M", True),
        ("212992", "2147483648", True),
        ("9223372036854775807", "9223372036854775806", False),
        ("4096 131072 6291456", "4096 131072", True),
        ("4096 131072 6291456", "1 2 3", False),
        ("cubic", "bbr", False),
        ("", "anything", False),
    ],
)
def test_what_the_kernel_cannot_hold_is_known_before(running: str, wanted: str, refused: bool) -> None:
    assert bool(shape_error(running, wanted)) is refused


def test_patterns_match_in_either_spelling() -> None:
    assert matches_any("net/core/netdev_budget", ["net.core.netdev_*"])
    assert matches_any("net/ipv4/conf/eth0.5/arp_announce", ["net/ipv4/conf/*/arp_announce"])
    assert not matches_any("net/core/rmem_max", ["net.core.netdev_*"])


THRESH = "net/ipv4/neigh/default/gc_thresh"


@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), st.lists(st.integers(0, 10**6), min_size=3, max_size=3))
def test_the_neighbour_limits_stay_ordered_all_the_way(before: list[int], after: list[int]) -> None:
    values = dict(zip("123", sorted(before)))
    targets = dict(zip("123", sorted(after)))
    changes = {THRESH + n: (str(values[n]), str(targets[n])) for n in "123" if values[n] != targets[n]}
    for path in write_order(changes):
        values[path[-1]] = targets[path[-1]]
        assert values["1"] <= values["2"] <= values["3"]
    assert values == targets
