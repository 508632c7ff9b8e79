# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Move the stores of a stopped member, by renames: a kill leaves a store in the one place or in the other."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import (
    MIGRATED,
    ORIGINAL,
    RESTORED,
    Layout,
    in_use,
    owner_of,
    sync_directory,
)

# What etcdctl says when it has come to its end; its exit status is 0 for some failures too.
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
    clear(layout.work)
    layout.work.mkdir(mode=0o700, parents=True)
    copy = layout.work / "member"
    shutil.copytree(layout.kept, copy, copy_function=shutil.copy2)
    _run_etcdctl([etcdctl, "migrate", f"--data-dir={layout.work}"])
    _mark(copy, MIGRATED)
    _give(copy, *owner_of(layout.kept))
    _sync_tree(copy)
    _move(copy, layout.member)
    clear(layout.work)
    return True


def use_backup(layout: Layout) -> bool:
    """Put a copy of the backup to use, where kept stores are lost, and return whether that had to be done."""
    abandon(layout)
    if layout.mark() == RESTORED:
        return False
    refuse_in_use(layout)
    clear(layout.work)
    layout.work.mkdir(mode=0o700, parents=True)
    copy = layout.work / "member"
    shutil.copytree(layout.backup / "member", copy, copy_function=shutil.copy2)
    _mark(copy, RESTORED)
    _give(copy, *owner_of(layout.data_dir))
    _sync_tree(copy)
    reject(layout)
    _move(copy, layout.member)
    clear(layout.work)
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


def _run_etcdctl(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "ETCDCTL_API": "3"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_TRANSFORM_S,
            check=False,
            # It holds the journal until it ends, whatever becomes of this process.
            close_fds=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TuningError(f"etcdctl migrate did not come to its end: {error}.") from error
    if done.returncode or not any(says in done.stdout for says in _DONE):
        last = done.stdout.strip().splitlines()[-1:] or ["nothing"]
        raise TuningError(f"etcdctl migrate did not transform the keys. It ended with {done.returncode} and: {last[0]}")


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
