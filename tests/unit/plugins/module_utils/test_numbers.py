# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("value, number", [(4096, 4096), ("4096", 4096), (4096.0, 4096), (" 16 ", 16), ("1e3", 1000)])
def test_whole_numbers(value: t.Any, number: int) -> None:
    assert parse_int("osds", value) == number


@pytest.mark.parametrize(
    "value", [True, False, None, "", "ten", 4096.5, "4096.5", float("nan"), "NaN", "inf", [], {}, "9" * 65, "1e99999"]
)
def test_not_a_whole_number(value: t.Any) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_int("osds", value, maximum=9999)
    assert str(refusal.value) == f"osds is {value!r}, but must be a whole number at least 1 and at most 9999."


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=0.001, max_value=1e9))
def test_a_float_is_the_number_that_a_person_wrote(value: float) -> None:
    assert parse_decimal("rtt_ms", value) == Decimal(str(value)) == parse_decimal("rtt_ms", str(value))


@given(st.text())
def test_any_text_is_a_number_or_one_sentence(text: str) -> None:
    try:
        number = parse_decimal("rtt_ms", text, above=0, maximum=10)
    except InvalidValue as refusal:
        assert str(refusal).startswith("rtt_ms is ")
    else:
        assert 0 < number <= 10
