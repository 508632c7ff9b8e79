# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Give back options to what they were before the first change, unless somebody else changed them since."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.before import BeforeValues
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.config import (
    Change,
    Request,
    diff_of,
    modules_to_restart,
    option_type,
    restart_modules,
    stored_value,
    write_option,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.mgr_module import (
    enabled_modules,
    module_to_restart,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.options import Database, Who, merge
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.verify import require_effective
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row


def give_back_options(client: CephClient, keys: t.Optional[t.Collection[str]], check_mode: bool) -> t.Dict[str, t.Any]:
    """Give back the options that were changed; return changed, rows, diff and restarted_modules.

    :param keys: only these, as ``who/name``; None for all.
    """
    notes = BeforeValues(client, "config")
    database = Database(client)
    noted = {key: note for key, note in notes.notes.items() if keys is None or key in keys}
    changes = [_plan(client, database, key, note) for key, note in noted.items()]
    modules = modules_to_restart(changes)
    if not check_mode:
        for change in changes:
            if change.differs:
                # With the restart noted, a run that is cut off here is taken up by the next.
                if change.restart:
                    notes.put(change.request.key, {**noted[change.request.key], "restart": change.restart})
                write_option(client, change)
        restart_modules(client, notes, modules)
        for change in changes:
            notes.drop(change.request.key)
    after = database if check_mode else Database(client)
    return {
        "changed": bool(changes),
        "rows": require_effective(
            [_report(change, noted[change.request.key], after, check_mode) for change in changes]
        ),
        "diff": diff_of(changes),
        "restarted_modules": modules,
    }


def _plan(client: CephClient, database: Database, key: str, note: t.Mapping[str, t.Any]) -> Change:
    request = _request(key)
    option = option_type(client, request)
    found = stored_value(option, database.get(request.who, request.name))
    if "added" in note:
        wanted = merge(found, note["removed"], note["added"])
    else:
        wanted = note["before"] if found == note["wrote"] else found
    restart = note.get("restart")
    module = module_to_restart(request.name)
    if module and found != wanted and module in enabled_modules(client):
        restart = module
    return Change(request, option, found, wanted, restart)


def _request(key: str) -> Request:
    """Read a note's name: the masks of a section have a colon, no part of an option's name has."""
    parts = key.split("/")
    end = 1
    while ":" in parts[end]:
        end += 1
    return Request(Who.parse("/".join(parts[:end])), "/".join(parts[end:]), None, (), ())


def _report(change: Change, note: t.Mapping[str, t.Any], after: Database, check_mode: bool) -> Row:
    request = change.request
    effective = stored_value(change.option, after.get(request.who, request.name))
    why = "what it was before" if change.wanted is not None else "was not set before"
    if "added" in note:
        why = "without the names that were added, with those that were removed; what others put there stays"
    if change.differs:
        status = "would_change" if check_mode else "changed" if effective == change.wanted else "failed"
    elif change.before == note["before"]:
        status = "ok"
    else:
        status, why = "note", "set by somebody else since; left as it is"
    return row(
        str(request.who),
        request.name,
        before=change.before,
        wanted=change.wanted,
        effective=effective,
        status=status,
        why=why,
    )
