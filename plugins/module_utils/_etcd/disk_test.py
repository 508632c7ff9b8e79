# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The module ``etcd_disk``: when the storage of a host may be measured, and the verdict."""

from __future__ import annotations

import os
import typing as t
from dataclasses import asdict

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import fsync
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.configuration import Configuration, NoEtcd
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.defragment import against
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Json
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.info import way_to
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.look import look
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

_WHAT = "fdatasync p99"
_DEFAULT_DIRECTORY = "/var/lib/etcd"
_NOTHING: Json = {"fdatasync": None, "fast_enough": None}


def run(params: t.Mapping[str, t.Any], check_mode: bool) -> Json:
    """Return the module's result.

    :raises TuningError: for bad parameters, with ``rows`` where a member's cluster is not well, and where fio fails.
    """
    limit_ms = float(parse_decimal("limit_ms", params["limit_ms"], above=0))
    profile = fsync.Profile(
        parse_int("block_bytes", params["block_bytes"]), parse_int("size_mib", params["size_mib"], maximum=1024)
    )
    where = params["where"]
    configuration, access = _member(params)
    if configuration is not None and configuration.pid is not None and access is not None:
        if not params["beside_member"]:
            why = "a member runs here and would wait for the disk: allow it by etcd_host_disk_beside_members=true"
            return {**_NOTHING, "turn": True, "rows": [row(where, _WHAT, status="note", why=why)]}
        if not _its_turn(params, access, where):
            return {**_NOTHING, "turn": False, "rows": []}
    directory = fsync.nearest_directory(_directory(params, configuration))
    if check_mode:
        why = f"would write {profile.size_mib} MiB in {directory}"
        told = row(where, _WHAT, wanted=f"below {limit_ms:g} ms", status="would_change", why=why)
        return {**_NOTHING, "turn": True, "rows": [told]}
    found = fsync.measure(directory, profile)
    return {
        "turn": True,
        "fdatasync": asdict(found),
        "fast_enough": found.p99_ms < limit_ms,
        "rows": [fsync.judge(where, directory, found, limit_ms)],
    }


def _member(params: t.Mapping[str, t.Any]) -> tuple[Configuration | None, Access | None]:
    try:
        return way_to(params)
    except NoEtcd:
        # A host that has no etcd yet is measured where it will get one.
        return None, None


def _its_turn(params: t.Mapping[str, t.Any], access: Access, where: str) -> bool:
    found = look(access)
    leads = found.status.leads if found.status else False
    if params["turn"] != "any" and leads != (params["turn"] == "leader"):
        return False
    reason = against(found)
    if reason:
        told = row(where, _WHAT, status="refused", why=reason)
        raise TuningError(f"{where} was not measured: {reason}.", rows=[told])
    return True


def _directory(params: t.Mapping[str, t.Any], configuration: Configuration | None) -> str:
    """Return where to write: on the file system of the log, which etcd waits for, and not among its files."""
    if params["directory"]:
        return str(params["directory"])
    known = configuration.path("ETCD_WAL_DIR") or configuration.data_dir if configuration else None
    directory = fsync.nearest_directory(known or _DEFAULT_DIRECTORY)
    above = os.path.dirname(directory.rstrip("/")) or "/"
    return above if os.stat(above).st_dev == os.stat(directory).st_dev else directory
