# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Where the journal of a migration lies, and when it began.

The cluster keeps only the five newest finished migrations of a VM and no times of a drain, so what a killed run has
seen lives here.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run

JOURNAL_FILE = "migrations.jsonl"


def began_at(migration_id: str) -> float | None:
    """Return the moment that the id of a run begins with, or None for an id that somebody chose."""
    try:
        began = datetime.datetime.strptime(migration_id.partition("-")[0], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return None
    return began.replace(tzinfo=datetime.timezone.utc).timestamp()


def journal_path(artifacts: Path, migration_id: str) -> Path:
    """Return where the journal of a migration lies: in the directory of the run that began it.

    :raises InvalidValue: when the id is not that of a run.
    """
    return Run(artifacts, migration_id).path / JOURNAL_FILE
