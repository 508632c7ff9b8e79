# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether a cluster came through a migration: every virtual machine as before, every node back.

An instance that was started anew has another UID, however quick it was; one that migrated keeps it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.machines import Machines
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.preflight import named
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

Facts = t.Mapping[str, t.Any]
ByName = t.Dict[t.Tuple[str, str], Facts]
_WHERE = "virtual machines"


def prove(before: Facts, after: Facts, pools: t.Sequence[str]) -> list[Row]:
    """Return rows that compare the facts of before a migration of ``pools`` with those of after it."""
    machines = Machines.from_facts(after)
    rows = [_node_row(machines, pool) for pool in pools]
    ran, runs = _running(before), _running(after)
    if ran:
        rows += [_running_row(ran, runs, after), _restarted_row(ran, runs)]
    return rows


def _node_row(machines: Machines, pool: str) -> Row:
    members = machines.snapshot.members(pool)
    out = [node.name for node in members if node.disrupted]
    back = f"{len(members) - len(out)} of {len(members)}"
    return row(
        f"pool {pool}",
        "nodes back in service",
        wanted=f"{len(members)} of {len(members)}",
        effective=back,
        status="failed" if out else "ok",
        why=f"not ready, cordoned or not done: {named(out)}" if out else "ready, uncordoned and done",
    )


def _running_row(ran: ByName, runs: ByName, after: Facts) -> Row:
    down = [key for key in ran if key not in runs]
    phases = {(one["namespace"], one["name"]): one["phase"] for one in after.get("virtual_machines") or []}
    names = named([f"{_name(key)} ({phases.get(key) or 'gone'})" for key in down])
    return row(
        _WHERE,
        "running",
        before=len(ran),
        wanted=len(ran),
        effective=len(ran) - len(down),
        status="failed" if down else "ok",
        why=f"ran before and do not now: {names}" if down else "all that ran before",
    )


def _restarted_row(ran: ByName, runs: ByName) -> Row:
    restarted = [key for key in ran if key in runs and runs[key]["uid"] != ran[key]["uid"]]
    unasked = [key for key in restarted if not ran[key]["restart_allowed"]]
    if unasked:
        why = f"started anew although their eviction strategy does not say so: {named(list(map(_name, unasked)))}"
    else:
        why = "their eviction strategy says so" if restarted else "each is the instance that ran before"
    status = "failed" if unasked else "note" if restarted else "ok"
    return row(_WHERE, "restarted", effective=len(restarted), status=status, why=why)


def _running(facts: Facts) -> ByName:
    machines = facts.get("virtual_machines") or []
    return {(one["namespace"], one["name"]): one for one in machines if one["phase"] == "Running"}


def _name(key: tuple[str, str]) -> str:
    return "/".join(key)
