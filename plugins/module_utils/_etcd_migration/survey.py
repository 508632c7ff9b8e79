# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What one member is found to be: its settings, its stores, what runs and what it says. Nothing is changed."""

from __future__ import annotations

import contextlib
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration import machine, members, reading
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api, NoAnswer
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.diary import Diary
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import (
    Layout,
    free_bytes,
    size_bytes,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.settings import Settings

Json = t.Dict[str, t.Any]


def survey(settings: Settings, layout: Layout, diary: Diary, *, etcd: str, etcdctl: str, master_config: Path) -> Json:
    """Return the facts of one member, from which a run is planned."""
    held = machine.holder(layout.member)
    store = _store(layout, diary)
    facts: Json = {
        "name": settings.name,
        "token": settings.token,
        "data_dir": str(layout.data_dir),
        "wal_dir": settings.wal_dir,
        "settings": {"force": settings.force, "peer_urls": settings.peer_urls, "client_urls": settings.client_urls},
        "store": store,
        "process": held and {"pid": held[0], "name": held[1]},
        "embedded": machine.embedded(held, master_config),
        "tools": machine.tools(etcd, etcdctl),
        "journal": {"begun": diary.begun, "compared_at": diary.compared_at, "finished": diary.finished},
    }
    with contextlib.closing(Api(settings.access())) as api:
        try:
            facts["api"] = _api(api, settings, untouched=not store["kept"])
            if diary.compared_at is not None:
                facts["written_since"] = reading.count_v3_keys_since(api, diary.compared_at)
        except NoAnswer as error:
            facts["api"], facts["silent"] = None, str(error)
    return facts


def _store(layout: Layout, diary: Diary) -> Json:
    if not layout.data_dir.is_dir():
        raise TuningError(f"There is no data directory {layout.data_dir}.")
    return {
        "member": layout.member.exists(),
        "kept": layout.kept.exists(),
        "mark": layout.mark(),
        "was_kept": diary.kept,
        "was_first": diary.transformed,
        "joined_back": diary.joined_back,
        "keys": diary.begun and layout.keys.exists(),
        "backup": diary.backup_restored and layout.backup.exists(),
        "snapshots": layout.snapshots(),
        "bytes": size_bytes(layout.member),
        "free_bytes": free_bytes(layout.data_dir),
    }


def _api(api: Api, settings: Settings, *, untouched: bool) -> Json:
    """Return what the member says; of the v2 storage only while it is what is used."""
    v3_keys, revision = reading.count_v3_keys(api)
    serves_v2 = _serves_v2(api)
    listed = members.list_members(api) if serves_v2 else []
    found: Json = {
        "healthy": members.healthy(api),
        "members": listed,
        "v3_keys": v3_keys,
        "revision": revision,
        "v2": serves_v2,
    }
    if untouched and serves_v2:
        found["raft_spread"] = members.raft_spread(listed, settings.access())
        found["v2_keys"] = len(reading.read_v2_keys(api))
    return found


def _serves_v2(api: Api) -> bool:
    try:
        api.call("GET", "/v2/keys/")
    except NoAnswer as error:
        if error.status:
            return False
        raise
    return True
