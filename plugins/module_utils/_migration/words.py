# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A migration's statistics as rows for the record, as lines for a screen, and beside what the paper measured."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.stats import WITHIN_S
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import describe_seconds
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

Json = t.Dict[str, t.Any]

# The reference architecture, 1,000 machines on a zone of 34 nodes: mean seconds of a migration by operating system,
# the share of RHEL machines that moved within 7 s, and the minutes of the whole.
PAPER_MEAN_S = {"rhel": 14, "fedora": 23, "windows": 12}
PAPER_WITHIN_7_S = {"rhel": 0.35}
PAPER_MOVING_S = 118 * 60
PAPER_WAITING_S = 35 * 60

_SHOWN = (
    ("vms", "VMs", "{:,}"),
    ("mean_s", "mean", "{:.1f}"),
    ("p50_s", "p50", "{:.1f}"),
    ("p90_s", "p90", "{:.1f}"),
    ("p99_s", "p99", "{:.1f}"),
    ("max_s", "max", "{:.0f}"),
)


def rows(stats: Json) -> list[Row]:
    """Return what somebody must know: the machines, the limits, and every machine that did not just move."""
    return [_moved_row(stats), *_limit_rows(stats), *_failure_rows(stats), *_machine_rows(stats)]


def lines(stats: Json) -> list[str]:
    """Return one screen: times by operating system, limits, and how the time was spent."""
    totals = stats["totals"]
    told = headlines(stats)
    if stats["by_os"]:
        within = f"in {WITHIN_S / stats['time_factor']:.2g} s"
        titles = "".join(f"{title:>8}" for _key, title, _form in _SHOWN)
        told += ["", f"{'seconds of a migration':<23}{titles}{within:>10}   the paper"]
        told += [_os_line(name, entry) for name, entry in stats["by_os"].items()]
        if stats["queued"]["count"]:
            told.append(_os_line("queued before it", {**stats["queued"], "share_within_7_s": None}))
    told.append("")
    for name, limit in stats["limits"].items():
        where = f" on {limit['node']}" if limit.get("node") else ""
        passed = ": PASSED" if limit["passed"] else ""
        told.append(f"{name}: at most {limit['max_seen']} at once{where}, the limit is {limit['effective']}{passed}")
    moving, waiting = describe_seconds(totals["moving_s"]), describe_seconds(totals["waiting_s"])
    told.append(f"{moving} with machines on the move, {waiting} without (the paper: 118 min, and 35 min of waiting)")
    if stats["time_factor"] != 1:
        told.append(compression(stats["time_factor"]))
    return told


def compression(factor: float) -> str:
    """Return what must stand beside every figure of a cluster whose durations are compressed."""
    return f"the cluster's own durations are compressed {factor:g} times: 1 s here stands for {factor:g} s"


def headlines(stats: Json) -> list[str]:
    """Return the whole in a line, and what was out of order in another."""
    totals, nodes = stats["totals"], len(stats["nodes"])
    off = f" off {_many(nodes, 'node')}" if nodes else ""
    took = f"{describe_seconds(totals['seconds'])} from first to last"
    told = [f"{_many(totals['vms_moved'], 'VM')} moved in {_many(totals['succeeded'], 'live migration')}{off}, {took}"]
    counts = (
        (totals["failed"], "migration", "failed"),
        (stats["retries"], "migration", "retried"),
        (totals["unfinished"] + totals["lost"], "migration", "not seen to end"),
        (len(stats["restarted"]), "VM", "restarted"),
        (len(stats["not_running"]), "VM", "not running now"),
    )
    exceptions = [f"{_many(number, thing)} {words}" for number, thing, words in counts if number]
    return [*told, ", ".join(exceptions)] if exceptions else told


def _os_line(name: str, entry: Json) -> str:
    """Return a line of the table; cells of which nothing is known hold a dash."""
    cells = "".join(
        f"{form.format(entry[key]) if entry.get(key) is not None else '-':>8}" for key, _title, form in _SHOWN
    )
    share = entry["share_within_7_s"]
    within = "-" if share is None else f"{share:.0%}"
    return f"{name:<23}{cells}{within:>10}   {paper(name)}".rstrip()


def paper(name: str) -> str:
    """Return what the reference architecture measured of an operating system, "" for one that it had none of."""
    if name not in PAPER_MEAN_S:
        return ""
    share = PAPER_WITHIN_7_S.get(name)
    return f"{PAPER_MEAN_S[name]} s" + (f", {share:.0%} in 7 s" if share is not None else "")


def _moved_row(stats: Json) -> Row:
    totals, run = stats["totals"], stats["run"]
    done, unfinished = totals["vms_moved"], totals["unfinished"] + totals["lost"]
    why = f"{totals['succeeded']:,} live migrations"
    if run["count"]:
        why += f", {run['mean_s']:.1f} s on average, 99 % in {run['p99_s']:.1f} s"
    if stats["time_factor"] != 1:
        why += f"; {compression(stats['time_factor'])}"
    if unfinished:
        why += f"; of {unfinished:,} the end was not seen"
    status = "failed" if unfinished else ("changed" if done else "ok")
    return row("VMs", "moved", effective=f"{done:,}", status=status, why=why)


def _limit_rows(stats: Json) -> t.Iterator[Row]:
    for name, limit in stats["limits"].items():
        node = f", on {limit['node']}" if limit.get("node") else ""
        yield row(
            "KubeVirt",
            name,
            wanted=f"at most {limit['effective']}",
            effective=f"{limit['max_seen']} at once{node}",
            status="failed" if limit["passed"] else "ok",
            why="more than the limit migrated at once" if limit["passed"] else "counted while it was watched",
        )


def _failure_rows(stats: Json) -> t.Iterator[Row]:
    for failure in stats["failures"]:
        moved = failure["moved_at_last"]
        reason = failure["reason"] or "KubeVirt gives no reason"
        yield row(
            f"VM {failure['vm']}",
            "live migration",
            effective="moved" if moved else "not moved",
            status="note" if moved else "failed",
            why=f"{_failed(failure)}: {reason}",
        )


def _failed(failure: Json) -> str:
    if failure["attempts"] == 1:
        return "its only attempt failed"
    return f"{failure['failed']} of {failure['attempts']} attempts failed"


def _machine_rows(stats: Json) -> t.Iterator[Row]:
    stays = "its eviction strategy lets a drain stop it"
    for machine in stats["restarted"]:
        expected = machine["expected"]
        why = stays if expected else "a new instance runs in the place of the one that was to migrate"
        yield row(
            f"VM {machine['vm']}",
            "restarts",
            wanted=None if expected else "0",
            effective=machine["times"],
            status="note" if expected else "failed",
            why=why,
        )
    for machine in stats["not_running"]:
        expected = machine["expected"]
        why = stays if expected else "it ran before its node was drained"
        yield row(
            f"VM {machine['vm']}",
            "phase",
            before="Running",
            effective=machine["phase"],
            status="note" if expected else "failed",
            why=why,
        )


def _many(number: int, thing: str) -> str:
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"
