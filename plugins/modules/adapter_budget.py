#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: adapter_budget
short_description: Grow netdev_budget and netdev_max_backlog in small steps where CPUs lag behind
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Computes the next C(net.core.netdev_budget), C(net.core.netdev_budget_usecs) and C(net.core.netdev_max_backlog)
    of each host from what RV(virtscale.tuning.network_info#module:softnet) counted there.
  - Without a count, or where nothing grows, a host keeps the larger of its running value and the floor.
  - Where squeezes or drops are more than noise, the value takes one step, up to the cap. The next run takes the next.
  - C(netdev_budget_usecs) grows with the budget in the kernel's own proportion (2000 us for 300 packets), because a
    cycle ends at whichever limit it meets first.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  hosts:
    description:
      - For each host the result of M(virtscale.tuning.network_info), of which C(softnet) and C(sysctls) are used.
    type: dict
    required: true
  budget:
    description: The floor of C(netdev_budget) in packets. The default is the reference architecture's.
    type: raw
    default: 1000
  budget_cap:
    description: Where growth of C(netdev_budget) ends.
    type: raw
    default: 8000
  usecs_cap:
    description: Where growth of C(netdev_budget_usecs) ends, in microseconds.
    type: raw
    default: 50000
  backlog:
    description: The floor of C(netdev_max_backlog) in packets. The default is the reference architecture's.
    type: raw
    default: 5000
  backlog_cap:
    description: Where growth of C(netdev_max_backlog) ends.
    type: raw
    default: 40000
  step_percent:
    description: How much a value grows in one run.
    type: raw
    default: 25
  squeezes_per_million:
    description: The squeezes in a million packets above which the budget grows.
    type: raw
    default: 100
  drops_per_million:
    description: The drops in a million packets above which the backlog grows.
    type: raw
    default: 1
"""

EXAMPLES = r"""
- name: Plan the next step for every host of the play
  virtscale.tuning.adapter_budget:
    hosts: "{{ ansible_play_hosts | virtscale.tuning.host_results(hostvars, 'network') }}"
  delegate_to: localhost
  run_once: true
  register: budget
"""

RETURN = r"""
hosts:
  description: For each host its C(sysctls), the keys that C(grew), and the C(evidence).
  returned: success
  type: dict
  sample:
    ceph03:
      sysctls:
        net.core.netdev_budget: "1250"
        net.core.netdev_budget_usecs: "8334"
        net.core.netdev_max_backlog: "5000"
      grew: [net.core.netdev_budget]
      evidence: >-
        340 squeezes and 0 drops in 912331 packets over 60.0 s; budget 1000 -> 1250 (lags: a step of 25 %),
        8334 us for it; backlog 5000 (nothing grows)
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._sizing.adapter_budget import plan_hosts, read_limits

ARGUMENT_SPEC = {
    "hosts": {"type": "dict", "required": True},
    "budget": {"type": "raw", "default": 1000},
    "budget_cap": {"type": "raw", "default": 8000},
    "usecs_cap": {"type": "raw", "default": 50000},
    "backlog": {"type": "raw", "default": 5000},
    "backlog_cap": {"type": "raw", "default": 40000},
    "step_percent": {"type": "raw", "default": 25},
    "squeezes_per_million": {"type": "raw", "default": 100},
    "drops_per_million": {"type": "raw", "default": 1},
}


def compute(params: dict) -> dict:
    return {"changed": False, "hosts": plan_hosts(params["hosts"], read_limits(params))}


def main() -> None:
    run_module(lambda params, check_mode: compute(params), ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
