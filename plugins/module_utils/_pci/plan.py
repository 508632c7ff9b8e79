# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""From what every compute host has to what nova is told: one name for the devices, and a list of them for each host.

Nova has one kind of device for a name (type-PCI, or type-PF where the device can have virtual functions), and refuses
configurations in which the same name means two.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._host_names import natural_key
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_LONGEST_NAME = 256

Json = t.Dict[str, t.Any]


def plan(hosts: t.Mapping[str, Json], name: str) -> Json:
    """Return the alias, and for each host the devices that nova may give away there.

    :param hosts: {name of the host: what pci_device_info returned there}.
    :param name: of the alias, which flavors ask for.
    :raises InvalidValue: for a name that cannot stand in a flavor.
    :raises TuningError: where the devices are of several kinds.
    """
    # A flavor asks for several devices as name:count,name:count.
    if not name or len(name) > _LONGEST_NAME or set(name) & set(':, "\\'):
        raise InvalidValue("alias", name, "a name without blanks, colons, commas and quotation marks")
    names = sorted(hosts, key=natural_key)
    kinds: dict[tuple[str, str, str], list[str]] = {}
    for host in names:
        for device in hosts[host]["devices"]:
            key = (device["vendor_id"], device["product_id"], device["device_type"])
            kinds.setdefault(key, []).append(f"{host} {device['address']}")
    if len(kinds) > 1:
        found = "; ".join(f"{v}:{p} {kind} ({', '.join(where[:3])})" for (v, p, kind), where in kinds.items())
        raise TuningError(f"The alias {name} can mean one kind of device, and there are several: {found}.")
    alias = None
    for vendor_id, product_id, kind in kinds:
        alias = {"vendor_id": vendor_id, "product_id": product_id, "device_type": kind, "name": name}
    planned = {host: _host(host, hosts[host]) for host in names}
    rows = [line for host in names for line in planned[host].pop("rows")]
    return {"alias": alias, "hosts": planned, "flavor": {"pci_passthrough:alias": f"{name}:1"}, "rows": rows}


def _host(host: str, measured: Json) -> Json:
    against = list(measured["host"]["blockers"])
    ready = measured["host"]["iommu_active"] and not against
    devices, rows = [], []
    for device in measured["devices"]:
        spec = {key: device[key] for key in ("address", "vendor_id", "product_id")}
        if ready and not device["blockers"]:
            devices.append(spec)
        rows.append(_row(host, spec, [*against, *device["blockers"]], ready))
    if not measured["devices"]:
        rows.append(row(host, "devices", wanted="at least one", effective="none", status="note", why="none fits here"))
    return {"devices": devices, "ready": ready, "rows": rows}


def _row(host: str, spec: Json, against: list[str], ready: bool) -> Row:
    what, value = f"device {spec['address']}", json.dumps(spec)
    if against:
        return row(host, what, wanted=value, status="refused", why="; ".join(against))
    if not ready:
        why = "the running kernel does not use the IOMMU yet, so its groups are not known"
        return row(host, what, wanted=value, status="pending", why=why)
    return row(host, what, wanted=value, effective=value, status="ok", why="free, and alone in its IOMMU group")
