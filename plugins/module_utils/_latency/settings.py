# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is to be measured: the dataset, the rates, the times and the numbers of machines."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int

BASELINE, LOAD = "baseline", "load"
PROFILES = (BASELINE, LOAD)
READ, WRITE = "read", "write"
DIRECTIONS = (READ, WRITE)
SERIES, MIGRATION = "series", "migration"
MEASURES = (SERIES, MIGRATION)

# What a file system needs beside the files.
_OVERHEAD = 1.05
_MIB = 1024 * 1024

MEASURE_SPEC: dict[str, t.Any] = {
    "measure": {"type": "list", "elements": "str", "choices": list(MEASURES), "default": [SERIES]},
    "nodes": {"type": "list", "elements": "raw", "default": []},
    "vms_per_node": {"type": "raw", "default": 15},
    "baseline_iops": {"type": "raw", "default": 1},
    "load_iops": {"type": "raw", "default": 1000},
    "directions": {"type": "list", "elements": "str", "choices": list(DIRECTIONS), "default": list(DIRECTIONS)},
    "runtime_s": {"type": "raw", "default": 60},
    "ramp_s": {"type": "raw", "default": 10},
    "block_kib": {"type": "raw", "default": 4},
    "iodepth": {"type": "raw", "default": 16},
    "dataset": {
        "type": "dict",
        "default": {},
        "options": {
            "directories": {"type": "raw", "default": 30},
            "files": {"type": "raw", "default": 8},
            "file_mib": {"type": "raw", "default": 20},
        },
        "apply_defaults": True,
    },
    "directory": {"type": "path", "default": "/var/lib/virtscale-latency"},
    "dataset_limit_s": {"type": "raw", "default": 3600},
    "migration_limit_s": {"type": "raw", "default": 14400},
    "time_factor": {"type": "raw", "default": 1},
}


@dataclass(frozen=True)
class Dataset:
    """The files of one machine."""

    directories: int = 30
    files: int = 8
    file_mib: int = 20

    @property
    def count(self) -> int:
        """The number of files."""
        return self.directories * self.files

    @property
    def file_bytes(self) -> int:
        """The size of one file."""
        return self.file_mib * _MIB

    @property
    def total_bytes(self) -> int:
        """The size of all files."""
        return self.count * self.file_bytes

    @property
    def name(self) -> str:
        """The directory of a dataset of this shape, below the one that is measured in."""
        return f"data-{self.directories}x{self.files}x{self.file_mib}"

    @property
    def words(self) -> str:
        """Its shape and size as a person says it."""
        return f"{self.directories} x {self.files} x {self.file_mib} MiB ({self.total_bytes / _MIB / 1024:.1f} GiB)"

    def needed_bytes(self, present: int) -> int:
        """Return how much free space the files take that are not there yet."""
        return math.ceil((self.count - present) * self.file_bytes * _OVERHEAD)


@dataclass(frozen=True)
class Settings:
    """One measurement, checked."""

    measure: t.Sequence[str] = (SERIES,)
    nodes: t.Sequence[int] = ()
    vms_per_node: int = 15
    iops: t.Mapping[str, int] = field(default_factory=lambda: {BASELINE: 1, LOAD: 1000})
    directions: t.Sequence[str] = DIRECTIONS
    runtime_s: float = 60.0
    ramp_s: float = 10.0
    block_kib: int = 4
    iodepth: int = 16
    dataset: Dataset = field(default_factory=Dataset)
    directory: str = "/var/lib/virtscale-latency"
    dataset_limit_s: float = 3600.0
    migration_limit_s: float = 14400.0
    time_factor: float = 1.0


def parse_settings(arguments: t.Mapping[str, t.Any]) -> Settings:
    """Return the arguments of ``MEASURE_SPEC``, checked.

    :raises InvalidValue: for the first one that cannot be.
    """
    shape = arguments["dataset"]
    settings = Settings(
        measure=_distinct("measure", arguments["measure"]),
        nodes=_counts(arguments["nodes"]),
        vms_per_node=parse_int("vms_per_node", arguments["vms_per_node"]),
        iops={
            BASELINE: parse_int("baseline_iops", arguments["baseline_iops"], maximum=1_000_000),
            LOAD: parse_int("load_iops", arguments["load_iops"], maximum=1_000_000),
        },
        directions=_distinct("directions", arguments["directions"]),
        runtime_s=float(parse_decimal("runtime_s", arguments["runtime_s"], minimum=1, maximum=86400)),
        ramp_s=float(parse_decimal("ramp_s", arguments["ramp_s"], minimum=0, maximum=86400)),
        block_kib=parse_int("block_kib", arguments["block_kib"], maximum=1024),
        iodepth=parse_int("iodepth", arguments["iodepth"], maximum=1024),
        dataset=Dataset(**{name: parse_int(f"dataset.{name}", shape[name], maximum=100_000) for name in _SHAPE}),
        directory=_absolute("directory", arguments["directory"]),
        dataset_limit_s=float(parse_decimal("dataset_limit_s", arguments["dataset_limit_s"], above=0)),
        migration_limit_s=float(parse_decimal("migration_limit_s", arguments["migration_limit_s"], above=0)),
        time_factor=float(parse_decimal("time_factor", arguments["time_factor"], above=0)),
    )
    if settings.iops[LOAD] <= settings.iops[BASELINE]:
        raise InvalidValue("load_iops", settings.iops[LOAD], f"above baseline_iops, which is {settings.iops[BASELINE]}")
    if settings.dataset.file_bytes < settings.block_kib * 1024:
        raise InvalidValue("block_kib", settings.block_kib, f"at most a file of {settings.dataset.file_mib} MiB")
    return settings


_SHAPE = ("directories", "files", "file_mib")


def _counts(values: t.Sequence[t.Any]) -> tuple[int, ...]:
    found = tuple(parse_int("nodes", value) for value in values)
    if list(found) != sorted(set(found)):
        raise InvalidValue("nodes", list(found), "numbers of nodes in ascending order, each once")
    return found


def _distinct(name: str, values: t.Sequence[str]) -> tuple[str, ...]:
    if not values or len(set(values)) != len(values):
        raise InvalidValue(name, list(values), "one or more of its choices, each once")
    return tuple(values)


def _absolute(name: str, value: str) -> str:
    # It stands in commands of a shell.
    plain = all(character.isalnum() or character in "/._-" for character in value)
    if not value.startswith("/") or not plain or value.strip("/") == "" or ".." in value.split("/"):
        raise InvalidValue(
            name, value, "the absolute path of a directory, of letters, digits, dots, dashes, underscores"
        )
    return value.rstrip("/")
