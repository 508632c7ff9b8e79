# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures: what they hold, that they stay in their frames, and that they are the same each time."""

from __future__ import annotations

import re
import sys
import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._report import axes
from ansible_collections.virtscale.tuning.plugins.module_utils._report.charts import (
    PAPER,
    Bar,
    Column,
    Drawing,
    Line,
    Look,
    Rule,
    Span,
    bars,
    columns,
    histogram,
    lanes,
    lines,
    steps,
)
from hypothesis import given
from hypothesis import strategies as st

SVG = "{http://www.w3.org/2000/svg}"
X = axes.numbers("VMs", [1000])
Y = axes.seconds(lambda unit: f"duration, {unit}", [1065], whole=True)


def many_columns(number: int) -> Drawing:
    look = Look("bar")
    places = [Column(0.2 + place / 1000, 0.1, 9.0, look, f"ceph{place}") for place in range(number)]
    return columns(places, axes.numbers("ms", [9.0]), ("first", "last"), "the worst  0.3 ms")


def many_lanes(number: int) -> Drawing:
    spans = [Span(f"w{place}", place * 3.0, place * 3.0 + 40, "bar", f"w{place}") for place in range(number)]
    return lanes({"zone-0": spans}, axes.seconds(str, [number * 3.0 + 40]), "lanes")


DRAWINGS: dict[str, Drawing] = {
    "lines": lines([Line("p50", Look("q1"), [(100, 102), (1000, 1065)], end="1,000")], X, Y, [Rule(900, PAPER, "")]),
    "one point": lines([Line("p50", Look("s1"), [(4, 0.6)])], axes.doublings("nodes", [4]), axes.numbers("ms", [0.6])),
    "falling": lines(
        [Line("read", Look("s1"), [(1, -2), (64, -28)])],
        axes.doublings("nodes", [1, 64]),
        axes.numbers("change", [-28, 88], " %"),
        [Rule(0, Look("soft"))],
    ),
    "bars": bars(
        [("planned", [Bar(87.1, "87.1", Look("bar"))]), ("out", [Bar(310, "310", Look("overridden"))])],
        axes.numbers("PGs", [255, 310]),
        [Rule(250, Look("failed"), "limit 250")],
    ),
    "both ways": bars(
        [("read", [Bar(-30, "−30 %", Look("s1"))]), ("write", [Bar(88, "+88 %", Look("s2"))])],
        axes.numbers("change", [-30, 88], " %"),
    ),
    "one column": many_columns(1),
    "columns": many_columns(400),
    "lanes": many_lanes(300),
    "histogram": histogram(
        [(10.0, "a"), (0.0, "b"), (90.0, "c")],
        2,
        axes.seconds(str, [6]),
        axes.numbers("", [90]),
        [Rule(1.5, PAPER), Rule(99, PAPER)],
        "4 more",
    ),
    "steps": steps(
        [0, 5, 21],
        10,
        axes.seconds(str, [30]),
        axes.numbers("", [21]),
        Look("bar"),
        Rule(20, Look("failed"), "limit 20"),
    ),
}


def text_of(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", [1000, 484, 340])
@pytest.mark.parametrize("name", DRAWINGS)
def test_pictures_stay_inside_their_frame(name: str, width: int) -> None:
    root = ElementTree.fromstring(DRAWINGS[name](width))
    _x, _y, right, bottom = map(float, root.attrib["viewBox"].split())
    assert right == width
    paths = [element.get("d", "") for parent in root.iter() if parent.tag != f"{SVG}defs" for element in parent]
    points = [(float(x), float(y)) for path in paths for x, y in re.findall(r"[ML] (\S+) (\S+)", path)]
    texts = [(float(element.get("x", 0)), float(element.get("y", 0))) for element in root.iter(f"{SVG}text")]
    assert points
    assert texts
    assert all(-0.5 <= x <= right + 0.5 and -0.5 <= y <= bottom + 0.5 for x, y in [*points, *texts])


@pytest.mark.parametrize("name", DRAWINGS)
def test_pictures_are_the_same_each_time_and_bring_no_fonts_or_colours(name: str) -> None:
    picture = DRAWINGS[name](1000)
    assert picture == DRAWINGS[name](1000)
    assert "font-family" not in picture
    assert "metadata" not in picture
    assert re.findall(r"#[0-9a-f]{6}\b", picture) == []
    root = ElementTree.fromstring(picture)
    assert all("fill: var(--" in element.get("style", "") for element in root.iter(f"{SVG}text"))


def test_names_inside_pictures_are_their_own() -> None:
    wide, narrow = DRAWINGS["lines"](1000), DRAWINGS["lines"](340)
    names = [set(re.findall(r'id="([^"]+)"', picture)) for picture in (wide, narrow)]
    assert names[0] and not names[0] & names[1]
    for picture, own in zip((wide, narrow), names):
        assert set(re.findall(r'(?:url\(|href=")#([^)"]+)', picture)) == own


@pytest.mark.parametrize("text", ["同時に起動した VM 数", "pool $a$ & <b>", "^_{x}"])
def test_text_stays_text(text: str) -> None:
    root = ElementTree.fromstring(bars([(text, [Bar(1, text, Look("s1"))])], axes.numbers(text, [1]))(340))
    assert text_of(root).count(text) == 3


def test_points_and_bars_tell_what_they_are() -> None:
    line = Line("p99", Look("s1"), [(100, 10), (200, 20), (300, 30)], ["ten", "twenty", "thirty"])
    root = ElementTree.fromstring(lines([line], X, Y)(1000))
    points = [use for use in root.iter(f"{SVG}use") if use.find(f"{SVG}title") is not None]
    assert [(use.findtext(f"{SVG}title")) for use in points] == line.explained
    across = [float(use.attrib["x"]) for use in points]
    assert across == sorted(across)
    assert root.get("role") == "img"
    assert root.get("aria-label") == "p99"


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", t.cast(t.Any, None))
    with pytest.raises(TuningError, match=r"need the Python package matplotlib .*pip install matplotlib"):
        DRAWINGS["bars"](1000)


@given(st.lists(st.floats(-1e6, 1e6), max_size=5))
def test_an_axis_of_numbers_holds_zero_and_its_values(values: list[float]) -> None:
    axis = axes.numbers("", values)
    assert axis.start < axis.end
    slack = 1e-6 * (axis.end - axis.start)
    assert all(axis.start - slack <= value <= axis.end + slack for value in [0.0, *values])
    assert 2 <= len(axis.ticks) <= 9
    assert len({text for _tick, text in axis.ticks}) == len(axis.ticks)


@given(st.floats(0, 1e6), st.booleans())
def test_an_axis_of_seconds_holds_its_values_with_few_ticks(longest: float, whole: bool) -> None:
    axis = axes.seconds(str, [longest], whole)
    assert axis.end >= longest
    assert axis.title == ("min" if longest >= 180 else "s")
    assert all(0 <= tick <= axis.end for tick, _text in axis.ticks)
    assert len(axis.ticks) <= 10
    assert not whole or axis.end == axis.ticks[-1][0]


@pytest.mark.parametrize(("longest", "last"), [(100, (105, "105")), (1065, (1200, "20")), (7200, (7200, "120"))])
def test_an_axis_of_seconds_is_in_round_steps(longest: float, last: tuple[float, str]) -> None:
    assert axes.seconds(str, [longest], whole=True).ticks[-1] == last
