# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Defragments one member, when the cluster can do without it for that time."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import storage
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Json
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.look import Look, look
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3 import MemberV3
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_SETTLE_S = 60.0
# A member that is further back than this is catching up.
_BEHIND_MAX = 1000


def against(found: Look) -> str | None:
    """Return why this member must not be disturbed now, None where nothing speaks against it."""
    if found.status is None:
        return "it does not tell its status by the v3 API"
    ill = [str(each["name"] or each["id"]) for each in found.members if not each["healthy"]]
    if ill:
        return f"of its cluster {', '.join(ill)} is not well"
    if not found.quorum.get("linearizable", {}).get("ok"):
        return f"it does not read with a quorum: {found.quorum.get('linearizable', {}).get('error')}"
    behind = [each["raft_index"] for each in found.members if each["raft_index"] is not None]
    if behind and max(behind) - min(behind) > _BEHIND_MAX:
        return f"a member is {max(behind) - min(behind)} entries of the log behind"
    return None


def defragment(
    access: Access,
    where: str,
    *,
    turn: str,
    force: bool,
    check_mode: bool,
    settle_s: float = _SETTLE_S,
    sleep: t.Callable[[float], None] = time.sleep,
) -> Json:
    """Defragment the member where its turn is and it is worth it.

    :param turn: any, follower or leader: a member that is not in that role now is left as it is.
    :param force: also where few pages are free.
    :raises TuningError: with ``rows`` when the cluster is not well enough, or is not well again afterwards.
    """
    found = look(access)
    status = found.status
    if status is not None and turn != "any" and status.leads != (turn == "leader"):
        return {"changed": False, "turn": False, "rows": []}
    reason = against(found)
    if status is None or reason:
        told = row(where, "defragmentation", status="refused", why=reason or "")
        raise TuningError(f"{where} was not defragmented: {reason}.", rows=[told])
    size, used = status.db_size_bytes, status.db_in_use_bytes
    before = _text(size, used)
    if not force and not storage.fragmented(size, used):
        why = "not worth it: few pages are free"
        rows = [row(where, "defragmentation", before=before, effective=before, status="ok", why=why)]
        return {"changed": False, "turn": True, "rows": rows, "before_bytes": size, "after_bytes": size}
    role = "leader" if status.leads else "follower"
    if check_mode:
        wanted = _text(used, used)
        rows = [row(where, "defragmentation", before=before, wanted=wanted, status="would_change", why=role)]
        return {"changed": True, "turn": True, "rows": rows, "before_bytes": size, "after_bytes": used}
    began = time.monotonic()
    with MemberV3(access) as member:
        member.defragment()
    took_s = round(time.monotonic() - began, 3)
    after = _well_again(access, where, settle_s, sleep)
    rows = [_row(where, before, after, f"{role}; answered nobody for {took_s:g} s")]
    now = after.status
    return {
        "changed": True,
        "turn": True,
        "took_s": took_s,
        "before_bytes": size,
        "after_bytes": now.db_size_bytes if now else None,
        "rows": rows,
    }


def _well_again(access: Access, where: str, settle_s: float, sleep: t.Callable[[float], None]) -> Look:
    deadline = time.monotonic() + settle_s
    while True:
        try:
            found = look(access)
            reason = against(found)
        except TuningError as error:
            reason = str(error)
        if reason is None:
            return found
        if time.monotonic() > deadline:
            message = f"{where} was defragmented, and then the cluster was not well within {settle_s:g} s: {reason}."
            raise TuningError(message, rows=[row(where, "defragmentation", status="failed", why=reason)])
        sleep(1.0)


def _row(where: str, before: str, after: Look, why: str) -> Row:
    status = after.status
    text = _text(status.db_size_bytes, status.db_in_use_bytes) if status else None
    return row(where, "defragmentation", before=before, effective=text, status="changed", why=why)


def _text(size: int | None, used: int | None) -> str:
    free = f", {(size - used) / 1024**2:.1f} MiB free" if size is not None and used is not None else ""
    return f"{(size or 0) / 1024**2:.1f} MiB{free}"
