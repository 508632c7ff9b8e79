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

_PERCENTILES = (("mean_s", "mean"), ("p50_s", "p50"), ("p75_s", "p75"), ("p90_s", "p90"), ("p95_s", "p95"),
                ("p99_s", "p99"), ("max_s", "max"))  # fmt: skip
_STAGES = ("created", "cloned", "running")
_WORDS = {"create": "not created", "clone": "not cloned", "start": "not started"}
_FAILED_SHOWN = 5
_BATCHES_SHOWN = 8


def plan_lines(request: FleetRequest, plan: FleetPlan) -> list[str]:
    """Return what a deployment would make, and what to know before."""
    ways = ", then ".join(way.label for way in request.ways)
    groups = ", ".join(f"{group.vms:,} {group.name}" for group in request.groups if group.vms)
    told = []
    if request.vms:
        told.append(
            f"{request.name}: {request.vms:,} VMs ({groups}) in {len(request.namespaces)} namespaces, {ways}: "
            f"{plan.create:,} to create, {plan.there:,} there already"
        )
    if request.pods:
        told.append(f"{request.name}: {request.pods:,} idle pods in Deployments")
    return told + [f"note: {warning}" for warning in plan.warnings]


def plan_rows(request: FleetRequest, plan: FleetPlan) -> list[Row]:
    """Return the plan for the record."""
    status = "would_change" if plan.create else "ok"
    found = [row(f"fleet {request.name}", "VMs", before=plan.there, wanted=request.vms, effective=plan.there,
                 status=status)]  # fmt: skip
    return found + [row(f"fleet {request.name}", "warning", status="note", why=text) for text in plan.warnings]


def rows(request: FleetRequest, fleet: Json, changed: bool) -> list[Row]:
    """Return what came of it: the whole, the pods, and every machine that failed."""
    where, totals, last = f"fleet {request.name}", fleet["totals"], fleet["series"][-1] if fleet["series"] else None
    found = []
    if last:
        took = f"{last['label']}: {describe_seconds(last['total_s'])}" if last["measured"] else "was there already"
        status = "failed" if totals["failed"] else ("changed" if changed else "ok")
        found.append(row(where, "VMs", wanted=totals["vms"], effective=totals["vms"] - totals["failed"], status=status,
                         why=took))  # fmt: skip
        for one in fleet["series"]:
            for failure in one["failed"]:
                why = f"{one['label']}: {failure['reason']}"
                found.append(row(f"VM {failure['vm']}", failure["stage"], status="failed", why=why))
    pods = fleet["pods"]
    if pods:
        done = pods["running_s"] is not None
        why = f"all run after {describe_seconds(pods['running_s'])}" if done else pods.get("reason", "")
        found.append(row(where, "idle pods", wanted=pods["pods"], effective=pods["running"],
                         status="changed" if done else "failed", why=why))  # fmt: skip
    return found


def removal_rows(
    request: FleetRequest, found: t.Mapping[str, int], kept: t.Mapping[str, str] | None = None, *, would: bool = False
) -> list[Row]:
    """Return what was removed by kind, or would be, and the namespaces that stay with what is in them."""
    where = f"fleet {request.name}"
    told = [
        row(where, words, before=number, wanted=0, effective=None if would else 0,
            status="would_change" if would else "changed")
        for words, number in found.items()
    ]  # fmt: skip
    told += [
        row(where, f"namespace {name}", status="note", why=f"stays: {other} is in it")
        for name, other in (kept or {}).items()
    ]
    return told or [row(where, "VMs", wanted=0, effective=0, status="ok")]


def removal_line(request: FleetRequest, found: t.Mapping[str, int], verb: str) -> str:
    """Return the same in a line."""
    words = ", ".join(f"{number:,} {words}" for words, number in found.items())
    return f"{request.name}: {verb} {words}" if words else f"{request.name}: nothing is there"


def lines(request: FleetRequest, fleet: Json) -> list[str]:
    """Return one screen: times by way and group, batches, failures, pods and what it cost."""
    told: list[str] = []
    for one in fleet["series"]:
        told += _way_lines(one)
    pods = fleet["pods"]
    if pods:
        created = "not all" if pods["created_s"] is None else describe_seconds(pods["created_s"])
        running = "not all" if pods["running_s"] is None else describe_seconds(pods["running_s"])
        told.append(f"{pods['running']:,} of {pods['pods']:,} idle pods run; created: {created}, running: {running}")
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
    return f"{len(batches)} batches, seconds of each until its clones were done: {shown}{more}"
