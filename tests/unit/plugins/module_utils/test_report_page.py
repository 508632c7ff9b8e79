# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page
from ansible_collections.virtscale.tuning.plugins.module_utils._report.pictures import (
    Bar,
    RoundTrip,
    Span,
    against_limit,
    round_trips,
    timeline,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.terminal import (
    COLUMNS_MAX,
    LINES_MAX,
    summary,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row
from recorded_runs import reference_run

VOID = {"meta", "wbr"}


class _Reader(HTMLParser):
    """Reads a page as a browser would, and complains where a browser would guess."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [value for name in ("href", "src") if (value := found.get(name))]
        self.ids += [found["id"]] if found.get("id") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content needs no end."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def _read(run: Run) -> _Reader:
    reader = _Reader()
    reader.feed(page(view_run(run), "body { color: black }"))
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    reader = _read(reference_run(tmp_path))
    assert all(address.startswith("#") or "/" not in address for address in reader.addresses)
    assert {address[1:] for address in reader.addresses if address.startswith("#")} <= set(reader.ids)


def test_files_that_the_page_links_to_are_there(tmp_path: Path) -> None:
    run = reference_run(tmp_path)
    linked = [address for address in _read(run).addresses if not address.startswith("#")]
    assert linked
    assert all((run.path / name).exists() for name in linked)


def test_what_is_wrong_stands_first(tmp_path: Path) -> None:
    text = " ".join(_read(reference_run(tmp_path)).text)
    assert text.index("No route to host") < text.index("2 osds down") < text.index("99.9-local.conf")
    assert text.index("99.9-local.conf") < text.index("What was measured")
    assert "the worst is ceph17 with 0.208 ms" in text


def test_text_from_hosts_cannot_become_markup(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>&amp;'
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    lines = [row(evil, evil, before=evil, wanted=evil, effective=evil, status="failed", why=evil)]
    run.add("ceph_network", "measure", {evil: host_entry(data={evil: [{evil: evil}]}, rows=lines)})
    reader = _read(run)
    assert "script" not in reader.open
    assert "<script" not in page(view_run(run), "")
    assert reader.text.count(evil) >= 6


def test_equal_hosts_do_not_make_the_page_long(tmp_path: Path) -> None:
    values = re.findall(r'<th[^>]*scope="row"', page(view_run(reference_run(tmp_path)), ""))
    assert len(values) < 30


def test_long_lists_are_told_by_their_beginning(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    facts = {"nodes": {f"worker{number:03}": {"ready": True, "zone": "zone-0"} for number in range(100)}}
    run.add("ocp_kubelet", "measure", {"api": host_entry(data=facts)})
    text = _read(run).text
    assert "worker029" in text
    assert "worker030" not in text
    assert "and 70 more in the record beside this page" in text


def test_a_run_without_records_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    assert "Nothing was recorded." in _read(run).text


def test_markup_is_only_what_tags_made() -> None:
    assert tag("p", "a < b", Markup("<b>c</b>"), None, title='"') == '<p title="&quot;">a &lt; b<b>c</b></p>'


@pytest.mark.parametrize("width", [1000, 340])
@pytest.mark.parametrize("hosts", [1, 2, 49, 400])
def test_pictures_stay_inside_their_frame(width: int, hosts: int) -> None:
    times = [RoundTrip(f"ceph{number}", 0.1, 0.2 + number / 1000, 9.0) for number in range(hosts)]
    spans = {"zone-0": [Span(f"w{number}", number * 3.0, number * 3.0 + 40) for number in range(hosts)]}
    bars = [Bar("planned", 87.1), Bar("one host out", 310.0)]
    for picture in (round_trips(times, width), timeline(spans, width), against_limit(bars, 250, "PGs", width)):
        frame = re.search(r'viewBox="0 0 (\d+) (\d+)"', picture)
        assert frame
        for name, limit in (("x", frame[1]), ("x1", frame[1]), ("x2", frame[1]), ("y", frame[2]), ("y2", frame[2])):
            found = [float(value) for value in re.findall(rf'\b{name}="([^"]+)"', picture)]
            assert all(0 <= value <= float(limit) for value in found)


def test_the_worst_host_is_named_and_marked() -> None:
    picture = round_trips([RoundTrip("a", 0.1, 0.1, 0.9), RoundTrip("b", 0.1, 0.3, 0.4)], 1000)
    assert picture.count("bar worst") == 1
    assert "b  0.3 ms" in picture


def test_the_summary_is_one_screen(tmp_path: Path) -> None:
    lines = summary(view_run(reference_run(tmp_path)), "artifacts/r/report.html")
    assert len(lines) <= LINES_MAX
    assert max(map(len, lines)) <= COLUMNS_MAX
    assert lines[-1] == "Page: artifacts/r/report.html"


def test_values_with_one_reason_are_one_concern(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    why = "needs allow_disruption: true; 100 nodes, about 70 min"
    rows = [row(f"node worker{number:03}", what, status="pending", why=why) for number in range(100) for what in "ab"]
    run.add("ocp_kubelet", "plan", {"api": host_entry(rows=rows)})
    lines = summary(view_run(run), "page")
    assert f"  pending     ocp_kubelet, 200 values: {why}" in lines
    assert "".join(_read(run).text).count(why) == 1 + len("ab")


def test_a_summary_of_many_exceptions_says_how_many_are_left(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=False)
    rows = [row(f"pool {number}", "pg_num", status="refused", why=f"{number} " * 40) for number in range(90)]
    run.add("ceph_pools", "apply", {"admin": host_entry(rows=rows)})
    lines = summary(view_run(run), "page")
    assert len(lines) <= LINES_MAX
    told = sum(line.startswith("  refused") for line in lines)
    assert f"  and {90 - told} more on the page" in lines
