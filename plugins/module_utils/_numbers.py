# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Numbers from playbooks, exact and without surprises.

Ansible's ``type: int`` turns ``true`` into 1 and ``type: float`` accepts NaN, so the parameters that
feed a formula are ``type: raw`` and come through here. Strings are allowed, because Jinja makes them.
"""

from __future__ import annotations

import typing as t
from decimal import Decimal, InvalidOperation

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

# Longer digit strings cost quadratic time to convert and mean nothing here.
_LONGEST_NUMBER = 64


def parse_decimal(
    parameter: str,
    value: t.Any,
    *,
    above: int | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
) -> Decimal:
    """Return ``value`` as the decimal number that a person wrote.

    A float counts as its shortest decimal form, so that 0.208 is 0.208 and not its binary neighbour.

    :param above: the number must be greater than this.
    :param minimum: the number must be at least this.
    :param maximum: the number must be at most this.
    :raises InvalidValue: for a bool, NaN, infinity, no number at all, or one out of range.
    """
    allowed = _describe("a number", above, minimum, maximum)
    number = _to_decimal(value)
    if number is None:
        raise InvalidValue(parameter, value, allowed)
    _check_range(parameter, value, number, allowed, above, minimum, maximum)
    return number


def parse_int(
    parameter: str,
    value: t.Any,
    *,
    minimum: int | None = 1,
    maximum: int | None = None,
) -> int:
    """Return ``value`` as an int; 4096, "4096" and 4096.0 are the same number, 4096.5 is refused.

    :raises InvalidValue: for anything that is not a whole number in the range.
    """
    allowed = _describe("a whole number", None, minimum, maximum)
    number = _to_decimal(value)
    if number is None or number.adjusted() > _LONGEST_NUMBER or number != number.to_integral_value():
        raise InvalidValue(parameter, value, allowed)
    _check_range(parameter, value, number, allowed, None, minimum, maximum)
    return int(number)


def _to_decimal(value: t.Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    if isinstance(value, int):
        return Decimal(value)
    text = str(value).strip()
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _check_range(
    parameter: str,
    value: t.Any,
    number: Decimal,
    allowed: str,
    above: int | None,
    minimum: int | None,
    maximum: int | None,
) -> None:
    too_low = (above is not None and number <= above) or (minimum is not None and number < minimum)
    if too_low or (maximum is not None and number > maximum):
        raise InvalidValue(parameter, value, allowed)


def _describe(kind: str, above: int | None, minimum: int | None, maximum: int | None) -> str:
    bounds = []
    if above is not None:
        bounds.append(f"above {above}")
    if minimum is not None:
        bounds.append(f"at least {minimum}")
    if maximum is not None:
        bounds.append(f"at most {maximum}")
    return " ".join([kind, " and ".join(bounds)]).strip()
