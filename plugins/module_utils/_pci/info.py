# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What pci_device_info returns: the host, its devices, and a row for each thing that a passthrough needs."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._pci.host import Host, read_host
from ansible_collections.virtscale.tuning.plugins.module_utils._pci.sysfs import Device, Wanted, read_devices
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row


def measure(params: dict[str, t.Any], root: str = "/") -> dict[str, t.Any]:
    """Return the facts and the rows.

    :raises InvalidValue: for identifiers that are none.
    """
    wanted = Wanted.parse(params["vendor_id"], params["product_id"], params["class_code"], params["addresses"])
    host = read_host(root)
    devices = read_devices(wanted, root)
    return {
        "host": host.facts(),
        "devices": [device.facts() for device in devices],
        "rows": [*_host_rows(host, params["where"]), *(_device_row(device, params["where"]) for device in devices)],
    }


def _host_rows(host: Host, where: str) -> list[Row]:
    in_use = f"in use, {host.iommu_groups} groups" if host.iommu_active else "not in use"
    kind = {"intel": "VT-d", "amd": "AMD-Vi"}.get(host.iommu or "", "none")
    checks = [("virtualization", host.virtualization or "none", "VT-x"), ("IOMMU", f"{kind}, {in_use}", "VT-d")]
    rows = []
    for what, found, sign in checks:
        against = [reason for reason in host.blockers() if sign in reason]
        status = "refused" if against else "ok"
        rows.append(row(where, what, before=found, effective=found, status=status, why="; ".join(against)))
    return rows


def _device_row(device: Device, where: str) -> Row:
    against = device.blockers()
    status = "refused" if against else "ok"
    why = "; ".join(against) or f"driver {device.driver or 'none'}, nothing uses it"
    kind = f"{device.vendor_id}:{device.product_id} {device.device_type}"
    return row(where, f"device {device.address}", before=kind, effective=kind, status=status, why=why)
