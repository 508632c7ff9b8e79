# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Ceph, and modules run on it through Ansible as a playbook runs them."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import pytest

from .lab_ceph import Ceph, restored, wait_for

CHECKOUT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale"))
# 4,096 PGs of three copies take a few minutes on two busy cores.
CLEAN_TIMEOUT_S = 900


@pytest.fixture(scope="session")
def lab() -> Ceph:
    """The lab's Ceph."""
    ceph = Ceph(CACHE / "lab" / "ceph" / "ceph.conf")
    if not ceph.answers():
        pytest.skip(f"no monitor of {ceph.conf} answers: the lab's Ceph is not up (make lab-up)")
    return ceph


@pytest.fixture
def ceph(lab: Ceph) -> t.Iterator[Ceph]:
    """The lab's Ceph, clean; what a test changes on pools is put back afterwards."""
    wait_for("a clean cluster", lab.clean, CLEAN_TIMEOUT_S)
    with restored(lab, CLEAN_TIMEOUT_S):
        yield lab


@pytest.fixture
def pool(ceph: Ceph) -> t.Iterator[str]:
    """A clean pool of 32 PGs that no other test knows."""
    name = "probe"
    ceph.tell("osd", "pool", "create", name, "32", "32", "replicated", "--autoscale-mode", "on")
    try:
        ceph.tell("osd", "pool", "application", "enable", name, "rbd")
        wait_for("a clean new pool", ceph.clean, CLEAN_TIMEOUT_S)
        yield name
    finally:
        ceph.tell("osd", "pool", "rm", name, name, "--yes-i-really-really-mean-it")


def pool_pgs(check: bool = False, **arguments: t.Any) -> dict[str, t.Any]:
    """Run the module ceph_pool_pgs on the lab's admin host; its result, with ``failed`` as Ansible sees it."""
    command = ["ansible", "ceph_admin", "-m", "virtscale.tuning.ceph_pool_pgs"]
    command += ["-a", json.dumps({"ceph_conf": "{{ ceph_conf }}", **arguments}), *(["--check"] if check else [])]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300)
    # "ceph-admin | SUCCESS => {...}", after what Ansible has to say about a failed task.
    head, arrow, result = done.stdout.rpartition(" => {")
    assert arrow, f"ansible said:\n{done.stdout}{done.stderr}"
    return {"failed": head.endswith("FAILED!"), **json.loads("{" + result)}
