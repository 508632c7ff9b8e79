# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Values of Ceph options in one spelling, so that 4G and 4294967296 are the same value.

The grammar is that of ceph's src/common/strtol.cc, options.cc and parse_timespan, tried on a 16.2 cluster: the
monitors store sizes as bytes, floats with six decimals, bools as true and false, durations in (milli)seconds.
"""

from __future__ import annotations

import re
import typing as t
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal

_PREFIXES = "KMGTPE"
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), Decimal(1)),
    **dict.fromkeys(("m", "min", "minute", "minutes"), Decimal(60)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), Decimal(3600)),
    **dict.fromkeys(("d", "day", "days"), Decimal(86400)),
    **dict.fromkeys(("w", "wk", "week", "weeks"), Decimal(604800)),
    **dict.fromkeys(("mo", "month", "months"), Decimal(2629746)),
    **dict.fromkeys(("y", "yr", "year", "years"), Decimal(31556952)),
    **dict.fromkeys(("ms", "msec"), Decimal("0.001")),
}


class OptionType(t.NamedTuple):
    """What ``ceph config help`` says about an option."""

    name: str
    kind: str
    default: str
    minimum: str
    maximum: str
    enum_values: t.Tuple[str, ...]
    runtime: bool

    @classmethod
    def from_help(cls, option_help: t.Mapping[str, t.Any]) -> OptionType:
        """Read the JSON of ``ceph config help``."""
        return cls(
            name=option_help["name"],
            kind=option_help["type"],
            default=to_text(option_help["default"]),
            minimum=to_text(option_help["min"]),
            maximum=to_text(option_help["max"]),
            enum_values=tuple(option_help.get("enum_values", ())),
            runtime=bool(option_help["can_update_at_runtime"]),
        )


def to_text(value: t.Any) -> str:
    """Return a value of a playbook or of JSON as Ceph's command line takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def normalise(option: OptionType, value: t.Any) -> str:
    """Return the one spelling that equal values share.

    :raises InvalidValue: for a value that the option's type, range or list of choices does not allow.
    """
    text = to_text(value).strip()
    parse = _PARSERS.get(option.kind)
    if parse is None:
        return _check_choice(option, _debug_levels(option.name, text))
    number = parse(option, text)
    for bound, wrong in ((option.minimum, number.__lt__), (option.maximum, number.__gt__)):
        if bound and wrong(parse(option, bound)):
            raise InvalidValue(option.name, value, _range(option))
    if option.kind == "bool":
        return "true" if number else "false"
    if option.kind == "float":
        # The monitors keep six decimals.
        return f"{number:.6f}".rstrip("0").rstrip(".")
    return str(int(number))


def _check_choice(option: OptionType, text: str) -> str:
    if option.enum_values and text not in option.enum_values:
        raise InvalidValue(option.name, text, f"one of {', '.join(option.enum_values)}")
    return text


def _debug_levels(name: str, text: str) -> str:
    # A single debug level stands for both, the log's and the memory's.
    return f"{text}/{text}" if name.startswith("debug_") and text.isdigit() else text


def _range(option: OptionType) -> str:
    bounds = [("at least", option.minimum), ("at most", option.maximum)]
    return " and ".join(f"{words} {bound}" for words, bound in bounds if bound)


def _whole(option: OptionType, text: str) -> Decimal:
    return _scaled(option, text, 1000, "([KMGTPE]?)", "a whole number, with K, M, G, T, P or E for powers of 1000")


def _size(option: OptionType, text: str) -> Decimal:
    allowed = "a number of bytes, with K, M, G, T, P or E for powers of 1024"
    return _scaled(option, text, 1024, "(?:B|([KMGTPE])i?)?", allowed)


def _scaled(option: OptionType, text: str, step: int, suffix: str, allowed: str) -> Decimal:
    match = re.fullmatch(rf"([+-]?\d{{1,20}}){suffix}", text)
    if match is None or (option.kind in ("uint", "size") and text.startswith("-")):
        raise InvalidValue(option.name, text, allowed)
    power = _PREFIXES.index(match[2]) + 1 if match[2] else 0
    return Decimal(int(match[1]) * step**power)


def _decimal(option: OptionType, text: str) -> Decimal:
    return parse_decimal(option.name, text)


def _bool(option: OptionType, text: str) -> Decimal:
    if text.lower() in ("true", "false"):
        return Decimal(text.lower() == "true")
    if not re.fullmatch(r"[+-]?\d{1,20}", text):
        raise InvalidValue(option.name, text, "true or false")
    return Decimal(int(text) != 0)


def _duration(option: OptionType, text: str) -> Decimal:
    seconds = Decimal(0)
    # Ceph reads a bare number of an option in milliseconds as milliseconds.
    unit_s = Decimal("0.001") if option.kind == "millisecs" else Decimal(1)
    if re.fullmatch(r"\d{1,20}", text):
        seconds = int(text) * unit_s
    else:
        parts = re.findall(r"(\d{1,20})\s*([a-z]+)\s*", text.lower())
        spelled = "".join(f"{number}{unit}" for number, unit in parts)
        if (
            not parts
            or spelled != re.sub(r"\s", "", text.lower())
            or not all(unit in _SECONDS for _number, unit in parts)
        ):
            raise InvalidValue(option.name, text, "a duration such as 60, 90s, 10m, 1h or 2d")
        seconds = sum((int(number) * _SECONDS[unit] for number, unit in parts), seconds)
    return Decimal(int(seconds / unit_s))


_PARSERS: t.Dict[str, t.Callable[[OptionType, str], Decimal]] = {
    "int": _whole,
    "uint": _whole,
    "size": _size,
    "float": _decimal,
    "bool": _bool,
    "secs": _duration,
    "millisecs": _duration,
}
