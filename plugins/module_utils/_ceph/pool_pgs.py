# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Apply a plan of placement groups to pools: gates first, then autoscaler off, pg_num and pgp_num.

Ceph only takes note of a new pg_num: the number itself follows in small steps, for hours or days. So the *targets*
are compared and set here, and equal targets are done, whatever the ramp or the cluster's health is doing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.before import BeforeValues
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient, CephCommandError
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import Pool, read_cluster, read_pools
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import read_health
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.pool_gates import reasons_to_refuse
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.verify import require_effective
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_MODE, _PG, _PGP = "pg_autoscale_mode", "pg_num", "pgp_num"


class PoolPlan(t.NamedTuple):
    """The wanted number of placement groups of one pool, and why."""

    name: str
    pg_num: int
    evidence: str


class _Setting(t.NamedTuple):
    """One value of one pool: found and wanted (as Ceph spells them), and the rule behind it."""

    pool: str
    what: str
    before: str
    wanted: str
    why: str
    kept: bool = False

    @property
    def differs(self) -> bool:
        return self.before != self.wanted and not self.kept


def parse_plans(pools: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[PoolPlan]:
    """Check what the playbook asks for.

    :raises InvalidValue: for a pg_num that is no whole number above 0, or a pool that is named twice.
    """
    plans: t.List[PoolPlan] = []
    for pool in pools:
        if any(plan.name == pool["name"] for plan in plans):
            raise InvalidValue("pools", pool["name"], "named once only")
        plans.append(PoolPlan(pool["name"], parse_int("pg_num", pool["pg_num"]), pool["evidence"]))
    return plans


def apply_plans(
    client: CephClient,
    plans: t.Sequence[PoolPlan],
    *,
    allow_lower: bool,
    benign_checks: t.Sequence[str],
    check_mode: bool,
) -> t.Dict[str, t.Any]:
    """Bring the pools to their plans; return changed, rows and diff.

    :raises TuningError: with rows of status refused, when a gate is shut; then nothing was changed.
    """
    cluster = read_cluster(client)
    settings = [setting for plan in plans for setting in _settings(cluster.pool(plan.name), plan, allow_lower)]
    moving = _moving(settings)
    if moving:
        reasons = reasons_to_refuse(cluster, read_health(client, benign_checks), moving)
        if reasons:
            _refuse(settings, reasons)
    if not check_mode:
        _write(client, settings)
    after = cluster.pools if check_mode else read_pools(client)
    rows = [_applied(setting, after[setting.pool], check_mode) for setting in settings]
    return {
        "changed": any(setting.differs for setting in settings),
        "rows": require_effective(rows),
        "diff": _diff(settings),
    }


def _settings(pool: Pool, plan: PoolPlan, allow_lower: bool) -> t.Iterator[_Setting]:
    kept = plan.pg_num < pool.pg_num_target and not allow_lower
    pg_num = pool.pg_num_target if kept else plan.pg_num
    yield _Setting(pool.name, _MODE, pool.autoscale_mode, "off", "the autoscaler would move pg_num away from the plan")
    why = f"{plan.evidence}; kept, because fewer need allow_lower" if kept else plan.evidence
    yield _Setting(pool.name, _PG, str(pool.pg_num_target), str(plan.pg_num), why, kept)
    # pgp_num follows pg_num by itself only where nobody ever set it apart.
    yield _Setting(pool.name, _PGP, str(pool.pgp_num_target), str(pg_num), "equal to pg_num, so that data moves there")


def _moving(settings: t.Sequence[_Setting]) -> t.Dict[str, int]:
    """Return the new pg_num of the pools whose data will move; that of pgp_num equals it."""
    pools = {setting.pool for setting in settings if setting.differs and setting.what in (_PG, _PGP)}
    return {s.pool: int(s.wanted) for s in settings if s.what == _PGP and s.pool in pools}


def _refuse(settings: t.Iterable[_Setting], reasons: t.Sequence[str]) -> t.NoReturn:
    why = "; ".join(reasons)
    rows = [
        row(
            f"pool {s.pool}",
            s.what,
            before=s.before,
            wanted=s.wanted,
            effective=s.before,
            status="refused" if s.differs else "ok",
            why=why if s.differs else s.why,
        )
        for s in settings
    ]
    raise TuningError(f"Placement groups are not changed now: {why}.", rows=rows)


def _write(client: CephClient, settings: t.Sequence[_Setting]) -> None:
    before = BeforeValues(client, "pool")
    for setting in settings:
        if not setting.differs:
            continue
        # The first mode found is the one to give back; a later run only sees our own.
        if setting.what == _MODE and before.get(setting.pool) is None:
            before.put(setting.pool, {_MODE: setting.before})
        try:
            client.write("osd pool set", pool=setting.pool, var=setting.what, val=setting.wanted)
        except CephCommandError as error:
            _undo_mode(client, before, settings, setting.pool)
            _refuse(settings, [f"Ceph refuses {setting.what} {setting.wanted}: {error.code} {error.text}"])


def _undo_mode(client: CephClient, before: BeforeValues, settings: t.Iterable[_Setting], pool: str) -> None:
    for setting in settings:
        if setting.pool == pool and setting.what == _MODE and setting.differs:
            client.write("osd pool set", pool=pool, var=_MODE, val=setting.before)
            if before.get(pool) == {_MODE: setting.before}:
                before.drop(pool)


def _effective(pool: Pool, what: str) -> str:
    return {_MODE: pool.autoscale_mode, _PG: str(pool.pg_num_target), _PGP: str(pool.pgp_num_target)}[what]


def _applied(setting: _Setting, pool: Pool, check_mode: bool) -> Row:
    effective = _effective(pool, setting.what)
    status = "note" if setting.kept else "ok"
    if setting.differs:
        status = "would_change" if check_mode else "changed" if effective == setting.wanted else "failed"
    return row(
        f"pool {setting.pool}",
        setting.what,
        before=setting.before,
        wanted=setting.wanted,
        effective=effective,
        status=status,
        why=setting.why,
    )


def _diff(settings: t.Iterable[_Setting]) -> t.Dict[str, t.Dict[str, str]]:
    differing = [setting for setting in settings if setting.differs]
    return {
        "before": {f"pool {s.pool} {s.what}": s.before for s in differing},
        "after": {f"pool {s.pool} {s.what}": s.wanted for s in differing},
    }
