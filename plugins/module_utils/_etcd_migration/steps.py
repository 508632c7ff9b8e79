# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The steps of a migration on one member. Each looks first at what is there, and does only what is left to do.

The member's service is started and stopped between them, by whoever runs them.
"""

from __future__ import annotations

import contextlib
import json
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import environment
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration import (
    backup,
    leases,
    members,
    reading,
    settings,
    store,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.compare import (
    Comparison,
    compare_v2,
    compare_v3,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.figures import (
    device_of,
    watch,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import (
    digest_of_keys,
    read_keys,
    write_keys,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.load import load
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.machine import embedded, holder
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.member import Member
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.survey import survey
from ansible_collections.virtscale.tuning.plugins.module_utils._files import read_file, write_file

Json = t.Dict[str, t.Any]
Step = t.Callable[[Member], Json]

# Masters renew what they hold every ten seconds or more often.
QUIET_S = 10.0


def measure(member: Member) -> Json:
    """Watch the member at rest and, if asked, under a load that is made for it; once before, and once after."""
    when = str(member.wishes["when"])
    kept = json.loads(member.layout.figures.read_text()) if member.layout.figures.exists() else {}
    if when in kept:
        return {"changed": False, "figures": kept}
    seconds, rate = float(member.wishes["measure_s"]), int(member.wishes["load_puts_per_s"])
    found = holder(member.layout.member)
    if found is None:
        raise TuningError(f"No etcd runs on {member.layout.member}, so there is nothing to measure.")
    pid, device = found[0], device_of(member.layout.data_dir)
    kept[when] = {"rest": watch(pid, device, seconds)}
    if rate:
        storage = "v2" if when == "before" else "v3"
        with member.api() as api, load(api, storage, member.settings.name, rate) as running:
            kept[when]["load"] = watch(pid, device, seconds)
        kept[when]["load"]["puts_per_s"] = round(running.done / kept[when]["load"]["seconds"], 1)
    write_file(str(member.layout.figures), json.dumps(kept))
    return {"changed": False, "figures": kept}


def list_keys(member: Member) -> Json:
    """Write down what the v2 storage holds, once nobody writes any more."""
    with member.api() as api:
        before = reading.count_v2_writes(api)
        time.sleep(QUIET_S)
        written = reading.count_v2_writes(api) - before
        if written:
            raise TuningError(
                f"Somebody still writes to etcd: {written} writes in {QUIET_S:.0f} s. Stop every client first."
            )
        keys = reading.read_v2_keys(api)
    write_keys(member.layout.keys, keys)
    return {
        "changed": True,
        "keys": len(keys),
        "expiring": sum(each.expires_at is not None for each in keys.values()),
        "expiring_by_prefix": leases.count_by_prefix(keys),
        "digest": digest_of_keys(keys),
    }


def make_backup(member: Member) -> Json:
    """Back the store up, and start a member from a copy of the backup to see that all keys are in it."""
    keys = read_keys(member.layout.keys)
    backup.back_up(member.layout, str(member.wishes["etcdctl"]))
    found, hidden = backup.verify_backup(member.layout, keys, str(member.wishes["etcd"]))
    if hidden:
        names = ", ".join(hidden[:5])
        raise TuningError(f"etcdctl does not migrate hidden keys, and there are {len(hidden)}: {names}. Move them.")
    return {"changed": True, **_alike(found, "The backup does not restore to what was listed")}


def keep(member: Member) -> Json:
    """Move the store of the stopped member aside. From here on its etcd can start only as one that joins."""
    if not member.diary.backup_restored:
        raise TuningError("There is no backup that was restored, so the store is not touched.")
    if not member.layout.settings.exists():
        # Whole or not at all: what is there is given back later.
        write_file(str(member.layout.settings), read_file(str(member.settings_file)), mode=0o600)
    changed = settings.change_settings(member.settings_file, {settings.STATE: "existing"})
    return {"changed": store.keep(member.layout) or changed}


def transform(member: Member) -> Json:
    """Put a transformed copy of the kept store to use."""
    store.refuse_in_use(member.layout)
    return {"changed": store.transform(member.layout, str(member.wishes["etcdctl"]))}


def force_new_cluster(member: Member) -> Json:
    """Let the next start begin a cluster of this member alone."""
    return {"changed": settings.change_settings(member.settings_file, {settings.FORCE: "true"})}


def settle(member: Member) -> Json:
    """Wait for the cluster of one, let the others find it, and let its next start be like any other."""
    with member.api() as api:
        members.await_members(api, 1, member.timeout_s)
        members.set_peer_urls(api, member.settings.name, member.settings.peer_urls)
    return {"changed": settings.change_settings(member.settings_file, {settings.FORCE: None})}


def await_ready(member: Member) -> Json:
    """Wait until the member is well, caught up and knows of all that should have started."""
    with member.api() as api:
        return {
            "changed": False,
            "members": members.await_members(api, int(member.wishes["members"]), member.timeout_s),
        }


def add(member: Member) -> Json:
    """Let this member's cluster take another one, and return what that one must be started with."""
    name, urls = str(member.wishes["peer_name"]), list(member.wishes["peer_urls"])
    with member.api() as api:
        changed = members.add_member(api, urls)
        listed = members.list_members(api)
    return {"changed": changed, "initial_cluster": members.initial_cluster(listed, name, urls)}


def adopt(member: Member) -> Json:
    """Prepare the stopped member to be started as one that joins, with nothing in its store."""
    store.refuse_in_use(member.layout)
    if member.wishes["back"]:
        store.abandon(member.layout)
    store.reject(member.layout)
    wanted = {settings.CLUSTER: str(member.wishes["initial_cluster"]), settings.STATE: "existing", settings.FORCE: None}
    settings.change_settings(member.settings_file, wanted)
    return {"changed": True}


def attach_leases(member: Member) -> Json:
    """Give every key that had a time to live a lease for what is left of it."""
    before = read_keys(member.layout.keys)
    given = 0
    with member.api() as api:
        present, _revision = reading.read_v3_keys(api)
        for expires_at, keys in sorted(leases.wanting(before, present).items()):
            given += leases.grant(api, expires_at, keys, present, time.time())
    return {"changed": given > 0, "leased": given, "expiring_by_prefix": leases.count_by_prefix(before)}


def compare(member: Member) -> Json:
    """Compare every key that this member itself holds with the list."""
    before = read_keys(member.layout.keys)
    with member.api() as api:
        after, revision = reading.read_v3_keys(api)
        remaining = reading.read_leases(api, {each.lease_id for each in after.values() if each.lease_id})
        found = compare_v3(before, after, remaining, time.time())
    return {"changed": False, "revision": revision, **_alike(found, "The keys are not what they were")}


def finish(_member: Member) -> Json:
    """Write down that it is over."""
    return {"changed": False}


def give_back(member: Member) -> Json:
    """Put the kept v2 store and the settings of before to use again."""
    changed = store.give_back(member.layout)
    return {"changed": member.restore_settings() or changed}


def use_backup(member: Member) -> Json:
    """Put a copy of the backup to use, where a kept store is lost."""
    return {"changed": store.use_backup(member.layout)}


def compare_back(member: Member) -> Json:
    """Compare every v2 key of this member with the list, on the way back."""
    if not member.layout.keys.exists():
        return {"changed": False}
    before = read_keys(member.layout.keys)
    with member.api() as api:
        found = compare_v2(before, reading.read_v2_keys(api), time.time())
    return {"changed": False, **_alike(found, "The keys are not what they were")}


def conclude_back(member: Member) -> Json:
    """Write down that the migration is no more; what it left is removed, but for backups and the store given up."""
    changed = member.restore_settings()
    member.layout.settings.unlink(missing_ok=True)
    member.layout.keys.unlink(missing_ok=True)
    member.layout.figures.unlink(missing_ok=True)
    store.clear(member.layout.work)
    return {"changed": changed}


STEPS: dict[str, Step] = {
    "measure": measure,
    "list_keys": list_keys,
    "backup": make_backup,
    "keep": keep,
    "transform": transform,
    "force_new_cluster": force_new_cluster,
    "settle": settle,
    "await": await_ready,
    "add": add,
    "adopt": adopt,
    "lease": attach_leases,
    "compare": compare,
    "finish": finish,
    "give_back": give_back,
    "use_backup": use_backup,
    "compare_back": compare_back,
    "conclude_back": conclude_back,
}


def look(wishes: Json) -> Json:
    """Return the facts of the member of this host.

    :raises TuningError: when there is none that can be looked at.
    """
    master_config = Path(wishes["master_config"])
    within = embedded(None, master_config)
    if within and not (wishes["environment_file"] or environment.find()):
        raise TuningError(f"This host runs etcd within a master ({within}); move it out of there first.")
    member = Member(wishes)
    member.look()
    programs = {"etcd": str(wishes["etcd"]), "etcdctl": str(wishes["etcdctl"])}
    return survey(member.settings, member.layout, member.diary, master_config=master_config, **programs)


def run_step(wishes: Json) -> Json:
    """Do one step on the member of this host, between two lines of its journal.

    :raises TuningError: when it cannot be done, in one sentence.
    """
    name, member = str(wishes["step"]), Member(wishes)
    with contextlib.closing(member.open_journal()) as journal:
        member.read(journal.entries)
        journal.append(member.entry("begin", name))
        journal.sync(now=True)
        journal.lend()
        result = STEPS[name](member)
        journal.append({**member.entry("end", name), **_short(result)})
        return result


def _alike(found: Comparison, otherwise: str) -> Json:
    if not found.alike():
        raise TuningError(f"{otherwise}: {found.words()}.", comparison=found.as_result())
    return {"comparison": found.as_result(), "words": found.words()}


def _short(result: Json) -> Json:
    return {
        name: value for name, value in result.items() if name in ("changed", "revision", "digest", "keys", "leased")
    }
