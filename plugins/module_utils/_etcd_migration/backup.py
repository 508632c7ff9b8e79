# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A backup of a running member's v2 store that is known to restore: a member was started from a copy of it."""

from __future__ import annotations

import shutil
import time

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.compare import Comparison, compare_v2
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.etcdctl import work_on_store
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.keys import V2Keys
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import Layout
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.reading import read_v2_keys
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.snapshot import (
    hidden_keys,
    newest_snapshot,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.store import clear
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.throwaway import throwaway

_BACKUP_S = 1800.0


def back_up(layout: Layout, etcdctl: str) -> None:
    """Back the running member's store up, in place of an earlier backup.

    :raises TuningError: when etcdctl does not manage to.
    """
    fresh = layout.room / "backup.new"
    clear(fresh)
    arguments = [etcdctl, "backup", f"--data-dir={layout.data_dir}", f"--backup-dir={fresh}"]
    work_on_store(arguments, 2, _BACKUP_S, lambda _said: (fresh / "member" / "wal").is_dir())
    clear(layout.backup)
    fresh.rename(layout.backup)


def verify_backup(layout: Layout, keys: V2Keys, etcd: str) -> tuple[Comparison, list[str]]:
    """Restore a copy of the backup; return how its keys compare, and the hidden ones that no listing shows.

    :raises TuningError: when no member starts from it.
    """
    clear(layout.work)
    try:
        shutil.copytree(layout.backup, layout.work)
        layout.work.chmod(0o700)
        with throwaway(layout.work, etcd) as member:
            found = compare_v2(keys, read_v2_keys(member), time.time())
        newest = newest_snapshot(layout.work / "member" / "snap")
        return found, hidden_keys(newest) if newest else []
    finally:
        clear(layout.work)
