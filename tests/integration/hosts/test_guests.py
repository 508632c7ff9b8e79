# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ceph_network on hosts with their own kernel: what it sets is in force, outlives a boot, and can be given back."""

from __future__ import annotations

import json
import subprocess
import typing as t

import pytest

from .conftest import CHECKOUT, Play, Played
from .lab_hosts import GUESTS, on, reboot, sysctl_files, sysctls

pytestmark = pytest.mark.lab

SITE, ROLLBACK = "site.yml", "playbooks/rollback.yml"
EVERY_GUEST = pytest.mark.parametrize("guest", GUESTS)

# The seed's values that no kernel exceeds by itself.
SEED = {
    "net.core.rmem_max": "5242880",
    "net.core.wmem_max": "5242880",
    "net.core.wmem_default": "2097152",
    "net.core.netdev_budget": "1000",
    "net.core.netdev_max_backlog": "5000",
    "net.ipv4.neigh.default.gc_thresh1": "4096",
    "net.ipv4.neigh.default.gc_thresh2": "16384",
    "net.ipv4.neigh.default.gc_thresh3": "32768",
    "net.ipv4.conf.all.arp_filter": "1",
    "net.ipv4.conf.all.arp_ignore": "1",
    "net.ipv4.conf.all.arp_announce": "1",
    "net.ipv4.tcp_window_scaling": "1",
}
# Derived: the limits of TCP's autotuning (a larger one is kept), and the time that goes with the budget.
DERIVED = ["net.core.netdev_budget_usecs", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]
KEYS = [*SEED, *DERIVED]

State = t.Dict[str, t.Any]


def state() -> State:
    """Return the keys and the files of all guests."""
    return {guest: {"kernel": sysctls(guest, KEYS), "files": sysctl_files(guest)} for guest in GUESTS}


@pytest.fixture(scope="module")
def before(play: Play) -> State:
    """The guests as they are untuned."""
    given_back = play(ROLLBACK, "ceph_guests")
    assert given_back.status == 0, given_back.output[-4000:]
    return state()


@pytest.fixture(scope="module")
def tuned(play: Play, before: State) -> Played:
    """The run that tunes them."""
    return play(SITE, "ceph_guests")


def test_the_run_ends_well(tuned: Played) -> None:
    assert tuned.status == 0, tuned.output[-4000:]
    assert {line.status for line in tuned.lines} <= {"ok", "changed", "note"}


@EVERY_GUEST
def test_every_key_is_effective_in_the_kernel(tuned: Played, guest: str) -> None:
    kernel = sysctls(guest, KEYS)
    assert {key: kernel[key] for key in SEED} == SEED
    assert {key: tuned.line(guest, key).effective for key in KEYS} == kernel


@EVERY_GUEST
def test_tcp_may_use_what_was_planned(tuned: Played, guest: str) -> None:
    kernel = sysctls(guest, DERIVED)
    for key in ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"):
        assert int(kernel[key].split()[2]) >= 5242880


@EVERY_GUEST
def test_the_bond_is_as_the_design_wants_it(tuned: Played, guest: str) -> None:
    assert [line for line in tuned.lines if line.where == guest and "bond" in line.what and line.status != "ok"] == []
    assert "adaptive load balancing" in on(guest, "cat /proc/net/bonding/bond0")


def test_every_key_is_effective_after_a_reboot(tuned: Played) -> None:
    running = {guest: sysctls(guest, KEYS) for guest in GUESTS}
    reboot(*GUESTS)
    assert {guest: sysctls(guest, KEYS) for guest in GUESTS} == running


def test_a_second_run_finds_nothing_to_do(play: Play, tuned: Played) -> None:
    again = play(SITE, "ceph_guests")
    assert again.status == 0, again.output[-4000:]
    assert {line.status for line in again.lines} <= {"ok", "note"}


@pytest.fixture
def later_file(tuned: Played) -> t.Iterator[str]:
    """A file of somebody else that is read after ours."""
    path = "/etc/sysctl.d/zz-other.conf"
    on("guest01", f"echo net.core.netdev_max_backlog=7777 >{path}")
    yield path
    on("guest01", f"rm {path}; sysctl -w net.core.netdev_max_backlog=5000")


def test_a_later_file_that_overrides_a_key_is_named(play: Play, later_file: str) -> None:
    run = play(SITE, "guest01")
    line = run.line("guest01", "net.core.netdev_max_backlog")
    assert line.status == "overridden"
    assert later_file in line.why
    assert later_file in run.output


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param({"net.core.rmem_max": "1"}, id="too-small-for-the-kernel"),
        pytest.param({"net.ipv4.tcp_rmem": "4096 many 5242880"}, id="not-a-number"),
        pytest.param({"net.core.no_such_key": "1"}, id="unknown-to-the-kernel"),
    ],
)
def test_a_value_that_the_kernel_rejects_leaves_file_and_kernel_as_before(
    tuned: Played, refused: dict[str, str]
) -> None:
    untouched = state()
    settings = {"net.core.netdev_budget": "1234", **refused}
    arguments = json.dumps({"files": [{"name": "99.9-refused.conf", "settings": settings}]})
    command = ["ansible", "guest01", "-m", "virtscale.tuning.sysctl_dropins", "-a", arguments]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0
    assert next(iter(refused)) in done.stdout
    assert state() == untouched


def test_rollback_gives_back_what_was_there_before(play: Play, before: State, tuned: Played) -> None:
    given_back = play(ROLLBACK, "ceph_guests")
    assert given_back.status == 0, given_back.output[-4000:]
    assert state() == before


def test_what_was_given_back_stays_so_after_a_reboot(before: State) -> None:
    reboot("guest02")
    assert state()["guest02"] == before["guest02"]
