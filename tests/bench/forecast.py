# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a forecast costs: 1,000 VMs on 100 nodes, beside the bare event queue that it could not do without.

The floor is the same number of events through the same clock by processes that do nothing, in the same run.
"""

from __future__ import annotations

import json
import sys
import time
import typing as t
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FIGURES = CHECKOUT / "artifacts" / "bench" / "forecast.json"
sys.path.insert(0, str(CHECKOUT / ".collections"))

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.advice import advise
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.inputs import read_scenario

ROUNDS = 5
# As many as wait at a time in the forecasts below.
PROCESSES = 500


def scenario_params(pools: int, pods: int) -> dict[str, t.Any]:
    """Return 1,000 VMs on 100 nodes; ``pools`` of the three zones roll."""
    sizes = (34, 33, 33)[:pools]
    zones = [
        {
            "name": f"zone-{zone}",
            "nodes": nodes,
            "max_unavailable": 10,
            "vms": {"rhel": 400 // pools, "fedora": 400 // pools, "windows": 200 // pools},
            "pods": pods // pools,
        }
        for zone, nodes in enumerate(sizes)
    ]
    return {
        "pools": zones,
        "other_nodes": 100 - sum(sizes),
        "limits": {"parallelMigrationsPerCluster": 20, "parallelOutboundMigrationsPerNode": 4},
        "drain_by": "controller",
        "one_at_a_time": True,
        "max_disrupted_share": 0.1,
    }


def fastest(call: t.Callable[[], t.Any]) -> tuple[float, t.Any]:
    """Return the least seconds of processor time of several rounds, and the last result."""
    times, result = [], None
    for _round in range(ROUNDS):
        started = time.process_time()
        result = call()
        times.append(time.process_time() - started)
    return min(times), result


def idle(events: int) -> None:
    """Run so many events that do nothing."""
    clock = Clock()

    def process(number: int) -> t.Iterator[float]:
        for step in range(events // PROCESSES):
            yield clock.now + 1 + (number * step) % 7

    for number in range(PROCESSES):
        clock.start(process(number))
    clock.run(until=float("inf"))


def main() -> None:
    rows = []
    for name, pools, pods in (
        ("one zone, 1,000 VMs", 1, 0),
        ("one zone, 1,000 VMs, 7,000 pods", 1, 7000),
        ("three zones, 1,000 VMs", 3, 0),
        ("three zones, 1,000 VMs, 21,400 pods", 3, 21400),
    ):
        scenario = read_scenario(scenario_params(pools, pods))
        seconds, found = fastest(lambda scenario=scenario: forecast(scenario))
        floor, _nothing = fastest(lambda events=found.trace.events: idle(events))
        started = time.process_time()
        advise(found)
        advice = time.process_time() - started
        rows.append(
            {
                "what": name,
                "forecast_s": round(seconds, 3),
                "events": found.trace.events,
                "floor_s": round(floor, 3),
                "ratio": round(seconds / floor, 1),
                "advice_s": round(advice, 2),
            }
        )
    print(f"{'':<38}{'forecast':>10}{'events':>10}{'floor':>10}{'ratio':>8}{'advice':>10}")
    for row in rows:
        print(
            f"{row['what']:<38}{row['forecast_s']:>8.3f} s{row['events']:>10,}{row['floor_s']:>8.3f} s"
            f"{row['ratio']:>8.1f}{row['advice_s']:>8.2f} s"
        )
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
