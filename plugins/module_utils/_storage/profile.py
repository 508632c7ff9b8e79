# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How CDI clones on a StorageClass: the strategy of its StorageProfile, set, given back and read where it is effective.

CDI takes the profile's ``spec.cloneStrategy``, else the annotation ``cdi.kubevirt.io/clone-strategy`` of the class,
else what it knows of the provisioner, and writes what it took to ``status.cloneStrategy``. Source:
containerized-data-importer, pkg/controller/storageprofile-controller.go, reconcileCloneStrategy.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    Object,
    give_back,
    merged,
    nested,
    remember,
    remembered,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import conflicts, refusals
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.capacity import (
    Room,
    describe_bytes,
    room_for_copies,
)

STORAGE_PROFILES = Resource("cdi.kubevirt.io/v1beta1", "storageprofiles")
STORAGE_CLASSES = Resource("storage.k8s.io/v1", "storageclasses")
STRATEGIES = ("copy", "csi-clone", "snapshot")
_SPEC = ("spec", "cloneStrategy")
_STATUS = ("status", "cloneStrategy")
ROOM = "room for copies"
# Beyond so many clones, Ceph CSI of OpenShift 4.9 left clones behind (BZ 2055595).
_CSI_CLONES = 100


@dataclass(frozen=True)
class CloneWish:
    """What is wanted of a StorageProfile.

    :param strategy: None leaves it as it is.
    :param clones: how many disks of ``disk_bytes`` are to be cloned.
    :param capacity: the pools as ``capacity.parse_capacity`` returns them; None where nobody could ask Ceph.
    """

    strategy: str | None
    clones: int
    disk_bytes: int
    capacity: t.Sequence[t.Mapping[str, t.Any]] | None
    force_conflicts: bool = False


@dataclass
class ProfilePlan:
    """The patch that makes it so (empty: nothing to do), the strategy to be read back, and the rows."""

    patch: Object
    expected: str | None
    rows: list[Row]


def read_profile(client: KubeClient, storage_class: str) -> tuple[Object, str | None]:
    """Return the StorageProfile of a class, and the Ceph pool that the class puts disks into.

    :raises TuningError: when there is no such profile, naming those that there are.
    """
    profile = client.get(STORAGE_PROFILES, storage_class)
    if profile is None:
        known = sorted(item["metadata"]["name"] for item in client.list(STORAGE_PROFILES).items)
        there = f"there are {', '.join(known)}" if known else "there is none; is CDI running?"
        raise TuningError(f"CDI has no StorageProfile {storage_class}, which it makes for each StorageClass: {there}.")
    parameters = (client.get(STORAGE_CLASSES, storage_class) or {}).get("parameters") or {}
    # The data of an erasure coded pool's images is not where their names are.
    return profile, parameters.get("dataPool") or parameters.get("pool")


def plan_profile(profile: Object, pool: str | None, wish: CloneWish) -> ProfilePlan:
    """Return how the profile becomes what is wished for."""
    before, effective = value_at(profile, _SPEC), value_at(profile, _STATUS)
    if wish.strategy is None:
        why = "left as it is" if before else f"left to CDI, for the provisioner {_provisioner(profile)}"
        left = row(
            _where(profile), "cloneStrategy", before=before or effective, effective=effective, status="note", why=why
        )
        advice = _clone_note(profile, str(effective), wish)
        return ProfilePlan({}, None, [left, *advice])
    if before == wish.strategy:
        status, why = "ok", ""
        if effective != wish.strategy:
            status, why = "overridden", f"CDI did not take it over; its status says {effective}"
        right = _strategy_row(profile, wish.strategy, status, why)
        return ProfilePlan({}, wish.strategy, [right, *_clone_note(profile, wish.strategy, wish)])
    wanted = nested(_SPEC, wish.strategy)
    stopped = refusals(conflicts(profile, wanted), wish.force_conflicts)
    if stopped:
        why = "; ".join(str(conflict) for conflict in stopped)
        return ProfilePlan({}, None, [_strategy_row(profile, wish.strategy, "refused", why)])
    space, enough = _space(profile, pool, wish)
    if not enough:
        refused = _strategy_row(profile, wish.strategy, "refused", "full copies would not fit, see the room for them")
        return ProfilePlan({}, None, [refused, *space])
    change = _strategy_row(profile, wish.strategy, "would_change", _cost(wish.strategy))
    rows = [change, *space, *_clone_note(profile, wish.strategy, wish)]
    return ProfilePlan(_guarded(profile, remember(profile, wanted)), wish.strategy, rows)


def plan_given_back(profile: Object) -> ProfilePlan:
    """Return how the profile becomes what it was before this collection changed it; empty where it never did."""
    before = remembered(profile)
    if not before:
        return ProfilePlan({}, None, [])
    wanted = value_at(before, _SPEC)
    why = "the value from before, by the object's own annotation"
    change = _strategy_row(profile, wanted, "would_change", why)
    return ProfilePlan(_guarded(profile, give_back(profile)), wanted, [change])


def confirmed(plan: ProfilePlan, profile: Object) -> list[Row]:
    """Return the rows with what came of the change, read back where CDI says what it does."""
    effective = value_at(profile, _STATUS)
    rows = []
    for line in plan.rows:
        if line["status"] not in ("would_change", "overridden"):
            rows.append(line)
        elif in_effect(plan, profile):
            done = {"status": "changed"} if plan.patch else {"status": "ok", "why": ""}
            rows.append({**line, "effective": effective, **done})
        else:
            why = f"CDI did not take it over; its status says {effective}"
            rows.append({**line, "effective": effective, "status": "failed", "why": why})
    return rows


def in_effect(plan: ProfilePlan, profile: Object) -> bool:
    """Return whether CDI follows the plan; a value left to CDI is there as soon as it is no longer asked for."""
    if plan.expected is None:
        return value_at(profile, _SPEC) is None and value_at(profile, _STATUS) is not None
    return bool(value_at(profile, _SPEC) == value_at(profile, _STATUS) == plan.expected)


def _space(profile: Object, pool: str | None, wish: CloneWish) -> tuple[list[Row], bool]:
    """Return the row about the room for full copies, and whether nothing stands against them."""
    if wish.strategy != "copy" or not wish.clones:
        return [], True
    needed = wish.clones * wish.disk_bytes
    asked = f"{wish.clones} x {describe_bytes(wish.disk_bytes)} = {describe_bytes(needed)}"
    room = _room(pool, wish)
    if isinstance(room, str):
        return [row(_where(profile), ROOM, wanted=asked, status="note", why=f"not checked: {room}")], True
    status = "ok" if room.enough else "refused"
    return [row(_where(profile), ROOM, wanted=asked, effective=room, status=status)], room.enough


def _room(pool: str | None, wish: CloneWish) -> Room | str:
    """Return the room in the pool of the class, or why it is not known."""
    if wish.capacity is None:
        return "no Ceph host was asked"
    if pool is None:
        return "the StorageClass names no pool of Ceph"
    for capacity in wish.capacity:
        if capacity["name"] == pool:
            return room_for_copies(capacity, wish.disk_bytes, wish.clones)
    return f"the Ceph that was asked has no pool {pool}"


def _clone_note(profile: Object, strategy: str, wish: CloneWish) -> list[Row]:
    if strategy != "csi-clone" or wish.clones <= _CSI_CLONES:
        return []
    why = (
        f"beyond {_CSI_CLONES}, the Ceph CSI of OpenShift 4.9 left clones behind (BZ 2055595), "
        "and for that the reference architecture advises copy"
    )
    return [row(_where(profile), f"{wish.clones} clones by csi-clone", effective=strategy, status="note", why=why)]


def _cost(strategy: str) -> str:
    return {
        "copy": "two pods copy all bytes of the disk for each clone: no lock on the parent, no snapshots",
        "csi-clone": "the storage clones; each clone leaves a snapshot of its parent behind",
        "snapshot": "each clone is made from a snapshot of its own",
    }[strategy]


def _strategy_row(profile: Object, wanted: str | None, status: str, why: str) -> Row:
    return row(
        _where(profile),
        "cloneStrategy",
        before=value_at(profile, _SPEC),
        wanted=wanted,
        effective=value_at(profile, _STATUS),
        status=status,
        why=why,
    )


def _guarded(profile: Object, patch: Object) -> Object:
    """Return a patch that the API refuses when somebody wrote since the profile was read."""
    return merged(patch, {"metadata": {"resourceVersion": profile["metadata"]["resourceVersion"]}})


def _provisioner(profile: Object) -> str:
    return value_at(profile, ("status", "provisioner")) or "of the class"


def _where(profile: Object) -> str:
    return f"StorageProfile {profile['metadata']['name']}"
