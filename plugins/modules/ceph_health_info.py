#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_health_info
version_added: 0.1.0
short_description: Tell whether a Ceph cluster is well enough to be changed
description:
  - Reads the health checks, the states of the placement groups, and how many object copies are degraded or misplaced.
  - RV(ok) is true when no check but muted and benign ones is raised, all placement groups are active and clean
    (scrubbing or trimming snapshots as they may be), and no object copy is degraded or misplaced.
extends_documentation_fragment:
  - virtscale.tuning.ceph
  - virtscale.tuning.ceph.benign_checks
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
author: The virtscale.tuning maintainers (@virtscale)
seealso:
  - module: virtscale.tuning.ceph_pool_info
"""

EXAMPLES = r"""
- name: Go on only while the cluster is well
  virtscale.tuning.ceph_health_info:
  register: ceph_health
  until: ceph_health.ok
  retries: 30
  delay: 10
"""

RETURN = r"""
ok:
  description: Whether nothing is against a change.
  returned: always
  type: bool
  sample: false
problems:
  description: One sentence for each thing that is against a change.
  returned: always
  type: list
  elements: str
  sample: ["health check OSD_DOWN: 1 osds down"]
status:
  description: HEALTH_OK, HEALTH_WARN or HEALTH_ERR, as Ceph says it.
  returned: always
  type: str
  sample: HEALTH_WARN
checks:
  description: The checks that are raised.
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: The code of the check.
      type: str
    severity:
      description: HEALTH_WARN or HEALTH_ERR.
      type: str
    message:
      description: Ceph's summary.
      type: str
    muted:
      description: Whether an operator muted it.
      type: bool
    benign:
      description: Whether O(benign_checks) lists it.
      type: bool
pg_states:
  description: The number of placement groups in each state.
  returned: always
  type: dict
  sample: {"active+clean": 4129}
misplaced_objects:
  description: Object copies that are not where CRUSH wants them.
  returned: always
  type: int
  sample: 0
degraded_objects:
  description: Object copies that are missing.
  returned: always
  type: int
  sample: 0
via:
  description: The way to the cluster that was used.
  returned: always
  type: str
  sample: rados
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CEPH_ARGUMENTS, open_client
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.health import BENIGN_CHECKS, read_health

ARGUMENT_SPEC = {
    **CEPH_ARGUMENTS,
    "benign_checks": {"type": "list", "elements": "str", "default": list(BENIGN_CHECKS)},
}


def compute(params: dict[str, t.Any], _check_mode: bool) -> dict[str, t.Any]:
    with open_client(params) as client:
        health = read_health(client, params["benign_checks"])
        return {"changed": False, **health.as_result(), "via": client.via}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
