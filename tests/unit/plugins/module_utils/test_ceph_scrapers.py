# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.scrapers import (
    Scraper,
    exporter_row,
    find_scrapers,
    scraper_rows,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError


def _target(job: str, url: str, interval: str) -> dict[str, t.Any]:
    # As Prometheus 2.42 lists a target; further keys left out.
    return {"labels": {"instance": url, "job": job}, "scrapeUrl": url, "scrapeInterval": interval, "health": "up"}


_TARGETS = {
    "status": "success",
    "data": {
        "activeTargets": [
            _target("ceph", "http://192.0.2.10:9283/metrics", "15s"),
            _target("ceph", "http://192.0.2.11:9283/metrics", "15s"),
            _target("node", "http://192.0.2.10:9100/metrics", "1m30s"),
            _target("ceph-slow", "http://192.0.2.10:9283/metrics", "1m"),
        ]
    },
}


def test_jobs_that_scrape_the_exporters_port_on_any_manager() -> None:
    found = find_scrapers(_TARGETS, "http://192.0.2.10:9283/")
    assert found == [Scraper("ceph", "15s"), Scraper("ceph-slow", "1m")]


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [("15s", "15"), ("1m30s", "90"), ("500ms", "0.5"), ("1h", "3600"), ("1d12h", "129600")],
)
def test_intervals(interval: str, seconds: str) -> None:
    assert Scraper("ceph", interval).interval_s == Decimal(seconds)


@pytest.mark.parametrize("interval", ["", "15", "s", "1.5s", "15 s"])
def test_intervals_that_prometheus_does_not_use(interval: str) -> None:
    with pytest.raises(TuningError, match="The scrape interval of job ceph"):
        assert Scraper("ceph", interval).interval_s


def test_a_prometheus_that_does_not_answer_is_a_note() -> None:
    rows = scraper_rows("http://127.0.0.1:1", "http://127.0.0.1:9283/", 60, 1)
    assert [row["status"] for row in rows] == ["note"]
    assert "could not be asked" in str(rows[0]["why"])


@pytest.mark.parametrize(("url", "status"), [("http://192.0.2.10:9283/", "ok"), (None, "note")])
def test_exporter(url: str | None, status: str) -> None:
    assert exporter_row(url)["status"] == status
