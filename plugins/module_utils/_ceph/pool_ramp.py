# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How far the pools are on the way to their targets, and when they will be there."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.cluster import Pool, read_pools

_POLL_S = 5.0


def watch_ramp(client: CephClient, names: t.Sequence[str], wait_s: int) -> t.List[t.Dict[str, t.Any]]:
    """Look at the pools once, or until all have settled or ``wait_s`` seconds are over.

    :returns: for each pool its numbers, their targets, whether it has settled, and ``eta_s``: the seconds left at
        the rate that was seen, 0 when settled, None when no step was seen.
    """
    started = time.monotonic()
    first = now = read_pools(client)
    while not all(now[name].settled for name in names):
        left_s = wait_s - (time.monotonic() - started)
        if left_s <= 0:
            break
        time.sleep(min(_POLL_S, left_s))
        now = read_pools(client)
    elapsed_s = time.monotonic() - started
    return [_progress(first[name], now[name], elapsed_s) for name in names]


def _progress(first: Pool, now: Pool, elapsed_s: float) -> t.Dict[str, t.Any]:
    return {
        "pool": now.name,
        "pg_num": now.pg_num,
        "pg_num_target": now.pg_num_target,
        "pgp_num": now.pgp_num,
        "pgp_num_target": now.pgp_num_target,
        "settled": now.settled,
        "eta_s": eta_s(steps_left(first), steps_left(now), elapsed_s),
    }


def steps_left(pool: Pool) -> int:
    """Return the steps of pg_num and of pgp_num that are still to be made."""
    return abs(pool.pg_num_target - pool.pg_num) + abs(pool.pgp_num_target - pool.pgp_num)


def eta_s(left_at_first: int, left_now: int, elapsed_s: float) -> t.Optional[int]:
    """Return the seconds that are left at the rate seen, None when no rate was seen."""
    if left_now == 0:
        return 0
    done = left_at_first - left_now
    if done <= 0 or elapsed_s <= 0:
        return None
    return round(left_now * elapsed_s / done)
