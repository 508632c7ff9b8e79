# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is asked of a fleet: parameters in, checked values out."""

from __future__ import annotations

import json
import typing as t
import zlib
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.group import (
    GROUP_SPEC,
    Group,
    parse_group,
    parse_sources,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import default_namespaces
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.check import check_name
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import Source

PRESENT, STARTED, STOPPED, ABSENT = "present", "started", "stopped", "absent"
BATCHES, AT_ONCE, RATE = "batches", "at_once", "rate"

# Mirrors the documentation of the module vm_fleet.
FLEET_SPEC: dict[str, t.Any] = {
    "name": {"type": "str", "default": "fleet"},
    "state": {"type": "str", "choices": [PRESENT, STARTED, STOPPED, ABSENT], "default": PRESENT},
    "groups": {"type": "list", "elements": "dict", "default": [], "options": GROUP_SPEC},
    "namespaces": {"type": "raw", "default": 15},
    "mode": {"type": "str", "choices": [BATCHES, AT_ONCE, RATE], "default": BATCHES},
    "batch_size": {"type": "raw", "default": 100},
    "rate_per_s": {"type": "raw", "default": 10},
    "series": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "mode": {"type": "str", "choices": [BATCHES, AT_ONCE, RATE], "required": True},
            "batch_size": {"type": "raw"},
            "rate_per_s": {"type": "raw"},
        },
    },
    "pods": {"type": "raw", "default": 0},
    "pod_overrides": {"type": "dict", "default": {}},
    "promised_sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": GROUP_SPEC["sources"]["options"],
    },
    "network_bridge": {"type": "str"},
    "network_vlan": {"type": "raw"},
    "concurrency": {"type": "raw", "default": 50},
    "failing_s": {"type": "raw", "default": 60},
    "stall_s": {"type": "raw", "default": 1800},
    "timeout_s": {"type": "raw", "default": 43200},
    "time_factor": {"type": "raw", "default": 1},
}
# More would only queue in the API server, whose own limit of writes at a time is 200 by default.
_CONCURRENCY_MAX = 500
_LONGEST_S = 7 * 86400
# The longest suffix of a fleet's names: of its network permission, and of a namespace.
_NAME_MAX = 40


@dataclass(frozen=True)
class Way:
    """How machines are asked for."""

    mode: str
    batch_size: int | None = None
    rate_per_s: float | None = None

    @property
    def label(self) -> str:
        """Return what a person calls it."""
        if self.mode == BATCHES:
            return f"batches of {self.batch_size}"
        return "at once" if self.mode == AT_ONCE else f"{self.rate_per_s:g} per second"

    @property
    def slug(self) -> str:
        """Return the same for the name of a file."""
        return self.label.replace(" ", "-").replace(".", "_")


@dataclass(frozen=True)
class FleetRequest:
    """A fleet as it is to be, and how it is to become that."""

    name: str
    state: str
    groups: tuple[Group, ...]
    namespaces: tuple[str, ...]
    ways: tuple[Way, ...]
    pods: int
    pod_overrides: t.Mapping[str, t.Any]
    # Golden images that a preview takes for there.
    promised: frozenset[Source]
    network_bridge: str | None
    network_vlan: t.Any
    concurrency: int
    # A clone or start that reports an error for so long has failed; one that nothing moves in for stall_s, too.
    failing_s: float
    stall_s: float
    timeout_s: float
    time_factor: float
    # What tells this request from another for the same fleet.
    digest: str

    @property
    def vms(self) -> int:
        """Return how many machines there are to be."""
        return sum(group.vms for group in self.groups)


def parse_fleet(arguments: t.Mapping[str, t.Any]) -> FleetRequest:
    """Return the request that the parameters of FLEET_SPEC make.

    :raises InvalidValue: naming the parameter.
    """
    name = arguments["name"]
    check_name("name", name, longest=_NAME_MAX)
    groups = tuple(parse_group(number, group, name) for number, group in enumerate(arguments["groups"]))
    names = [group.name for group in groups]
    for group in names:
        if names.count(group) > 1:
            raise InvalidValue("groups", group, "of different names")
    pods = parse_int("pods", arguments["pods"], minimum=0)
    if arguments["state"] != ABSENT and not pods and not any(group.vms for group in groups):
        raise InvalidValue("groups", arguments["groups"], "at least one group of machines, unless there are pods")
    ways = tuple(_ways(arguments))
    labels = [way.label for way in ways]
    for label in labels:
        if labels.count(label) > 1:
            raise InvalidValue("series", label, "of ways that differ")
    bridge = arguments.get("network_bridge") or None
    return FleetRequest(
        name=name,
        state=arguments["state"],
        groups=groups,
        namespaces=tuple(_namespaces(arguments["namespaces"], name)),
        ways=ways,
        pods=pods,
        pod_overrides=arguments["pod_overrides"],
        promised=frozenset(parse_sources(arguments["promised_sources"])),
        network_bridge=bridge,
        network_vlan=arguments.get("network_vlan"),
        concurrency=parse_int("concurrency", arguments["concurrency"], maximum=_CONCURRENCY_MAX),
        failing_s=_seconds(arguments, "failing_s"),
        stall_s=_seconds(arguments, "stall_s"),
        timeout_s=_seconds(arguments, "timeout_s"),
        time_factor=float(parse_decimal("time_factor", arguments["time_factor"], above=0)),
        digest=_digest(arguments),
    )


def _ways(arguments: t.Mapping[str, t.Any]) -> t.Iterator[Way]:
    for entry in arguments["series"] or [{"mode": arguments["mode"]}]:
        yield _way(entry["mode"], {name: _chosen(entry, arguments, name) for name in ("batch_size", "rate_per_s")})


def _chosen(entry: t.Mapping[str, t.Any], arguments: t.Mapping[str, t.Any], name: str) -> t.Any:
    own = entry.get(name)
    return arguments[name] if own is None else own


def _way(mode: str, numbers: t.Mapping[str, t.Any]) -> Way:
    if mode == BATCHES:
        return Way(mode, batch_size=parse_int("batch_size", numbers["batch_size"]))
    if mode == RATE:
        rate = parse_decimal("rate_per_s", numbers["rate_per_s"], above=0, maximum=10_000)
        return Way(mode, rate_per_s=float(rate))
    return Way(mode)


def _namespaces(value: t.Any, fleet: str) -> list[str]:
    if not isinstance(value, list):
        return default_namespaces(fleet, parse_int("namespaces", value, maximum=1000))
    if not value:
        raise InvalidValue("namespaces", value, "a number, or a list with at least one name")
    for name in value:
        check_name("namespaces", name)
        if value.count(name) > 1:
            raise InvalidValue("namespaces", name, "named once")
    return list(value)


def _seconds(arguments: t.Mapping[str, t.Any], name: str) -> float:
    return float(parse_decimal(name, arguments[name], above=0, maximum=_LONGEST_S))


def _digest(arguments: t.Mapping[str, t.Any]) -> str:
    told = ("name", "state", "groups", "namespaces", "mode", "batch_size", "rate_per_s", "series", "pods")
    text = json.dumps({name: arguments[name] for name in told}, sort_keys=True, default=str)
    return f"{zlib.crc32(text.encode()):08x}"
