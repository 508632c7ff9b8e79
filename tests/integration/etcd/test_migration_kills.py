# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration that is killed in each of its steps: forward to the end, and back to a working v2 cluster."""

from __future__ import annotations

import re

import pytest

from .migration_drill import Drill

pytestmark = [pytest.mark.lab, pytest.mark.long]

# The host and the step that is killed on it, and how long after it has begun.
KILLS = [
    ("etcd02", "list_keys", 1.0),
    ("etcd03", "backup", 1.0),
    ("etcd02", "keep", 0.0),
    ("etcd01", "transform", 0.0),
    ("etcd01", "transform", 0.3),
    ("etcd01", "force_new_cluster", 0.0),
    ("etcd01", "settle", 0.0),
    ("etcd01", "add", 0.2),
    ("etcd02", "adopt", 0.0),
    ("etcd02", "await", 0.5),
    ("etcd03", "adopt", 0.05),
    ("etcd03", "await", 0.2),
    ("etcd01", "lease", 0.1),
    ("etcd02", "compare", 0.1),
    ("etcd03", "finish", 0.0),
]
# Each way back begins with a run that is killed there; before any store was touched one is like the other.
BACK_FROM = [
    ("etcd03", "backup", 1.0),
    ("etcd02", "keep", 0.0),
    ("etcd01", "transform", 0.3),
    ("etcd01", "settle", 0.0),
    ("etcd01", "await", 0.0),
    ("etcd01", "add", 0.2),
    ("etcd02", "adopt", 0.0),
    ("etcd03", "await", 0.2),
    ("etcd01", "lease", 0.1),
]
KILLS_BACK = [("etcd02", "give_back", 0.0), ("etcd01", "await", 0.1), ("etcd03", "compare_back", 0.0)]


@pytest.fixture(scope="module")
def loaded(drill: Drill) -> dict[str, str]:
    """Begin anew with keys, of which some expire."""
    drill.lab("reset")
    drill.lab("load", "--keys=1500")
    return drill.v2_keys("etcd01")


def is_v2(drill: Drill, keys: dict[str, str]) -> None:
    """Check that every member serves the v2 keys and no v3 ones, and that they take writes."""
    for host in drill.members:
        assert drill.v2_keys(host) == keys
        assert drill.v3_keys(host) == {}
        assert drill.started(host) == len(drill.members)
    drill.v2_write("etcd02", "/probe", "1")
    drill.v2_delete("etcd02", "/probe")


def is_v3(drill: Drill, keys: dict[str, str]) -> None:
    """Check that every member itself has every key in the v3 storage."""
    for host in drill.members:
        assert drill.v3_keys(host) == keys
        assert drill.started(host) == len(drill.members)


def test_killed_in_every_step_it_goes_on_to_the_end(drill: Drill, loaded: dict[str, str]) -> None:
    """Each run goes on where the one before was killed, and is killed in the next step."""
    for host, step, after_s in KILLS:
        drill.play_and_kill(host, step, after_s)
    status, output = drill.play()
    assert status == 0, output
    is_v3(drill, loaded)
    status, output = drill.play()
    assert status == 0 and not re.search("changed=[1-9]", output), output


def test_killed_on_the_way_back_it_goes_on_to_the_v2_cluster(drill: Drill, loaded: dict[str, str]) -> None:
    """From the end, and from every kill of the way back."""
    for host, step, after_s in KILLS_BACK:
        drill.play_and_kill(host, step, after_s, etcd_host_migrate_state="absent")
    status, output = drill.play(etcd_host_migrate_state="absent")
    assert status == 0, output
    is_v2(drill, loaded)


@pytest.mark.parametrize(("host", "step", "after_s"), BACK_FROM, ids=[f"{step}-{host}" for host, step, _s in BACK_FROM])
def test_killed_in_a_step_it_leads_back(
    drill: Drill, loaded: dict[str, str], host: str, step: str, after_s: float
) -> None:
    """Whatever the kill has left, every member serves the v2 keys afterwards, from its own store."""
    drill.play_and_kill(host, step, after_s)
    status, output = drill.play(etcd_host_migrate_state="absent")
    assert status == 0, output
    is_v2(drill, loaded)
