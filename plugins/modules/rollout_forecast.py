#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_forecast
short_description: Forecast how long a rollout takes that drains nodes of virtual machines
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Simulates a rollout of MachineConfigPools as its controllers make it - turns by C(maxUnavailable), drains by the few
    workers and the slow client of the machine-config-controller, live migrations by virt-controller, reboots.
  - Says how long that takes, what it spends the time on, what each virtual machine goes through, and what changing each
    limit would do. What keeps a drain from ever ending is named.
  - The numbers of the controllers are those of their sources; O(durations) are yours to measure.
  - Nothing is read from a cluster. M(virtscale.tuning.ocp_info) measures O(facts).
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
options:
  facts:
    description:
      - RV(virtscale.tuning.ocp_info#module:facts) with V(machines), and with V(virtual_machines) if there are any.
      - V(hyperconverged) tells the limits of migrations and the replicas of virt-api, which are virt-operator's own
        number without it.
      - Without facts O(pools) gives numbers.
    type: dict
    default: {}
  pools:
    description:
      - The pools that roll, in their order, all nodes of each. A name is enough with O(facts); C(max_unavailable) may
        be given to ask what another one would do, and C(left), the names of the nodes that still have to roll, where
        others are done.
      - Without O(facts) each is a dictionary of C(name), C(nodes) and C(max_unavailable), and optionally C(vms), the
        number of virtual machines by operating system, and C(pods), the number of other pods that a drain evicts.
    type: list
    elements: raw
    required: true
  other_nodes:
    description: Without O(facts), how many more nodes there are that take virtual machines and do not roll.
    type: raw
    default: 0
  limits:
    description:
      - C(parallelMigrationsPerCluster), C(parallelOutboundMigrationsPerNode) and C(bandwidthPerMigration), in place of
        what the KubeVirt object in O(facts) says, or of KubeVirt's defaults (5, 2, no limit).
      - Other fields of C(liveMigrationConfig) are ignored.
    type: dict
    default: {}
  durations:
    description: What hardware and guests take, in seconds, 0 to a week.
    type: dict
    default: {}
    suboptions:
      reboot_s:
        description: From the end of a node's drain until its daemon is back. 300 unless given.
        type: raw
      migration_s:
        description:
          - By operating system, the time in which a virtual machine is copied - a list of measured times, or their
            mean, which is then spread as in the reference architecture (35 % of the machines take about half of it).
          - The reference architecture's means unless given (rhel 14, fedora 23, windows 12, default 14).
        type: dict
      target_start_s:
        description: From a migration's beginning until its target pod is ready. 10 unless given.
        type: raw
      pod_stop_s:
        description: How long a pod takes to stop. Each pod its grace period, or 30 without O(facts), unless given.
        type: raw
      vm_stop_s:
        description: How long a virtual machine takes to shut down that does not migrate. 180 unless given.
        type: raw
      source_ends_s:
        description: From the end of a migration until its source pod has completed. 1 unless given.
        type: raw
      source_gone_s:
        description: From the eviction of a completed source pod until it is gone. 1 unless given.
        type: raw
      daemon_poll_s:
        description: How often a node's daemon looks whether its drain or uncordon is done. 10 unless given.
        type: raw
      daemon_reacts_s:
        description: How long a daemon takes to see that its node has a new target. 1 unless given.
        type: raw
  drain_by:
    description:
      - V(controller) is the drain controller of today's machine-config-controller - 5 workers and one client for all.
      - V(daemon) is what OpenShift 4.9 did - each node's daemon drains its node with a client of its own.
    type: str
    choices: [controller, daemon]
    default: controller
  one_at_a_time:
    description:
      - Whether a pool begins when the one before it is through, as M(virtscale.tuning.rollout) does by default.
      - Otherwise as many roll together as O(max_disrupted_share) allows.
    type: bool
    default: true
  max_disrupted_share:
    description: The share of all workers that may be out of service at a time, above 0 and at most 1.
    type: raw
    default: 0.1
  what_if:
    description: Whether to forecast what changing each limit would do. It takes ten times as long, about a second.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Measure the cluster
  virtscale.tuning.ocp_info:
    gather_subset: [machines, virtual_machines]
  register: measured

- name: Forecast the rollout of a zone
  virtscale.tuning.rollout_forecast:
    facts: "{{ measured.facts }}"
    pools: [zone-0]
    durations:
      reboot_s: 600
  register: forecast

- name: Show it
  ansible.builtin.debug:
    var: forecast.lines

- name: Forecast from a few numbers
  virtscale.tuning.rollout_forecast:
    pools:
      - name: zone-0
        nodes: 34
        max_unavailable: 10
        vms: {rhel: 400, fedora: 400, windows: 200}
        pods: 7000
    other_nodes: 66
    limits:
      parallelMigrationsPerCluster: 20
      parallelOutboundMigrationsPerNode: 4
"""

RETURN = r"""
total_s:
  description:
    - Seconds from the release of the first pool until the last one is through.
    - A small rollout is simulated several times, since chance decides what is evicted first and who gets a free slot;
      this and all that follows is the course in the middle.
    - With RV(ends=false) that of a rollout without what blocks it.
  returned: success
  type: float
  sample: 4331.6
range_s:
  description: The same of the shortest and of the longest course. Equal where one course was enough.
  returned: success
  type: list
  elements: float
  sample: [4110.2, 4502.9]
ends:
  description: Whether it ends by itself.
  returned: success
  type: bool
blockers:
  description: What keeps a drain from ever ending, a sentence each.
  returned: success
  type: list
  elements: str
  sample: ["VM shop/database on worker001 cannot migrate and may not be shut down (DisksNotLiveMigratable)"]
binding:
  description: What the rollout waits for longest.
  returned: success
  type: str
  sample: reboots
waits:
  description:
    - What the time is spent on, along the chain of nodes that ends last - C(what), C(seconds), C(share) of the whole,
      and C(text) in words. They add up to RV(total_s).
  returned: success
  type: list
  elements: dict
  sample: [{"what": "reboot", "seconds": 2400.0, "share": 0.55, "text": "reboots"}]
pools:
  description: Of each pool C(pool), C(nodes), C(max_unavailable), C(begins_s) and C(seconds).
  returned: success
  type: list
  elements: dict
nodes:
  description:
    - Of each node, in the order of their turns, C(queued_s) for its turn, C(waited_for_worker_s), C(drain_s) in
      C(attempts), C(reboot_s) and C(total_s) from its turn on.
  returned: success
  type: list
  elements: dict
migrations:
  description:
    - By operating system C(count) migrations, and mean, p50, p95 and max of C(queued_s), C(run_s) and C(total_s).
  returned: success
  type: list
  elements: dict
most_migrations:
  description: The most migrations at once.
  returned: success
  type: int
average_migrations:
  description: The migrations at once on average, from the first to the last.
  returned: success
  type: float
curve:
  description:
    - How many of each there are at equal steps of time - C(at_s), C(migrating), C(queued), C(draining), C(rebooting)
      and C(out_of_service).
  returned: success
  type: list
  elements: dict
advice:
  description:
    - The effect of changing one thing at a time - C(what), C(from), C(to), C(kind) (V(setting), V(means) for what takes
      other means, V(fixed) for what nobody can set), C(total_s), C(saves_s), whether it C(helps), and C(text) for a
      person.
  returned: with O(what_if=true)
  type: list
  elements: dict
lines:
  description: All of it for a screen.
  returned: success
  type: list
  elements: str
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.advice import advise
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.forecast import forecast
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.inputs import read_scenario

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "facts": {"type": "dict", "default": {}},
    "pools": {"type": "list", "elements": "raw", "required": True},
    "other_nodes": {"type": "raw", "default": 0},
    "limits": {"type": "dict", "default": {}},
    "durations": {
        "type": "dict",
        "default": {},
        "options": {
            "reboot_s": {"type": "raw"},
            "migration_s": {"type": "dict"},
            "target_start_s": {"type": "raw"},
            "pod_stop_s": {"type": "raw"},
            "vm_stop_s": {"type": "raw"},
            "source_ends_s": {"type": "raw"},
            "source_gone_s": {"type": "raw"},
            "daemon_poll_s": {"type": "raw"},
            "daemon_reacts_s": {"type": "raw"},
        },
    },
    "drain_by": {"type": "str", "choices": ["controller", "daemon"], "default": "controller"},
    "one_at_a_time": {"type": "bool", "default": True},
    "max_disrupted_share": {"type": "raw", "default": 0.1},
    "what_if": {"type": "bool", "default": True},
}


def compute(params: dict[str, t.Any]) -> dict[str, t.Any]:
    found = forecast(read_scenario(params))
    result = found.as_result()
    if params["what_if"]:
        advice = advise(found)
        result["advice"] = [one.as_result() for one in advice]
        result["lines"] += [str(one) for one in advice]
    return result


def main() -> None:
    run_module(lambda params, check_mode: {"changed": False, **compute(params)}, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
