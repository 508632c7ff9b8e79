# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments, boot storms, latencies and upgrades as runs record them, with machines that failed."""

from __future__ import annotations

import datetime
import random
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import distribution
from ansible_collections.virtscale.tuning.plugins.module_utils._record import (
    Json,
    Run,
    host_entry,
    to_json,
    write_private,
)

_STORM_VMS = (100, 200, 400, 600, 800, 1000)
_NODES = (1, 2, 4, 8, 16, 32, 64)


def fleet(factor: float = 1.0, pace: float = 1.0) -> Json:
    """Return what a deployment returns: batches of 50, 100 and 200, a rate, and 800 at once."""
    chance = random.Random(3)
    kinds = [("batches", 50), ("batches", 100), ("batches", 200), ("rate", 2.5), ("at_once", None)]
    return {
        "fleet": "load",
        "time_factor": factor,
        "series": [_series(mode, size, chance, pace / factor) for mode, size in kinds],
        "pods": {"pods": 21400, "created_s": 412.0, "running_s": 655.5},
        "totals": {"vms": 3000, "running": 2970, "failed": 30, "pods": 21400},
        "cost": {"requests": 6420, "requests_per_vm": 2.14, "peak_memory_bytes": 214 << 20},
    }


def _series(mode: str, size: t.Any, chance: random.Random, pace: float) -> Json:
    vms = 800 if mode == "at_once" else 1000
    batch = size if mode == "batches" else vms
    batches: list[Json] = []
    began_s = 0.0
    for number in range(1, vms // batch + 1):
        # Ten clones at once, one after the other beyond; flattening from 250 clones on.
        clones = batch * (0.62 if batch <= 100 else 0.8) + (0.12 * batch if number * batch > 250 else 0)
        clones = (clones + 22 + chance.random() * 4) * pace
        ends = {"created_s": began_s + batch * 0.02, "cloned_s": began_s + clones, "running_s": None}
        batches.append({"number": number, "vms": batch, "began_s": began_s, **ends})
        began_s += clones
    failed = [
        {"vm": "load-03/load-rhel-0131", "group": "rhel", "stage": "clone", "reason": "Clone Failed: rbd: timed out"},
        {"vm": "load-07/load-windows-0044", "group": "windows", "stage": "start", "reason": "ErrorUnschedulable"},
    ]
    names = {"batches": f"batches of {size}", "rate": f"{size} a second", "at_once": "all at once"}
    return {
        "label": names[mode],
        "mode": mode,
        "batch_size": size if mode == "batches" else None,
        "rate_per_s": size if mode == "rate" else None,
        "vms": vms,
        "total_s": round(began_s, 1),
        "batches": batches if mode == "batches" else [],
        "groups": {name: _group(vms // 2, batch * pace, chance, len(failed) // 2) for name in ("rhel", "windows")},
        "failed": failed,
        "timings": f"fleet-{names[mode].replace(' ', '-')}.csv",
    }


def _group(vms: int, clones_s: float, chance: random.Random, failed: int) -> Json:
    cloned = [5 + chance.random() * clones_s * 0.6 for _vm in range(vms - failed)]
    created = distribution(chance.random() * 0.2 for _vm in range(vms))
    running = distribution(seconds + 4 + chance.random() * 6 for seconds in cloned)
    return {"vms": vms, "created": created, "cloned": distribution(cloned), "running": running, "failed": failed}


def storm(factor: float = 1.0, pace: float = 1.0, numbers: t.Sequence[int] = _STORM_VMS) -> Json:
    """Return what a boot storm returns; of each number a hundredth never answers."""
    chance = random.Random(5)
    series = [_storm_of(vms, pace / factor, chance) for vms in numbers]
    how = {"via": "ip", "probe": "login", "cost": {"requests": 9000}}
    return {"fleet": "load", "time_factor": factor, "series": series, **how}


def _storm_of(vms: int, pace: float, chance: random.Random) -> Json:
    silent = vms // 100
    running = sorted((8 + 0.95 * place * (0.9 + chance.random() * 0.1)) * pace for place in range(vms - silent))
    answering = sorted(seconds + (24 + 14 * chance.random()) * pace for seconds in running)
    every = max(1, len(answering) // 120)
    curve = [[round(seconds, 1), place + 1] for place, seconds in enumerate(answering) if place % every == every - 1]
    failed = [
        {"vm": f"load-01/load-rhel-{place:04}", "stage": "answer", "reason": "no SSH answer within 1800 s"}
        for place in range(1, silent + 1)
    ]
    return {
        "vms": vms,
        "answered": vms - silent,
        "failed": failed,
        "total_s": round(answering[-1], 1),
        "running": distribution(running),
        "answering": distribution(answering),
        "curve": curve,
        "timings": f"storm-{vms}.csv",
    }


def latency(pace: float = 1.0, replicas: t.Sequence[int | None] = (3, 2)) -> Json:
    """Return what a latency run returns: idle and loaded over 1 to 64 nodes, and around a migration."""
    cells: list[Json] = []
    differences: list[Json] = []
    for copies in replicas:
        for nodes in _NODES:
            for direction, idle_us in (("read", 620.0), ("write", 1480.0)):
                idle = idle_us * pace * (1 + 0.0003 * (nodes % 3))
                share = (nodes / 64) ** 0.6
                change = -0.28 * share if direction == "read" else 0.86 * share * ((copies or 3) / 3)
                about = {"direction": direction, "nodes": nodes, "vms": 15 * nodes, "replicas": copies}
                cells.append(_cell("alone", "baseline", about, idle, 1))
                cells.append(_cell("alone", "load", about, idle * (1 + change), 1000))
                percents = {"mean_percent": round(100 * change, 2), "p99_percent": round(110 * change, 2)}
                kept = {key: about[key] for key in ("direction", "nodes", "replicas")}
                differences.append({**kept, **percents})
    for phase, read, write in (("before", 1.0, 1.0), ("during", 1.083, 1.121), ("after", 1.004, 0.998)):
        for direction, mean_us, change in (("read", 450.0, read), ("write", 2700.0, write)):
            about = {"direction": direction, "nodes": 100, "vms": 1000, "replicas": replicas[0]}
            cells.append(_cell(phase, "load", about, mean_us * pace * change, 1000))
    cells[0]["failed"] = [{"vm": "load-01/load-rhel-0007", "reason": "fio: No space left on device"}]
    return {
        "time_factor": 1.0,
        "cells": cells,
        "differences": differences,
        "migration": {"seconds_alone": 7080.0, "seconds_loaded": 7355.0},
        "dataset": {"directories": 30, "files": 8, "file_mib": 20, "bytes": 30 * 8 * 20 << 20},
    }


def _cell(phase: str, profile: str, about: Json, mean_us: float, iops: int) -> Json:
    shape = {"mean_us": 1.0, "p50_us": 0.9, "p95_us": 1.6, "p99_us": 2.3, "p999_us": 4.1}
    return {
        "phase": phase,
        "profile": profile,
        **about,
        "vms_per_node": 15,
        "pool": f"vms-{about['replicas']}",
        "asked_iops_per_vm": iops,
        "iops_per_vm": round(iops * 0.9987, 1),
        **{name: round(mean_us * share, 1) for name, share in shape.items()},
        "failed": [],
    }


UPGRADE: Json = {"control_plane_s": 1320.0, "pools_s": 920.0, "total_s": 2240.0, "from": "4.9.15", "to": "4.9.23"}


def recorded_run(artifacts: Path, run_id: str, role: str, **data: Json) -> Run:
    """Write the record of a run of one role."""
    run = Run(artifacts, run_id)
    run.begin(check_mode=False)
    # When its name says, so that runs are told apart as they would be.
    began_at = datetime.datetime.strptime(run_id[:15], "%Y%m%dT%H%M%S") if run_id[:1].isdigit() else None
    if began_at:
        description = {**run.description(), "started_at": f"{began_at:%Y-%m-%dT%H:%M:%S.%fZ}"}
        write_private(run.path / "run.json", to_json(description))
    run.add(role, "apply", {"ocp-api": host_entry(data=data)})
    return run


def measured_runs(artifacts: Path) -> list[Run]:
    """Write a run of each measurement, and a second, faster one of deployment, storm and latency."""
    return [
        recorded_run(artifacts, "20260801T120000Z-deploy_vms", "cnv_fleet", fleet=fleet()),
        recorded_run(artifacts, "20260801T140000Z-boot_storm", "cnv_fleet", storm=storm()),
        recorded_run(artifacts, "20260801T160000Z-latency", "cnv_latency", latency=latency()),
        recorded_run(artifacts, "20260801T180000Z-upgrade", "ocp_upgrade", upgrade=UPGRADE),
        recorded_run(artifacts, "20260802T120000Z-deploy_vms", "cnv_fleet", fleet=fleet(pace=0.8)),
        recorded_run(artifacts, "20260802T140000Z-boot_storm", "cnv_fleet", storm=storm(pace=0.7)),
        recorded_run(artifacts, "20260802T160000Z-latency", "cnv_latency", latency=latency(0.9, (3,))),
    ]
