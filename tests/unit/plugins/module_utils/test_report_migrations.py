# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration on the page and on the screen."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import lines
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Json, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.evidence import figures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.migration_pictures import (
    Histogram,
    Lane,
    Level,
    course,
    histograms,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.migrations import migration_figures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page
from ansible_collections.virtscale.tuning.plugins.module_utils._report.terminal import LINES_MAX, summary
from recorded_migrations import migration_run, reference_statistics


@pytest.fixture(scope="module")
def stats() -> Json:
    return reference_statistics()


def drawn(stats: Json) -> ElementTree.Element:
    """Return the figures as a reader of XML sees them; a figure that is not well-formed is an error here."""
    return ElementTree.fromstring(tag("div", join(migration_figures(stats))))


def told(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def test_every_operating_system_is_beside_what_the_paper_measured(stats: Json) -> None:
    rows = [told(row) for row in drawn(stats).iter("tr")]
    for start, end in (("RHEL 400 ", " 14 s, 35 % in 7 s"), ("Fedora 400 ", " 23 s"), ("Windows 200 ", " 12 s")):
        assert [row for row in rows if row.startswith(start) and row.endswith(end)]
    assert any(row.startswith("machines on the move") and row.endswith("118 min") for row in rows)


def test_a_compression_is_stated_beside_every_figure() -> None:
    captions = [told(caption) for caption in drawn(reference_statistics(3.0)).iter("figcaption")]
    assert len(captions) == 4
    assert all("compressed 3 times: 1 s here stands for 3 s" in caption for caption in captions)
    assert not any("compressed" in told(caption) for caption in drawn(reference_statistics()).iter("figcaption"))


def test_every_node_has_its_lane_and_every_machine_its_share(stats: Json) -> None:
    titles = [title.text or "" for title in drawn(stats).iter("title")]
    # Each picture is drawn for a desk and for a phone.
    assert sum(title.startswith("worker") for title in titles) == 2 * 34
    shares = [re.fullmatch(r"(.*), 400, .*: (\d+) machines, .*", title) for title in titles]
    drawn_fedora = sum(int(share[2]) for share in shares if share and share[1] == "Fedora")
    beyond = [re.search(r"(\d+) more, up to", element.text or "") for element in drawn(stats).iter("text")]
    hidden = sum(int(found[1]) for found in beyond if found)
    assert 2 * 400 - hidden <= drawn_fedora <= 2 * 400


def test_a_migration_is_not_drawn_twice_although_the_rollout_timed_the_nodes_too(tmp_path: Path) -> None:
    run = migration_run(tmp_path)
    nodes = [{"node": "worker001", "began_s": 0.0, "total_s": 10.0}]
    data = {"migrations": reference_statistics(), "pools": [{"name": "zone-0", "nodes": nodes}]}
    run.add("cnv_migration", "apply", {"ocp-api": host_entry(data=data)})
    view = view_run(run)
    assert "When each node was rolled" not in join(figures(view.roles[0]))
    drawn_page = page(view, "")
    assert drawn_page.count("From first to last") == 1
    assert len(summary(view, "report.html")) <= LINES_MAX
    assert (run.path / "cnv_migration.apply.json").stat().st_size < 500_000


def test_a_migration_in_which_nothing_moved_has_no_pictures(stats: Json) -> None:
    assert migration_figures({**stats, "by_os": {}}) == []


def test_what_was_not_seen_is_not_drawn(stats: Json) -> None:
    first, second, *rest = stats["nodes"]
    unseen = {**first, "total_s": None}
    partly = {**second, "drain_s": None, "late": True}
    titles = [title.text or "" for title in drawn({**stats, "nodes": [unseen, partly, *rest]}).iter("title")]
    assert not any(first["node"] in title for title in titles)
    (lane, _phone) = [title for title in titles if second["node"] in title]
    assert "a step seen late" in lane
    assert "drain " not in lane


def test_a_screen_holds_the_reference_migration(stats: Json) -> None:
    assert len(lines(stats)) <= LINES_MAX
    assert lines(stats)[0].startswith("1,000 VMs moved in 1,000 live migrations off 34 nodes")


def box(element: ElementTree.Element) -> tuple[float, ...]:
    return tuple(float(element.get(name, 0)) for name in ("x", "y", "width", "height"))


@pytest.mark.parametrize("width", [340, 1000])
@pytest.mark.parametrize(
    "panels",
    [
        [Histogram("one", [0, 1], 1.0, 1.0)],
        [Histogram(str(number), [3] * 30 + [0] * 300 + [1], 20.0, 331.0, 14.0, "note") for number in range(5)],
    ],
)
def test_histograms_stay_within_their_picture(panels: t.Any, width: int) -> None:
    root = ElementTree.fromstring(histograms(panels, 2, width))
    _x, _y, right, bottom = map(float, root.get("viewBox", "").split())
    bars = [box(element) for element in root.iter("rect")]
    assert bars
    assert all(0 <= x <= x + w <= right + 1 and 0 <= y <= y + h <= bottom for x, y, w, h in bars)


@pytest.mark.parametrize("width", [340, 1000])
@pytest.mark.parametrize("lanes", [0, 1, 300])
@pytest.mark.parametrize("seconds", [0.0, 40.0, 9000.0])
def test_a_course_stays_within_its_picture(lanes: int, seconds: float, width: int) -> None:
    drawn = [Lane(f"worker{number}", "zone-0", [("wait", 0.0, 1.0), ("drain", 1.0, 30.0)]) for number in range(lanes)]
    levels = [Level("at once", [0, 5, 21], 20), Level("queue", [0, 0, 0])]
    root = ElementTree.fromstring(course(levels, 10, drawn, seconds, width))
    _x, _y, right, bottom = map(float, root.get("viewBox", "").split())
    bars = [box(element) for element in root.iter("rect")]
    assert len(bars) == 2 * lanes
    assert all(0 <= x <= x + w <= right + 1 and 0 <= y <= y + h <= bottom for x, y, w, h in bars)
    paths = [element.get("class") for element in root.iter("path")]
    assert paths == ["bar worst", "bar drain"]
