# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A storm as a screen of text and as rows for the record, beside what the paper measured."""

from __future__ import annotations

import typing as t
from collections import Counter

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.words import compression
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.machine import ANSWER, RUNNING, START, Machine
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import (
    LEFT_STOPPED,
    PROBE_LOGIN,
    StormRequest,
)

Json = t.Dict[str, t.Any]

# The reference architecture: seconds until all of so many machines answered.
PAPER_TOTAL_S = {100: 102, 1000: 1065}
_PERCENTS = ("p50_s", "p75_s", "p90_s", "p95_s", "p99_s")
_FAILURES_TOLD = 8
_FAILURE_ROWS = 100
_STAGES = {START: "not started", RUNNING: "not running", ANSWER: "not answering"}


def clock_words(seconds: float) -> str:
    """Return minutes and seconds as the paper writes them, ``1:42``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def lines(storm: Json) -> list[str]:
    """Return one screen: a line for each step, then who failed and why."""
    answering = "logging in" if storm["probe"] == PROBE_LOGIN else "saying SSH"
    told = [f"Boot storm of {storm['fleet']}: seconds from each request until the machine answered by {answering}", ""]
    titles = "".join(f"{name[:-2]:>8}" for name in _PERCENTS)
    told.append(f"{'VMs':>7}{'answered':>10}{'failed':>8}{'total':>8}{titles}{'running':>9}   the paper's total")
    told += [_step_line(step) for step in storm["series"]]
    told += [f"{'':>7}running: 99 % of the machines ran after so many seconds"]
    unseen = sum(step["late"] for step in storm["series"])
    if unseen:
        told.append(f"{unseen:,} answered when nobody had tried them for 10 s, and are not in the percentiles")
    told += _failure_lines(storm)
    if storm["time_factor"] != 1:
        told.append(compression(storm["time_factor"]))
    return told


def rows(storm: Json) -> list[Row]:
    """Return a row for each step, and one for each machine that failed."""
    found: list[Row] = []
    for step in storm["series"]:
        what = f"boot storm of {step['vms']:,}"
        status = "changed" if step["answered"] else "failed"
        answered = f"{step['answered']:,} answering"
        found.append(
            row(
                _where(storm["fleet"]),
                what,
                wanted=f"{step['vms']:,} answering",
                effective=answered,
                status=status,
                why=_why(step, storm["time_factor"]),
            )
        )
        failed = step["failed"]
        for failure in failed[:_FAILURE_ROWS]:
            where = f"VM {failure['vm']}"
            why = failure["reason"] + (f"; its address is {failure['address']}" if failure["address"] else "")
            found.append(row(where, what, effective=_STAGES[failure["stage"]], status="failed", why=why))
        if len(failed) > _FAILURE_ROWS:
            why = f"all of them are in {step['timings']}"
            found.append(
                row(
                    _where(storm["fleet"]),
                    what,
                    effective=f"{len(failed) - _FAILURE_ROWS:,} more failed",
                    status="failed",
                    why=why,
                )
            )
    return found


def preview_lines(request: StormRequest, chosen: t.Sequence[Machine]) -> list[str]:
    """Return what would happen."""
    counts = request.counts or (len(chosen),)
    told = []
    if request.stop_first:
        told.append(f"{len(chosen):,} machines would be stopped where they are on, and waited for")
    for count in counts:
        step = chosen[:count]
        groups = ", ".join(
            f"{number:,} {group}" for group, number in sorted(Counter(one.group for one in step).items())
        )
        spaces = len({machine.namespace for machine in step})
        paper = f"; the paper: {clock_words(PAPER_TOTAL_S[count])}" if count in PAPER_TOTAL_S else ""
        told.append(f"{count:,} machines would be started at once: {groups}; in {spaces} namespaces{paper}")
    between = "Between the steps all are stopped. " if len(counts) > 1 else ""
    stays = "stopped" if request.afterwards == LEFT_STOPPED else "running"
    told.append(f"{between}At the end they are left {stays}.")
    return told


def preview_rows(request: StormRequest, chosen: t.Sequence[Machine]) -> list[Row]:
    """Return a row for each step that would be run."""
    where = _where(request.fleet or request.subject)
    return [
        row(
            where,
            f"boot storm of {count:,}",
            wanted=f"{count:,} answering",
            status="would_change",
            why="they are stopped now" if not request.stop_first else "they are stopped first",
        )
        for count in request.counts or (len(chosen),)
    ]


def _step_line(step: Json) -> str:
    total = "-" if step["total_s"] is None else clock_words(step["total_s"])
    percents = "".join(_cell(step["answering"].get(name), 8) for name in _PERCENTS)
    paper = PAPER_TOTAL_S.get(step["vms"])
    counts = f"{step['vms']:>7,}{step['answered']:>10,}{len(step['failed']):>8,}"
    beside = f"   {clock_words(paper)}" if paper else ""
    return f"{counts}{total:>8}{percents}{_cell(step['running'].get('p99_s'), 9)}{beside}"


def _cell(seconds: float | None, width: int) -> str:
    return f"{'-' if seconds is None else f'{seconds:.1f}':>{width}}"


def _failure_lines(storm: Json) -> list[str]:
    """Return the failed machines, those with the same reason together."""
    reasons: dict[tuple[int, str, str], list[str]] = {}
    for step in storm["series"]:
        for failure in step["failed"]:
            stage, reason = _STAGES[failure["stage"]], failure["reason"]
            reasons.setdefault((step["vms"], stage, reason), []).append(failure["vm"])
    told = []
    for (vms, stage, reason), names in list(reasons.items())[:_FAILURES_TOLD]:
        others = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
        told.append(f"{stage} (of {vms:,}): {names[0]}{others}: {reason}")
    if len(reasons) > _FAILURES_TOLD:
        told.append(f"... and {len(reasons) - _FAILURES_TOLD:,} other reasons: see the timings")
    return ["", *told] if told else []


def _why(step: Json, time_factor: float) -> str:
    if step["total_s"] is None:
        return "no machine answered"
    parts = [f"all that answered did so in {clock_words(step['total_s'])}"]
    if step["answering"]["count"]:
        parts.append(f"half of them in {step['answering']['p50_s']:.1f} s, 99 % in {step['answering']['p99_s']:.1f} s")
    if step["vms"] in PAPER_TOTAL_S:
        parts.append(f"the paper: {clock_words(PAPER_TOTAL_S[step['vms']])}")
    if time_factor != 1:
        parts.append(compression(time_factor))
    return "; ".join(parts)


def _where(fleet: str) -> str:
    return f"fleet {fleet}" if " " not in fleet else f"VMs {fleet}"
