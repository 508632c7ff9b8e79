# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration on the page and on the screen."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import lines
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Json, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.content import content, figures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView, RunView, view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page
from ansible_collections.virtscale.tuning.plugins.module_utils._report.terminal import LINES_MAX, summary
from recorded_migrations import migration_run, reference_statistics

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def stats() -> Json:
    return reference_statistics()


def drawn(stats: Json) -> ElementTree.Element:
    """Return the figures as a reader of XML sees them; a figure that is not well-formed is an error here."""
    role = RoleView("cnv_migration", (), {"apply": {"api": {"migrations": stats}}})
    view = RunView("run", "migrate", False, "2026-08-01T12:00:00.000000Z", None, (role,))
    return ElementTree.fromstring(tag("div", join(figures(content([view])["tables"], ENGLISH))))


def told(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def titles(element: ElementTree.Element) -> list[str]:
    return [title.text or "" for title in element.iter(f"{SVG}title")]


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
    root = drawn(stats)
    # Each picture is drawn for a desk and for a phone, and each part of a lane has its title.
    assert sum("draining" in title for title in titles(root)) == 2 * 34
    shares = [re.fullmatch(r"(\w+), \d+ to \d+ s: (\d+) machines, .*", title) for title in titles(root)]
    drawn_fedora = sum(int(share[2]) for share in shares if share and share[1] == "Fedora")
    beyond = [re.search(r"(\d+) more, up to", element.text or "") for element in root.iter(f"{SVG}text")]
    hidden = sum(int(found[1]) for found in beyond if found)
    assert 2 * 400 - hidden <= drawn_fedora <= 2 * 400


def test_a_migration_is_not_drawn_twice_although_the_rollout_timed_the_nodes_too(tmp_path: Path) -> None:
    run = migration_run(tmp_path)
    nodes = [{"node": "worker001", "began_s": 0.0, "total_s": 10.0}]
    data = {"migrations": reference_statistics(), "pools": [{"name": "zone-0", "nodes": nodes}]}
    run.add("cnv_migration", "apply", {"ocp-api": host_entry(data=data)})
    view = view_run(run)
    found = content([view])
    assert "rolled_nodes" not in found["tables"]
    assert page(view, found, "", ENGLISH).count("From first to last") == 1
    assert len(summary(view, "report.html")) <= LINES_MAX
    assert (run.path / "cnv_migration.apply.json").stat().st_size < 500_000


def test_a_migration_in_which_nothing_moved_has_no_pictures(stats: Json) -> None:
    assert list(drawn({**stats, "by_os": {}})) == []


def test_what_was_not_seen_is_not_drawn(stats: Json) -> None:
    first, second, *rest = stats["nodes"]
    unseen = {**first, "total_s": None}
    partly = {**second, "drain_s": None, "late": True}
    found = titles(drawn({**stats, "nodes": [unseen, partly, *rest]}))
    assert not any(first["node"] in title for title in found)
    lane = [title for title in found if second["node"] in title]
    assert lane
    assert all("a step seen late" in title and "draining" not in title for title in lane)


def test_a_screen_holds_the_reference_migration(stats: Json) -> None:
    assert len(lines(stats)) <= LINES_MAX
    assert lines(stats)[0].startswith("1,000 VMs moved in 1,000 live migrations off 34 nodes")


def test_a_limit_that_was_passed_is_marked(stats: Json) -> None:
    def marked(stats: Json) -> bool:
        return "var(--overridden)" in ElementTree.tostring(drawn(stats), encoding="unicode")

    curve = stats["concurrency"]
    passed = {**curve, "running": [21, *curve["running"][1:]]}
    assert not marked(stats)
    assert marked({**stats, "concurrency": passed})
