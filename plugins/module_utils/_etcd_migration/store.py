# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Move the stores of a stopped member, by renames: a kill leaves a store in the one place or in the other."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.etcdctl import work_on_store
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import (
    MIGRATED,
    ORIGINAL,
    RESTORED,
    Layout,
    in_use,
    owner_of,
    sync_directory,
)

# What etcdctl says when it has come to its end.
_DONE = ("finished transforming keys", "no v2 keys to migrate")
# A store of 8 GiB on slow disks.
_TRANSFORM_S = 3600.0


def keep(layout: Layout) -> bool:
    """Take the v2 store out of use, and return whether that had to be done.

    :raises TuningError: while an etcd runs on it.
    """
    if layout.kept.exists():
        return False
    if not layout.member.exists():
        raise TuningError(f"There is no store in {layout.data_dir}, neither in use nor kept.")
    refuse_in_use(layout)
    layout.kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _mark(layout.member, ORIGINAL)
    _move(layout.member, layout.kept)
    return True


def transform(layout: Layout, etcdctl: str) -> bool:
    """Put a transformed copy of the kept store to use, and return whether that had to be done.

    :raises TuningError: when etcdctl does not say that it has transformed the keys.
    """
    if layout.mark() == MIGRATED:
        return False
    if layout.member.exists():
        raise TuningError(f"{layout.member} is not a store that this migration has made; move it away.")
    copy = _copied(layout, layout.kept)
    arguments = [etcdctl, "migrate", f"--data-dir={layout.work}"]
    work_on_store(arguments, 3, _TRANSFORM_S, lambda said: any(words in said for words in _DONE))
    _put_to_use(layout, copy, MIGRATED, owner_of(layout.kept))
    return True


def use_backup(layout: Layout) -> bool:
    """Put a copy of the backup to use, where kept stores are lost, and return whether that had to be done."""
    abandon(layout)
    if layout.mark() == RESTORED:
        return False
    refuse_in_use(layout)
    copy = _copied(layout, layout.backup / "member")
    _put_to_use(layout, copy, RESTORED, owner_of(layout.data_dir))
    return True


def abandon(layout: Layout) -> None:
    """Let a kept store not count any more, without removing it: its cluster begins anew from a backup."""
    if layout.kept.exists():
        clear(layout.abandoned.parent)
        layout.abandoned.parent.mkdir(mode=0o700, parents=True)
        _move(layout.kept, layout.abandoned)


def give_back(layout: Layout) -> bool:
    """Put the kept v2 store to use again, and return whether that had to be done.

    :raises TuningError: while an etcd runs.
    """
    if not layout.kept.exists():
        return False
    refuse_in_use(layout)
    reject(layout)
    _move(layout.kept, layout.member)
    clear(layout.work)
    return True


def reject(layout: Layout) -> None:
    """Take the store in use out of use, in place of one that was given up before."""
    if layout.member.exists():
        clear(layout.rejected.parent)
        layout.rejected.parent.mkdir(mode=0o700, parents=True)
        _move(layout.member, layout.rejected)


def refuse_in_use(layout: Layout) -> None:
    """Go on only when no etcd runs on the store.

    :raises TuningError: while one does.
    """
    if in_use(layout.member):
        raise TuningError(f"An etcd still runs on {layout.member}; it must be stopped first.")


def clear(directory: Path) -> None:
    """Remove a directory and what is in it, if it is there."""
    if directory.exists():
        shutil.rmtree(directory)


def _copied(layout: Layout, store: Path) -> Path:
    """Return a copy of a store, in the room for work."""
    clear(layout.work)
    layout.work.mkdir(mode=0o700, parents=True)
    return shutil.copytree(store, layout.work / "member", copy_function=shutil.copy2)


def _put_to_use(layout: Layout, copy: Path, mark: str, owner: tuple[int, int]) -> None:
    """Let a copy be the store in use, in place of the one that is there."""
    _mark(copy, mark)
    _give(copy, *owner)
    _sync_tree(copy)
    reject(layout)
    _move(copy, layout.member)
    clear(layout.work)


def _mark(directory: Path, mark: str) -> None:
    for each in {MIGRATED, RESTORED, ORIGINAL} - {mark}:
        (directory / each).unlink(missing_ok=True)
    (directory / mark).touch()


def _move(source: Path, target: Path) -> None:
    source.rename(target)
    sync_directory(target.parent)
    sync_directory(source.parent)


def _give(directory: Path, user: int, group: int) -> None:
    for where, _directories, names in os.walk(directory):
        for path in [where, *(os.path.join(where, name) for name in names)]:
            os.chown(path, user, group)


def _sync_tree(directory: Path) -> None:
    for where, _directories, names in os.walk(directory):
        for name in names:
            descriptor = os.open(os.path.join(where, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(where))
