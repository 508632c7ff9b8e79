#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: upgrade
version_added: 0.1.0
short_description: Have an OpenShift cluster upgrade itself, and watch it to its end
description:
  - Sets the channel, waits until it offers the target, holds the pools that are to wait, asks the cluster for the
    target, and watches the control plane, then every pool, and all the while every virtual machine.
  - What it asks for is what C(oc adm upgrade) would ask for. What the cluster refuses is taken back, and the pools are
    let go again.
  - Shows how far the release is, the operators that hold it up by name and for how long, and the lines of
    M(virtscale.tuning.rollout) for each pool.
  - The cluster says C(Completed) when its control plane is done. The upgrade is over when each pool runs what the new
    release renders for it, no live migration is under way, and machines that restarted run again.
  - An upgrade that has begun already, by whomever, is watched to its end. A run that was killed is continued by running
    it again. An annotation on the ClusterVersion names the run whose journal knows the virtual machines from before.
  - It looks for nothing that stands against an upgrade. M(virtscale.tuning.upgrade_plan) does.
  - An action plugin, which runs on the controller with the controller's Python.
options:
  hold:
    description:
      - Pools that are paused, with this collection's mark, before the cluster is asked.
      - They are released as M(virtscale.tuning.rollout) releases pools, once the control plane is done.
    type: list
    elements: str
    default: []
  load:
    description:
      - Options of M(virtscale.tuning.io_latency), by which virtual machines are under a light load from before the
        upgrade to its end, such as C(fleet), C(groups) and C(key_file). If empty, there is none.
      - By default, machines ask for 100 blocks of 4 KiB a second each (C(load_iops)), as many of a node as
        C(vms_per_node) says, on as many nodes as the last of C(nodes) says.
      - A machine that restarted has not kept it up, and is told.
    type: dict
    default: {}
  one_at_a_time:
    description: Whether a held pool is released only when the one before is done.
    type: bool
    default: true
  max_disrupted_share:
    description:
      - How much of all workers may be out of service at once, for any reason, when a pool is released.
      - Above 0, at most 1.
    type: raw
    default: 0.1
  offer_limit_s:
    description: How many seconds the target is waited for after the channel was set, and then the cluster's answer.
    type: raw
    default: 300
  failing_limit_s:
    description:
      - Fail when the cluster says for so many seconds that the upgrade fails, with the operators and their reasons.
      - Failing ends nothing on the cluster, which goes on trying.
    type: raw
    default: 3600
  pool_fault_limit_s:
    description:
      - Fail when a pool is degraded for so many seconds. Some are for a moment while their controller is replaced.
    type: raw
    default: 300
  timeout_s:
    description: Give up after so many seconds.
    type: raw
    default: 43200
  stall_s:
    description:
      - Give up when nothing moved for so many seconds. Each manifest of the release, each operator that reaches it,
        each node, and each pod that leaves a draining node, is movement.
    type: raw
    default: 3600
  drain_limit_s:
    description: As M(virtscale.tuning.rollout) takes it.
    type: raw
    default: 1800.0
  reboot_limit_s:
    description: As M(virtscale.tuning.rollout) takes it.
    type: raw
    default: 1800.0
  drain_s:
    description: As M(virtscale.tuning.rollout) takes it.
    type: raw
    default: 30.0
  reboot_s:
    description: As M(virtscale.tuning.rollout) takes it.
    type: raw
    default: 300.0
  durations:
    description: As M(virtscale.tuning.rollout) takes it.
    type: dict
    default: {}
  time_factor:
    description:
      - By what the durations of the cluster are compressed, such as those of the embedded lab. Above 0.
      - It is stated beside every figure.
    type: raw
    default: 1
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
  - virtscale.tuning.upgrade
attributes:
  check_mode:
    support: full
    details:
      - Says whether the cluster would be upgraded, and asks it for nothing.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A cluster that has the version is asked for nothing. It is watched until its pools have it too.
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Upgrade within the channel
  virtscale.tuning.upgrade:
    to: 4.9.23

- name: Upgrade to another minor version, one zone after the other
  virtscale.tuning.upgrade:
    to: 4.10.9
    channel: candidate-4.10
    allow_explicit_channel: true
    hold: [zone-0, zone-1, zone-2]
"""

RETURN = r"""
upgrade:
  description:
    - The figures. C(control_plane_s) is the API's own time, C(pools_s) is from the first node that was chosen to the
      last one that was back, and C(total_s) from the begin of the one to the end of the other. An upgrade that did not
      come to its end has C(so_far_s) in its place.
    - C(operators) are those that it waited for longest, in seconds. C(vms) is null without virtual machines,
      C(load) without a load.
  returned: after a run
  type: dict
  sample:
    from: 4.9.15
    to: 4.9.23
    control_plane_s: 1500.0
    pools_s: 840.0
    total_s: 2100.0
    nodes: 100
    operators: {"kube-apiserver": 620.0, "network": 240.0}
    vms: {"watched": 3000, "lost": 0, "restarted": 0, "restarted_as_asked": 1000, "migrated": 2000}
    accepted_risks: null
    load: {"vms": 1500, "vms_measured": 1500, "asked_iops_per_vm": 100, "iops_per_vm": 100.0, "mean_us": 801.2}
    time_factor: 1.0
migrations:
  description: All that is known of the live migrations, as M(virtscale.tuning.migration_watch) returns it, or null.
  returned: after a run
  type: dict
lines:
  description: The summary.
  returned: after a run
  type: list
  elements: str
rows:
  description: The rows of M(virtscale.tuning.rollout), of the duration, and of what virtual machines went through.
  returned: after a run
  type: list
  elements: dict
pools:
  description: As M(virtscale.tuning.rollout) returns it.
  returned: after a run
  type: list
  elements: dict
workers:
  description: How many workers the cluster has.
  returned: after a run
  type: int
blocked:
  description: As M(virtscale.tuning.rollout) returns it.
  returned: after a run
  type: list
  elements: dict
max_disrupted_seen:
  description: The most workers that were out of service at once, in all pools and for any reason.
  returned: after a run
  type: int
"""
