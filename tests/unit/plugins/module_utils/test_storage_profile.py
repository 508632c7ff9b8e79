# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How CDI clones: what is planned for a StorageProfile, and what room Ceph has for it."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import BEFORE_ANNOTATION, Object, patched
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.capacity import (
    describe_bytes,
    read_capacity,
    room_for_copies,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.profile import (
    CloneWish,
    confirmed,
    in_effect,
    plan_given_back,
    plan_profile,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.recorded_ceph import Replay, recorded

GIB = 1 << 30
VMS: t.Dict[str, t.Any] = {"name": "vms", "replicas": 3, "max_avail_bytes": 400 * GIB}


def profile(spec: Object | None = None, status: str | None = "csi-clone", **meta: t.Any) -> Object:
    """A StorageProfile as CDI keeps it."""
    return {
        "apiVersion": "cdi.kubevirt.io/v1beta1",
        "kind": "StorageProfile",
        "metadata": {"name": "rbd", "resourceVersion": "7", **meta},
        "spec": spec or {},
        "status": {"cloneStrategy": status, "provisioner": "rbd.csi.ceph.com"},
    }


def wish(strategy: str | None, clones: int = 10, capacity: t.Any = (VMS,), **more: t.Any) -> CloneWish:
    return CloneWish(strategy=strategy, clones=clones, disk_bytes=40 * GIB, capacity=capacity, **more)


def test_pools_are_read_as_ceph_counts_them() -> None:
    stats = {"stored": 5, "bytes_used": 15, "max_avail": 100}
    df = {"pools": [{"name": name, "stats": stats} for name in ("vms", "objects", "fast")]}
    pools = read_capacity(CephClient(Replay({"df": df, "osd dump": recorded("osd_dump")})))
    assert [(pool["name"], pool["replicas"]) for pool in pools] == [("fast", 2), ("objects", None), ("vms", 3)]
    assert pools[0] == {
        "name": "fast",
        "replicas": 2,
        "max_avail_bytes": 100,
        "stored_bytes": 5,
        "used_bytes": 15,
    }


@pytest.mark.parametrize(
    ("replicas", "clones", "enough", "words"),
    [
        (3, 10, True, "400.0 GiB free in pool vms; with 3 replicas 1.2 TiB raw of 1.2 TiB"),
        (3, 11, False, "400.0 GiB free in pool vms; with 3 replicas 1.3 TiB raw of 1.2 TiB"),
        (None, 10, True, "400.0 GiB free in pool vms"),
    ],
)
def test_copies_fit_to_the_byte(replicas: int | None, clones: int, enough: bool, words: str) -> None:
    room = room_for_copies({**VMS, "replicas": replicas}, 40 * GIB, clones)
    assert (room.enough, str(room)) == (enough, words)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (40 * GIB, "40.0 GiB"),
        (2000 * 40 * GIB, "78.1 TiB"),
        (1 << 62, "4096.0 PiB"),
    ],
)
def test_bytes_are_told_in_the_largest_unit(count: int, words: str) -> None:
    assert describe_bytes(count) == words


def test_nothing_is_touched_unless_asked() -> None:
    plan = plan_profile(profile(), "vms", wish(None))
    assert (plan.patch, [line["status"] for line in plan.rows]) == ({}, ["note"])
    assert plan.rows[0]["effective"] == "csi-clone"


def test_a_change_is_guarded_and_remembers_what_was_there() -> None:
    live = profile()
    plan = plan_profile(live, "vms", wish("copy"))
    assert plan.patch["spec"] == {"cloneStrategy": "copy"}
    assert plan.patch["metadata"]["resourceVersion"] == "7"
    before = json.loads(plan.patch["metadata"]["annotations"][BEFORE_ANNOTATION])
    assert before == {"spec": {"cloneStrategy": None}}

    after = patched(live, plan.patch)
    assert not in_effect(plan, after)
    assert [line["status"] for line in confirmed(plan, after)] == ["failed", "ok"]
    after["status"]["cloneStrategy"] = "copy"
    assert [line["status"] for line in confirmed(plan, after)] == ["changed", "ok"]

    back = plan_given_back(after)
    restored = patched(after, back.patch)
    assert restored["spec"] == {}
    assert not in_effect(back, after)
    assert in_effect(back, {**restored, "status": {"cloneStrategy": "csi-clone"}})
    assert plan_given_back(restored).patch == {}


@pytest.mark.parametrize(
    ("pool", "capacity", "clones", "statuses", "why"),
    [
        ("vms", (VMS,), 11, ["refused", "refused"], "see the room for them"),
        ("vms", (VMS,), 10, ["would_change", "ok"], "all bytes of the disk"),
        ("vms", None, 11, ["would_change", "note"], "no Ceph host was asked"),
        (None, (VMS,), 11, ["would_change", "note"], "names no pool"),
        ("other", (VMS,), 11, ["would_change", "note"], "has no pool other"),
        ("vms", (VMS,), 0, ["would_change"], "all bytes of the disk"),
    ],
)
def test_copies_are_made_only_where_they_fit_as_far_as_is_known(
    pool: str | None, capacity: t.Any, clones: int, statuses: list[str], why: str
) -> None:
    plan = plan_profile(profile(), pool, wish("copy", clones, capacity))
    assert [line["status"] for line in plan.rows] == statuses
    assert bool(plan.patch) == (statuses[0] == "would_change")
    assert any(why in str(line["why"]) for line in plan.rows)


def test_clones_that_take_no_room_are_not_counted() -> None:
    assert [line["what"] for line in plan_profile(profile(), "vms", wish("snapshot", 10**6)).rows] == ["cloneStrategy"]


@pytest.mark.parametrize(("clones", "notes"), [(100, 0), (101, 1)])
def test_the_old_bug_of_csi_clones_is_told_beyond_a_hundred(clones: int, notes: int) -> None:
    for asked in (None, "csi-clone"):
        plan = plan_profile(profile({"cloneStrategy": "csi-clone"}), "vms", wish(asked, clones))
        assert sum("BZ 2055595" in str(line["why"]) for line in plan.rows) == notes


def test_a_profile_that_cdi_does_not_follow_is_told() -> None:
    live = profile({"cloneStrategy": "copy"}, status="csi-clone")
    plan = plan_profile(live, "vms", wish("copy"))
    assert (plan.patch, plan.rows[0]["status"]) == ({}, "overridden")
    assert confirmed(plan, live)[0]["status"] == "failed"
    live["status"]["cloneStrategy"] = "copy"
    assert confirmed(plan, live)[0]["status"] == "ok"


def owned(manager: str) -> Object:
    entry = {"manager": manager, "operation": "Update", "fieldsV1": {"f:spec": {"f:cloneStrategy": {}}}}
    return profile({"cloneStrategy": "snapshot"}, status="snapshot", managedFields=[entry])


@pytest.mark.parametrize(
    ("manager", "force", "status"),
    [
        ("kubectl-edit", False, "refused"),
        ("kubectl-edit", True, "would_change"),
        ("argocd-controller", True, "refused"),
        ("virtscale.tuning", False, "would_change"),
    ],
)
def test_others_are_named_and_gitops_is_never_forced(manager: str, force: bool, status: str) -> None:
    plan = plan_profile(owned(manager), "vms", wish("csi-clone", force_conflicts=force))
    assert (plan.rows[0]["status"], bool(plan.patch)) == (status, status == "would_change")
    assert (manager in str(plan.rows[0]["why"])) == (status == "refused")
