# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a storm is asked, which machines it takes, what its journal keeps, and what it says."""

from __future__ import annotations

import csv
import json
import typing as t
from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.choose import Found, _sort_in, choose
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.instances import parse_instance
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Failure, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.memory import Clock, Memory
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import STORM_SPEC, parse_storm
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.result import result, write_timings
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.words import (
    lines,
    preview_lines,
    preview_rows,
    rows,
)
from hypothesis import given
from hypothesis import strategies as st
from storm_cluster import KEY

DEFAULTS = {name: spec.get("default") for name, spec in STORM_SPEC.items()}


def options(**changes: t.Any) -> dict[str, t.Any]:
    return {**DEFAULTS, "fleet": "f", "probe": "banner", **changes}


def machine(number: int, group: str = "rhel", spaces: int = 3) -> Machine:
    return Machine(f"f-{number % spaces:02d}", f"f-{group}-{number:04d}", group, "runStrategy")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fleet": None}, "One of fleet, label_selector and namespaces"),
        ({"vms": [100, 0]}, "vms is 0"),
        ({"vms": [100, True]}, "vms is True"),
        ({"vms": [100, "100"]}, "numbers that all differ"),
        ({"limit_s": 0}, "limit_s is 0"),
        ({"interval_s": "nan"}, "interval_s is 'nan'"),
        ({"port": 70000}, "port is 70000"),
        ({"max_connecting": 0}, "max_connecting is 0"),
        ({"probe": "login"}, "key_file is None"),
        ({"probe": "login", "logins": {"windows": {"name": "x"}}}, "logins of windows"),
        ({"probe": "login", "logins": {"windows": {"user": "x"}}}, "key_file is None"),
    ],
)
def test_bad_options_are_refused_by_name(changes: dict[str, t.Any], words: str) -> None:
    with pytest.raises(TuningError, match=words):
        parse_storm(options(**changes))


def test_groups_may_have_logins_of_their_own(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(KEY.export_private_key())
    logins = {"windows": {"user": "Administrator", "password": "x"}}
    asked = parse_storm(options(probe="login", user="cloud-user", key_file=str(key), logins=logins))
    windows, rhel = asked.login_of("windows"), asked.login_of("rhel")
    assert windows and (windows.user, windows.password, windows.key is not None) == ("Administrator", "x", True)
    assert rhel and (rhel.user, rhel.password) == ("cloud-user", None)
    only = parse_storm(options(probe="login", logins=logins))
    assert only.login_of("windows") and only.login_of("rhel") is None
    assert parse_storm(options()).login_of("rhel") is None


def test_the_way_through_the_api_keeps_fewer_attempts_open() -> None:
    assert parse_storm(options()).max_connecting == 200
    assert parse_storm(options(via="portforward")).max_connecting == 20
    assert parse_storm(options(via="portforward", max_connecting="300")).max_connecting == 300


@pytest.mark.parametrize(
    ("spec", "status", "where"),
    [
        ({"runStrategy": "Halted"}, {"printableStatus": "Stopped"}, "stopped"),
        ({"runStrategy": "Halted"}, {}, "stopped"),
        ({"runStrategy": "Halted"}, {"created": True}, "on"),
        ({"runStrategy": "Halted"}, {"printableStatus": "Provisioning"}, "Provisioning"),
        ({"runStrategy": "Halted"}, {"printableStatus": "Stopping", "created": True}, "Stopping"),
        ({"runStrategy": "Halted"}, {"printableStatus": "DataVolumeError"}, "DataVolumeError"),
        ({"runStrategy": "Manual"}, {"printableStatus": "Stopped", "created": True}, "stopped"),
        ({"runStrategy": "RerunOnFailure"}, {"printableStatus": "Stopped"}, "stopped"),
        ({"runStrategy": "Always"}, {"printableStatus": "Running"}, "on"),
        ({"runStrategy": "Always"}, {"printableStatus": "Stopped"}, "Stopped"),
        ({"runStrategy": "Once"}, {"printableStatus": "Stopped"}, "of run strategy Once"),
        ({"running": False}, {"printableStatus": "Stopped"}, "stopped"),
        ({"running": True}, {"printableStatus": "Running"}, "on"),
    ],
)
def test_only_what_is_stopped_and_can_be_started_is_taken(
    spec: dict[str, t.Any], status: dict[str, t.Any], where: str
) -> None:
    found = Found()
    _sort_in(found, {"metadata": {"namespace": "n", "name": "vm"}, "spec": spec, "status": status})
    kinds = ["stopped"] * len(found.stopped) + ["on"] * len(found.on) + list(found.others)
    assert kinds == [where]


@given(
    sizes=st.dictionaries(st.sampled_from(["rhel", "fedora", "windows"]), st.integers(1, 40), min_size=1),
    data=st.data(),
)
def test_every_step_takes_of_every_group_in_its_share(sizes: dict[str, int], data: st.DataObject) -> None:
    everyone = [machine(number, group) for group, size in sizes.items() for number in range(size)]
    count = data.draw(st.integers(1, len(everyone)))
    chosen = choose(Found(stopped=data.draw(st.permutations(everyone))), parse_storm(options(vms=[count])))
    assert len({one.key for one in chosen}) == count
    taken = Counter(one.group for one in chosen)
    for group, size in sizes.items():
        # Each of three namespaces may round by one half.
        assert abs(taken[group] - count * size / len(everyone)) <= 3
    smaller = choose(Found(stopped=everyone), parse_storm(options(vms=[1])))
    assert smaller[0] == chosen[0]


@pytest.mark.parametrize(
    ("interfaces", "address"),
    [
        ([], None),
        ([{"name": "default"}], None),
        ([{"name": "default"}, {"ipAddress": "10.0.0.7/24"}, {"ipAddress": "10.0.0.8"}], "10.0.0.7"),
        ([{"ipAddress": "fd00::7"}], "fd00::7"),
    ],
)
def test_the_first_address_counts(interfaces: list[dict[str, str]], address: str | None) -> None:
    assert parse_instance({"status": {"phase": "Running", "interfaces": interfaces}}).address == address


def told(path: Path) -> Memory:
    """A storm of which everything that can happen has happened."""
    memory = Memory(Journal(path), Clock())
    memory.begin(parse_storm(options(vms=[2, 4])), [machine(number) for number in range(4)])
    for number, step in enumerate(memory.steps):
        for position, one in enumerate(step):
            memory.note("asked", number, one, at=1000.0 + position)
            memory.note("accepted", number, one)
            if position == 3:
                memory.note("failed", number, one, stage="running", reason="did not run: full", attempts=0)
                continue
            memory.note("running", number, one, at=1010.0 + position)
            memory.note("answered", number, one, at=1030.0 + 2 * position, late=position == 2, attempts=3)
        memory.mark("measured", number)
        memory.mark("stopped", number)
    memory.end()
    memory.close()
    return memory


def test_a_journal_that_is_cut_anywhere_still_tells_all_until_there(tmp_path: Path) -> None:
    whole = told(tmp_path / "whole.jsonl")
    content = (tmp_path / "whole.jsonl").read_bytes()
    for cut in range(0, len(content), 7):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(content[:cut])
        memory = Memory(Journal(path), Clock())
        memory.close()
        assert memory.measured <= whole.measured and memory.stopped <= memory.measured
        for number, step in enumerate(memory.steps):
            for mine, theirs in zip(step, whole.steps[number], strict=True):
                assert mine.key == theirs.key
                assert mine.requested in (None, theirs.requested)
                assert mine.answered in (None, theirs.answered)
    again = Memory(Journal(tmp_path / "whole.jsonl"), Clock())
    assert (again.steps, again.measured, again.stopped) == (whole.steps, whole.measured, whole.stopped)


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "storm.jsonl").write_text('{"kind": "asked", "step": 0, "vm": "a/b", "at": 1}\n')
    with pytest.raises(TuningError, match="does not tell of a boot storm"):
        Memory(Journal(tmp_path / "storm.jsonl"), Clock())


def test_figures_count_who_answered_and_leave_the_others_out(tmp_path: Path) -> None:
    steps = told(tmp_path / "storm.jsonl").steps
    storm = result(parse_storm(options(vms=[2, 4])), steps, 20)
    small, large = storm["series"]
    assert (small["answering"]["p50_s"], small["running"]["p50_s"], small["total_s"]) == (30.5, 10.0, 32.0)
    # The third answered unseen: counted, not timed.
    assert (large["answered"], large["late"], large["answering"]["count"], large["running"]["count"]) == (3, 1, 2, 3)
    assert large["failed"] == [
        {"vm": "f-00/f-rhel-0003", "group": "rhel", "stage": "running", "reason": "did not run: full", "address": None}
    ]
    assert large["curve"] == [[30.0, 1], [32.0, 2], [34.0, 3]]
    assert storm["cost"]["requests_per_vm"] == 3.33
    json.dumps(storm)
    screen = "\n".join(lines(storm))
    assert "not running (of 4): f-00/f-rhel-0003: did not run: full" in screen
    assert "1 answered when nobody had tried them" in screen
    assert [(row["what"], row["status"]) for row in rows(storm)] == [
        ("boot storm of 2", "changed"),
        ("boot storm of 4", "changed"),
        ("boot storm of 4", "failed"),
    ]
    write_timings(tmp_path, steps[1])
    with (tmp_path / large["timings"]).open(encoding="utf-8") as file:
        timings = list(csv.DictReader(file))
    assert [row["requested_s"] for row in timings] == ["0.0", "1.0", "2.0", "3.0"]
    assert [row["answering_s"] for row in timings] == ["30.0", "31.0", "32.0", ""]
    assert [row["failed_at"] for row in timings] == ["", "", "", "running"]


def test_the_screen_stands_beside_the_paper_and_is_no_higher_than_a_screen() -> None:
    steps = []
    for count in range(100, 1100, 100):
        step = [machine(number) for number in range(count)]
        for one in step:
            one.requested = 0.0
            one.running, one.answered = 10.0, 0.05 * count
        for number in range(30):
            step[number].answered, step[number].failure = None, Failure("answer", f"reason {number % 15}")
        steps.append(step)
    storm = result(parse_storm(options(time_factor=2)), steps, 1)
    told_lines = lines(storm)
    assert len(told_lines) <= 30 and max(map(len, told_lines)) <= 130
    assert next(line for line in told_lines if line.lstrip().startswith("100 ")).endswith("1:42")
    assert next(line for line in told_lines if line.lstrip().startswith("1,000 ")).endswith("17:45")
    assert "1 s here stands for 2 s" in told_lines[-1]
    assert sum(row["status"] == "failed" for row in rows(storm)) == 300


def test_a_preview_says_what_would_be_started() -> None:
    asked = parse_storm(options(vms=[100, 200], afterwards="stopped"))
    chosen = [machine(number, group, spaces=2) for group in ("rhel", "windows") for number in range(100)]
    words = preview_lines(asked, choose(Found(stopped=chosen), asked))
    assert words[0] == "100 machines would be started at once: 50 rhel, 50 windows; in 2 namespaces; the paper: 1:42"
    assert words[-1] == "Between the steps all are stopped. At the end they are left stopped."
    assert {row["status"] for row in preview_rows(asked, chosen)} == {"would_change"}
