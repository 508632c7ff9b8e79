#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: audit
version_added: 0.1.0
short_description: Tell which values drifted, from a run in check mode
description:
  - Reads what the roles recorded in this run with M(virtscale.tuning.record) and tells every value that is not
    effective as it is wanted. Equal hosts are told in one line.
  - Hosts, nodes and objects that the last recorded run of C(site) did not know are named as new.
  - Writes C(audit.json) and C(audit.xml) (JUnit) beside the records.
  - Fails when anything drifted, so that the exit status of the playbook tells it.
  - An action plugin, which runs on the controller, opens no connection and changes nothing.
options: {}
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
author:
  - The virtscale.tuning maintainers (@virtscale)
"""

EXAMPLES = r"""
- name: Compare what is effective with what is wanted
  virtscale.tuning.audit:
  run_once: true
"""

RETURN = r"""
drifted:
  description: How many values are not as they are wanted; RV(json) has them.
  returned: always
  type: int
new:
  description: For each role, what the run in RV(compared_with) did not know.
  returned: always
  type: dict
  sample: {"ceph_network": ["ceph48"]}
compared_with:
  description: The id of the last recorded run of C(site), null when there is none.
  returned: always
  type: str
checked:
  description: How many values were looked at.
  returned: always
  type: int
json:
  description: The file with the values that drifted, as M(virtscale.tuning.record) keeps them, and what is new.
  returned: always
  type: str
junit:
  description: The JUnit file.
  returned: always
  type: str
"""
