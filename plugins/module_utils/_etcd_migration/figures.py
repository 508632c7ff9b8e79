# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a member takes of its machine in a window: I/O of its disk and their sizes, processor and memory."""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.activity import Sample, rates, sample

Json = t.Dict[str, t.Any]
Number = t.Optional[float]

_STEP_S = 1.0


def device_of(path: Path, root: Path = Path("/")) -> str | None:
    """Return the name of the block device, a whole one or a partition, that holds a directory; None where none does."""
    found = path.stat().st_dev
    link = root / f"sys/dev/block/{os.major(found)}:{os.minor(found)}"
    return link.resolve().name if link.exists() else None


def watch(pid: int, device: str | None, seconds: float) -> Json:
    """Sample for so long, a second at a time, and return the figures.

    :raises TuningError: when the process has gone.
    """
    samples = [sample(pid, device)]
    end = samples[0].at_s + seconds
    while samples[-1].at_s < end:
        time.sleep(min(_STEP_S, max(0.05, end - samples[-1].at_s)))
        samples.append(sample(pid, device))
    if any(each.cpu_s is None for each in samples):
        raise TuningError(f"The counters of process {pid} cannot be read: it has ended.")
    return summarize(samples)


def summarize(samples: t.Sequence[Sample]) -> Json:
    """Return what happened a second, and the largest size of I/O that a second had on average."""
    whole = rates(samples[0], samples[-1])
    steps = [rates(first, second) for first, second in zip(samples, samples[1:])]
    return {
        "seconds": _rounded(whole["window_s"]),
        "cpu_percent": _rounded(whole["cpu_percent"]),
        "rss_mib": _rounded(max(each.memory_bytes or 0 for each in samples), 2**20),
        "process_write_kib_s": _rounded(whole["etcd_write_bytes_s"], 1024),
        "read_iops": _rounded(whole["read_iops"]),
        "write_iops": _rounded(whole["write_iops"]),
        "read_kib": _rounded(whole["io_size_read_bytes"], 1024),
        "write_kib": _rounded(whole["io_size_write_bytes"], 1024),
        "read_kib_max": _rounded(_largest(steps, "io_size_read_bytes"), 1024),
        "write_kib_max": _rounded(_largest(steps, "io_size_write_bytes"), 1024),
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


def _largest(steps: t.Iterable[t.Mapping[str, Number]], name: str) -> Number:
    return max((found for found in (step[name] for step in steps) if found is not None), default=None)


def _rounded(value: Number, unit: int = 1) -> Number:
    return None if value is None else round(value / unit, 1)
