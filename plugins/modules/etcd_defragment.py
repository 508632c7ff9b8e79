#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_defragment
version_added: 0.1.0
short_description: Defragment one member of etcd, when its cluster can do without it
description:
  - Gives the pages that deleted and compacted keys have left free in a member's v3 database back to its file system.
    Meanwhile the member answers nobody.
  - Refused unless every member is well, reads with a quorum, and is near the others in its log. Afterwards it waits
    until all of that holds again, and fails if it does not within a minute.
  - Only where it is worth it - 100 MiB with 45 % of free pages, as OpenShift's operator has it - unless O(force).
  - Give the members their turns with C(throttle=1), first those with O(turn=follower) and then the rest. A member
    looks for itself which role it has when its turn comes, so that one that became the leader meanwhile waits.
options:
  turn:
    description:
      - Defragment only while the member is the leader, or only while it is not; V(any) does not look.
    type: str
    choices: [any, follower, leader]
    default: any
  force:
    description:
      - Defragment also where few pages are free.
    type: bool
    default: false
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.etcd
  - virtscale.tuning.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details:
      - The rows tell the size before and after.
  idempotent:
    support: partial
    details:
      - With O(force) it defragments each time.
author: The virtscale.tuning maintainers (@virtscale)
seealso:
  - module: virtscale.tuning.etcd_info
"""

EXAMPLES = r"""
- name: Defragment the followers, one at a time
  virtscale.tuning.etcd_defragment:
    turn: follower
  throttle: 1
  register: followers

- name: Defragment the leader
  virtscale.tuning.etcd_defragment:
  throttle: 1
  when: not followers.turn
"""

RETURN = r"""
turn:
  description: Whether the member was in the role whose turn it was; if not, it was left as it is.
  returned: success
  type: bool
  sample: true
took_s:
  description: For how many seconds it answered nobody.
  returned: when it was defragmented
  type: float
  sample: 0.84
before_bytes:
  description: The size of the database before.
  returned: when it was its turn
  type: int
  sample: 314572800
after_bytes:
  description: The size of the database afterwards; in check mode what is in use.
  returned: when it was its turn
  type: int
  sample: 104857600
rows:
  description: What was done as a row of the collection's records.
  returned: always
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.defragment import defragment
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.info import ARGUMENTS, way_to

ARGUMENT_SPEC = {
    **ARGUMENTS,
    "turn": {"type": "str", "choices": ["any", "follower", "leader"], "default": "any"},
    "force": {"type": "bool", "default": False},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    _configuration, access = way_to(params)
    return defragment(access, params["where"], turn=params["turn"], force=params["force"], check_mode=check_mode)


def main() -> None:
    run_host_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
