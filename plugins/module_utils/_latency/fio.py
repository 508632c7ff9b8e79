# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""fio: the job that a machine runs, and what its report (``json+``) says.

The latency is fio's total one, from the request to its end (``lat``): ``clat`` leaves out what an engine spends on
handing a request over, which libaio and psync count differently.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.histogram import Latencies

# fio opens no more files than this at a time, and takes another one now and then: no limit of a shell is met.
_OPEN_FILES_MAX = 256
_MS_PER_S = 1000


@dataclass(frozen=True)
class Job:
    """4 KiB random requests at a fixed rate."""

    direction: str
    iops: int
    runtime_s: float
    ramp_s: float
    block_kib: int
    iodepth: int
    engine: str
    directory: str
    files: int

    def text(self) -> str:
        """Return fio's job file.

        The rate is linear; the bins of the total latency are kept; each machine draws its own numbers, since clones
        that ask for the same blocks at the same time would measure a cache.
        """
        settings = {
            "ioengine": self.engine,
            "direct": 1,
            "rw": f"rand{self.direction}",
            "bs": f"{self.block_kib}k",
            "iodepth": self.iodepth,
            "rate_iops": self.iops,
            "opendir": self.directory,
            "openfiles": min(self.files, _OPEN_FILES_MAX),
            "file_service_type": "random",
            "time_based": 1,
            "runtime": f"{round(self.runtime_s * _MS_PER_S)}ms",
            "ramp_time": f"{round(self.ramp_s * _MS_PER_S)}ms",
            "norandommap": 1,
            "randrepeat": 0,
            "clat_percentiles": 0,
            "lat_percentiles": 1,
        }
        return "\n".join(["[latency]", *(f"{name}={value}" for name, value in settings.items()), ""])


@dataclass(frozen=True)
class Measured:
    """What one machine measured."""

    iops: float
    requests: int
    runtime_s: float
    latencies: Latencies


class FioError(TuningError):
    """fio failed, or what it wrote is no report."""


def parse_report(text: str, direction: str) -> Measured:
    """Return what a report says of the one job in it.

    :param text: all that fio wrote; lines before the JSON are its messages.
    :raises FioError: with fio's own words where it has some.
    """
    start = text.find("{\n")
    try:
        report = json.loads(text[start:]) if start >= 0 else {"jobs": [None]}
        job = report["jobs"][0]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise FioError(f"fio's report is no JSON of one job: {_words(text)}") from error
    if job is None:
        raise FioError(f"fio wrote no report: {_words(text)}")
    if job.get("error"):
        raise FioError(f"fio failed with error {job['error']}: {_words(text[:start])}")
    return _measured(job[direction], str(report.get("fio version", "fio")))


def _measured(facts: t.Mapping[str, t.Any], version: str) -> Measured:
    told = facts.get("lat_ns") or {}
    count = int(told.get("N") or 0)
    if not count:
        raise FioError("fio made no request in the whole time")
    bins = {int(middle): int(number) for middle, number in (told.get("bins") or {}).items() if number}
    if not bins:
        raise FioError(f"{version} writes no histogram of total latencies; a newer one is needed, such as 3.19")
    # The mean is that of N requests; it stands for as many as the bins hold.
    latencies = Latencies(bins, float(told["mean"]) * sum(bins.values()), int(told["min"]), int(told["max"]))
    return Measured(float(facts["iops"]), int(facts["total_ios"]), float(facts["runtime"]) / _MS_PER_S, latencies)


def _words(text: str) -> str:
    """Return the last thing that fio said, without its prefix."""
    said = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("fio: opendir added")]
    return said[-1].removeprefix("fio: ")[:300] if said else "it said nothing"
