# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A group of machines that are all alike: what each is made from, and its manifest under its own name."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    PODS_GROUP,
    machine_name,
    marks,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, merged, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import parse_quantity
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.build import (
    KINDS,
    own_virtual_machine,
    virtual_machine,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.check import check_name
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.cloud_init import Login
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import SOURCE_KINDS, Disk, Source
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.guests import Network

# Mirrors the documentation of the module vm_fleet.
GROUP_SPEC: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "vms": {"type": "raw", "required": True},
    "kind": {"type": "str", "choices": list(KINDS)},
    "template": {"type": "dict"},
    "sources": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "kind": {"type": "str", "choices": list(SOURCE_KINDS), "required": True},
            "name": {"type": "str", "required": True},
            "namespace": {"type": "str", "required": True},
        },
    },
    "disk": {
        "type": "dict",
        "default": {},
        "options": {
            "size": {"type": "str"},
            "storage_class": {"type": "str"},
            "access_mode": {"type": "str"},
            "volume_mode": {"type": "str"},
        },
    },
    "network": {"type": "str"},
    "login": {
        "type": "dict",
        "options": {
            "password": {"type": "str", "no_log": True},
            "ssh_public_keys": {"type": "list", "elements": "str", "no_log": False, "default": []},
        },
    },
    "image": {"type": "str"},
    "dedicated_io_thread": {"type": "bool", "default": False},
    "overrides": {"type": "dict", "default": {}},
}
POD_NETWORK = "pod"
# Stand for what differs from machine to machine, and are replaced in the text of the manifest.
_NAME, _NAMESPACE = "virtscale-machine-name", "virtscale-machine-space"
_RUN_AT_ONCE = ("Always", "Once", "RerunOnFailure")


@dataclass(frozen=True)
class Group:
    """Machines from one template; the sources take turns."""

    fleet: str
    name: str
    vms: int
    sources: tuple[Source, ...]
    # The manifest with placeholders, for each source, or the one where there is none.
    manifests: tuple[Object, ...] = field(repr=False)

    @property
    def clones(self) -> int:
        """Return how many data volumes a machine has."""
        return len(self.manifests[0]["spec"].get("dataVolumeTemplates") or [])

    def sources_of_clones(self) -> dict[Source, int]:
        """Return how many machines clone each source; none where the machines keep no data."""
        found: dict[Source, int] = {}
        for number in range(1, self.vms + 1 if self.sources else 0):
            source = self.sources[(number - 1) % len(self.sources)]
            found[source] = found.get(source, 0) + 1
        return found

    def storage_classes(self) -> set[str]:
        """Return the classes of the data volumes; those that leave it to the cluster's default are left out."""
        found = set()
        for template in self.manifests[0]["spec"].get("dataVolumeTemplates") or []:
            for part in ("pvc", "storage"):
                found.add(value_at(template, ("spec", part, "storageClassName")))
        return {name for name in found if name}

    def run_strategy(self, state: str) -> str:
        """Return the run strategy of the machines in a state of the fleet."""
        own: str = self.manifests[0]["spec"]["runStrategy"]
        return {"started": "Always", "stopped": "Halted"}.get(state, own)

    def runs(self, state: str) -> bool:
        """Return whether machines start without being asked once more."""
        return self.run_strategy(state) in _RUN_AT_ONCE

    @property
    def memory_bytes(self) -> int:
        """Return what a machine asks of its node, without KubeVirt's own part."""
        domain = self.manifests[0]["spec"]["template"]["spec"]["domain"]
        asked = value_at(domain, ("resources", "requests", "memory")) or value_at(domain, ("memory", "guest"))
        return int(parse_quantity(asked)) if asked else 0

    def texts(self, state: str) -> Texts:
        """Return the manifests of a state, ready to be filled in."""
        strategy = {"spec": {"runStrategy": self.run_strategy(state)}}
        return Texts([json.dumps(merged(manifest, strategy), separators=(",", ":")) for manifest in self.manifests])


class Texts:
    """A group's manifests as JSON: filled in by replacing text, a hundred times faster than building each."""

    def __init__(self, texts: t.Sequence[str]) -> None:
        self._texts = texts

    def of(self, number: int, name: str, namespace: str) -> bytes:
        """Return the JSON of one machine."""
        text = self._texts[(number - 1) % len(self._texts)]
        return text.replace(_NAMESPACE, namespace).replace(_NAME, name).encode()


def parse_sources(entries: t.Sequence[t.Mapping[str, str]]) -> tuple[Source, ...]:
    """Return golden images from their parameters."""
    return tuple(Source(one["kind"], one["name"], one["namespace"]) for one in entries)


def parse_group(place: int, entry: t.Mapping[str, t.Any], fleet: str) -> Group:
    """Return a group from its parameters.

    :raises InvalidValue: naming the parameter, ``groups[0].vms``.
    """
    where = f"groups[{place}]"
    name = entry["name"]
    check_name(f"{where}.name", name, longest=30)
    if name == PODS_GROUP:
        raise InvalidValue(f"{where}.name", name, "another name; the idle pods are called that")
    vms = parse_int(f"{where}.vms", entry["vms"], minimum=0)
    check_name(f"{where}.name", machine_name(fleet, name, max(1, vms)))
    sources = parse_sources(entry.get("sources") or [])
    chosen: tuple[Source | None, ...] = sources or (None,)
    labels = marks(fleet, name)
    manifests = tuple(_marked(_manifest(where, entry, source, labels), labels) for source in chosen)
    return Group(fleet, name, vms, sources, manifests)


def _manifest(where: str, entry: t.Mapping[str, t.Any], source: Source | None, labels: t.Mapping[str, str]) -> Object:
    kind, template = entry.get("kind"), entry.get("template")
    if bool(kind) == bool(template):
        raise InvalidValue(f"{where}.kind", kind, f"one of {', '.join(KINDS)}, or left out beside a template")
    common: dict[str, t.Any] = {
        "name": _NAME,
        "namespace": _NAMESPACE,
        "labels": labels,
        "source": source,
        "overrides": entry.get("overrides") or {},
        "dedicated_io_thread": bool(entry.get("dedicated_io_thread")),
    }
    if template:
        for unused in ("disk", "network", "login", "image"):
            if any((entry.get(unused) or {}).values()) if unused in ("disk", "login") else entry.get(unused):
                raise InvalidValue(f"{where}.{unused}", entry[unused], "left out beside a template, which says it")
        return own_virtual_machine(template, **common)
    return virtual_machine(
        str(kind),
        disk=_disk(entry),
        network=_network(entry.get("network")),
        login=_login(entry.get("login")),
        image=entry.get("image"),
        **common,
    )


def _disk(entry: t.Mapping[str, t.Any]) -> Disk:
    return Disk(**{name: value for name, value in (entry.get("disk") or {}).items() if value})


def _network(name: str | None) -> Network | None:
    if not name:
        return None
    return Network(attachment=None if name == POD_NETWORK else name)


def _login(entry: t.Mapping[str, t.Any] | None) -> Login | None:
    if not entry:
        return None
    return Login(password=entry.get("password") or None, ssh_public_keys=tuple(entry.get("ssh_public_keys") or ()))


def _marked(manifest: Object, labels: t.Mapping[str, str]) -> Object:
    """Return the manifest with the marks on its data volumes as well."""
    for template in manifest["spec"].get("dataVolumeTemplates") or []:
        template["metadata"]["labels"] = {**(template["metadata"].get("labels") or {}), **labels}
    return manifest
