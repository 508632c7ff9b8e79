#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_info
short_description: Measure a host's network in one round trip
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Returns the round trip to given peers, an interface with its bond, what the CPUs could not take from the network
    cards in a window, the effective sysctls with the file that sets each, and who else sets them.
  - What a host cannot tell, because a tool or a file is missing, is null and named in RV(notes).
  - Without O(peers) and without O(softnet_window_s) it takes no time but to read a few files.
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  interface:
    description: The interface to look at and to ping from, which may be a bond, or a VLAN or bridge on one.
    type: str
  peers:
    description: Addresses to ping with C(ping -q), all of them at the same time. None are pinged by default.
    type: list
    elements: str
    default: []
  ping_count:
    description: How many pings each peer gets.
    type: raw
    default: 60
  ping_interval_s:
    description: Seconds between two pings. Systems let only root go below 0.2 (or 0.002).
    type: raw
    default: 0.2
  path_mtu:
    description: Whether to send packets of the interface's MTU, which must not be fragmented, to each peer.
    type: bool
    default: false
  softnet_window_s:
    description:
      - Over how many seconds to count in C(/proc/net/softnet_stat), up to 3600. With 0 nothing is counted.
      - The counters are of the whole machine, also inside a network namespace.
    type: raw
    default: 0
  sysctls:
    description: The keys to look up.
    type: list
    elements: str
    default: []
  expected_bond:
    description: What the bond of O(interface) should be. Without it no bond is expected.
    type: dict
    suboptions:
      mode:
        description: The bonding mode.
        type: str
        required: true
      slaves:
        description: How many slaves are up.
        type: raw
        required: true
      slave_speed_mbps:
        description: The speed of each slave in Mb/s, which is what one TCP flow gets.
        type: raw
        required: true
  bond_policy:
    description:
      - What to do about a bond or a path MTU that is not as expected.
      - V(report) returns it in RV(rows), V(enforce) fails, V(ignore) does not look.
    type: str
    choices: [report, enforce, ignore]
    default: report
seealso:
  - module: virtscale.tuning.adapter_budget
  - module: virtscale.tuning.sysctl_dropins
"""

EXAMPLES = r"""
- name: Measure the round trip to the OpenShift side as the reference architecture does
  virtscale.tuning.network_info:
    interface: bond0
    peers: [192.168.216.90]
    ping_count: 60
  register: network

- name: See which file sets the socket buffers
  virtscale.tuning.network_info:
    sysctls: [net.core.rmem_max, net.core.wmem_max]
"""

RETURN = r"""
interface:
  description: The interface with C(mtu), C(state), C(speed_mbps) and its C(bond), or null.
  returned: success
  type: dict
  sample:
    name: bond0
    mtu: 9000
    state: up
    speed_mbps: 50000
    bond:
      name: bond0
      mode: balance-alb
      slave_speed_mbps: 25000
      summed_speed_mbps: 50000
      slaves: [{name: ens1f0, up: true, speed_mbps: 25000, mtu: 9000}]
rings:
  description: Receive and send ring sizes of the interface, or of the slaves of its bond, with their limits.
  returned: success
  type: dict
  sample: {"ens1f0": {"rx": 1024, "rx_max": 8192, "tx": 1024, "tx_max": 8192}}
rtt:
  description: For each peer the packets sent and received, and the shortest, average and longest round trip in ms.
  returned: success
  type: dict
  sample: {"192.168.216.90": {"sent": 60, "received": 60, "min_ms": 0.15, "avg_ms": 0.208, "max_ms": 0.41}}
path_mtu:
  description: For each peer that answers, whether it gets packets of the interface's MTU; null if not asked.
  returned: success
  type: dict
  sample: {"192.168.216.90": true}
softnet:
  description: What was counted in the window, summed over the CPUs, and the CPUs that lagged; null without a window.
  returned: success
  type: dict
  sample: {"window_s": 60.0, "cpus": 80, "processed": 91000211, "dropped": 0, "time_squeeze": 34, "lagging_cpus": [3]}
sysctls:
  description: For each key the running value, and the value and file that win at boot, null where no file sets it.
  returned: success
  type: dict
  sample: {"net.core.rmem_max": {"value": "212992", "boot_value": null, "file": null}}
dropins:
  description: The keys and values in each file that M(virtscale.tuning.sysctl_dropins) keeps on this host.
  returned: success
  type: dict
  sample: {"/etc/sysctl.d/99.5-buffersize.conf": {"net.core.rmem_max": "5242880"}}
owners:
  description: Who else sets any of O(sysctls), such as a tuned profile of cephadm, TuneD, or another file.
  returned: success
  type: list
  elements: dict
  sample: [{"who": "TuneD profile throughput-performance", "keys": ["net.core.rmem_max"], "advice": "..."}]
arp_risk:
  description: Why ARP filtering could silence this host; null if nothing speaks against it.
  returned: success
  type: str
notes:
  description: What could not be told, and why.
  returned: success
  type: list
  elements: str
  sample: ["ping: is not installed, so nothing is known about the peers"]
rows:
  description: The findings and notes as rows of the collection's records.
  returned: always
  type: list
  elements: dict
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._network.info import measure

ARGUMENT_SPEC = {
    "interface": {"type": "str"},
    "peers": {"type": "list", "elements": "str", "default": []},
    "ping_count": {"type": "raw", "default": 60},
    "ping_interval_s": {"type": "raw", "default": 0.2},
    "path_mtu": {"type": "bool", "default": False},
    "softnet_window_s": {"type": "raw", "default": 0},
    "sysctls": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "expected_bond": {
        "type": "dict",
        "options": {
            "mode": {"type": "str", "required": True},
            "slaves": {"type": "raw", "required": True},
            "slave_speed_mbps": {"type": "raw", "required": True},
        },
    },
    "bond_policy": {"type": "str", "choices": ["report", "enforce", "ignore"], "default": "report"},
}


def compute(params: dict, check_mode: bool) -> dict:
    return {"changed": False, **measure(params)}


def main() -> None:
    run_host_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
