# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One member while a step works on it: its settings, its places, its journal and how it is asked."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import environment
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.api import Api
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.diary import Diary, read_diary
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.layout import Layout, owner_of
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.settings import (
    Settings,
    read_settings,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal

Json = t.Dict[str, t.Any]


class Member:
    """The member of this host."""

    def __init__(self, wishes: Json) -> None:
        """Read its settings.

        :param wishes: the module's parameters.
        :raises TuningError: when they cannot be read.
        """
        self.wishes = wishes
        found = wishes["environment_file"] or environment.find()
        if not found:
            raise TuningError(f"None of {' and '.join(environment.PATHS)} is there to configure etcd.")
        self.settings_file = Path(found)
        self.settings: Settings = read_settings(self.settings_file)
        self.layout = Layout(self.settings.data_dir)
        self.timeout_s = float(wishes["timeout_s"])
        self.diary = Diary(())

    @contextlib.contextmanager
    def api(self) -> t.Iterator[Api]:
        """Ask the member at the first of its client URLs."""
        with contextlib.closing(Api(self.settings.access())) as api:
            yield api

    def open_journal(self) -> Journal:
        """Open the journal, which only one run at a time can; the room for it is made as closed as the store is."""
        if not self.layout.room.exists():
            self.layout.room.mkdir(mode=0o700)
            os.chown(self.layout.room, *owner_of(self.layout.data_dir))
        return Journal(self.layout.journal)

    def look(self) -> None:
        """Read the journal if there is one; wait for a run that still writes to it to end."""
        if self.layout.journal.exists():
            with contextlib.closing(Journal(self.layout.journal)) as journal:
                self.read(journal.entries)

    def read(self, entries: t.Iterable[Json]) -> None:
        """Take in what the journal says."""
        self.diary = read_diary(entries)

    def entry(self, kind: str, step: str) -> Json:
        """Return a line for the journal."""
        return {
            "kind": kind,
            "step": step,
            "at": round(time.time(), 3),
            "pid": os.getpid(),
            **({"back": True} if self.wishes["back"] else {}),
        }

    def restore_settings(self) -> bool:
        """Give the environment file back as it was, and return whether it differed."""
        if not self.layout.settings.exists():
            return False
        before = environment.read(str(self.layout.settings))
        if environment.read(str(self.settings_file)) == before:
            return False
        environment.write(str(self.settings_file), before)
        return True
