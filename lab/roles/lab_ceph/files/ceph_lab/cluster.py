# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The living cluster: one connection to the monitors, commands in JSON."""

from __future__ import annotations

import collections
import dataclasses
import json
import typing as t

import rados


class CommandFailed(Exception):
    """A monitor refused a command."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a cluster has come."""

    osds: int
    osds_up: int
    pgs: int
    pgs_to_come: int
    pg_states: tuple[tuple[str, int], ...]
    health: str
    checks: tuple[str, ...]

    @property
    def clean(self) -> int:
        """Number of PGs that are active+clean, whatever else they do, by a report that is not out of date."""
        words = ((set(state.split("+")), count) for state, count in self.pg_states)
        return sum(count for state, count in words if {"active", "clean"} <= state and "stale" not in state)

    @property
    def ready(self) -> bool:
        """Whether everything is up, clean and healthy."""
        return self.osds_up == self.osds and self.clean == self.pgs and self.health == "HEALTH_OK"

    @property
    def ramping(self) -> bool:
        """Whether a pool is on its way to another number of PGs and most of those it has are fine."""
        return self.osds_up == self.osds and self.pgs_to_come != 0 and self.clean > self.pgs / 2

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.pg_states) or "none"
        pgs = f"{self.pgs}" if not self.pgs_to_come else f"{self.pgs} on the way to {self.pgs + self.pgs_to_come}"
        checks = f" ({'; '.join(self.checks)})" if self.checks else ""
        return f"OSDs up {self.osds_up}/{self.osds}; PGs {pgs}: {states}; {self.health}{checks}"


class Cluster:
    """Speaks to the monitors of one cluster."""

    def __init__(self, conf: str, connect_timeout_s: int) -> None:
        """:raises rados.Error: no monitor answered in time"""
        self._rados = rados.Rados(conffile=conf, name="client.admin")
        self._rados.connect(timeout=connect_timeout_s)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._rados.shutdown()

    def command(self, prefix: str, data: bytes = b"", **arguments: t.Any) -> t.Any:
        """Run one monitor command; its JSON output, or None where it has none.

        :raises CommandFailed: with the monitor's own words
        """
        request = json.dumps({"prefix": prefix, "format": "json", **arguments})
        code, output, words = self._rados.mon_command(request, data, timeout=120)
        if code:
            raise CommandFailed(f"{prefix}: {words or code}")
        return json.loads(output) if output.strip() else None

    def progress(self) -> Progress:
        """The state of OSDs, PGs and health now."""
        status = self.command("status")
        # The manager's count follows a new pool some seconds late; the map's does not.
        pools = self.command("osd dump")["pools"]
        pgs = sum(pool["pg_num"] for pool in pools)
        states: collections.Counter[str] = collections.Counter()
        for entry in status["pgmap"].get("pgs_by_state", []):
            states[entry["state_name"]] += entry["count"]
        return Progress(
            osds=status["osdmap"]["num_osds"],
            osds_up=status["osdmap"]["num_up_osds"],
            pgs=pgs,
            pgs_to_come=sum(pool["pg_num_target"] for pool in pools) - pgs,
            pg_states=tuple(sorted(states.items())),
            health=status["health"]["status"],
            checks=tuple(check["summary"]["message"] for check in status["health"]["checks"].values()),
        )
