# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Axes: round values to write beside them, in a unit that fits."""

from __future__ import annotations

import dataclasses
import math
import typing as t

_TIME_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 480, 1440, 10080)


@dataclasses.dataclass(frozen=True)
class Axis:
    """What is measured along one side, from where to where, and the values that are written there."""

    title: str
    start: float
    end: float
    ticks: t.Sequence[t.Tuple[float, str]]
    # Each step doubles, as numbers of nodes do.
    doubling: bool = False

    def ticks_for(self, length_px: float, each_px: float) -> list[tuple[float, str]]:
        """Return as many ticks as there is room for."""
        step = max(1, math.ceil(len(self.ticks) * each_px / length_px))
        return list(self.ticks[::step])


def numbers(title: str, values: t.Iterable[float], unit: str = "") -> Axis:
    """Return an axis that holds 0 and the values, with a unit such as ``%`` at each tick."""
    held = [0.0, *values]
    low, high = min(held), max(held)
    # What is all the same gets an axis to 1, and what is but rounding is all the same.
    step = _step(high - low if high - low > 1e-9 else 1.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(step * count, 12) for count in range(first, max(last, first + 1) + 1)]
    return Axis(title, ticks[0], ticks[-1], [(tick, f"{tick:,g}{unit}") for tick in ticks])


def seconds(title: t.Callable[[str], str], values: t.Iterable[float], whole: bool = False) -> Axis:
    """Return an axis from 0 over durations, in seconds or minutes.

    :param title: makes the title of the unit.
    :param whole: end at a tick, else at the longest duration.
    """
    end_s = max([1.0, *values])
    unit_s, unit = (60.0, "min") if end_s >= 180 else (1.0, "s")
    step = next((step for step in _TIME_STEPS if end_s / unit_s / step <= 8), _TIME_STEPS[-1])
    last = (math.ceil if whole else math.floor)(end_s / unit_s / step - 1e-9)
    ticks = [(step * count * unit_s, f"{step * count:,}") for count in range(last + 1)]
    return Axis(title(unit), 0.0, max(end_s, ticks[-1][0]), ticks)


def doublings(title: str, values: t.Iterable[float]) -> Axis:
    """Return an axis whose ticks are the values themselves, such as 1, 2, 4 ... 64 nodes."""
    found = sorted(set(values))
    wide = (2**-0.25, 2**0.25)
    return Axis(title, found[0] * wide[0], found[-1] * wide[1], [(value, f"{value:,g}") for value in found], True)


def _step(span: float) -> float:
    rough = span / 5
    magnitude = 10.0 ** math.floor(math.log10(rough))
    return next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough * 0.999)
