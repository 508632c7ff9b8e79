# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a storm measured: for the record, and a row for each machine in a file of comma-separated values."""

from __future__ import annotations

import csv
import dataclasses
import io
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import distribution
from ansible_collections.virtscale.tuning.plugins.module_utils._process import peak_memory_bytes
from ansible_collections.virtscale.tuning.plugins.module_utils._record import write_private
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest

Json = t.Dict[str, t.Any]

_CURVE_POINTS_MAX = 240
_TIMES = ("requested_s", "running_s", "answering_s")
_COLUMNS = ("vm", "group", *_TIMES, "late", "attempts", "failed_at", "reason", "address")


def result(request: StormRequest, steps: t.Sequence[t.Sequence[Machine]], requests: int) -> Json:
    """Return all figures of a storm, in seconds.

    :param requests: how many requests this process sent; what a killed one sent is not known.
    """
    started = sum(len(step) for step in steps)
    return {
        "fleet": request.fleet or request.subject,
        "time_factor": request.time_factor,
        "via": request.via,
        "probe": request.probe,
        "series": [_step(step) for step in steps],
        "cost": {
            "requests": requests,
            "requests_per_vm": round(requests / started, 2) if started else None,
            "peak_memory_bytes": peak_memory_bytes(),
        },
    }


def timings_file(machines: t.Sequence[Machine]) -> str:
    """Return the name of the file with the times of a step."""
    return f"storm-{len(machines)}.csv"


def write_timings(directory: Path, machines: t.Sequence[Machine]) -> None:
    """Write a row for each machine of a step, in the order of the requests."""
    began = _first(machines) or 0.0
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for machine in sorted(machines, key=lambda machine: (machine.requested or began, machine.key)):
        requested = None if machine.requested is None else round(machine.requested - began, 3)
        failure = dataclasses.astuple(machine.failure) if machine.failure else ("", "", "")
        times = (requested, machine.running_s, machine.answering_s)
        late = "yes" if machine.late else "no"
        writer.writerow((machine.key, machine.group, *times, late, machine.attempts, *failure))
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(directory / timings_file(machines), text.getvalue())


def _step(machines: t.Sequence[Machine]) -> Json:
    answered = [machine for machine in machines if machine.answered is not None]
    began = _first(machines)
    moments = sorted(machine.answered - began for machine in answered if machine.answered and began)
    return {
        "vms": len(machines),
        "answered": len(answered),
        # Of these it is known that they answered, and not when.
        "late": sum(machine.late for machine in answered),
        "failed": [
            {"vm": machine.key, "group": machine.group, **dataclasses.asdict(machine.failure)}
            for machine in machines
            if machine.failure
        ],
        "total_s": round(moments[-1], 3) if moments else None,
        "running": distribution(machine.running_s for machine in machines),
        "answering": distribution(machine.answering_s for machine in answered if not machine.late),
        "curve": _curve(moments),
        "timings": timings_file(machines),
    }


def _first(machines: t.Sequence[Machine]) -> float | None:
    return min((machine.requested for machine in machines if machine.requested is not None), default=None)


def _curve(moments: t.Sequence[float]) -> list[list[float]]:
    """Return how many answered by which second, no more points than a picture shows."""
    stride = max(1, -(-len(moments) // _CURVE_POINTS_MAX))
    # Counted from the end, so that the last answer is always one of the points.
    numbers = sorted(range(len(moments), 0, -stride))
    return [[round(moments[number - 1], 3), number] for number in numbers]
