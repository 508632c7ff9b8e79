# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""/proc/net/softnet_stat: what the CPUs could not take from the network cards in time.

The counters are 32 bits wide, count since boot and wrap, so only a difference over a window says anything. Kernels
print 9 to 15 columns; the CPU's number is the 13th where there is one, else the number of the row.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

SOFTNET_STAT = "/proc/net/softnet_stat"
_FEWEST_COLUMNS = 9
_CPU_COLUMN = 12
_COUNTERS = {"processed": 0, "dropped": 1, "time_squeeze": 2, "received_rps": 9, "flow_limit_count": 10}
_WRAP = 2**32

# {cpu: {counter: value}}
Sample = t.Dict[int, t.Dict[str, int]]


def parse_softnet(text: str) -> Sample:
    """Read the counters of every CPU.

    :raises TuningError: if this is not a softnet_stat of any known kernel.
    """
    sample: Sample = {}
    for number, line in enumerate(line for line in text.splitlines() if line.strip()):
        try:
            columns = [int(column, 16) for column in line.split()]
        except ValueError as error:
            raise TuningError(f"{SOFTNET_STAT} has a line that is not hexadecimal: {line!r}.") from error
        if len(columns) < _FEWEST_COLUMNS:
            raise TuningError(f"{SOFTNET_STAT} has a line of {len(columns)} columns, fewer than any kernel prints.")
        cpu = columns[_CPU_COLUMN] if len(columns) > _CPU_COLUMN else number
        sample[cpu] = {name: columns[column] for name, column in _COUNTERS.items() if column < len(columns)}
    return sample


def softnet_delta(before: Sample, after: Sample, window_s: float) -> dict[str, t.Any]:
    """Return what was counted in the window: the sum, and the CPUs that lagged.

    A CPU that came or went meanwhile is left out.
    """
    per_cpu = {
        cpu: {name: (value - before[cpu][name]) % _WRAP for name, value in counters.items() if name in before[cpu]}
        for cpu, counters in sorted(after.items())
        if cpu in before
    }
    total = {name: sum(counters.get(name, 0) for counters in per_cpu.values()) for name in _COUNTERS}
    lagging = [cpu for cpu, counters in per_cpu.items() if counters["dropped"] or counters["time_squeeze"]]
    return {"window_s": round(window_s, 3), "cpus": len(per_cpu), "lagging_cpus": lagging, **total}
