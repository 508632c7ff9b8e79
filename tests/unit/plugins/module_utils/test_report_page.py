# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.files import write_figures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.frame import page_name
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import Markup, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH, LANGUAGES, Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._report.page import page
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


def drawn(run: Run, say: Language = ENGLISH) -> str:
    view = view_run(run)
    return page(view, write_figures(run.path, [view]), "body { color: black }", say)


def _read(run: Run, say: Language = ENGLISH) -> _Reader:
    reader = _Reader()
    reader.feed(drawn(run, say))
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path, language: Language) -> None:
    reader = _read(reference_run(tmp_path), language)
    assert len(set(reader.ids)) == len(reader.ids)
    assert all(address.startswith("#") or "/" not in address for address in reader.addresses)
    assert {address[1:] for address in reader.addresses if address.startswith("#")} <= set(reader.ids)


def test_files_that_the_page_links_to_are_there(tmp_path: Path) -> None:
    run = reference_run(tmp_path)
    linked = {address for address in _read(run).addresses if not address.startswith("#")}
    assert {"report.json", "report-values.csv", "ceph_pools.plan.json"} < linked
    assert [name for name in linked if not (run.path / name).exists()] == [page_name(LANGUAGES[1])]


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
    assert "<script" not in drawn(run)
    assert reader.text.count(evil) >= 6


def test_equal_hosts_do_not_make_the_page_long(tmp_path: Path) -> None:
    values = re.findall(r'<th[^>]*scope="row"', drawn(reference_run(tmp_path)))
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
