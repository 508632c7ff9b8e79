# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the action is asked to do: which machines, how they are reached, and what is measured in them."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import (
    MEASURE_SPEC,
    MIGRATION,
    Settings,
    parse_settings,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import (
    Pool,
    Target,
    parse_hosts,
    parse_pools,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.credentials import LOGIN_SPEC, Credentials
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import BY_IP, BY_PORTFORWARD

LATENCY_SPEC: dict[str, t.Any] = {
    **MEASURE_SPEC,
    **LOGIN_SPEC,
    "fleet": {"type": "str"},
    "groups": {"type": "list", "elements": "str", "default": []},
    "targets": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str"},
            "node": {"type": "str"},
            "port": {"type": "raw"},
            "group": {"type": "str"},
        },
    },
    "pools": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "replicas": {"type": "raw"},
            "group": {"type": "str"},
            "storage_class": {"type": "str"},
        },
    },
    "port": {"type": "raw", "default": 22},
    "via": {"type": "str", "choices": [BY_IP, BY_PORTFORWARD], "default": BY_IP},
    "allow_disruption": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Request:
    """One measurement."""

    settings: Settings
    fleet: str | None
    groups: tuple[str, ...]
    hosts: tuple[Target, ...]
    pools: tuple[Pool, ...]
    port: int
    via: str
    credentials: Credentials
    # Whether migrations were asked for and are left out, because nothing may be disrupted.
    pending: bool

    @property
    def identity(self) -> dict[str, t.Any]:
        """Return what makes two requests the same measurement, so that one continues the other."""
        hosts = [dataclasses.asdict(host) for host in self.hosts]
        return {
            "settings": repr(self.settings),
            "fleet": self.fleet,
            "groups": list(self.groups),
            "hosts": repr(hosts),
            "pools": repr(self.pools),
        }


def parse_request(options: t.Mapping[str, t.Any]) -> Request:
    """Read the options of ``LATENCY_SPEC``.

    :raises InvalidValue: for a value that is not allowed.
    :raises TuningError: when nothing or too much says which machines are meant, or a key cannot be read.
    """
    port = parse_int("port", options["port"], maximum=65535)
    fleet, hosts = options["fleet"] or None, tuple(parse_hosts(options["targets"], port))
    if (fleet is None) == (not hosts):
        raise TuningError("Either fleet or targets must say which machines are measured in.")
    settings = parse_settings(options)
    if hosts:
        _check_hosts(options, settings)
    pending = MIGRATION in settings.measure and not options["allow_disruption"]
    if pending:
        measured = tuple(kind for kind in settings.measure if kind != MIGRATION)
        settings = dataclasses.replace(settings, measure=measured)
    return Request(
        settings=settings,
        fleet=fleet,
        groups=tuple(options["groups"]),
        hosts=hosts,
        pools=parse_pools(options["pools"]),
        port=port,
        via=options["via"],
        credentials=Credentials.of(options),
        pending=pending,
    )


def _check_hosts(options: t.Mapping[str, t.Any], settings: Settings) -> None:
    """Refuse for hosts what only virtual machines of a cluster have."""
    if MIGRATION in settings.measure:
        raise TuningError("measure has migration, but hosts do not migrate: name a fleet.")
    if options["via"] == BY_PORTFORWARD:
        raise TuningError("via is portforward, but hosts are reached by their addresses: name a fleet.")
    if any(pool.get("storage_class") for pool in options["pools"]):
        raise TuningError("pools has a storage_class, but hosts have none: give each target a group.")
