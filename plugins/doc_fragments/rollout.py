# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What every action that rolls MachineConfigPools is asked; mirrors _rollout.request.ROLLOUT_SPEC."""

    DOCUMENTATION = r"""
options:
  pools:
    description:
      - The pools, in the order in which they are to roll.
      - If empty, every pool that carries something of this collection (its pause, its label, or a
        KubeletConfig or MachineConfig with its label) and those of O(expect), by name.
    type: list
    elements: str
    default: []
  expect:
    description:
      - For each pool, names of MachineConfigs that must be rendered into it.
      - Those that exist now and those of accepted KubeletConfigs are waited for anyway; name what may not exist yet.
    type: dict
    default: {}
  planned:
    description:
      - The return value C(planned) of the plan modules, for a preview on what they would have done.
      - A run that changes something takes no notice of it.
    type: dict
    default: {}
  release:
    description:
      - Whether pools may be released.
      - V(false) looks once, changes nothing, waits for nothing and reports what is pending.
    type: bool
    default: true
  one_at_a_time:
    description: Whether a pool is released only when the one before is done.
    type: bool
    default: true
  max_disrupted_share:
    description:
      - How much of all workers may be out of service at once, for any reason, when a pool is released.
      - Above 0, at most 1.
      - The number of workers is rounded down, but at least 1.
    type: raw
    default: 0.1
  timeout_s:
    description: Give up after so many seconds.
    type: raw
    default: 43200
  stall_s:
    description:
      - Give up when nothing moved for so many seconds. Each node, and each pod that leaves a draining node, is
        movement.
    type: raw
    default: 3600
  drain_limit_s:
    description:
      - Fail when one drain has been blocked for so many seconds, with the node, the pod, the obstacle and what to do.
      - The clock begins when this run sees the obstacle, and again whenever the same obstacle lets another pod go.
      - The machine-config-controller retries for ever. After an hour it writes an event and a metric, and the daemon
        reports the node as degraded.
      - Failing ends nothing on the cluster. The controller goes on as soon as the obstacle is away.
    type: raw
    default: 1800.0
  reboot_limit_s:
    description:
      - Fail when a drained node has not come back for so many seconds, with its name.
      - Must be above O(reboot_s). The default is six times its default, for servers that check their memory at length.
    type: raw
    default: 1800.0
  drain_s:
    description: Seconds that draining a node takes, for the estimate. By default the grace period of a pod.
    type: raw
    default: 30.0
  reboot_s:
    description:
      - Seconds from a node's drain until it is back, for the estimate.
      - The default is an assumption for bare metal.
    type: raw
    default: 300.0
  durations:
    description:
      - What virtual machines and controllers take, for the estimate, in the terms of
        O(virtscale.tuning.rollout_forecast#module:durations).
      - The C(pod_stop_s) and C(reboot_s) in it are in place of O(drain_s) and O(reboot_s).
    type: dict
    default: {}
"""
