# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A value that was set but is not what the cluster says afterwards is a failure, not a success."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row


def require_effective(rows: t.List[Row]) -> t.List[Row]:
    """Return the rows; raise a TuningError that carries them when one of them failed."""
    failed = ", ".join(f"{entry['what']} of {entry['where']}" for entry in rows if entry["status"] == "failed")
    if failed:
        raise TuningError(f"Set, but the cluster now says otherwise: {failed}; does something else set it?", rows=rows)
    return rows
