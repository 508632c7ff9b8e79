# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.plan import Plan, plan_migration
from etcd_members import HOSTS, Json, finished, kept, untouched

MIGRATED, RESTORED, ORIGINAL = "migrated-from-v2", "restored-from-backup", "v2-store"
Change = t.Callable[[Json], t.Any]


def forward(facts: dict[str, Json], **rules: bool) -> Plan:
    return plan_migration(facts, "lab", allowed=True, **rules)


def back(facts: dict[str, Json], **rules: bool) -> Plan:
    return plan_migration(facts, "lab", back=True, allowed=True, **rules)


def test_an_untouched_cluster_is_migrated_from_its_first_member() -> None:
    made = forward(untouched())
    assert made.steps == ["prepare", "keep", "transform", "seed", "join", "compare", "finish"]
    assert (made.first, made.stop, made.join) == ("etcd01", list(HOSTS), ["etcd02", "etcd03"])
    assert made.lines == [
        "migrating 400 v2 keys (130 MiB on the disk of a member): etcd01 is transformed, etcd02, etcd03 join it; "
        "no client is served meanwhile"
    ]


def test_a_single_member_has_nobody_to_join_it() -> None:
    made = forward(untouched(1))
    assert made.join == []
    assert "join it" not in made.lines[0]


def silent(each: Json) -> None:
    each["api"], each["silent"] = None, "connection refused"


CHECKS: dict[str, tuple[Change, str]] = {
    "token": (lambda each: each.update(token="other"), "belongs to the cluster 'other', and etcd_host_migrate names"),
    "silent": (silent, "does not answer: connection refused"),
    "unhealthy": (lambda each: each["api"].update(healthy=False), "is not healthy"),
    "no v2": (lambda each: each["api"].update(v2=False), "does not serve the v2 API"),
    "no snapshot": (lambda each: each["store"].update(snapshots=0), "has no v2 snapshot yet"),
    "one v3 key": (lambda each: each["api"].update(v3_keys=1), "has 1 v3 key already"),
    "v3 keys": (lambda each: each["api"].update(v3_keys=2), "has 2 v3 keys already"),
    "disk": (lambda each: each["store"].update(free_bytes=300 << 20), "has 300 MiB free beside its store"),
    "raft": (lambda each: each["api"].update(raft_spread=2), "that etcd02 sees differ by 2, and may by 1"),
    "raft unread": (lambda each: each["api"].update(raft_spread=None), "that etcd02 sees cannot be read of all"),
    "embedded": (lambda each: each.update(embedded="openshift"), "runs etcd within a master (openshift)"),
    "wal apart": (lambda each: each.update(wal_dir="/wal"), "keeps its write-ahead log apart, in /wal"),
    "etcdctl": (lambda each: each["tools"].update(against="has an etcdctl that cannot"), "has an etcdctl that cannot"),
    "forced": (lambda each: each["settings"].update(force=True), "would begin a new cluster at its next start"),
}


@pytest.mark.parametrize(("change", "says"), CHECKS.values(), ids=CHECKS.keys())
def test_each_check_refuses_alone_and_names_the_member(change: Change, says: str) -> None:
    facts = untouched()
    change(facts["etcd02"])
    made = forward(facts)
    assert made.refused
    assert (made.steps, made.stop, made.start, made.join) == ([], [], [], [])
    assert len(made.lines) == 1
    assert "etcd02" in made.lines[0]
    assert says in made.lines[0]


def test_a_member_that_is_no_host_of_the_run_is_refused_both_ways() -> None:
    facts = untouched()
    del facts["etcd03"]
    for made in (forward(facts), back(facts)):
        assert made.refused
        assert made.lines == [
            "etcd03 is a member of the cluster, as etcd01 says, and not among the hosts of this run",
        ]


def test_without_permission_everything_is_pending() -> None:
    made = plan_migration(untouched(), "lab")
    assert [each["status"] for each in made.rows] == ["pending"]
    assert made.lines[-1] == "It waits for allow_disruption: true."


def some_kept() -> dict[str, Json]:
    facts = kept()
    facts["etcd03"]["store"].update(kept=False, member=True, was_kept=False)
    return facts


CONTINUED: dict[str, tuple[dict[str, Json], list[str], dict[str, list[str]]]] = {
    "one is not kept yet": (
        some_kept(),
        ["keep", "transform", "seed", "join", "compare", "finish"],
        {"stop": ["etcd03"], "join": ["etcd02", "etcd03"]},
    ),
    "all are kept": (kept(), ["transform", "seed", "join", "compare", "finish"], {"stop": []}),
    "transformed": (
        kept(first_stored=MIGRATED, running=False),
        ["seed", "join", "compare", "finish"],
        {"join": ["etcd02", "etcd03"]},
    ),
    "seeded": (
        kept(first_stored=MIGRATED),
        ["join", "compare", "finish"],
        {"join": ["etcd02", "etcd03"], "start": []},
    ),
    "one has joined": (
        kept(first_stored=MIGRATED, joined=["etcd02"]),
        ["start", "join", "compare", "finish"],
        {"join": ["etcd03"], "start": ["etcd01", "etcd02"]},
    ),
    "one has joined, and all have stopped since": (
        kept(first_stored=MIGRATED, joined=["etcd02"], running=False),
        ["start", "join", "compare", "finish"],
        {"join": ["etcd03"], "start": ["etcd01", "etcd02"]},
    ),
    "all have joined": (
        kept(first_stored=MIGRATED, joined=HOSTS[1:]),
        ["start", "compare", "finish"],
        {"join": [], "start": list(HOSTS)},
    ),
}


@pytest.mark.parametrize(("facts", "steps", "hosts"), CONTINUED.values(), ids=CONTINUED.keys())
def test_what_is_left_is_told_by_what_is_there(
    facts: dict[str, Json], steps: list[str], hosts: dict[str, list[str]]
) -> None:
    made = forward(facts)
    assert made.steps == steps
    assert {name: getattr(made, name) for name in hosts} == hosts


@pytest.mark.parametrize("facts", [case[0] for case in CONTINUED.values()], ids=CONTINUED.keys())
def test_from_everywhere_the_kept_stores_lead_back(facts: dict[str, Json]) -> None:
    made = back(facts)
    assert made.steps == ["stop", "give_back", "start", "compare_back"]
    assert made.stop == made.start == list(HOSTS)


def test_a_first_member_that_starts_with_force_is_seeded_again() -> None:
    facts = kept(first_stored=MIGRATED)
    facts["etcd01"]["settings"]["force"] = True
    assert forward(facts).steps[0] == "seed"


def test_what_was_compared_is_not_compared_again_once_clients_write() -> None:
    facts = kept(first_stored=MIGRATED, joined=HOSTS[1:])
    facts["etcd01"]["journal"]["compared_at"] = 500
    assert forward(facts).steps == ["start", "finish"]


def test_the_inventory_does_not_change_who_was_first() -> None:
    facts = kept(first_stored=MIGRATED)
    turned = {host: facts[host] for host in ("etcd03", "etcd02", "etcd01")}
    made = forward(turned)
    assert (made.first, made.join) == ("etcd01", ["etcd03", "etcd02"])


def test_a_strange_store_beside_the_kept_one_is_refused() -> None:
    facts = kept()
    facts["etcd01"]["store"]["member"] = True
    assert forward(facts).lines == ["etcd01 has a store that this migration has not made; go back"]
    assert back(facts).steps[0] == "stop"


def test_a_finished_migration_needs_nothing() -> None:
    made = forward(finished())
    assert (made.refused, made.steps) == (False, [])
    assert made.lines == ["the 3 members use the v3 storage, which has 400 keys"]


def test_a_finished_migration_of_which_a_member_stopped_is_started_again() -> None:
    facts = finished()
    facts["etcd02"]["api"] = None
    made = forward(facts)
    assert (made.steps, made.start) == (["start", "finish"], list(HOSTS))


@pytest.mark.parametrize(("written", "refused"), [(0, False), (7, True), (None, True)])
def test_the_way_back_does_not_lose_what_was_written_since(written: int | None, refused: bool) -> None:
    facts = finished()
    for each in facts.values():
        each["written_since"] = written
    assert back(facts).refused is refused
    assert not back(facts, discard=True).refused


def test_a_lost_store_makes_all_begin_with_a_backup() -> None:
    facts = finished()
    facts["etcd02"]["store"]["kept"] = False
    made = back(facts)
    assert made.steps == ["stop", "use_backup", "seed", "join", "compare_back"]
    assert (made.first, made.stop, made.join) == ("etcd01", list(HOSTS), ["etcd02", "etcd03"])


def test_a_lost_store_and_no_backup_is_refused() -> None:
    facts = finished()
    for each in facts.values():
        each["store"]["backup"] = False
    facts["etcd02"]["store"]["kept"] = False
    assert back(facts).lines == ["etcd02 has lost its v2 store, and no member has a backup that restores"]


def rebuilt(*, joined: t.Sequence[str] = (), running: bool = True) -> dict[str, Json]:
    facts = kept(first_stored=RESTORED, joined=joined, running=running)
    facts["etcd01"]["store"]["kept"] = False
    for host in joined:
        facts[host]["store"].update(kept=False, joined_back=True)
    return facts


REBUILT: dict[str, tuple[dict[str, Json], list[str], list[str]]] = {
    "put to use": (rebuilt(running=False), ["stop", "seed", "join", "compare_back"], ["etcd02", "etcd03"]),
    "seeded": (rebuilt(), ["stop", "join", "compare_back"], ["etcd02", "etcd03"]),
    "one has joined": (rebuilt(joined=["etcd02"]), ["stop", "start", "join", "compare_back"], ["etcd03"]),
    "all have joined": (rebuilt(joined=HOSTS[1:]), ["start", "compare_back"], []),
}


@pytest.mark.parametrize(("facts", "steps", "join"), REBUILT.values(), ids=REBUILT.keys())
def test_a_rebuild_that_was_interrupted_goes_on(facts: dict[str, Json], steps: list[str], join: list[str]) -> None:
    made = back(facts)
    assert (made.steps, made.join) == (steps, join)
    assert made.stop == join
    assert forward(facts).lines == ["etcd01 is on its way back from a backup; let that come to its end"]


def test_stores_that_were_given_back_to_some_are_given_back_to_the_others() -> None:
    facts = kept(first_stored=ORIGINAL, running=False)
    facts["etcd01"]["store"]["kept"] = False
    assert back(facts).steps == ["stop", "give_back", "start", "compare_back"]


def test_nothing_begun_means_nothing_to_give_back() -> None:
    made = back(untouched())
    assert (made.steps, made.lines) == ([], ["the members use their own v2 stores; there is nothing to give back"])


def test_members_that_were_stopped_before_a_store_was_kept_are_started() -> None:
    facts = untouched()
    for each in facts.values():
        each["api"] = None
        each["journal"]["begun"] = True
    assert back(facts).steps == ["give_back", "start", "compare_back"]


def test_what_is_left_after_a_run_has_failed() -> None:
    assert [each["status"] for each in forward(finished(), done=True).rows] == ["changed"]
    facts = finished()
    facts["etcd02"]["api"] = None
    assert [each["status"] for each in forward(facts, done=True).rows] == ["failed"]
