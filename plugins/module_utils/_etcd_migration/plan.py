# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is left to do, from what the members are found to be, forward or back.

The order, and what each step is known by when a run continues where another one was killed:

==========  ================================================================================================
prepare     clients stopped, keys listed, backups made and restored: no store is kept anywhere yet
keep        members stopped, every v2 store moved aside: a kept store
transform   the first member's copy transformed: its store bears the mark
seed        the first member begins a cluster of its own: it runs, and is alone in its list
join        the others are added one by one: each has a store in use
compare     leases, and the comparison of every key: the journal's word
finish      storage backend and clients: the journal's last word
==========  ================================================================================================

Back, the kept stores are put to use again. Where one is lost, all begin anew from the first member's backup, by the
same ``seed`` and ``join``.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.checks import (
    check_hosts,
    check_members,
    refusal,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import (
    MIGRATED,
    ORIGINAL,
    RESTORED,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

Json = t.Dict[str, t.Any]
Facts = t.Mapping[str, Json]


@dataclasses.dataclass
class Plan:
    """The steps that are left, and the hosts that take part in some of them."""

    first: str
    steps: list[str] = dataclasses.field(default_factory=list)
    stop: list[str] = dataclasses.field(default_factory=list)
    start: list[str] = dataclasses.field(default_factory=list)
    join: list[str] = dataclasses.field(default_factory=list)
    rows: list[Row] = dataclasses.field(default_factory=list)
    lines: list[str] = dataclasses.field(default_factory=list)

    @property
    def refused(self) -> bool:
        """Whether something stands against it."""
        return any(each["status"] == "refused" for each in self.rows)

    def as_result(self) -> Json:
        """Return the plan as return values."""
        return {**dataclasses.asdict(self), "refused": self.refused}


def plan_migration(
    facts: Facts,
    token: str,
    *,
    back: bool = False,
    discard: bool = False,
    allowed: bool = False,
    done: bool = False,
) -> Plan:
    """Plan the migration, or the way back.

    :param facts: for each host, in the inventory's order, what the survey has found.
    :param token: what the user names the cluster by.
    :param discard: whether keys that were written since the migration may be lost on the way back.
    :param allowed: whether the cluster may be taken out of service; without it all is pending.
    :param done: whether the plan has just been carried out: what is left to do has failed.
    """
    made = Plan(first=_first(facts))
    made.rows = check_hosts(facts, token)
    if not made.refused:
        if back:
            _plan_back(made, facts, discard)
        else:
            _plan_forward(made, facts)
    if made.refused:
        made.steps, made.stop, made.start, made.join = [], [], [], []
        made.lines = [str(each["why"]) for each in made.rows if each["status"] == "refused"]
    elif done:
        for each in made.rows:
            each["status"] = "failed" if made.steps else "changed"
    elif made.steps and not allowed:
        for each in made.rows:
            each["status"] = "pending"
        made.lines.append("It waits for allow_disruption: true.")
    return made


def _first(facts: Facts) -> str:
    """Return the member that all begin with: the one of before, else the first of the inventory."""
    marked = [host for host, each in facts.items() if each["store"]["mark"] in (MIGRATED, RESTORED)]
    was = [host for host, each in facts.items() if each["store"]["was_first"]]
    return (marked or was or list(facts))[0]


def _plan_forward(made: Plan, facts: Facts) -> None:
    first = facts[made.first]
    if first["store"]["mark"] == RESTORED and first["journal"]["begun"]:
        made.rows.append(refusal(made.first, "store", "is on its way back from a backup; let that come to its end"))
    elif _finished(made, facts):
        _say(made, "ok", _finished_words(made, facts))
    elif not any(each["store"]["kept"] for each in facts.values()):
        made.rows += check_members(facts)
        if not made.refused:
            made.steps = ["prepare", "keep", "transform", "seed", "join", "compare", "finish"]
            made.stop = list(facts)
            made.join = _others(made, facts)
            _say(made, "would_change", _begin_words(made, facts))
    else:
        _continue(made, facts)
        if not made.refused:
            _say(made, "would_change", f"continuing a migration that was interrupted, with: {', '.join(made.steps)}")


def _continue(made: Plan, facts: Facts) -> None:
    store = facts[made.first]["store"]
    unready = [host for host, each in facts.items() if not each["store"]["backup"]]
    if unready:
        made.rows.append(refusal(unready[0], "backup", "has no backup that was restored, though stores were kept"))
    if not store["keys"]:
        made.rows.append(refusal(made.first, "keys", "has lost the list of its v2 keys; go back"))
    made.stop = [host for host, each in facts.items() if not each["store"]["kept"]]
    if made.stop:
        made.steps.append("keep")
    if store["mark"] != MIGRATED:
        if store["member"] and store["kept"]:
            made.rows.append(refusal(made.first, "store", "has a store that this migration has not made; go back"))
        made.steps.append("transform")
    joined = [
        host
        for host in _others(made, facts)
        if facts[host]["store"]["kept"] and facts[host]["store"]["member"] and store["mark"] == MIGRATED
    ]
    _rejoin(made, facts, joined, MIGRATED)
    if facts[made.first]["journal"]["compared_at"] is None:
        made.steps.append("compare")
    made.steps.append("finish")


def _rejoin(made: Plan, facts: Facts, joined: list[str], mark: str) -> None:
    """Plan how the first member and those that have joined it run, and the others join them."""
    made.join = [host for host in _others(made, facts) if host not in joined]
    if joined:
        made.start = [made.first, *joined]
        made.steps.append("start")
    elif not _alone(facts[made.first], mark):
        made.steps.append("seed")
    if made.join:
        made.steps.append("join")


def _alone(each: Json, mark: str) -> bool:
    """Return whether the first member runs as a cluster of its own, or with one that it waits for."""
    api = each.get("api")
    if not api or each["settings"]["force"] or each["store"]["mark"] != mark:
        return False
    return sum(1 for member in api["members"] if member["started"]) == 1


def _plan_back(made: Plan, facts: Facts, discard: bool) -> None:
    first = facts[made.first]
    if first["store"]["mark"] == RESTORED and first["journal"]["begun"]:
        _rebuild(made, facts)
        return
    lost = [host for host, each in facts.items() if not each["store"]["kept"] and not _original(each)]
    if not lost and not any(each["store"]["kept"] for each in facts.values()):
        _back_unkept(made, facts)
        return
    _refuse_loss(made, facts, discard)
    if made.refused:
        return
    if not lost:
        made.stop = made.start = list(facts)
        made.steps = ["stop", "give_back", "start", "compare_back"]
        _say(made, "would_change", f"going back to v2: the kept stores of {', '.join(facts)} are put to use again")
        return
    backups = [host for host in (made.first, *_others(made, facts)) if facts[host]["store"]["backup"]]
    if not backups:
        made.rows.append(refusal(lost[0], "backup", "has lost its v2 store, and no member has a backup that restores"))
        return
    made.first = backups[0]
    made.stop = list(facts)
    made.join = _others(made, facts)
    made.steps = ["stop", "use_backup", "seed", "join", "compare_back"]
    why = f"going back to v2: the v2 store of {', '.join(lost)} is lost, so all begin with the backup of {made.first}"
    _say(made, "would_change", why)


def _rebuild(made: Plan, facts: Facts) -> None:
    joined = [
        host
        for host in _others(made, facts)
        if facts[host]["store"]["joined_back"] and facts[host]["store"]["member"] and not facts[host]["store"]["kept"]
    ]
    made.stop = [host for host in _others(made, facts) if host not in joined]
    made.steps = ["stop"] if made.stop else []
    _rejoin(made, facts, joined, RESTORED)
    made.steps.append("compare_back")
    _say(made, "would_change", f"going on to begin with the backup of {made.first}: {', '.join(made.steps)}")


def _back_unkept(made: Plan, facts: Facts) -> None:
    """Plan for members that all have their v2 stores in use."""
    well = all(each.get("api") and each["api"]["healthy"] and not each["settings"]["force"] for each in facts.values())
    if well and not any(each["journal"]["begun"] for each in facts.values()):
        _say(made, "ok", "the members use their own v2 stores; there is nothing to give back")
        return
    made.start = list(facts)
    made.steps = ["give_back", "start", "compare_back"]
    _say(made, "would_change", "going back to v2: the members have their own stores in use, and are started")


def _original(each: Json) -> bool:
    """Return whether a member has its own v2 store in use: it was not kept yet, or given back."""
    store = each["store"]
    return bool(store["member"]) and (store["mark"] == ORIGINAL or not store["was_kept"])


def _refuse_loss(made: Plan, facts: Facts, discard: bool) -> None:
    """Refuse to lose, unasked, what clients have written to the v3 storage."""
    if facts[made.first]["journal"]["compared_at"] is None or discard:
        return
    counts = [each["written_since"] for each in facts.values() if each.get("written_since") is not None]
    if counts and not max(counts):
        return
    says = "does not say whether v3 keys were written"
    if counts:
        says = f"has {max(counts)} v3 key{'s that were' if max(counts) > 1 else ' that was'} written"
    why = f"{says} since the migration; the way back would lose them, and does with etcd_host_migrate_discard: true"
    made.rows.append(refusal(made.first, "v3 keys", why))


def _finished(made: Plan, facts: Facts) -> bool:
    return facts[made.first]["journal"]["finished"] and all(
        each.get("api")
        and each["api"]["healthy"]
        and sum(1 for member in each["api"]["members"] if member["started"]) == len(facts)
        for each in facts.values()
    )


def _finished_words(made: Plan, facts: Facts) -> str:
    keys = facts[made.first]["api"]["v3_keys"]
    return f"the {len(facts)} members use the v3 storage, which has {keys} keys"


def _begin_words(made: Plan, facts: Facts) -> str:
    size = max(each["store"]["bytes"] for each in facts.values()) >> 20
    joins = f", {', '.join(made.join)} join it" if made.join else ""
    return (
        f"migrating {facts[made.first]['api']['v2_keys']} v2 keys ({size} MiB on the disk of a member): "
        f"{made.first} is transformed{joins}; no client is served meanwhile"
    )


def _others(made: Plan, facts: Facts) -> list[str]:
    return [host for host in facts if host != made.first]


def _say(made: Plan, status: str, why: str) -> None:
    made.rows.append(row("etcd", "storage", status=status, why=why))
    made.lines = [why]
