#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctl_dropins
short_description: Keep a set of sysctl drop-ins and the running kernel as wanted, all or nothing
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Writes files below C(/etc/sysctl.d), each at once, and then those keys of the running kernel that differ, and
    reads them back.
  - All keys are checked against the running kernel before anything is written. If the kernel refuses a value,
    files and kernel are put back as they were and the module fails.
  - The values that were there before are recorded in comments of the drop-in, when a key is first taken. They are
    given back with O(state=absent), or when the key is no longer asked for. So is a file of somebody else that had
    the same name.
  - Every other place that sets a key at boot is read by the rules of C(sysctl.d(5)) and of C(sysctl --system), and the
    one that wins over ours is named.
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  files:
    description: The drop-ins.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of the file in C(/etc/sysctl.d), which decides its order and must end in C(.conf).
        type: str
        required: true
      settings:
        description:
          - Keys and values. A value is a number, a line of text, or a list of numbers for a key that holds several.
          - Not used with O(state=absent).
        type: dict
        default: {}
  state:
    description: Whether the settings are there, or given back and the files gone.
    type: str
    choices: [present, absent]
    default: present
  never_lower:
    description:
      - Keys, or patterns of keys, of which a larger running value is kept (and written to the file).
      - For keys that hold several numbers, each number is kept where it is larger.
    type: list
    elements: str
    default: []
  arp_without_source_routing:
    description:
      - What to do with C(net.ipv4.conf.*.arp_*) on a host that has several interfaces in one subnet and would answer
        for the address of one by the other. There these keys can silence an address.
      - V(refuse) leaves them as they are, sets everything else, and says so in RV(rows).
    type: str
    choices: [refuse, allow]
    default: refuse
  peers:
    description:
      - Addresses that are pinged before and after a change of C(net.ipv4.conf.*). If one that answered before no longer
        does, everything is taken back and the module fails.
    type: list
    elements: str
    default: []
  peer_interface:
    description: The interface to ping O(peers) from.
    type: str
  peer_timeout_s:
    description: How many seconds the peers have to answer again.
    type: raw
    default: 10
  measured:
    description:
      - What M(virtscale.tuning.network_info) has just returned for this host, with all keys of O(files).
      - If it shows that nothing is to be done, the host is not asked again.
    type: dict
seealso:
  - module: ansible.posix.sysctl
  - module: virtscale.tuning.network_info
"""

EXAMPLES = r"""
- name: Larger neighbour table and socket buffers
  virtscale.tuning.sysctl_dropins:
    files:
      - name: 99.7-arpccachesize.conf
        settings:
          net.ipv4.neigh.default.gc_thresh1: 4096
          net.ipv4.neigh.default.gc_thresh2: 16384
          net.ipv4.neigh.default.gc_thresh3: 32768
      - name: 99.5-buffers.conf
        settings:
          net.core.rmem_max: 5242880
          net.ipv4.tcp_rmem: [4096, 131072, 5242880]
    never_lower:
      - net.core.rmem_max
      - net.ipv4.tcp_rmem

- name: Give back what was there before
  virtscale.tuning.sysctl_dropins:
    files:
      - name: 99.7-arpccachesize.conf
      - name: 99.5-buffers.conf
    state: absent
"""

RETURN = r"""
rows:
  description:
    - For each key the value C(before), C(wanted) and C(effective) (read back), its C(status) and the reason.
    - C(overridden) means that another file wins at the next boot, which C(why) names.
  returned: always
  type: list
  elements: dict
  sample:
    - where: ceph03
      what: net.core.rmem_max
      before: "212992"
      wanted: "5242880"
      effective: "5242880"
      status: changed
      why: persisted in /etc/sysctl.d/99.5-buffers.conf
files:
  description: The files that were written or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/sysctl.d/99.5-buffers.conf]
"""

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.flow import run

ARGUMENT_SPEC = {
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "settings": {"type": "dict", "default": {}},
        },
    },
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "never_lower": {"type": "list", "elements": "str", "default": []},
    "arp_without_source_routing": {"type": "str", "choices": ["refuse", "allow"], "default": "refuse"},
    "peers": {"type": "list", "elements": "str", "default": []},
    "peer_interface": {"type": "str"},
    "peer_timeout_s": {"type": "raw", "default": 10},
    "measured": {"type": "dict"},
}


def main() -> None:
    run_host_module(run, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
