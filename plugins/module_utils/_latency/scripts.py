# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a machine is asked over SSH: shell scripts, given on standard input, and what their answers say.

They need a POSIX shell, GNU coreutils and findutils, awk and fio: what RHEL, Fedora and Debian have.
"""

from __future__ import annotations

import shlex
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._latency.fio import Job
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Dataset

# How a script is run: it comes on standard input, so that its length and its quotes do not matter.
SHELL = "sh -s"
# Answers are between this line and the end; before it a login may have greeted.
MARK = "=== virtscale latency ==="

_HEAD = f"""
LC_ALL=C; export LC_ALL; PATH="$PATH:/usr/local/bin:/usr/sbin:/sbin"; umask 077
echo {shlex.quote(MARK)}
"""

_CLOCK = """
echo "clock_ns=$(date +%s%N)"
"""

# A file that a killed layout left has its full length, and holes: fewer blocks than its bytes need.
_LOOK = """
if command -v fio >/dev/null 2>&1; then
  echo "fio=$(fio --version)"
  if fio --enghelp 2>/dev/null | grep -qw libaio; then echo engine=libaio; else echo engine=psync; fi
fi
near=$dir
while [ ! -d "$near" ]; do near=$(dirname "$near"); done
if [ -w "$near" ]; then echo writable=yes; fi
echo "free_kib=$(df -Pk "$near" | awk 'NR == 2 {print $4}')"
if [ -d "$dir/$data" ]; then
  echo "present=$(find "$dir/$data" -type f -printf '%s %b\\n' |
    awk -v size="$size" '$1 == size && $2 * 512 >= size {n++} END {print n + 0}')"
fi
others=$(find "$dir" -mindepth 1 -maxdepth 1 -name 'data-*' ! -name "$data" 2>/dev/null)
if [ -n "$others" ]; then echo "other_kib=$(du -sk $others | awk '{n += $1} END {print n + 0}')"; fi
"""

_LAYOUT = """
set -e
mkdir -p "$dir/$data"
find "$dir" -mindepth 1 -maxdepth 1 -name 'data-*' ! -name "$data" -exec rm -rf {} +
cd "$dir/$data"
find . -type f -printf '%s %b %p\\n' |
  awk -v size="$size" '$1 != size || $2 * 512 < size {print $3}' | xargs -r rm -f --
{
  printf '[global]\\ncreate_only=1\\nthread=1\\nrw=read\\nbs=1m\\nioengine=psync\\nfallocate=none\\n'
  printf 'nrfiles=%s\\nfilesize=%s\\nfilename_format=f$filenum\\n' "$files" "$size"
  i=1
  while [ "$i" -le "$directories" ]; do
    mkdir -p "d$i"
    printf '[d%s]\\ndirectory=%s/%s/d%s\\n' "$i" "$dir" "$data" "$i"
    i=$((i + 1))
  done
} > ../layout.fio
fio ../layout.fio > ../layout.log 2>&1 < /dev/null || { tail -n 1 ../layout.log; exit 1; }
sync
echo "present=$(find . -type f -printf '%s %b\\n' |
  awk -v size="$size" '$1 == size && $2 * 512 >= size {n++} END {print n + 0}')"
"""

# What an earlier measurement left running would be measured with this one.
_STOP = """
if [ -f "$dir/pid" ]; then
  touch "$dir/stop"
  pid=$(cat "$dir/pid")
  if grep -q "virtscale-run" "/proc/$pid/cmdline" 2>/dev/null; then kill -INT "-$pid" || true; fi
fi
"""

# Asked again after its answer was lost, it does not begin twice.
_ARM = """
set -e
cd "$dir"
if [ -f at ] && [ "$(cat at)" = "$at" ]; then exit 0; fi
n=0
while [ -f pid ] && grep -q virtscale-run "/proc/$(cat pid)/cmdline" 2>/dev/null; do
  n=$((n + 1)); if [ "$n" -gt 50 ]; then echo "an earlier measurement still runs in it"; exit 1; fi
  sleep 0.2
done
rm -f started status report.json stop
printf '%s' "$job" > job.fio
setsid sh -c '
wait_ns=$((at - $(date +%s%N)))
if [ "$wait_ns" -gt 0 ]; then
  sleep "$(printf "%d.%09d" $((wait_ns / 1000000000)) $((wait_ns % 1000000000)))"
fi
if [ -f stop ]; then echo stopped > status; exit; fi
date +%s%N > started
fio --output-format=json+ --output=report.json job.fio > fio.log 2>&1
echo $? > status.new
mv status.new status
' virtscale-run > /dev/null 2>&1 < /dev/null &
echo $! > pid
echo "$at" > at
"""

_COLLECT = """
cd "$dir"
n=0
while [ ! -f status ]; do
  n=$((n + 1)); if [ "$n" -gt "$tries" ]; then echo "fio did not end in time"; exit 1; fi
  sleep 0.2
done
echo "started_ns=$(cat started)"
echo "status=$(cat status)"
echo
cat fio.log
cat report.json
"""


@dataclass(frozen=True)
class Look:
    """What a machine says of itself before anything is done to it."""

    fio: str | None
    engine: str
    writable: bool
    free_bytes: int
    present: int


def look(directory: str, dataset: Dataset) -> str:
    """Return the script that changes nothing; :func:`parse_look` reads its answer."""
    return _script(_LOOK, dir=directory, data=dataset.name, size=dataset.file_bytes)


def parse_look(output: str) -> Look:
    """Return what the answer says.

    :raises ValueError: when it is none.
    """
    told = _pairs(answer(output))
    if not told.get("free_kib", "").isdigit():
        raise ValueError("it did not say how much space is free")
    # Datasets of other shapes make room for this one.
    free_kib = int(told["free_kib"]) + int(told.get("other_kib", "0"))
    return Look(
        told.get("fio"),
        told.get("engine", "psync"),
        told.get("writable") == "yes",
        free_kib * 1024,
        int(told.get("present", "0")),
    )


def clock() -> str:
    """Return the script that reads the machine's clock."""
    return _script(_CLOCK)


def parse_clock(output: str) -> int:
    """Return nanoseconds since the epoch.

    :raises ValueError: when the answer is none.
    """
    return int(_pairs(answer(output)).get("clock_ns", ""))


def layout(directory: str, dataset: Dataset) -> str:
    """Return the script that writes the files that are missing; it answers how many are whole then."""
    return _script(
        _LAYOUT,
        dir=directory,
        data=dataset.name,
        size=dataset.file_bytes,
        files=dataset.files,
        directories=dataset.directories,
    )


def arm(directory: str, job: Job, at_ns: int) -> str:
    """Return the script that starts fio at a moment of the machine's own clock, apart from this session."""
    return _script(_ARM, dir=directory, at=at_ns, job=job.text())


def stop(directory: str) -> str:
    """Return the script that ends a measurement; fio still writes its report."""
    return _script(_STOP, dir=directory)


def collect(directory: str, wait_s: float) -> str:
    """Return the script that waits for the end of a measurement and prints its report."""
    return _script(_COLLECT, dir=directory, tries=round(wait_s * 5))


def parse_collected(output: str) -> tuple[int, str]:
    """Return when fio began, in nanoseconds of the machine's clock, and all that it wrote.

    :raises ValueError: when the answer is none.
    """
    head, _empty, report = answer(output).partition("\n\n")
    return int(_pairs(head).get("started_ns", "")), report


def parse_present(output: str) -> int:
    """Return how many files are whole."""
    return int(_pairs(answer(output)).get("present", "0"))


def answer(output: str) -> str:
    """Return what a script said, without the greetings of a login."""
    return output.partition(MARK + "\n")[2]


def _script(body: str, **variables: t.Any) -> str:
    given = "".join(f"{name}={shlex.quote(str(value))}; export {name}\n" for name, value in variables.items())
    return _HEAD.strip() + "\n" + given + body.strip() + "\n"


def _pairs(text: str) -> dict[str, str]:
    return dict(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
