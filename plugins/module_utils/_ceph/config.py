# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Set options in Ceph's config database: one look, only what differs, read back, and a note of what was there."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.before import BeforeValues
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CephClient
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.mgr_module import (
    enabled_modules,
    module_to_restart,
    restart_active_manager,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.option_values import OptionType, normalise
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.options import Database, Who, members, merge
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.verify import require_effective
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row


class Request(t.NamedTuple):
    """What is wanted of one option: a value, or names to add to and remove from a set."""

    who: Who
    name: str
    value: t.Any
    add: t.Tuple[str, ...]
    remove: t.Tuple[str, ...]

    @property
    def key(self) -> str:
        """Name of the note on this option."""
        return f"{self.who}/{self.name}"


def option_key(who: str, name: str) -> str:
    """Return the name of the note on an option, however its masks are ordered."""
    return f"{Who.parse(who)}/{name}"


class Change(t.NamedTuple):
    """One option, found and wanted; None means not set. ``restart`` is the module that is due for it."""

    request: Request
    option: OptionType
    before: t.Optional[str]
    wanted: t.Optional[str]
    restart: t.Optional[str]

    @property
    def differs(self) -> bool:
        """Whether the config database must be changed."""
        return self.before != self.wanted


def parse_requests(options: t.Iterable[t.Mapping[str, t.Any]]) -> t.List[Request]:
    """Check what the playbook asks for.

    :raises InvalidValue: for an option that is named twice, or has neither a value nor names to add or remove.
    """
    requests: t.List[Request] = []
    for item in options:
        add, remove = tuple(item["add"] or ()), tuple(item["remove"] or ())
        request = Request(Who.parse(item["who"]), item["name"], item["value"], add, remove)
        if (item["value"] is None) == (not add and not remove):
            raise InvalidValue(item["name"], item["value"], "given either a value, or names to add or remove")
        if any(other.key == request.key for other in requests):
            raise InvalidValue("options", request.key, "named once only")
        requests.append(request)
    return requests


def apply_options(client: CephClient, requests: t.Sequence[Request], check_mode: bool) -> t.Dict[str, t.Any]:
    """Bring the options to what is wanted; return changed, rows, diff and restarted_modules.

    :raises TuningError: with rows, for an option that this Ceph does not know or a value that it does not take.
    """
    notes = BeforeValues(client, "config")
    database = Database(client)
    changes = [_plan(client, database, notes, request) for request in requests]
    modules = modules_to_restart(changes)
    if not check_mode:
        for change in changes:
            if change.differs:
                _note(notes, change)
                write_option(client, change)
        restart_modules(client, notes, modules)
    after = database if check_mode else Database(client)
    rows = [_report(change, after, check_mode) for change in changes]
    return {
        "changed": any(change.differs for change in changes) or bool(modules),
        "rows": require_effective(rows),
        "diff": diff_of(changes),
        "restarted_modules": modules,
    }


def option_type(client: CephClient, request: Request) -> OptionType:
    """Ask Ceph about an option; raise a TuningError with a refused row for one that it does not know."""
    parts = request.name.split("/")
    # The monitors describe mgr/prometheus/<manager>/server_addr under the name without the manager.
    name = "/".join([*parts[:2], parts[-1]]) if parts[0] == "mgr" and len(parts) == 4 else request.name
    option_help = client.read_or_none("config help", key=name)
    if option_help is None:
        sentence = f"This Ceph has no option {request.name!r}: check its spelling and that your release knows it."
        refused = row(str(request.who), request.name, wanted=request.value, status="refused", why="unknown option")
        raise TuningError(sentence, rows=[refused])
    return OptionType.from_help(option_help)


def stored_value(option: OptionType, value: t.Optional[str]) -> t.Optional[str]:
    """Return a value of the config database in the spelling that is compared."""
    return None if value is None else normalise(option, value)


def _plan(client: CephClient, database: Database, notes: BeforeValues, request: Request) -> Change:
    option = option_type(client, request)
    before = stored_value(option, database.get(request.who, request.name))
    wanted = _wanted(option, before, request)
    # A run that was cut off between the value and the restart left a note.
    restart = (notes.get(request.key) or {}).get("restart")
    module = module_to_restart(request.name)
    if module and before != wanted and module in enabled_modules(client):
        restart = module
    return Change(request, option, before, wanted, restart)


def _wanted(option: OptionType, before: t.Optional[str], request: Request) -> t.Optional[str]:
    if request.value is None:
        return merge(before, request.add, request.remove)
    return normalise(option, request.value)


def _note(notes: BeforeValues, change: Change) -> None:
    request = change.request
    note = dict(notes.get(request.key) or {"before": change.before})
    note["wrote"] = change.wanted
    if request.value is None:
        found, left = set(members(change.before)), set(members(change.wanted))
        note["added"] = sorted({*note.get("added", ()), *(left - found)} & left)
        note["removed"] = sorted({*note.get("removed", ()), *(found - left)} - left)
    if change.restart:
        note["restart"] = change.restart
    notes.put(request.key, note)


def write_option(client: CephClient, change: Change) -> None:
    """Set or remove one option."""
    who, name = str(change.request.who), change.request.name
    if change.wanted is None:
        client.write("config rm", who=who, name=name)
    else:
        client.write("config set", who=who, name=name, value=change.wanted)


def modules_to_restart(changes: t.Iterable[Change]) -> t.List[str]:
    """Return each module once, however many of its options changed."""
    return sorted({change.restart for change in changes if change.restart})


def restart_modules(client: CephClient, notes: BeforeValues, modules: t.Collection[str]) -> None:
    """Restart what runs the modules, and only then forget that it was due."""
    if not modules:
        return
    restart_active_manager(client)
    for key, note in list(notes.notes.items()):
        notes.put(key, {name: value for name, value in note.items() if name != "restart"})


def diff_of(changes: t.Iterable[Change]) -> t.Dict[str, t.Dict[str, t.Any]]:
    """Return Ansible's diff of the config database."""
    differing = [change for change in changes if change.differs]
    return {
        "before": {f"{change.request.who} {change.request.name}": change.before for change in differing},
        "after": {f"{change.request.who} {change.request.name}": change.wanted for change in differing},
    }


def _report(change: Change, after: Database, check_mode: bool) -> Row:
    request = change.request
    effective = stored_value(change.option, after.get(request.who, request.name))
    status = "ok"
    if change.differs or change.restart:
        status = "would_change" if check_mode else "changed" if effective == change.wanted else "failed"
    why = [_evidence(change)]
    stronger = {
        where: value
        for where, value in after.stronger(request.who, request.name).items()
        if stored_value(change.option, value) != change.wanted
    }
    if stronger:
        why.append("where it applies, this wins: " + ", ".join(f"{where} = {v}" for where, v in stronger.items()))
        # All of a cluster has one active manager: what a manager finds elsewhere is what counts.
        status = "overridden" if request.name.startswith("mgr/") else status
    return row(
        str(request.who),
        request.name,
        before=change.before,
        wanted=change.wanted,
        effective=effective,
        status=status,
        why="; ".join(why),
    )


def _evidence(change: Change) -> str:
    words = [] if change.before is not None else [f"was not set, default {change.option.default or 'empty'}"]
    if change.request.value is None:
        words.append("merged with what others put there")
    if change.restart:
        words.append(f"module {change.restart} restarted for it")
    elif change.differs and not change.option.runtime and not change.request.name.startswith("mgr/"):
        words.append("takes effect when the daemons restart")
    return ", ".join(words) or "set as asked"
