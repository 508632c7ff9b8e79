# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.fio import FioError, Job, parse_report
from hypothesis import given
from hypothesis import strategies as st
from latency_machines import RECORDED


def _recorded(name: str) -> str:
    return (RECORDED / f"{name}.json").read_text()


@pytest.mark.parametrize(
    ("name", "iops", "requests"),
    [("read-1", 1.2, 6), ("write-1", 1.2, 6), ("read-1000", 1000.0, 5001), ("write-1000", 1000.0, 5001)],
)
def test_a_report_of_fio(name, iops, requests):
    found = parse_report(_recorded(name), name.partition("-")[0])
    assert found.iops == pytest.approx(iops, abs=0.01)
    assert found.requests == requests
    assert found.runtime_s == pytest.approx(5.0, abs=0.01)
    # fio counts a request that the ramp began.
    assert found.latencies.count == requests + 1


def test_a_measurement_that_was_ended_by_a_signal_counts():
    found = parse_report(_recorded("write-interrupted"), "write")
    assert found.runtime_s == pytest.approx(2.84, abs=0.01)
    assert found.latencies.count == 2692


def _changed(**changes: object) -> str:
    report = json.loads(_recorded("read-1").partition("\n")[2])
    report["jobs"][0].update(changes)
    return json.dumps(report, indent=1)


@pytest.mark.parametrize(
    ("text", "direction", "says"),
    [
        ("", "read", "wrote no report: it said nothing"),
        ("fio: engine nosuch not loadable\nfio: failed to load engine\n", "read", "failed to load engine"),
        (_recorded("read-1")[:500], "read", "no JSON of one job"),
        ("{\n}", "read", "no JSON of one job"),
        ('{\n "jobs": []}', "read", "no JSON of one job"),
        (_recorded("read-1"), "write", "made no request"),
        (
            "fio: pid=0, err=28/file:io.c, error=No space left on device\n" + _changed(error=28),
            "read",
            "fio failed with error 28: pid=0, err=28/file:io.c, error=No space left on device",
        ),
        (
            _changed(read={"iops": 1, "total_ios": 1, "runtime": 1, "lat_ns": {"N": 1, "mean": 1, "min": 1, "max": 1}}),
            "read",
            "fio-3.33 writes no histogram",
        ),
    ],
)
def test_what_is_no_report_says_why(text, direction, says):
    with pytest.raises(FioError) as failure:
        parse_report(text, direction)
    assert says in str(failure.value)


@given(st.text(max_size=300))
def test_anything_else_is_refused_in_a_sentence(text):
    with pytest.raises(FioError):
        parse_report(text, "read")


@given(st.integers(0, len(_recorded("read-1")) - 3))
def test_a_report_that_broke_off_is_never_taken_for_a_measurement(length):
    with pytest.raises(FioError):
        parse_report(_recorded("read-1")[:length], "read")


def test_the_job():
    job = Job("write", 1000, 60.0, 10.0, 4, 16, "libaio", "/var/lib/virtscale-latency/data-30x8x20", 240)
    settings = dict(line.split("=", 1) for line in job.text().splitlines() if "=" in line)
    assert settings["rw"] == "randwrite"
    assert settings["rate_iops"] == "1000"
    assert (settings["runtime"], settings["ramp_time"]) == ("60000ms", "10000ms")
    assert (settings["bs"], settings["direct"], settings["iodepth"]) == ("4k", "1", "16")
    assert settings["openfiles"] == "240"


def test_no_job_opens_more_files_than_a_shell_allows():
    assert "openfiles=256\n" in Job("read", 1, 1.0, 0.0, 4, 1, "psync", "/d", 2400).text()
