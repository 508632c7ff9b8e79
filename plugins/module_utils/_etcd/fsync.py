# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""etcd's way of writing, tried on its file system: small writes one after the other, each on the disk before the next.

fio's profile is that of the published etcd-perf image: writes of 2,300 bytes up to 22 MiB, fdatasync after each.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_NS_PER_MS = 1_000_000
_MIB = 1024**2
# A disk on which each write waits for a second is slow enough to be told so.
_LONGEST_S = 900
# The name tells whose it is where a killed run has left it; the next one takes it away.
_PREFIX = ".virtscale-fsync-"
_KEPT_FREE_BYTES = 64 * _MIB


@dataclass(frozen=True)
class Profile:
    """What is written."""

    block_bytes: int = 2300
    size_mib: int = 22


@dataclass(frozen=True)
class Measured:
    """Latencies of fdatasync in milliseconds, and how many writes a second came of it."""

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    writes: int
    iops: float
    fio: str


def measure(directory: str, profile: Profile, fio: str = "fio") -> Measured:
    """Run fio in a directory of its own beside the data.

    :raises TuningError: when fio is missing or fails, or where there is no room for it.
    """
    if shutil.which(fio) is None:
        raise TuningError("fio is not installed on this host, so its storage cannot be measured.")
    _clean(directory)
    space = os.statvfs(directory)
    free = space.f_bavail * space.f_frsize
    if free < profile.size_mib * _MIB + _KEPT_FREE_BYTES:
        raise TuningError(f"{directory} has {free // _MIB} MiB free, too little to write {profile.size_mib} MiB there.")
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=directory) as place:
        command = [fio, "--name=etcd", f"--directory={place}", "--rw=write", "--ioengine=sync", "--fdatasync=1"]
        command += [f"--size={profile.size_mib}m", f"--bs={profile.block_bytes}", "--output-format=json"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_LONGEST_S, check=False, cwd=place)
        except subprocess.TimeoutExpired as error:
            raise TuningError(f"fio did not write {profile.size_mib} MiB within {_LONGEST_S} s.") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise TuningError(f"fio failed: {said[-1] if said else done.returncode}.")
    return parse(done.stdout.decode("utf-8", "replace"))


def parse(text: str) -> Measured:
    """Return what fio's JSON says of fdatasync.

    :raises TuningError: when it says nothing of it.
    """
    start = text.find("{")
    try:
        report = json.loads(text[start:])
        job = report["jobs"][0]
        told = job["sync"]["lat_ns"]
        percentiles = {float(name): int(number) for name, number in told["percentile"].items()}
        return Measured(
            p50_ms=_ms(percentiles[50.0]),
            p99_ms=_ms(percentiles[99.0]),
            p999_ms=_ms(percentiles[99.9]),
            max_ms=_ms(told["max"]),
            writes=int(job["write"]["total_ios"]),
            iops=round(float(job["write"]["iops"]), 1),
            fio=str(report["fio version"]),
        )
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise TuningError("fio's report says nothing of fdatasync; fio 3.5 or newer is needed.") from error


def judge(where: str, directory: str, found: Measured, limit_ms: float) -> Row:
    """Return the verdict: whether etcd can live on this storage."""
    fast = found.p99_ms < limit_ms
    verdict = "fast enough for etcd" if fast else "too slow for etcd, which will miss heartbeats and lose its leader"
    why = f"{verdict}: {found.writes} writes, {found.iops:g} a second, median {found.p50_ms:g} ms ({directory})"
    return row(
        where,
        "fdatasync p99",
        wanted=f"below {limit_ms:g} ms",
        effective=f"{found.p99_ms:g} ms",
        status="ok" if fast else "note",
        why=why,
    )


def nearest_directory(path: str) -> str:
    """Return the path, or the nearest directory above it that exists: what a new etcd will be put on."""
    while not os.path.isdir(path):
        above = os.path.dirname(path)
        if above == path:
            break
        path = above
    return path


def _clean(directory: str) -> None:
    for name in os.listdir(directory):
        if name.startswith(_PREFIX):
            shutil.rmtree(os.path.join(directory, name), ignore_errors=True)


def _ms(nanoseconds: t.Any) -> float:
    return round(float(nanoseconds) / _NS_PER_MS, 3)
