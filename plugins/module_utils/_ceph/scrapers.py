# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How often a Prometheus really scrapes the manager's exporter, compared with the interval that the exporter expects.

Prometheus' API /api/v1/targets gives the effective interval of each target, from version 2.26 on; its configuration
(/api/v1/status/config) would still have to be matched with what service discovery made of it.
"""

from __future__ import annotations

import http.client
import json
import re
import typing as t
import urllib.parse
from decimal import Decimal

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_UNITS_S = {"ms": Decimal("0.001"), **{u: Decimal(s) for u, s in (("s", 1), ("m", 60), ("h", 3600), ("d", 86400))}}


class Scraper(t.NamedTuple):
    """A job that scrapes the exporter, and its interval as Prometheus spells it."""

    job: str
    interval: str

    @property
    def interval_s(self) -> Decimal:
        """The interval in seconds; a TuningError for a spelling that Prometheus does not use."""
        if not re.fullmatch(r"(\d+(ms|[smhd]))+", self.interval):
            raise TuningError(f"The scrape interval of job {self.job} is {self.interval!r}, not such as 15s.")
        parts = re.findall(r"(\d+)(ms|[smhd])", self.interval)
        return sum((int(number) * _UNITS_S[unit] for number, unit in parts), Decimal(0))


def read_targets(prometheus_url: str, timeout_s: int) -> t.Dict[str, t.Any]:
    """Ask Prometheus for its active targets; a TuningError when it does not answer."""
    parts = urllib.parse.urlsplit(prometheus_url)
    connect = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(parts.scheme)
    if connect is None:
        raise TuningError(f"prometheus_url is {prometheus_url!r}, but must begin with http:// or https://.")
    try:
        connection = connect(parts.netloc, timeout=timeout_s)
        connection.request("GET", f"{parts.path.rstrip('/')}/api/v1/targets?state=active")
        found: t.Dict[str, t.Any] = json.load(connection.getresponse())
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise TuningError(f"Prometheus at {prometheus_url} could not be asked: {error}.") from None
    return found


def find_scrapers(targets: t.Mapping[str, t.Any], exporter_url: str) -> t.List[Scraper]:
    """Return the jobs that scrape the exporter's port, which all managers of a cluster share."""
    port = urllib.parse.urlsplit(exporter_url).port
    jobs = {
        Scraper(target["labels"]["job"], target["scrapeInterval"])
        for target in targets["data"]["activeTargets"]
        if urllib.parse.urlsplit(target["scrapeUrl"]).port == port
    }
    return sorted(jobs)


def exporter_row(exporter_url: t.Optional[str]) -> Row:
    """Return a row on the exporter itself; a note when there is none, because then nothing is there to scrape."""
    if exporter_url:
        return row("mgr", "exporter", effective=exporter_url, status="ok", why="served by the module prometheus")
    why = "nothing is exported: enable it with 'ceph mgr module enable prometheus'"
    return row("mgr", "exporter", status="note", why=why)


def scraper_rows(prometheus_url: str, exporter_url: str, interval_s: int, timeout_s: int) -> t.List[Row]:
    """Return a row for each job that scrapes the exporter: ok at its interval, a note at any other."""
    where, what = f"Prometheus {prometheus_url}", "scrape interval"
    try:
        scrapers = find_scrapers(read_targets(prometheus_url, timeout_s), exporter_url)
    except TuningError as error:
        return [row(where, what, wanted=f"{interval_s}s", status="note", why=str(error))]
    if not scrapers:
        return [row(where, what, wanted=f"{interval_s}s", status="note", why=f"no job scrapes {exporter_url}")]
    return [_scraper_row(where, what, scraper, interval_s) for scraper in scrapers]


def _scraper_row(where: str, what: str, scraper: Scraper, interval_s: int) -> Row:
    agrees = scraper.interval_s == interval_s
    why = "equal to the exporter's own interval"
    if not agrees:
        why = f"the exporter collects every {interval_s} s: set scrape_interval of this job to {interval_s}s"
    return row(
        where,
        f"{what} of job {scraper.job}",
        before=scraper.interval,
        wanted=f"{interval_s}s",
        effective=scraper.interval,
        status="ok" if agrees else "note",
        why=why,
    )
