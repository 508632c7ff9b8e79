# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A rollout as rows and return values: what would happen, and what did."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.estimate import Estimate
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.progress import PoolProgress
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.request import Request
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.run import Outcome, describe_plan
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.state import Phase, Verdict, outdated
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

WHAT = "updated nodes"
Json = t.Dict[str, t.Any]


def preview(snapshot: Snapshot, verdicts: t.Sequence[Verdict], request: Request, *, would: bool) -> Json:
    """Return what a run would do.

    :param would: True in check mode; False where nothing may be disrupted, so that the same is pending.
    """
    estimates = {verdict.pool.name: request.estimated(snapshot, verdict.pool) for verdict in verdicts}
    nodes = {verdict.pool.name: len(snapshot.members(verdict.pool.name)) for verdict in verdicts}
    rows = [
        _preview_row(verdict, estimates[verdict.pool.name], nodes[verdict.pool.name], would) for verdict in verdicts
    ]
    lines = [
        f"pool {verdict.pool.name}: {describe_plan(verdict, estimates[verdict.pool.name])}" for verdict in verdicts
    ]
    return {
        "changed": would and any(entry["status"] == "would_change" for entry in rows),
        "rows": rows + _stray_rows(snapshot.stray(list(estimates))),
        "lines": lines,
        "workers": len(snapshot.workers),
        "estimate_s": round(sum(one.seconds for one in estimates.values())),
        "pools": [
            {
                "name": verdict.pool.name,
                "phase": verdict.phase.value,
                "nodes": nodes[verdict.pool.name],
                "nodes_to_roll": estimates[verdict.pool.name].nodes,
                "estimate_s": round(estimates[verdict.pool.name].seconds),
            }
            for verdict in verdicts
        ],
    }


def result(outcome: Outcome) -> Json:
    """Return what a run did."""
    pools = list(outcome.pools.values())

    def counts(verdict: Verdict) -> tuple[int, int]:
        nodes = len(outcome.snapshot.members(verdict.pool.name))
        return nodes, nodes - len(outdated(outcome.snapshot, verdict.pool))

    return {
        "changed": any(pool.released or pool.rolled for pool in pools),
        "rows": [
            *(_row(verdict, outcome.pools[verdict.pool.name], *counts(verdict)) for verdict in outcome.verdicts),
            *_stray_rows(outcome.snapshot.stray(list(outcome.pools))),
        ],
        "workers": len(outcome.snapshot.workers),
        "max_disrupted_seen": outcome.max_disrupted_seen,
        "pools": [
            {
                "name": verdict.pool.name,
                "phase": verdict.phase.value,
                "released": outcome.pools[verdict.pool.name].released,
                "seconds": outcome.pools[verdict.pool.name].seconds,
                "estimate_s": round(outcome.pools[verdict.pool.name].estimate.seconds),
                "max_unavailable_seen": outcome.pools[verdict.pool.name].max_unavailable_seen,
                "nodes": _node_times(pools, verdict.pool.name),
            }
            for verdict in outcome.verdicts
        ],
    }


def _node_times(pools: t.Sequence[PoolProgress], name: str) -> list[Json]:
    """Return what each node of a pool took; ``began_s`` counts from the first node of the whole run."""
    chosen = [times.selected for pool in pools for times in pool.nodes.values() if times.selected is not None]
    return [
        {
            **times.as_result(),
            "began_s": None if times.selected is None else round(times.selected - min(chosen), 1),
        }
        for pool in pools
        if pool.name == name
        for _name, times in sorted(pool.nodes.items())
    ]


def _preview_row(verdict: Verdict, forecast: Estimate, nodes: int, would: bool) -> Row:
    waiting = "would_change" if would else "pending"
    status = {Phase.UPDATED: "ok", Phase.PAUSED: "refused"}.get(verdict.phase, waiting)
    now = nodes - forecast.nodes
    if verdict.fault:
        return _pool_row(verdict, nodes, now, now, "refused", verdict.fault)
    return _pool_row(verdict, nodes, now, now, status, describe_plan(verdict, forecast))


def _row(verdict: Verdict, progress: PoolProgress, nodes: int, updated: int) -> Row:
    before = nodes - progress.behind_at_start
    statuses = {Phase.PAUSED: "refused", Phase.HELD: "pending"}
    if verdict.fault or verdict.phase is not Phase.UPDATED:
        status = "failed" if verdict.fault else statuses.get(verdict.phase, "failed")
        return _pool_row(verdict, nodes, before, updated, status, verdict.fault or verdict.why)
    if progress.rolled:
        why = (
            f"{progress.behind_at_start} nodes in {progress.seconds:g} s, at most {progress.max_unavailable_seen} "
            f"out of service at once; they run {verdict.pool.reached}"
        )
        return _pool_row(verdict, nodes, before, updated, "changed", why)
    if progress.released:
        return _pool_row(verdict, nodes, before, updated, "changed", "released; no node had to change")
    return _pool_row(verdict, nodes, before, updated, "ok", verdict.why or "up to date")


def _stray_rows(stray: t.Mapping[str, t.Sequence[str]]) -> list[Row]:
    return [
        row(f"node {name}", WHAT, status="refused", why=f"it is in {' and '.join(pools)}: take one of these roles off")
        for name, pools in sorted(stray.items())
    ]


def _pool_row(verdict: Verdict, nodes: int, before: int, updated: int, status: str, why: str) -> Row:
    return row(
        f"pool {verdict.pool.name}",
        WHAT,
        before=f"{before} of {nodes}",
        wanted=f"{nodes} of {nodes}",
        effective=f"{updated} of {nodes}",
        status=status,
        why=why,
    )
