# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a deployment would make, and what it should be warned of before it begins. The limits are the reference
architecture's, and those of ceph-csi (``cmd/cephcsi.go``: minsnapshotsonimage, maxsnapshotsonimage)."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.deploy import machines_of
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.group import Group
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import (
    BATCHES,
    PRESENT,
    RATE,
    FleetRequest,
    Way,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.survey import Survey
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import Source
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.scheduling import machine_type_trouble

# Requests that the external provisioner sends to the CSI driver at once.
PARALLEL_CLONES = 10
# Snapshots on an image from which its clones are flattened, and from which new ones wait for that.
FLATTEN_FROM, BLOCK_AT = 250, 450
# Clones by csi-clone beyond which ceph-csi left some behind (BZ 2055595, OpenShift Virtualization 4.9).
CSI_CLONES_PURGED = 100
# The reference architecture does not recommend more pods on a node, though it ran 244.
PODS_ON_NODE = 250
# About what KubeVirt adds to a small machine's memory for launcher and QEMU (GetMemoryOverhead of virt-controller).
OVERHEAD_BYTES = 256 << 20


@dataclass
class FleetPlan:
    """What is to be made, and what is to be known before."""

    create: int = 0
    there: int = 0
    # Machines that are there and are to be started or stopped.
    switch: int = 0
    # Idle pods that are missing.
    pods: int = 0
    strays: int = 0
    # What keeps it from beginning at all.
    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changes(self) -> bool:
        """Return whether anything is to be done."""
        return bool(self.create or self.switch or self.pods)


def plan_fleet(request: FleetRequest, survey: Survey) -> FleetPlan:
    """Return what a request would make of what is there."""
    wanted, groups = machines_of(request), {group.name: group for group in request.groups}
    there = [machine for name, machine in wanted.items() if name in survey.machines]
    plan = FleetPlan(
        create=len(wanted) - len(there),
        there=len(there),
        pods=max(0, request.pods - sum(survey.pods.values())),
        strays=len(survey.machines) - len(there),
    )
    if request.state != PRESENT:
        plan.switch = sum(
            survey.machines[machine.name] != groups[machine.group].run_strategy(request.state) for machine in there
        )
    plan.refusals += _refusals(request, survey)
    if plan.strays:
        plan.warnings.append(
            f"{_many(plan.strays, 'VM')} of the fleet {request.name} from an earlier request stay as they are; "
            "state absent removes them too."
        )
    plan.warnings += [
        f"The golden image {_named(source)} would be imported before."
        for source, image in sorted(survey.images.items(), key=lambda entry: entry[0].name)
        if source in request.promised and not (image.kind and image.ready)
    ]
    if plan.create:
        plan.warnings += _clone_warnings(request, survey)
    if plan.changes:
        plan.warnings += _room_warnings(request, survey, plan)
    return plan


def _refusals(request: FleetRequest, survey: Survey) -> t.Iterator[str]:
    if survey.network_trouble:
        yield survey.network_trouble
    troubles = [machine_type_trouble(group.manifests[0], survey.machine_types) for group in request.groups if group.vms]
    yield from sorted({trouble for trouble in troubles if trouble})
    for source, image in sorted(survey.images.items(), key=lambda entry: entry[0].name):
        if source in request.promised:
            continue
        if image.kind is None:
            yield f"The golden image {_named(source)} does not exist; the role cnv_storage imports one."
        elif not image.ready:
            yield f"The golden image {_named(source)} is not ready; wait for the end of its import."


def _clone_warnings(request: FleetRequest, survey: Survey) -> t.Iterator[str]:
    clones: dict[Source, int] = {}
    for group in request.groups:
        for source, number in group.sources_of_clones().items():
            clones[source] = clones.get(source, 0) + number
    total = sum(clones.values())
    if not total:
        return
    strategies = set(survey.strategies.values())
    for way in request.ways:
        at_once = max(_at_once(way, group) for group in request.groups)
        if at_once > PARALLEL_CLONES:
            yield (
                f"{_first_upper(way.label)}: up to {at_once:,} clones of one golden image at once; more than "
                f"{PARALLEL_CLONES} queue behind their parent. Several golden images share them."
            )
    if strategies == {"copy"}:
        yield f"The clone strategy copy copies whole disks, {total:,} of them: slow, and each takes its full size."
        return
    for source, number in clones.items():
        # A VolumeSnapshot is cloned without a snapshot for each clone.
        if survey.images.get(source) and survey.images[source].kind == "snapshot":
            continue
        if number > BLOCK_AT:
            yield (
                f"{number:,} clones of {_named(source)}: Ceph CSI flattens from {FLATTEN_FROM} snapshots of one image, "
                f"and past {BLOCK_AT} new clones wait for that; use more golden images, or a VolumeSnapshot as source."
            )
        elif number > FLATTEN_FROM:
            yield (
                f"{number:,} clones of {_named(source)}: past {FLATTEN_FROM} snapshots of one image Ceph CSI begins to "
                "flatten, which slows clones down."
            )
    if total > CSI_CLONES_PURGED and "csi-clone" in strategies:
        yield (
            f"The clone strategy csi-clone left clones behind past {CSI_CLONES_PURGED} on OpenShift Virtualization 4.9 "
            "(BZ 2055595)."
        )


def _at_once(way: Way, group: Group) -> int:
    """Return how many clones of one source may be in the making together.

    Of a steady rate nobody knows, but keeping them apart is what it is for.
    """
    if way.mode == RATE or not group.sources:
        return 0
    together = min(group.vms, way.batch_size) if way.mode == BATCHES and way.batch_size else group.vms
    return -(-together // len(group.sources))


def _room_warnings(request: FleetRequest, survey: Survey, plan: FleetPlan) -> t.Iterator[str]:
    nodes = len(survey.rooms)
    if not nodes:
        yield "The cluster has no worker that takes pods."
        return
    running = [group for group in request.groups if group.runs(request.state)]
    starting = min(plan.create + plan.switch, sum(group.vms for group in running))
    pods = starting + plan.pods
    room = sum(max(0, one.pods) for one in survey.rooms.values())
    if pods > room:
        yield (f"{pods:,} pods are to run, but {nodes} workers have room for {room:,}; see the role ocp_kubelet.")
    busiest = (sum(survey.pods_on.values()) + pods) / nodes
    if busiest > PODS_ON_NODE:
        yield f"{busiest:.0f} pods on a node on average; the reference architecture recommends at most {PODS_ON_NODE}."
    memory = sum(group.vms * (group.memory_bytes + OVERHEAD_BYTES) for group in running)
    memory = memory * starting // max(1, sum(group.vms for group in running))
    free = sum(max(0, one.memory_bytes) for one in survey.rooms.values())
    if memory > free:
        asked, left = f"{memory / 2**30:,.0f} GiB", f"{free / 2**30:,.0f} GiB"
        yield f"The VMs ask for {asked} of memory, but {left} are free on the workers."


def _named(source: Source) -> str:
    return f"{source.kind} {source.namespace}/{source.name}"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _many(number: int, thing: str) -> str:
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"
