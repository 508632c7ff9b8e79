# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nova itself makes of a nova.conf: run with the Python that has nova, its answer is JSON.

    nova_reads.py NOVA_CONF DEVICES FLAVOR_PROPERTY

DEVICES are the host's devices as pci_device_info reports them; each is handed to nova as its libvirt driver would.
"""

from __future__ import annotations

import json
import sys

import nova.conf
from nova import objects
from nova.pci import request, stats, whitelist

conf, found, wanted = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
nova.conf.CONF([], project="nova", default_config_files=[conf], default_config_dirs=[])
objects.register_all()

CONF = nova.conf.CONF
DEVICES = [
    {
        "address": device["address"],
        "vendor_id": device["vendor_id"],
        "product_id": device["product_id"],
        "dev_type": device["device_type"],
        "numa_node": device["numa_node"],
        "label": f"label_{device['vendor_id']}_{device['product_id']}",
        "parent_addr": None,
        "capabilities": {},
    }
    for device in found
]
allowed = whitelist.Whitelist(CONF.pci.device_spec)
matching = [device for device in DEVICES if allowed.device_assignable(device)]

pools = stats.PciDeviceStats(objects.NUMATopology(cells=[]), dev_filter=allowed)
for device in matching:
    pools.add_device(
        objects.PciDevice.create(
            None, {**device, "compute_node_id": 1, "status": "available", "instance_uuid": None, "request_id": None}
        )
    )
flavor = objects.Flavor(name="etcd", extra_specs={"pci_passthrough:alias": wanted})
requests = request.get_pci_requests_from_flavor(flavor).requests

print(
    json.dumps(
        {
            "filters": CONF.filter_scheduler.enabled_filters,
            "available_filters": CONF.filter_scheduler.available_filters,
            "aliases": [json.loads(alias) for alias in CONF.pci.alias],
            "device_spec": CONF.pci.device_spec,
            "matching": [device["address"] for device in matching],
            "requests": [{"count": one.count, "alias": one.alias_name, "spec": one.spec} for one in requests],
            "supported": pools.support_requests(requests),
            "report_in_placement": getattr(CONF.pci, "report_in_placement", None),
        }
    )
)
