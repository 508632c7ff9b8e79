# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments, storms, latencies and upgrades on the page, in its tables, and several runs beside each other."""

from __future__ import annotations

import copy
import csv
import json
import re
import typing as t
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Json, Run, find_run, newest_of_each
from ansible_collections.virtscale.tuning.plugins.module_utils._report.compare import comparison
from ansible_collections.virtscale.tuning.plugins.module_utils._report.content import content, figures
from ansible_collections.virtscale.tuning.plugins.module_utils._report.files import (
    write_comparison,
    write_figures,
    write_run,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._report.html import join, tag
from ansible_collections.virtscale.tuning.plugins.module_utils._report.languages import ENGLISH, LANGUAGES, Language
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import RoleView, RunView, view_run
from recorded_fleets import UPGRADE, fleet, latency, measured_runs, recorded_run, storm
from recorded_migrations import migration_run
from recorded_runs import reference_run

SVG = "{http://www.w3.org/2000/svg}"


def tables_of(**data: t.Any) -> dict[str, list[Json]]:
    view = RunView("run", "p", False, "2026-08-01T12:00:00.000000Z", None, (RoleView("r", (), {"apply": {"h": data}}),))
    tables: dict[str, list[Json]] = content([view])["tables"]
    return tables


def drawn(say: Language = ENGLISH, **data: t.Any) -> ElementTree.Element:
    return ElementTree.fromstring(tag("div", join(figures(tables_of(**data), say))))


def told(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def rows(root: ElementTree.Element) -> list[str]:
    return [told(row) for row in root.iter("tr")]


def titles(root: ElementTree.Element) -> list[str]:
    return [title.text or "" for title in root.iter(f"{SVG}title")]


def test_a_storm_is_beside_the_papers_figures() -> None:
    root = drawn(storm=storm())
    found = {row.split(" VMs ")[0]: row for row in rows(root)}
    assert found["100"].endswith(" 1:42")
    assert found["1,000"].endswith(" 17:45")
    assert re.search(r"\d$", found["200"]) and not found["200"].endswith((":42", ":45"))
    assert any(title.startswith("the paper, 1,000 VMs: 17 min 45 s") for title in titles(root))
    assert "990 of 1,000 VMs answered" in told(root)


def test_the_papers_figures_are_compressed_as_the_cluster_is() -> None:
    root = drawn(storm=storm(factor=10.0))
    assert "the paper, compressed 10 times alike, 1,000 VMs: 1 min 46 s" in titles(root)
    assert all(
        "compressed 10 times: 1 s here stands for 10 s" in told(caption)
        for caption in root.iter("figcaption")
        if "failures" not in told(caption)
    )


def test_machines_that_failed_are_named_and_counted_apart() -> None:
    root = drawn(fleet=fleet(), storm=storm(numbers=[200]))
    assert "load-03/load-rhel-0131 batches of 50 clone Clone Failed: rbd: timed out" in rows(root)
    assert "load-01/load-rhel-0002 200 answer no SSH answer within 1800 s" in rows(root)
    assert tables_of(storm=storm(numbers=[200]))["boot_storms"][0]["failed"] == 2
    (batches_of_100,) = [row for row in tables_of(fleet=fleet())["deployments"] if row["series"] == "batches of 100"]
    assert batches_of_100["vms_per_minute"] == round(60 * 998 / batches_of_100["total_s"], 1)


def test_every_batch_is_drawn_where_there_are_several() -> None:
    found = titles(drawn(fleet=fleet()))
    for size, number in ((50, 20), (100, 10), (200, 5)):
        assert sum(title.startswith(f"batches of {size}, batch ") for title in found) == 2 * number
    assert not any(title.startswith("all at once, batch") for title in found)


def test_latency_is_told_as_changes_beside_the_papers() -> None:
    tables = tables_of(latency=latency())
    phases = {(row["direction"], row["phase"]): row for row in tables["latency_phases"]}
    assert (phases["read", "during"]["percent"], phases["read", "during"]["paper_percent"]) == (8.29, 9.0)
    assert (phases["write", "during"]["percent"], phases["write", "during"]["paper_percent"]) == (12.1, 13.0)
    assert phases["read", "before"]["percent"] is None
    assert {row["spread_percent"] for row in tables["latency_spreads"]} == {0.032, 0.034}
    assert [row["percent"] for row in tables["latency_migrations"]] == [3.88]
    assert {row["paper_percent"] for row in tables["latency_differences"]} == {-30.0, 88.0}
    root = drawn(latency=latency())
    assert "3 replicas, 64 nodes: −28.0 %" in titles(root)
    assert any(
        row.startswith("write, under load, during the migration") and "+12.1 % +13 %" in row for row in rows(root)
    )


@pytest.mark.parametrize(
    ("versions", "kind", "paper"),
    [(("4.9.15", "4.9.23"), "minor", "35:00"), (("4.9.23", "4.10.9"), "major", "2:16:00")],
)
def test_an_upgrade_is_beside_the_papers_of_its_kind(versions: tuple[str, str], kind: str, paper: str) -> None:
    root = drawn(upgrade={**UPGRADE, "from": versions[0], "to": versions[1]})
    assert f"{versions[0]} → {versions[1]} 22:00 15:20 37:20 {paper}" in rows(root)
    assert any(f"the paper's {kind} upgrade" in title for title in titles(root))
    watched = drawn(upgrade={**UPGRADE, "vms": {"watched": 3000, "lost": 0}})
    assert any(row.endswith("0 of 3,000") for row in rows(watched))


def without(data: Json, *path: t.Any) -> Json:
    """Return data in which one thing is not known."""
    changed = copy.deepcopy(data)
    found = changed
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = None
    return changed


NOBODY: Json = {
    "vms": 10,
    "answered": 0,
    "failed": [{"vm": "a/b", "stage": "start", "reason": ""}],
    "total_s": None,
    "running": {"count": 0},
    "answering": {"count": 0},
    "curve": [],
}
SOME: Json = {"label": "all at once", "mode": "at_once", "vms": 5}


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
@pytest.mark.parametrize(
    "data",
    [
        {"fleet": without(fleet(), "pods")},
        {"fleet": without(fleet(), "totals")},
        {"fleet": without(fleet(), "cost")},
        {"fleet": without(fleet(), "series", 0, "total_s")},
        {"fleet": without(fleet(), "series", 1, "batches", 0, "cloned_s")},
        {"fleet": {"fleet": "f", "series": [SOME | {"total_s": None}]}},
        {"fleet": {"fleet": "f", "series": [SOME | {"total_s": 3.0}]}},
        {"fleet": {"fleet": "f", "series": []}},
        {"storm": {"series": [NOBODY]}},
        {"storm": {"series": [NOBODY, *storm(numbers=[100])["series"]]}},
        {"storm": without(storm(numbers=[100]), "series", 0, "curve")},
        {"storm": {"series": []}},
        {"latency": without(latency(), "migration")},
        {"latency": without(latency(), "differences")},
        {"latency": without(latency(), "cells", 2, "mean_us")},
        {"latency": latency(replicas=(None,))},
        {"latency": {"cells": latency()["cells"][:1]}},
        {"latency": {"cells": latency()["cells"][-4:]}},
        {"latency": {"cells": []}},
        {"upgrade": without(UPGRADE, "pools_s")},
        {"fleet": None, "storm": "?", "latency": {}, "upgrade": []},
    ],
)
def test_what_is_not_known_is_left_out(data: Json, language: Language) -> None:
    root = drawn(language, **data)
    assert "None" not in told(root)
    for root_of_picture in root.iter(f"{SVG}svg"):
        assert "nan" not in ElementTree.tostring(root_of_picture, encoding="unicode").lower()


def test_nobody_answered_is_said() -> None:
    root = drawn(storm={"series": [NOBODY]})
    assert "10 VMs 0 1" in rows(root)
    assert "a/b 10 start no reason was recorded" in rows(root)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_files_beside_the_page_hold_the_same_figures(tmp_path: Path) -> None:
    run = recorded_run(tmp_path, "20260801T140000Z-boot_storm", "cnv_fleet", storm=storm())
    report = write_run(run, "")
    found = json.loads(report.figures.read_text(encoding="utf-8"))
    assert {path.name for path in run.path.glob("report-*.csv")} == {f"report-{name}.csv" for name in found["tables"]}
    for name, table in found["tables"].items():
        written = read_csv(run.path / f"report-{name}.csv")
        assert written == [{key: "" if value is None else str(value) for key, value in row.items()} for row in table]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in run.path.glob("report*"))


def test_a_table_that_is_gone_leaves_no_file(tmp_path: Path) -> None:
    run = recorded_run(tmp_path, "r", "cnv_fleet", storm=storm(numbers=[100]))
    (run.path / "report-deployments.csv").write_text("of a draft", encoding="utf-8")
    (run.path / "storm-100.csv").write_text("of the measurement", encoding="utf-8")
    write_figures(run.path, [view_run(run)])
    assert not (run.path / "report-deployments.csv").exists()
    assert (run.path / "storm-100.csv").exists()


def test_the_page_tells_what_its_file_says_and_nothing_else(tmp_path: Path) -> None:
    run = recorded_run(tmp_path, "r", "cnv_fleet", storm=storm(numbers=[100]))
    found = write_figures(run.path, [view_run(run)])
    found["tables"]["boot_storms"][0]["p99_s"] = 4321.0
    assert "1:12:01" in comparison(found, "", ENGLISH)
    found["tables"] = {}
    assert "<svg" not in comparison(found, "", ENGLISH)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Json]:
    artifacts = tmp_path_factory.mktemp("artifacts")
    runs = [*measured_runs(artifacts), migration_run(artifacts), reference_run(artifacts)]
    return runs, content([view_run(run) for run in runs])


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.code)
def test_several_runs_are_series_of_one_picture(compared: tuple[list[Run], Json], language: Language) -> None:
    runs, found = compared
    page = comparison(found, "", language)
    assert page.count("<h1") == 1
    for label in [run["label"] for run in found["runs"] if run["playbook"] in ("deploy_vms", "boot_storm", "latency")]:
        assert page.count(label) > 3
    assert all(f"../{run.run_id}/report" in page for run in runs)
    assert {"tuning", "deployments", "storms", "latencies", "migrations", "upgrades", "values"} == set(
        re.findall(r'<section id="(\w+)"', page)
    )
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_runs_that_differ_are_told_apart(compared: tuple[list[Run], Json]) -> None:
    labels = [run["label"] for run in compared[1]["runs"]]
    assert len(set(labels)) == len(labels)
    assert "upgrade" in labels
    assert all(label.startswith("latency 20") for label in labels if label.startswith("latency"))


def test_values_that_differ_between_runs_are_side_by_side(tmp_path: Path) -> None:
    runs = [reference_run(tmp_path, "20260801T120000Z-site"), reference_run(tmp_path, "20260802T120000Z-site")]
    path = runs[1].path / "ceph_metrics.apply.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"effective": "60"', '"effective": "15"'))
    report = write_comparison(runs, "")
    assert report.page == tmp_path / "comparison" / "report.html"
    page = report.page.read_text(encoding="utf-8")
    assert re.findall(r"<tr><th[^>]*>(ceph_[^<]*)</th><td>60</td><td>15</td></tr>", page) == [
        "ceph_metrics: mgr/prometheus/scrape_interval"
    ]
    assert report.pages["ja"].name == "report.ja.html"


def test_the_newest_run_of_each_playbook_is_found(tmp_path: Path) -> None:
    measured_runs(tmp_path)
    preview = Run(tmp_path, "20260803T120000Z-latency")
    preview.begin(check_mode=True)
    found = [run.run_id for run in newest_of_each(tmp_path)]
    assert sorted(found) == [
        *("20260801T180000Z-upgrade", "20260802T120000Z-deploy_vms"),
        *("20260802T140000Z-boot_storm", "20260802T160000Z-latency"),
    ]
    assert find_run(tmp_path, "latest").run_id == "20260803T120000Z-latency"
    with pytest.raises(TuningError, match="no run to compare"):
        newest_of_each(tmp_path / "nowhere")
