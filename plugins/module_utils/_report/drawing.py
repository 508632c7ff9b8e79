# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the pictures of the report are drawn with: a canvas, text, and round values for axes."""

from __future__ import annotations

import math
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, join, tag


def svg(width: int, height: float, marks: t.Iterable[Markup], label: str) -> Markup:
    """Return a picture of its own size, with what it shows in words for who cannot see it."""
    return tag("svg", join(marks), viewBox=f"0 0 {width} {math.ceil(height)}", role="img", aria_label=label)


def write(x: float, y: float, text: str, anchor: str, kind: str = "axis") -> Markup:
    """Return a text that starts, ends or has its middle at a point."""
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=kind)


def round_ticks(highest: float) -> list[float]:
    """Return round values from 0 to at least ``highest``, four or five of them."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 4
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough * 0.999)
    return [round(step * count, 12) for count in range(math.ceil(highest / step - 1e-9) + 1)]


def time_ticks(end_s: float, most: int) -> tuple[list[float], float, str]:
    """Return at most ``most`` round marks from 0 to ``end_s``, the seconds of their unit, and its name."""
    unit_s, unit = (60.0, "min") if end_s >= 180 else (1.0, "s")
    steps = (1, 2, 5, 10, 15, 20, 30, 60, 120, 240, 480, 1440, 10080)
    step = next((step for step in steps if end_s / unit_s / step <= most), steps[-1])
    return [float(step * count) for count in range(math.floor(end_s / unit_s / step) + 1)], unit_s, unit


def in_words(seconds: float) -> str:
    """Return a duration to the second, or to the minute from an hour on."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
