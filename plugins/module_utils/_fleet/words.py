# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A deployment as rows for the record and as one screen of text."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.plan import FleetPlan
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import STARTED, STOPPED, FleetRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

Json = t.Dict[str, t.Any]

_PERCENTILES = (
    ("mean_s", "mean"),
    ("p50_s", "p50"),
    ("p75_s", "p75"),
    ("p90_s", "p90"),
    ("p95_s", "p95"),
    ("p99_s", "p99"),
    ("max_s", "max"),
)
_STAGES = ("created", "cloned", "running")
_WORDS = {"create": "not created", "clone": "not cloned", "start": "not started"}
_FAILED_SHOWN = 5
_BATCHES_SHOWN = 8


def plan_lines(request: FleetRequest, plan: FleetPlan) -> list[str]:
    """Return what a deployment would make, and what to know before."""
    ways = ", then ".join(way.label for way in request.ways)
    groups = ", ".join(f"{group.vms:,} {group.name}" for group in request.groups if group.vms)
    told = [f"{request.name}: refused: {text}" for text in plan.refusals]
    if request.vms:
        switch = f", {plan.switch:,} to be {request.state}" if plan.switch else ""
        told.append(
            f"{request.name}: {request.vms:,} VMs ({groups}) in {len(request.namespaces)} namespaces, {ways}: "
            f"{plan.create:,} to create, {plan.there:,} there already{switch}"
        )
    if request.pods:
        told.append(f"{request.name}: {request.pods:,} idle pods in Deployments, {plan.pods:,} to create")
    return told + [f"note: {warning}" for warning in plan.warnings]


def plan_rows(request: FleetRequest, plan: FleetPlan) -> list[Row]:
    """Return the plan for the record."""
    where = f"fleet {request.name}"
    found = []
    if request.vms:
        status = "refused" if plan.refusals else ("would_change" if plan.create else "ok")
        why = " ".join(plan.refusals)
        found.append(
            row(where, "VMs", before=plan.there, wanted=request.vms, effective=plan.there, status=status, why=why)
        )
    if plan.switch:
        found.append(row(where, f"VMs {request.state}", wanted=plan.switch, status="would_change"))
    if request.pods:
        there = request.pods - plan.pods
        status = "would_change" if plan.pods else "ok"
        found.append(row(where, "idle pods", before=there, wanted=request.pods, effective=there, status=status))
    return found + [row(where, "warning", status="note", why=text) for text in plan.warnings]


def rows(request: FleetRequest, fleet: Json, changed: bool) -> list[Row]:
    """Return what came of it: the whole, the pods, and every machine that failed."""
    where, totals = f"fleet {request.name}", fleet["totals"]
    found = []
    if fleet["series"]:
        last = fleet["series"][-1]
        took = f"{last['label']}: {describe_seconds(last['total_s'])}" if last["measured"] else "all were there already"
        status = "failed" if totals["failed"] else ("changed" if changed else "ok")
        found.append(row(where, "VMs", wanted=request.vms, effective=totals["vms"], status=status, why=took))
    for one in fleet["series"]:
        for failure in one["failed"]:
            why = f"{one['label']}: {failure['reason']}"
            found.append(row(f"VM {failure['vm']}", failure["stage"], status="failed", why=why))
    pods = fleet["pods"]
    if pods:
        took_s = pods["running_s"]
        status = "failed" if pods["running"] < pods["pods"] else ("ok" if took_s is None else "changed")
        why = pods["reason"] or ("all ran already" if took_s is None else f"all run after {describe_seconds(took_s)}")
        found.append(row(where, "idle pods", wanted=pods["pods"], effective=pods["running"], status=status, why=why))
    return found


def removal_rows(
    request: FleetRequest, found: t.Mapping[str, int], kept: t.Mapping[str, str] | None = None, *, would: bool = False
) -> list[Row]:
    """Return what was removed by kind, or would be, and the namespaces that stay with what is in them."""
    where = f"fleet {request.name}"
    told = [
        row(
            where,
            words,
            before=number,
            wanted=0,
            effective=None if would else 0,
            status="would_change" if would else "changed",
        )
        for words, number in found.items()
    ]
    told += [
        row(where, f"namespace {name}", status="note", why=f"stays: {other} is in it")
        for name, other in (kept or {}).items()
    ]
    return told or [row(where, "VMs", wanted=0, effective=0, status="ok")]


def counted(number: int, things: str) -> str:
    """Return a number of things: ``1 VM``, ``2,000 VMs``."""
    return f"{number:,} {things.removesuffix('s') if number == 1 else things}"


def removal_line(request: FleetRequest, found: t.Mapping[str, int], verb: str) -> str:
    """Return the same in a line."""
    words = ", ".join(counted(number, words) for words, number in found.items())
    return f"{request.name}: {verb} {words}" if words else f"{request.name}: nothing is there"


def lines(request: FleetRequest, fleet: Json) -> list[str]:
    """Return one screen: times by way and group, batches, failures, pods and what it cost."""
    told: list[str] = []
    for one in fleet["series"]:
        told += _way_lines(one)
    pods = fleet["pods"]
    if pods:
        told.append(f"{pods['running']:,} of {pods['pods']:,} idle pods run{_pods_took(pods)}")
    totals, cost = fleet["totals"], fleet["cost"]
    state = {STARTED: " and are to run", STOPPED: " and are stopped"}.get(request.state, "")
    told.append(f"{totals['vms']:,} VMs exist{state}, {totals['running']:,} of them run, {totals['failed']:,} failed")
    told.append(
        f"it took {cost['requests']:,} requests ({cost['requests_per_vm']:.2f} a VM) and "
        f"{cost['peak_memory_bytes'] / 2**20:.0f} MiB of memory"
    )
    if fleet["time_factor"] != 1:
        told.append(f"the cluster's own durations are compressed {fleet['time_factor']:g} times")
    return told


def _pods_took(pods: Json) -> str:
    if pods["created_s"] is not None and pods["running_s"] is not None:
        return (
            f"; created in {describe_seconds(pods['created_s'])}, running after {describe_seconds(pods['running_s'])}"
        )
    return f"; {pods['reason']}" if pods["reason"] else ""


def _way_lines(one: Json) -> list[str]:
    if not one["measured"]:
        return [f"{one['label']}: all {one['vms']:,} VMs were there already"]
    head = f"{one['label']}: {one['measured']:,} VMs in {describe_seconds(one['total_s'])}"
    told = [head, f"  {'seconds from the request until':<32}" + "".join(f"{title:>9}" for _key, title in _PERCENTILES)]
    for name, group in one["groups"].items():
        for stage in _STAGES:
            if group[stage]["count"]:
                cells = "".join(f"{group[stage][key]:>9.1f}" for key, _title in _PERCENTILES)
                told.append(f"  {f'{name} {stage}':<32}{cells}")
    if len(one["batches"]) > 1:
        told.append(f"  {_batch_words(one['batches'])}")
    failed = one["failed"]
    for stage, words in _WORDS.items():
        those = [failure for failure in failed if failure["stage"] == stage]
        if those:
            told.append(f"  {len(those):,} {words}:")
            told += [f"    {failure['vm']}: {failure['reason']}" for failure in those[:_FAILED_SHOWN]]
            if len(those) > _FAILED_SHOWN:
                told.append(f"    and {len(those) - _FAILED_SHOWN:,} more")
    return told


def _batch_words(batches: t.Sequence[Json]) -> str:
    """Return what each batch took until its clones were done, or until it was created where there are none."""
    took = []
    for batch in batches:
        end = batch["cloned_s"] if batch["cloned_s"] is not None else batch["created_s"]
        if end is not None and batch["began_s"] is not None:
            took.append(f"{end - batch['began_s']:.1f}")
    shown = " ".join(took[:_BATCHES_SHOWN])
    more = f" ... {took[-1]}" if len(took) > _BATCHES_SHOWN else ""
    until = "cloned" if any(batch["cloned_s"] is not None for batch in batches) else "created"
    return f"{len(batches)} batches, seconds of each until it was {until}: {shown}{more}"
