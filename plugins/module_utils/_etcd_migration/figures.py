# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a member takes of its machine in a window: I/O of its disk and their sizes, processor and memory."""

from __future__ import annotations

import dataclasses
import os
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

Json = t.Dict[str, t.Any]
Number = t.Optional[float]

_SECTOR = 512
_STEP_S = 1.0


@dataclasses.dataclass(frozen=True)
class Sample:
    """Counters since the boot or the start of the process, at one moment."""

    at: float
    cpu_s: float
    rss_bytes: int
    written_bytes: int
    reads: int | None = None
    read_bytes: int = 0
    writes: int | None = None
    write_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Source:
    """Where the counters of one member are."""

    pid: int
    device: tuple[int, int]
    proc: Path = Path("/proc")

    def sample(self) -> Sample:
        """Read all counters.

        :raises TuningError: when the process has gone.
        """
        try:
            # Behind the name in brackets, which may hold anything; field 3 of proc(5) is the first one then.
            fields = (self.proc / str(self.pid) / "stat").read_text().rpartition(")")[2].split()
            io = dict(line.split(": ") for line in (self.proc / str(self.pid) / "io").read_text().splitlines())
            disk = self._disk()
        except (OSError, ValueError, IndexError) as error:
            raise TuningError(f"The counters of process {self.pid} cannot be read: {error}.") from error
        return Sample(
            time.monotonic(),
            (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            int(fields[21]) * os.sysconf("SC_PAGE_SIZE"),
            int(io["write_bytes"]),
            *disk,
        )

    def _disk(self) -> tuple[int, int, int, int] | tuple[()]:
        """Return reads, bytes read, writes and bytes written of the device; nothing for what is no block device."""
        for line in (self.proc / "diskstats").read_text().splitlines():
            fields = line.split()
            if (int(fields[0]), int(fields[1])) == self.device:
                reads, read_sectors, writes, written_sectors = (int(fields[at]) for at in (3, 5, 7, 9))
                return reads, read_sectors * _SECTOR, writes, written_sectors * _SECTOR
        return ()


def device_of(path: Path) -> tuple[int, int]:
    """Return the major and the minor number of the device that holds a directory."""
    found = path.stat().st_dev
    return os.major(found), os.minor(found)


def watch(source: Source, seconds: float) -> Json:
    """Sample for so long, a second at a time, and return the figures."""
    samples = [source.sample()]
    end = samples[0].at + seconds
    while samples[-1].at < end:
        time.sleep(min(_STEP_S, max(0.05, end - samples[-1].at)))
        samples.append(source.sample())
    return summarize(samples)


def summarize(samples: t.Sequence[Sample]) -> Json:
    """Return what happened a second, and the largest size of I/O that a second had on average."""
    first, last = samples[0], samples[-1]
    seconds = last.at - first.at
    pairs = list(zip(samples, samples[1:]))
    return {
        "seconds": round(seconds, 1),
        "cpu_percent": round(100 * (last.cpu_s - first.cpu_s) / seconds, 1),
        "rss_mib": round(max(each.rss_bytes for each in samples) / 2**20, 1),
        "process_write_kib_s": round((last.written_bytes - first.written_bytes) / 1024 / seconds, 1),
        "read_iops": _rate(first.reads, last.reads, seconds),
        "write_iops": _rate(first.writes, last.writes, seconds),
        "read_kib": _size(first.reads, last.reads, last.read_bytes - first.read_bytes),
        "write_kib": _size(first.writes, last.writes, last.write_bytes - first.write_bytes),
        "read_kib_max": _largest(_size(a.reads, b.reads, b.read_bytes - a.read_bytes) for a, b in pairs),
        "write_kib_max": _largest(_size(a.writes, b.writes, b.write_bytes - a.write_bytes) for a, b in pairs),
    }


# What a person reads beside each other, in the order of the reference's pictures.
_SHOWN = (
    ("write_iops", "writes/s"),
    ("read_iops", "reads/s"),
    ("cpu_percent", "CPU %"),
    ("rss_mib", "memory MiB"),
    ("write_kib", "KiB a write"),
    ("read_kib", "KiB a read"),
)


def side_by_side(figures: t.Mapping[str, Json]) -> list[str]:
    """Return the lines of a table: before and after of each host, at rest and under load.

    :param figures: for each host what is kept in its file, ``before`` and ``after`` with ``rest`` and ``load``.
    """
    rows = [("", "", *(says for _name, says in _SHOWN))]
    for moment in ("rest", "load"):
        for host, both in figures.items():
            for when, storage in (("before", "v2"), ("after", "v3")):
                found = (both.get(when) or {}).get(moment)
                if found:
                    rate = f" {found['puts_per_s']:g}/s" if found.get("puts_per_s") else ""
                    cells = ("-" if found[name] is None else f"{found[name]:g}" for name, _says in _SHOWN)
                    rows.append((host, f"{storage} {moment}{rate}", *cells))
    if len(rows) == 1:
        return []
    widths = [max(len(each[column]) for each in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in enumerate(cells))
        for cells in ([*zip(each, widths)] for each in rows)
    ]


def _rate(first: int | None, last: int | None, seconds: float) -> Number:
    return None if first is None or last is None else round((last - first) / seconds, 1)


def _size(first: int | None, last: int | None, size: int) -> Number:
    """Return the mean size of an I/O in KiB; None where there was none."""
    if first is None or last is None or last == first:
        return None
    return round(size / 1024 / (last - first), 1)


def _largest(sizes: t.Iterable[Number]) -> Number:
    return max((size for size in sizes if size is not None), default=None)
