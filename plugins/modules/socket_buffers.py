#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: socket_buffers
short_description: Compute socket buffer sizes by the latency or the packet-size method
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Computes the maximum and default socket buffer sizes of the OpenShift Virtualization with Ceph reference
    architecture, the sysctls that carry them, and the bandwidth-delay product that physics asks for.
  - The latency method is the reference architecture's own. It leaves out the division by 8 and takes a megabit for
    1,048,576, so it gives 8.39 times the bandwidth-delay product; RV(bdp_bytes) and RV(evidence) show both.
  - TCP is capped by C(net.ipv4.tcp_rmem) and C(net.ipv4.tcp_wmem) rather than by C(net.core.*), so
    RV(sysctls) sets these too.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  method:
    description:
      - V(latency) is round trip x link speed, for networks whose latency is high.
      - V(packet_size) is packet size x packets.
    type: str
    choices: [latency, packet_size]
    required: true
  rtt_ms:
    description:
      - The round trip time to the clients in milliseconds.
      - Required by O(method=latency). With O(method=packet_size) it is given together with O(link_mbps) or not at all.
    type: raw
  link_mbps:
    description:
      - The speed of the whole link or bond in Mb/s.
      - Required by O(method=latency). With O(method=packet_size) it is given together with O(rtt_ms) or not at all.
    type: raw
  flow_mbps:
    description:
      - The speed in Mb/s that one TCP flow can get, which is that of one slave of a bond.
      - Used for RV(bdp_bytes). Defaults to O(link_mbps).
    type: raw
  packet_bytes:
    description: The packet size in bytes that O(method=packet_size) assumes.
    type: raw
    default: 524288
  packets_max:
    description: How many packets the largest buffer holds.
    type: raw
    default: 10
  packets_default:
    description: How many packets the default send buffer holds, from 2 to O(packets_max).
    type: raw
    default: 4
"""

EXAMPLES = r"""
- name: The reference architecture's own figures by the latency method
  virtscale.tuning.socket_buffers:
    method: latency
    rtt_ms: 0.208
    link_mbps: 50000
    flow_mbps: 25000
  delegate_to: localhost

- name: Ten packets of 512 KiB
  virtscale.tuning.socket_buffers:
    method: packet_size
  delegate_to: localhost
"""

RETURN = r"""
rmem_max:
  description: The largest receive buffer in bytes.
  returned: success
  type: int
  sample: 10905190
wmem_max:
  description: The largest send buffer in bytes.
  returned: success
  type: int
  sample: 10905190
wmem_default:
  description: The default send buffer in bytes.
  returned: success
  type: int
  sample: 4362076
bdp_bytes:
  description: The bandwidth-delay product of one flow in bytes, or null without O(rtt_ms).
  returned: success
  type: int
  sample: 650000
tcp_rmem:
  description: Minimum, default and maximum in bytes for C(net.ipv4.tcp_rmem).
  returned: success
  type: list
  elements: int
  sample: [4096, 131072, 10905190]
tcp_wmem:
  description: Minimum, default and maximum in bytes for C(net.ipv4.tcp_wmem).
  returned: success
  type: list
  elements: int
  sample: [4096, 16384, 10905190]
sysctls:
  description: The same values as sysctl keys and values.
  returned: success
  type: dict
  sample: {"net.core.rmem_max": "10905190", "net.ipv4.tcp_rmem": "4096 131072 10905190"}
evidence:
  description: The calculation, in words that a person can check.
  returned: success
  type: str
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.socket_buffers import plan_socket_buffers

ARGUMENT_SPEC = {
    "method": {"type": "str", "choices": ["latency", "packet_size"], "required": True},
    "rtt_ms": {"type": "raw"},
    "link_mbps": {"type": "raw"},
    "flow_mbps": {"type": "raw"},
    "packet_bytes": {"type": "raw", "default": 524288},
    "packets_max": {"type": "raw", "default": 10},
    "packets_default": {"type": "raw", "default": 4},
}


def main() -> None:
    run_module(lambda params, check_mode: {"changed": False, **plan_socket_buffers(**params)}, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
