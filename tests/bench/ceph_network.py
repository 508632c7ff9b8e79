# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role ceph_network costs on 47 hosts, in pings of the same hosts and beside a loop over single keys.

All is measured in one run over the same hosts, with the same ansible.cfg and with connections that are open already.
A ratio is formed with the mean of the pings before and after what is measured, because a machine is not equally fast
at all times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
FIGURES = CHECKOUT / "artifacts" / "bench" / "ceph_network.json"
# On the managed host; all others of the role run beside the controller.
HOST_MODULES = ("virtscale.tuning.network_info", "virtscale.tuning.sysctl_dropins")

Json = t.Dict[str, t.Any]


class Bench:
    """Runs Ansible and keeps the time that it took."""

    def __init__(self, artifacts: str) -> None:
        self.artifacts = artifacts
        self.seconds: dict[str, float] = {}

    def ping(self, label: str) -> None:
        """Measure ``ansible -m ping``, which has to reach every host."""
        self._timed(label, ["ansible", "ceph_namespaces", "-m", "ansible.builtin.ping"])

    def play(self, label: str, playbook: str, variables: Json | None = None) -> Json:
        """Measure a playbook; returns its output."""
        extra = {"virtscale_artifacts_dir": self.artifacts, "virtscale_run_id": "bench", **(variables or {})}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(extra, file)
            file.flush()
            output = self._timed(label, ["ansible-playbook", str(HERE / playbook), "-e", f"@{file.name}"])
        return t.cast(Json, json.loads(output))

    def _timed(self, label: str, command: list[str]) -> str:
        print(f"  {label} ...", end="", flush=True, file=sys.stderr)
        # JSON tells which module ran where, for the same price in all that is compared.
        environment = {
            **os.environ,
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
        }
        started = time.monotonic()
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        self.seconds[label] = time.monotonic() - started
        print(f" {self.seconds[label]:.1f} s", file=sys.stderr)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
        return done.stdout

    def in_pings(self, label: str) -> float:
        """Return how many pings it took, by the pings measured next to it."""
        order = list(self.seconds)
        at = order.index(label)
        before = next(name for name in reversed(order[:at]) if name.startswith("ping"))
        after = next(name for name in order[at:] if name.startswith("ping"))
        return self.seconds[label] / ((self.seconds[before] + self.seconds[after]) / 2)


def results(output: Json) -> t.Iterator[tuple[str, Json]]:
    """Yield host and result of every task that ran on a host."""
    for play in output["plays"]:
        for task in play["tasks"]:
            yield from task["hosts"].items()


def applied(output: Json) -> dict[str, list[Json]]:
    """Return each host's rows of sysctl_dropins."""
    return {host: result["rows"] for host, result in results(output) if result["action"] == HOST_MODULES[1]}


def executions(output: Json) -> int:
    """Return how many modules ran on the host on which most ran."""
    hosts = [host for host, result in results(output) if result["action"] in HOST_MODULES]
    return max(hosts.count(host) for host in set(hosts))


def measure(bench: Bench) -> Json:
    """Run everything in an order that leaves the hosts as they were."""
    bench.play("give back", "ceph_network_back.yml")
    bench.ping("ping, not counted")
    bench.ping("ping 1")
    first = bench.play("role, first run", "ceph_network_role.yml")
    bench.ping("ping 2")
    second = bench.play("role, second run", "ceph_network_role.yml")
    bench.ping("ping 3")
    bench.play("give back again", "ceph_network_back.yml")

    rows = applied(first)
    wanted = {row["what"]: row["wanted"] for row in next(iter(rows.values())) if row["status"] != "note"}
    before = {
        host: {row["what"]: row["before"] for row in mine if row["what"] in wanted} for host, mine in rows.items()
    }
    bench.play("loop of ansible.posix.sysctl", "ceph_network_loop.yml", {"benchmark_sysctls": wanted})
    bench.ping("ping 4")
    bench.play("undo the loop", "ceph_network_loop_back.yml", {"benchmark_before": before})

    changed = sum(stats["changed"] for stats in second["stats"].values())
    return {
        "hosts": len(rows),
        "keys": len(wanted),
        "module_executions_per_host": executions(first),
        "changed_hosts_second_run": changed,
        "seconds": {label: round(seconds, 2) for label, seconds in bench.seconds.items()},
        "first_run_in_pings": round(bench.in_pings("role, first run"), 2),
        "second_run_in_pings": round(bench.in_pings("role, second run"), 2),
        "loop_in_first_runs": round(
            bench.in_pings("loop of ansible.posix.sysctl") / bench.in_pings("role, first run"), 2
        ),
    }


def table(figures: Json) -> str:
    """Return the figures for a person."""
    seconds = figures["seconds"]
    lines = [
        ("ansible -m ping", seconds["ping 1"], "", ""),
        ("role, first run", seconds["role, first run"], f"{figures['first_run_in_pings']} x ping", "at most 2.2"),
        ("role, second run", seconds["role, second run"], f"{figures['second_run_in_pings']} x ping", "at most 2"),
        (
            "loop of ansible.posix.sysctl",
            seconds["loop of ansible.posix.sysctl"],
            f"{figures['loop_in_first_runs']} x first run",
            "at least 8",
        ),
    ]
    head = (
        f"{figures['hosts']} hosts, {figures['keys']} keys, "
        f"{figures['module_executions_per_host']} module executions a host\n"
    )
    return head + "\n".join(f"{name:30} {took:7.1f} s   {ratio:16} {aim}" for name, took, ratio, aim in lines)


def main() -> None:
    """Measure, print and keep."""
    with tempfile.TemporaryDirectory() as artifacts:
        figures = measure(Bench(artifacts))
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    print(f"Figures: {FIGURES.relative_to(CHECKOUT)}")


if __name__ == "__main__":
    main()
