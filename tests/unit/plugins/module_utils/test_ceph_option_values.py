# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.option_values import OptionType, normalise
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from hypothesis import given
from hypothesis import strategies as st


def option(kind: str, minimum: str = "", maximum: str = "", enum_values: tuple[str, ...] = ()) -> OptionType:
    return OptionType("osd_memory_target", kind, "", minimum, maximum, enum_values, True)


# What "ceph config set" of a 16.2 cluster stored; it keeps floats with six decimals.
@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        ("size", "4G", "4294967296"),
        ("size", "5Gi", "5368709120"),
        ("size", "500M", "524288000"),
        ("size", 4294967296, "4294967296"),
        ("size", "4096B", "4096"),
        ("uint", "1K", "1000"),
        ("int", "-1", "-1"),
        ("float", "0.10", "0.1"),
        ("float", "0.100000", "0.1"),
        ("float", 60, "60"),
        ("float", "60.000000", "60"),
        ("bool", True, "true"),
        ("bool", "False", "false"),
        ("bool", "1", "true"),
        ("bool", 0, "false"),
        ("secs", "1m30s", "90"),
        ("secs", "2 m", "120"),
        ("secs", "1d", "86400"),
        ("secs", 45, "45"),
        ("millisecs", "250", "250"),
        ("millisecs", "1s", "1000"),
        ("str", " wpq ", "wpq"),
    ],
)
def test_equal_values_get_one_spelling(kind: str, value: t.Any, stored: str) -> None:
    assert normalise(option(kind), value) == stored


# What it refused.
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("size", "5 G"),
        ("size", "-1"),
        ("size", "4GiB"),
        ("uint", "-1"),
        ("uint", "0x3"),
        ("uint", "abc"),
        ("int", "10m"),
        ("float", "abc"),
        ("float", "nan"),
        ("bool", "yes"),
        ("secs", "1 fortnight"),
        ("secs", "m"),
        ("secs", ""),
    ],
)
def test_values_that_ceph_refuses(kind: str, value: str) -> None:
    with pytest.raises(InvalidValue, match=r"^osd_memory_target is '"):
        normalise(option(kind), value)


@pytest.mark.parametrize("value", ["939524095", "2G"])
def test_range(value: str) -> None:
    with pytest.raises(InvalidValue, match="at least 939524096 and at most 1G"):
        normalise(option("size", "939524096", "1G"), value)


def test_choices() -> None:
    queue = option("str", enum_values=("wpq", "mclock_scheduler"))
    assert normalise(queue, "wpq") == "wpq"
    with pytest.raises(InvalidValue, match="one of wpq, mclock_scheduler"):
        normalise(queue, "wrr")


@pytest.mark.parametrize(("value", "stored"), [("5", "5/5"), ("1/5", "1/5")])
def test_debug_levels(value: str, stored: str) -> None:
    assert normalise(option("str")._replace(name="debug_osd"), value) == stored


@given(st.sampled_from(["size", "uint", "int", "secs", "millisecs", "float"]), st.integers(0, 2**53))
def test_the_spelling_is_stable(kind: str, number: int) -> None:
    once = normalise(option(kind), number)
    assert once == str(number)
    assert normalise(option(kind), once) == once


@given(st.integers(0, 1023), st.sampled_from("KMGTPE"))
def test_suffixes_are_powers(number: int, suffix: str) -> None:
    power = "KMGTPE".index(suffix) + 1
    assert int(normalise(option("size"), f"{number}{suffix}")) == number * 1024**power
    assert int(normalise(option("uint"), f"{number}{suffix}")) == number * 1000**power
