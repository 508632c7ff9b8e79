# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot storms on the lab: real controllers, a real sshd for each guest, kills, and a restart of the API server."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.lab_client import LabClient

from .fleet_drill import KUBECONFIG, LAB, until
from .lab_fleet import times
from .storm_drill import Drill, Witness, timings

pytestmark = pytest.mark.lab

COUNT = int(os.environ.get("STORM_VMS", "30"))
KILLS = int(os.environ.get("STORM_KILLS", "5"))


@pytest.fixture(scope="module")
def client() -> LabClient:
    """The lab's API; the lab must be up (make lab-up)."""
    return LabClient.connect({"kubeconfig": KUBECONFIG})


@pytest.fixture
def drill(client: LabClient, tmp_path: Path) -> t.Iterator[Drill]:
    """The way to make machines and to storm them; they are gone afterwards."""
    made = Drill(client, tmp_path)
    made.remove()
    yield made
    made.remove()


@pytest.fixture
def witness(client: LabClient) -> t.Iterator[Witness]:
    watching = Witness(client)
    watching.start()
    yield watching
    watching.stop()


@pytest.mark.parametrize(
    ("via", "probe"), [("ip", "login"), pytest.param("portforward", "login", marks=pytest.mark.long)]
)
def test_all_are_timed_but_those_that_do_not_boot_and_those_that_find_no_node(
    drill: Drill, witness: Witness, via: str, probe: str
) -> None:
    # One in a hundred of each kind, or one.
    silent, homeless = range(7, COUNT, 100), range(11, COUNT, 100)
    drill.make(COUNT, never_boots=silent, impossible=homeless)
    limit_s = max(90, 2 * COUNT)
    settings = {"cnv_fleet_storm_via": via, "cnv_fleet_storm_probe": probe, "cnv_fleet_storm_limit_s": limit_s}
    storm = drill.begin(**settings).end()
    (step,) = storm["series"]
    running = COUNT - len(homeless)
    booting = running - len(silent)
    assert (step["vms"], step["answered"], step["late"]) == (COUNT, booting, 0)
    assert step["answering"]["count"] == booting and step["running"]["count"] == running
    failed = {int(failure["vm"][-4:]): failure for failure in step["failed"]}
    assert sorted(failed) == sorted([*silent, *homeless])
    for number in silent:
        assert failed[number]["stage"] == "answer" and "refused" in failed[number]["reason"]
    for number in homeless:
        assert failed[number]["stage"] == "running" and "nodes are available" in failed[number]["reason"]
        assert "ErrorUnschedulable" in failed[number]["reason"]
    rows = timings(storm)
    assert len(rows) == COUNT
    # Nobody answers before it runs and has booted, and the last one to answer makes the total.
    answered = [row for row in rows if row["answering_s"]]
    assert all(float(row["answering_s"]) > float(row["running_s"]) for row in answered)
    last = max(float(row["requested_s"]) + float(row["answering_s"]) for row in answered)
    assert abs(last - step["total_s"]) < 0.01
    assert step["total_s"] < 3 * COUNT
    assert set(witness.started().values()) == {1} and len(witness.started()) == COUNT
    assert [row["status"] for row in storm["rows"]] == ["changed"] + ["failed"] * len(failed)


@pytest.mark.long
def test_a_series_stops_all_between_its_steps_and_at_its_end(drill: Drill, witness: Witness) -> None:
    drill.make(12)
    steps = {"cnv_fleet_storm_vms": [6, 12], "cnv_fleet_storm_probe": "banner"}
    storm = drill.begin(cnv_fleet_storm_afterwards="stopped", **steps).end()
    assert [(step["vms"], step["answered"]) for step in storm["series"]] == [(6, 6), (12, 12)]
    assert sorted(witness.started().values()) == [1] * 6 + [2] * 6
    until(lambda: drill.statuses() == {"Stopped"}, 30, "all are stopped")
    assert drill.instances() == {}


def test_it_goes_on_when_it_was_killed(drill: Drill, witness: Witness) -> None:
    """Killed at random moments: every machine is started once, and keeps the moment of its request."""
    drill.make(COUNT)
    random_s = random.Random(20261121)
    killed = 0
    # A run that goes on waits for what is left of the one before: many kills need guests that boot for long.
    with times(guest_boot_s={"mean": max(20, 20 * KILLS - 80), "spread": 5}):
        storm = drill.begin()
        while killed < KILLS and storm.kill(random_s.uniform(2, 9)):
            killed += 1
            storm = drill.begin()
        (step,) = storm.end()["series"]
    assert killed >= 2, "it was over before it was killed"
    assert (step["answered"], step["failed"]) == (COUNT, [])
    assert step["answering"]["count"] + step["late"] == COUNT
    assert set(witness.started().values()) == {1} and len(witness.started()) == COUNT
    assert drill.statuses() == {"Running"}
    assert len(list(drill.artifacts.glob("*/storm.jsonl"))) == 1


@pytest.mark.long
def test_it_goes_on_when_the_api_server_restarts(drill: Drill, witness: Witness) -> None:
    drill.make(COUNT)
    storm = drill.begin()
    until(drill.instances, 60, "the first machines are started")
    supervisorctl, conf = str(Path(sys.executable).with_name("supervisorctl")), LAB / "supervisor/supervisord.conf"
    subprocess.run([supervisorctl, "-c", str(conf), "restart", "kube-apiserver"], check=True, capture_output=True)
    ended = storm.end()
    (step,) = ended["series"]
    assert (step["answered"], step["failed"]) == (COUNT, [])
    assert set(witness.started().values()) == {1} and len(witness.started()) == COUNT
