# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a member's process and its device did between two looks: requests, bytes and their sizes, processor, memory.

The process counts what etcd asked for; the device counts what came of it, with the file system's journal, and what
others did.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._small_files import read_text

_SECTOR_BYTES = 512
# Fields of /sys/block/*/stat: Documentation/block/stat.rst.
_READS, _SECTORS_READ, _WRITES, _SECTORS_WRITTEN, _BUSY_MS = 0, 2, 4, 6, 9


@dataclass(frozen=True)
class Sample:
    """Counters at one moment. What cannot be read is None."""

    at_s: float
    cpu_s: float | None
    memory_bytes: int | None
    write_bytes: int | None
    read_bytes: int | None
    device: tuple[int, ...] | None


def sample(pid: int | None, device: str | None, root: str = "/") -> Sample:
    """Return the counters of a process and of a block device, by its name such as nvme0n1 or loop3."""
    process = os.path.join(root, "proc", str(pid)) if pid else None
    io = _pairs(f"{process}/io") if process else {}
    stat = read_text(f"{process}/stat") if process else None
    # The name may hold blanks and brackets; what follows its last bracket does not.
    fields = stat.rpartition(")")[2].split() if stat else []
    ticks = os.sysconf("SC_CLK_TCK")
    memory = read_text(f"{process}/statm").split() if process else []
    counted = read_text(os.path.join(root, f"sys/class/block/{device}/stat")) if device else None
    return Sample(
        at_s=time.monotonic(),
        cpu_s=(int(fields[11]) + int(fields[12])) / ticks if len(fields) > 12 else None,
        memory_bytes=int(memory[1]) * os.sysconf("SC_PAGE_SIZE") if len(memory) > 1 else None,
        write_bytes=io.get("write_bytes"),
        read_bytes=io.get("read_bytes"),
        device=tuple(map(int, counted.split())) if counted else None,
    )


def rates(first: Sample, second: Sample) -> dict[str, float | None]:
    """Return what happened a second in between, and the memory at its end.

    ``*_iops``, ``*_bytes_s`` and ``io_size_*`` are the device's, so that they hold what others do there too;
    ``etcd_*`` are the process's. ``busy_percent`` is how much of the time the device had something to do.
    """
    seconds = max(second.at_s - first.at_s, 1e-3)
    delta = tuple(b - a for a, b in zip(first.device, second.device)) if first.device and second.device else None

    def device(field: int, factor: float = 1.0) -> float | None:
        return round(delta[field] * factor / seconds, 3) if delta else None

    def size(requests: int, sectors: int) -> float | None:
        return round(delta[sectors] * _SECTOR_BYTES / delta[requests], 1) if delta and delta[requests] else None

    def process(name: str) -> float | None:
        before, after = getattr(first, name), getattr(second, name)
        return None if before is None or after is None else round((after - before) / seconds, 3)

    cpu = process("cpu_s")
    return {
        "window_s": round(seconds, 3),
        "write_iops": device(_WRITES),
        "read_iops": device(_READS),
        "write_bytes_s": device(_SECTORS_WRITTEN, _SECTOR_BYTES),
        "read_bytes_s": device(_SECTORS_READ, _SECTOR_BYTES),
        "io_size_write_bytes": size(_WRITES, _SECTORS_WRITTEN),
        "io_size_read_bytes": size(_READS, _SECTORS_READ),
        "busy_percent": device(_BUSY_MS, 0.1),
        "etcd_write_bytes_s": process("write_bytes"),
        "etcd_read_bytes_s": process("read_bytes"),
        "cpu_percent": None if cpu is None else round(cpu * 100, 2),
        "memory_bytes": None if second.memory_bytes is None else float(second.memory_bytes),
    }


def _pairs(path: str) -> dict[str, int]:
    lines = read_text(path).splitlines()
    return {name: int(number) for name, _colon, number in (line.partition(": ") for line in lines) if number.isdigit()}
