# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One of 47 hosts is switched off: it fails, alone."""

from __future__ import annotations

import typing as t

import pytest

from .conftest import Play
from .lab_hosts import supervise

pytestmark = pytest.mark.lab

OFF = "ceph31"
HOSTS = {f"ceph{number:02}" for number in range(1, 48)}


@pytest.fixture
def switched_off() -> t.Iterator[None]:
    """Its sshd, and with it all that runs on it, is gone."""
    supervise("stop", f"lab_hosts:{OFF}")
    yield
    supervise("start", f"lab_hosts:{OFF}")


def test_a_host_that_is_off_fails_alone(play: Play, switched_off: None) -> None:
    run = play("site.yml", "ceph_namespaces")
    assert run.status != 0
    assert run.statuses(OFF) == {"failed"}
    for host in HOSTS - {OFF}:
        assert run.statuses(host), f"nothing was recorded of {host}"
        assert run.statuses(host) <= {"ok", "changed", "note"}, host
    summary = run.output.rpartition("PLAY RECAP")[0]
    assert any(OFF in line and "unreachable" in line.lower() for line in summary.splitlines())
