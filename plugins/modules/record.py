#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: record
version_added: 0.1.0
short_description: Write down what a step of a role measured, planned or did
description:
  - Keeps the result of a step as JSON in C(<artifacts>/<run id>/<role>.<step>.json), from which
    M(virtscale.tuning.report) draws its page and M(virtscale.tuning.audit) its table.
  - The file is replaced in one step, so a killed run leaves no half of it. Hosts of later batches are merged into it.
  - Files and directories are readable by their owner alone.
  - The directory is C(virtscale_artifacts_dir), by default C(artifacts) under the directory that the playbook runs in;
    the run id is C(virtscale_run_id), which the playbooks of this collection set once on C(localhost), and by
    default the UTC time at which the controller began, followed by C(-roles). C(latest) links to the newest run.
  - An action plugin, which runs on the controller and opens no connection.
options:
  role:
    description: The role that reports.
    type: str
    required: true
  step:
    description: The step it reports.
    type: str
    required: true
    choices: [measure, plan, apply, verify]
  data:
    description: What was measured or planned, in any shape. Must hold no secrets.
    type: raw
  rows:
    description:
      - The values of the step, each a dictionary of V(where), V(what), V(before), V(wanted), V(effective), V(status)
        and V(why), all strings or null.
      - A row that names the same V(where) and V(what) as one of this host recorded before replaces it.
    type: list
    elements: dict
    default: []
  per_host:
    description:
      - The name of a registered variable. With C(run_once), it is collected from every host of the play; the C(rows) of
        each result are its rows, the rest is its data.
      - Hosts whose result says that they failed or were unreachable are recorded as such, and so are hosts that left
        the play before.
      - Excludes O(data), O(rows) and O(failure).
    type: str
  failure:
    description: The result of a task that failed, in a C(rescue) C(ansible_failed_result).
    type: dict
  failed_task:
    description: The name of that task.
    type: str
    default: task
extends_documentation_fragment: [virtscale.tuning.attributes]
attributes:
  check_mode:
    support: full
    details:
      - A run in check mode is recorded too, and marked as such.
  diff_mode:
    support: N/A
    details:
      - The record is not a change to what is tuned.
  idempotent:
    support: full
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Record the plan
  virtscale.tuning.record:
    role: ceph_pools
    step: plan
    data: "{{ plan }}"
    rows:
      - where: pool vms
        what: pg_num
        before: "32"
        wanted: "4096"
        effective: null
        status: would_change
        why: 141 OSDs x 100 PGs x 0.85 / 3 replicas = 3995, nearest power of two

- name: Record what every host of the play applied
  virtscale.tuning.record:
    role: ceph_network
    step: apply
    per_host: __ceph_network_applied
  run_once: true
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: artifacts/20260801T120000Z-site/ceph_pools.plan.json
run_id:
  description: The run it belongs to.
  returned: success
  type: str
  sample: 20260801T120000Z-site
"""
