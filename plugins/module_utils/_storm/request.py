# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a boot storm is asked to do, read from the options of the action."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.credentials import LOGIN_SPEC, Credentials
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.routes import BY_IP, BY_PORTFORWARD

PROBE_LOGIN, PROBE_BANNER = "login", "banner"
LEFT_RUNNING, LEFT_STOPPED = "running", "stopped"
# Through the API each connection is a request of virt-api, of which KubeVirt lets every replica make five a second.
_MAX_CONNECTING = {BY_IP: 200, BY_PORTFORWARD: 20}

# Mirrors the documentation of the module boot_storm.
STORM_SPEC: dict[str, dict[str, t.Any]] = {
    "fleet": {"type": "str"},
    "label_selector": {"type": "str"},
    "namespaces": {"type": "list", "elements": "str", "default": []},
    "vms": {"type": "list", "elements": "raw", "default": []},
    "via": {"type": "str", "choices": [BY_IP, BY_PORTFORWARD], "default": BY_IP},
    "probe": {"type": "str", "choices": [PROBE_LOGIN, PROBE_BANNER], "default": PROBE_LOGIN},
    "port": {"type": "raw", "default": 22},
    **LOGIN_SPEC,
    "logins": {"type": "dict", "default": {}, "no_log": False},
    "interval_s": {"type": "raw", "default": 2},
    "limit_s": {"type": "raw", "default": 1800},
    "max_connecting": {"type": "raw"},
    "stop_first": {"type": "bool", "default": False},
    "afterwards": {"type": "str", "choices": [LEFT_RUNNING, LEFT_STOPPED], "default": LEFT_RUNNING},
    "time_factor": {"type": "raw", "default": 1},
}

Json = t.Dict[str, t.Any]


@dataclass(frozen=True)
class StormRequest:
    """One boot storm, or a series of them."""

    fleet: str | None
    label_selector: str | None
    namespaces: tuple[str, ...]
    # How many machines each step starts; none means one step with all.
    counts: tuple[int, ...]
    via: str
    probe: str
    port: int
    # By group; under None those of every other group. Empty where no login is asked for.
    logins: t.Mapping[str | None, Credentials]
    interval_s: float
    limit_s: float
    max_connecting: int
    stop_first: bool
    afterwards: str
    time_factor: float

    @property
    def subject(self) -> str:
        """Return whose machines are meant, in words."""
        parts = [f"of fleet {self.fleet}"] if self.fleet else []
        if self.label_selector:
            parts.append(f"labelled {self.label_selector}")
        if self.namespaces:
            parts.append(f"in {', '.join(self.namespaces)}")
        return " ".join(parts)

    @property
    def identity(self) -> Json:
        """Return what makes two requests the same storm, so that one continues the other."""
        return {
            "fleet": self.fleet,
            "label_selector": self.label_selector,
            "namespaces": list(self.namespaces),
            "vms": list(self.counts),
            "via": self.via,
            "probe": self.probe,
        }

    def login_of(self, group: str | None) -> Credentials | None:
        """Return who logs in to the machines of a group, None where their first line is enough."""
        return self.logins.get(group) or self.logins.get(None)


def parse_storm(options: t.Mapping[str, t.Any]) -> StormRequest:
    """Read the options of ``STORM_SPEC``.

    :raises InvalidValue: for a value that is not allowed.
    :raises TuningError: when nothing says which machines are meant, or a key cannot be read.
    """
    namespaces = tuple(options["namespaces"])
    if not (options["fleet"] or options["label_selector"] or namespaces):
        raise TuningError("One of fleet, label_selector and namespaces must say which virtual machines are meant.")
    counts = tuple(parse_int("vms", count) for count in options["vms"])
    if len(set(counts)) < len(counts):
        raise InvalidValue("vms", options["vms"], "numbers that all differ: each names its own figures")
    via, asked = options["via"], options["max_connecting"]
    return StormRequest(
        fleet=options["fleet"] or None,
        label_selector=options["label_selector"] or None,
        namespaces=namespaces,
        counts=counts,
        via=via,
        probe=options["probe"],
        port=parse_int("port", options["port"], maximum=65535),
        logins=_logins(options) if options["probe"] == PROBE_LOGIN else {},
        interval_s=float(parse_decimal("interval_s", options["interval_s"], above=0)),
        limit_s=float(parse_decimal("limit_s", options["limit_s"], above=0)),
        max_connecting=_MAX_CONNECTING[via] if asked is None else parse_int("max_connecting", asked),
        stop_first=options["stop_first"],
        afterwards=options["afterwards"],
        time_factor=float(parse_decimal("time_factor", options["time_factor"], above=0)),
    )


def _logins(options: t.Mapping[str, t.Any]) -> dict[str | None, Credentials]:
    """Return the credentials by group; what a group does not set is as for all."""
    common = {name: options.get(name) for name in LOGIN_SPEC}
    found: dict[str | None, Credentials] = {}
    for group, own in options["logins"].items():
        unknown = sorted(set(own or ()) - set(LOGIN_SPEC)) if isinstance(own, dict) else ["no dict"]
        if unknown:
            raise InvalidValue(f"logins of {group}", unknown, f"options out of {', '.join(LOGIN_SPEC)}")
        found[group] = Credentials.of({**common, **own})
    # Where every group has its own there need not be one for all.
    if common["key_file"] or common["password"] or not found:
        found[None] = Credentials.of(common)
    return found
