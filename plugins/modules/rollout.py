#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
version_added: 0.1.0
short_description: Roll MachineConfigPools one after the other, and show how it goes
description:
  - Waits until each pool's configuration is rendered from what is asked for now, releases the pools that this
    collection paused, and waits until every node runs it.
  - Nothing is concluded from the pool's condition C(Updated) alone, which is also true before the controller
    reacts, and stays true when a refused KubeletConfig stops all rendering. The names of the sources and the content
    of their files are compared with the rendered configuration.
  - A pool that this collection paused carries the annotation C(tuning.virtscale/paused). Mark and pause are taken
    away in one write that fails when somebody else wrote in between. A pause without the mark is a person's and
    is never lifted. A pool that is to roll and that a person has paused, beforehand or as it rolls, ends the run; what
    the controller has begun goes on.
  - Before a pool is released, the workers of the whole cluster that are unready, cordoned or in the middle of
    an update are counted; those and the pool's C(maxUnavailable) together stay within O(max_disrupted_share).
  - While it waits, it shows a line for each rolling pool when something changes and at least every 15 seconds. The
    line names the node whose drain has been blocked for longest, the pod that blocks it, and why. That is a
    PodDisruptionBudget that allows no disruption, several that cover one pod, a virtual machine that cannot migrate
    or whose migration fails, or a deleted pod that does not end. A virtual machine that waits for its migration
    blocks nobody.
  - It fails early, with the operator's own message, when a configuration cannot be rendered, a KubeletConfig is
    refused, or a node is degraded. It does not take for a fault that a node fails at a configuration which the pool
    has left already, because the release of the new one helps that node.
  - All that a run must remember is in the cluster, so a run that was killed is finished by running it again.
    A restart of the API server is waited for.
  - An action plugin, which runs on the controller with the controller's Python.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
  - virtscale.tuning.rollout
attributes:
  check_mode:
    support: full
    details:
      - Reports what it would release and wait for, with the estimate.
  diff_mode:
    support: none
  idempotent:
    support: full
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Roll everything that this collection has prepared
  virtscale.tuning.rollout:

- name: Say what is pending, and how long it would take
  virtscale.tuning.rollout:
    release: false
  register: pending

- name: Roll two zones together, with a fifth of the workers at most
  virtscale.tuning.rollout:
    pools: [zone-0, zone-1]
    expect:
      zone-0: [99-zone-0-generated-kubelet]
      zone-1: [99-zone-1-generated-kubelet]
    one_at_a_time: false
    max_disrupted_share: 0.2

- name: Roll during the night, and give up early what nobody is there to repair
  virtscale.tuning.rollout:
    drain_limit_s: 600
    reboot_s: 420
    reboot_limit_s: 1200
"""

RETURN = r"""
pools:
  description:
    - The pools in their order. C(phase) is C(rendering), C(held), C(rolling), C(updated) or C(paused) by a person.
    - After a run, C(nodes) has the seconds observed on each node, null for what was not seen; C(began_s) counts from
      the first node of the run.
    - With O(release=false) and in check mode, C(nodes) and C(nodes_to_roll) are numbers.
  returned: always
  type: list
  elements: dict
  sample:
    - name: zone-0
      phase: updated
      released: true
      seconds: 122.4
      estimate_s: 124
      max_unavailable_seen: 10
      nodes:
        - {"node": "worker001", "began_s": 0.0, "total_s": 31.0, "cordoned_s": 26.1, "drain_s": 6.2, "reboot_s": 2.4}
rows:
  description: One row a pool, in the shape that M(virtscale.tuning.record) keeps.
  returned: always
  type: list
  elements: dict
workers:
  description: How many workers the cluster has.
  returned: always
  type: int
blocked:
  description:
    - What kept which drain from ending, longest where it was seen more than once, and for how many seconds it was seen.
    - C(pod) is null where the machine-config-controller had not begun the drain.
  returned: after a run
  type: list
  elements: dict
  sample:
    - node: worker017
      pool: zone-0
      pod: shop/db-0
      why: "PodDisruptionBudget shop/db allows 0 disruptions: it needs 1 healthy and has 1"
      seconds: 95.0
max_disrupted_seen:
  description: The most workers that were out of service at once, in all pools and for any reason.
  returned: after a run
  type: int
estimate_s:
  description: The seconds that the pools would take one after the other.
  returned: with O(release=false) and in check mode
  type: int
lines:
  description: What would happen to each pool, in words.
  returned: with O(release=false) and in check mode
  type: list
  elements: str
"""
