# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Where a member's migration keeps its things, and what the directories alone say about how far it has come.

All of it lies in the data directory: there it is on the same file system as the store, so that a store moves by one
rename, and whoever may read the store may read its copies and nobody else.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import typing as t
from pathlib import Path

ROOM = "v2-migration"
# Files in a store that say what it is: made of transformed keys, made from a backup, or the v2 store itself. They move
# with the directory, so the rename is the one moment that counts.
MIGRATED = "migrated-from-v2"
RESTORED = "restored-from-backup"
ORIGINAL = "v2-store"


@dataclasses.dataclass(frozen=True)
class Layout:
    """The places in one member's data directory."""

    data_dir: Path

    @property
    def member(self) -> Path:
        """The store that etcd uses."""
        return self.data_dir / "member"

    @property
    def room(self) -> Path:
        """All that the migration adds."""
        return self.data_dir / ROOM

    @property
    def kept(self) -> Path:
        """The v2 store itself, moved here and never written again."""
        return self.room / "v2" / "member"

    @property
    def work(self) -> Path:
        """A data directory to work in; what is in it is of no use to anybody."""
        return self.room / "work"

    @property
    def backup(self) -> Path:
        """What ``etcdctl backup`` wrote, a data directory."""
        return self.room / "backup"

    @property
    def rejected(self) -> Path:
        """The v3 store that was given up on the way back."""
        return self.room / "v3" / "member"

    @property
    def abandoned(self) -> Path:
        """A kept v2 store that no longer counts, because the cluster began anew from a backup."""
        return self.room / "abandoned" / "member"

    @property
    def journal(self) -> Path:
        """What happened on this member."""
        return self.room / "journal.jsonl"

    @property
    def keys(self) -> Path:
        """The v2 keys as they were when the clients had stopped."""
        return self.room / "keys.jsonl"

    @property
    def settings(self) -> Path:
        """The environment file as it was."""
        return self.room / "environment"

    @property
    def figures(self) -> Path:
        """The load of before and after."""
        return self.room / "figures.json"

    def snapshots(self) -> int:
        """Return how many v2 snapshots the store has."""
        return sum(1 for _each in (self.member / "snap").glob("*.snap"))

    def mark(self) -> str:
        """Return what the store in use is; nothing for one that no migration has touched."""
        return next((mark for mark in (MIGRATED, RESTORED, ORIGINAL) if (self.member / mark).exists()), "")


def in_use(store: Path) -> bool:
    """Return whether an etcd has the store open: it locks its database for as long as it runs."""
    database = store / "snap" / "db"
    try:
        descriptor = os.open(database, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def size_bytes(directory: Path) -> int:
    """Return what the files below occupy on the disk, in bytes. A write-ahead log is allocated ahead of its use."""
    total = 0
    for where, _directories, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def free_bytes(directory: Path) -> int:
    """Return what is free on the directory's file system, in bytes."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def sync_directory(directory: Path) -> None:
    """Let a rename in the directory outlive a dead machine."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def owner_of(path: Path) -> t.Tuple[int, int]:
    """Return the user and the group that own the path."""
    found = path.stat()
    return found.st_uid, found.st_gid
