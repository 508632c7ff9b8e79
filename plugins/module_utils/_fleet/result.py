# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A deployment in numbers: what each group, each batch and the whole took, and what failed."""

from __future__ import annotations

import csv
import io
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._distributions import distribution
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.machine import Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import BATCHES, Way

Json = t.Dict[str, t.Any]

_COLUMNS = ("vm", "group", "batch", "asked_s", "created_s", "cloned_s", "running_s", "times", "stage", "reason")


def way_result(way: Way, machines: t.Sequence[Machine], began: float) -> Json:
    """Return what one way of a series took; durations are from each machine's own request."""
    measured = [machine for machine in machines if machine.measured]
    ends = [at for machine in measured for at in (machine.created, machine.cloned, machine.running) if at is not None]
    groups: dict[str, list[Machine]] = {}
    for machine in machines:
        groups.setdefault(machine.group, []).append(machine)
    return {
        "label": way.label,
        "mode": way.mode,
        "batch_size": way.batch_size,
        "rate_per_s": way.rate_per_s,
        "vms": len(machines),
        "measured": len(measured),
        "total_s": round(max(ends) - began, 3) if ends else 0.0,
        "batches": [_batch(number, batch, began) for number, batch in enumerate(_batches(way, machines), start=1)],
        "groups": {name: _group(members) for name, members in groups.items()},
        "failed": [
            {"vm": machine.vm, "group": machine.group, "stage": machine.failure.stage, "reason": machine.failure.reason}
            for machine in machines
            if machine.failure
        ],
    }


def timings_csv(way: Way, machines: t.Sequence[Machine], began: float) -> str:
    """Return the machines as CSV: asked_s since the series began, the others since the machine was asked for."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for number, batch in enumerate(_batches(way, machines), start=1):
        for machine in batch:
            failure = machine.failure
            asked = None if machine.asked is None else round(machine.asked - began, 3)
            writer.writerow(
                (
                    machine.vm,
                    machine.group,
                    number,
                    asked,
                    *(_after(machine, what) for what in ("created", "cloned", "running")),
                    machine.times if machine.measured else "",
                    failure.stage if failure else "",
                    failure.reason if failure else "",
                )
            )
    return text.getvalue()


def _batches(way: Way, machines: t.Sequence[Machine]) -> list[t.Sequence[Machine]]:
    size = way.batch_size if way.mode == BATCHES and way.batch_size else max(1, len(machines))
    return [machines[start : start + size] for start in range(0, len(machines), size)]


def _batch(number: int, machines: t.Sequence[Machine], began: float) -> Json:
    """Return the moments of a batch, in seconds since the series began; null where none of it came so far."""

    def last(what: str) -> float | None:
        moments = [at for at in (getattr(machine, what) for machine in machines) if at is not None]
        return round(max(moments) - began, 3) if moments else None

    asked = [machine.asked for machine in machines if machine.asked is not None]
    return {
        "number": number,
        "vms": len(machines),
        "began_s": round(min(asked) - began, 3) if asked else None,
        "created_s": last("created"),
        "cloned_s": last("cloned"),
        "running_s": last("running"),
        "failed": sum(machine.failure is not None for machine in machines),
    }


def _group(machines: t.Sequence[Machine]) -> Json:
    return {
        "vms": len(machines),
        **{
            what: distribution(_after(machine, what) for machine in machines)
            for what in ("created", "cloned", "running")
        },
        "failed": sum(machine.failure is not None for machine in machines),
    }


def _after(machine: Machine, what: str) -> float | None:
    """Return the seconds from the request until something was reached."""
    at = getattr(machine, what)
    return None if at is None or machine.asked is None else round(max(0.0, at - machine.asked), 3)
