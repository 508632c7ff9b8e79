# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Give back what was changed on pools: the autoscale mode, as far as that moves nothing; pg_num never.

Merging placement groups is worse than keeping them. A pool whose autoscaler was on gets that back only where the
autoscaler would change nothing now; else it gets ``warn``, which tells the operator and touches nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.before import BeforeValues
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import Pool, read_pools
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.verify import require_effective
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_MODE = "pg_autoscale_mode"
# What the autoscaler asks for before it acts: three times too many or too few PGs.
_THRESHOLD = 3.0


class _Return(t.NamedTuple):
    """What becomes of one pool: ``mode`` is the one to set, None to leave the pool alone."""

    name: str
    before: str
    mode: t.Optional[str]
    why: str


def give_back(client: CephClient, names: t.Optional[t.Collection[str]], check_mode: bool) -> t.Dict[str, t.Any]:
    """Give back the pools that were changed; return changed, rows and diff.

    :param names: only these pools; None for all that were changed.
    """
    before = BeforeValues(client, "pool")
    pools = read_pools(client)
    mover = _Autoscaler(client) if before.notes else None
    returns = [
        _decide(name, pools.get(name), note[_MODE], mover)
        for name, note in sorted(before.notes.items())
        if mover and (names is None or name in names)
    ]
    if not check_mode:
        for item in returns:
            if item.mode is not None and item.mode != item.before:
                client.write("osd pool set", pool=item.name, var=_MODE, val=item.mode)
            before.drop(item.name)
    after = pools if check_mode else read_pools(client)
    moved = [item for item in returns if item.mode is not None and item.mode != item.before]
    return {
        "changed": bool(returns),
        "rows": require_effective(
            [entry for item in returns for entry in _rows(item, after.get(item.name), check_mode)]
        ),
        "diff": {
            "before": {f"pool {item.name} {_MODE}": item.before for item in moved},
            "after": {f"pool {item.name} {_MODE}": item.mode for item in moved},
        },
    }


class _Autoscaler:
    """What the autoscaler would make of each pool if it were on."""

    def __init__(self, client: CephClient) -> None:
        release = client.read("osd dump")["require_osd_release"]
        # Newer releases have thresholds that depend on the number itself: there any difference counts.
        if release[0] >= "t":
            self._threshold = 1.0
        else:
            option = client.read_or_none("config get", who="mgr", key="mgr/pg_autoscaler/threshold")
            self._threshold = _THRESHOLD if option is None else float(option)
        status = client.read("osd pool autoscale-status")
        self._final = {entry["pool_name"]: int(entry["pg_num_final"]) for entry in status}

    def would_make(self, pool: Pool) -> t.Optional[int]:
        """Return the pg_num that the autoscaler would set, 0 for an unknown one, None where it would do nothing."""
        final = self._final.get(pool.name)
        if final is None:
            return 0
        target = pool.pg_num_target
        acts = final > target * self._threshold or final < target / self._threshold
        return final if acts else None


def _decide(name: str, pool: t.Optional[Pool], mode: str, mover: _Autoscaler) -> _Return:
    if pool is None:
        return _Return(name, mode, None, "the pool is gone")
    if pool.autoscale_mode != "off":
        return _Return(name, pool.autoscale_mode, None, "set by somebody else since; left as it is")
    if mode != "on":
        return _Return(name, "off", mode, "what it was before")
    wanted = mover.would_make(pool)
    if wanted is None:
        return _Return(name, "off", "on", "what it was before; the autoscaler would change nothing")
    does = f"would set pg_num {wanted}" if wanted else "does not say what it would do"
    return _Return(name, "off", "warn", f"was on, but the autoscaler {does}: warn leaves pg_num {pool.pg_num_target}")


def _rows(item: _Return, pool: t.Optional[Pool], check_mode: bool) -> t.Iterator[Row]:
    status = "note"
    if item.mode is not None:
        status = "ok" if item.mode == item.before else "would_change" if check_mode else "changed"
    effective = pool.autoscale_mode if pool else None
    if status == "changed" and effective != item.mode:
        status = "failed"
    where = f"pool {item.name}"
    yield row(where, _MODE, before=item.before, wanted=item.mode, effective=effective, status=status, why=item.why)
    if pool:
        kept = str(pool.pg_num_target)
        why = "never given back: merging placement groups is worse than keeping them"
        yield row(where, "pg_num", before=kept, wanted=None, effective=kept, status="note", why=why)
