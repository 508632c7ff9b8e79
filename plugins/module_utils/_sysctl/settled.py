# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether a host that was just measured needs no call of ``sysctl_dropins`` at all."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import (
    keep_larger,
    key_name,
    matches_any,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.plan import read_requests


def settled_rows(
    measured: t.Mapping[str, t.Any], files: list[dict[str, t.Any]], never_lower: list[str], where: str
) -> list[Row] | None:
    """Return the rows that the module would return if it had nothing to do; None if it may have.

    :param measured: a result of ``network_info`` with all keys of ``files`` among its ``sysctls``.
    :raises TuningError: if ``files`` is no proper request.
    """
    dropins = measured.get("dropins") or {}
    sysctls = measured.get("sysctls") or {}
    rows = []
    for file, settings in read_requests(files).items():
        held = dropins.get(file, {})
        if held.keys() != {key_name(path) for path in settings}:
            return None
        for path, wanted in settings.items():
            name = key_name(path)
            seen = sysctls.get(name) or {}
            running = seen.get("value")
            if running is None or seen.get("file") != file:
                return None
            target = keep_larger(running, wanted) if matches_any(path, never_lower) else wanted
            if not running == target == held[name] == seen.get("boot_value"):
                return None
            why = f"persisted in {file}"
            if target != wanted:
                why = f"{wanted} was asked for, but what runs is larger and is never lowered; {why}"
            rows.append(row(where, name, before=running, wanted=target, effective=running, status="ok", why=why))
    return rows
