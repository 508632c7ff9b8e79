# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The files of a measurement: every cell, and every machine of every cell."""

from __future__ import annotations

import csv
import io
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import Json
from ansible_collections.virtscale.tuning.plugins.module_utils._record import to_json, write_private

CELLS_CSV, MACHINES_CSV, ALL_JSON = "latency.csv", "latency-vms.csv", "latency.json"
_CELL_COLUMNS = (
    *("phase", "profile", "direction", "nodes", "pool", "replicas", "vms", "vms_measured", "vms_per_node"),
    *("asked_iops_per_vm", "iops_per_vm", "mean_us", "p50_us", "p95_us", "p99_us", "p999_us", "min_us", "max_us"),
    *("requests", "start_spread_s", "slow", "failed"),
)
_MACHINE_COLUMNS = (
    *("phase", "profile", "direction", "nodes", "pool", "vm", "node", "iops"),
    *("mean_us", "p50_us", "p95_us", "p99_us", "p999_us", "min_us", "max_us", "late_s", "failed"),
)


def write_files(directory: Path, latency: Json, machines: t.Sequence[Json]) -> list[str]:
    """Write what was measured, and return the names of the files."""
    cells = [{**cell, "slow": len(cell["slow"]), "failed": len(cell["failed"])} for cell in latency["cells"]]
    write_private(directory / CELLS_CSV, _csv(_CELL_COLUMNS, cells))
    write_private(directory / MACHINES_CSV, _csv(_MACHINE_COLUMNS, machines))
    write_private(directory / ALL_JSON, to_json({**latency, "machines": list(machines)}))
    return [CELLS_CSV, MACHINES_CSV, ALL_JSON]


def _csv(columns: t.Sequence[str], entries: t.Iterable[Json]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return text.getvalue()
