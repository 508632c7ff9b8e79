#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_info
version_added: 0.1.0
short_description: Measure an etcd host in one round trip
description:
  - Reads a member, the cluster that it sees, its storage, which of the v2 and v3 storages holds keys, whether it
    answers linearizable reads, how the API servers on the host read, and how it is placed.
  - Latencies are the 99th percentiles of what the member counts itself in C(/metrics), over O(window_s) or, where
    nothing happened in it, since its start. They are compared with OpenShift's recommended practices (WAL fsync below
    10 ms, round trip to peers below 50 ms) and etcd's FAQ (backend commit below 25 ms).
  - The v3 API is asked by its JSON gateway. Where the gateway does not work, because the member's server certificate
    is not one for clients too, by the program C(etcdctl).
  - With O(endpoint), a member on another host is asked. Its device, its processes and its placement are then not
    told.
  - Needs Python 3.9 and nothing else on the host; C(ip) for the placement.
options:
  gather_subset:
    description:
      - What to look at - the C(member) and all that belongs to it, the C(api_servers) on the host, or both.
    type: list
    elements: str
    choices: [member, api_servers]
    default: [member, api_servers]
  window_s:
    description:
      - For how many seconds counters are watched; 0 tells only what they hold since the member's start.
    type: raw
    default: 10
  platform_version:
    description:
      - The version of OpenShift, such as V(3.6), which decides which storage is expected and how API servers read.
    type: str
extends_documentation_fragment:
  - virtscale.tuning.host
  - virtscale.tuning.etcd
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
author: The virtscale.tuning maintainers (@virtscale)
seealso:
  - module: virtscale.tuning.etcd_disk
  - module: virtscale.tuning.etcd_defragment
"""

EXAMPLES = r"""
- name: Look at every member for a minute
  virtscale.tuning.etcd_info:
    window_s: 60
    platform_version: "3.6"
  register: etcd

- name: Ask a member of OpenShift 4 from a host that has the certificates
  virtscale.tuning.etcd_info:
    endpoint: https://10.0.0.11:2379
    ca_file: ca.crt
    cert_file: client.crt
    key_file: client.key
  delegate_to: localhost
"""

RETURN = r"""
running:
  description: Whether the member answers; null where it was not asked.
  returned: success
  type: bool
  sample: true
configuration:
  description: Where the member's configuration was found, and what of it was used; null with a member on another host.
  returned: success
  type: dict
  sample: {"source": "process 812", "data_dir": "/var/lib/etcd", "client_url": "https://10.0.0.1:2379"}
member:
  description: The member, its version, whether it leads, and how far its log has come.
  returned: success
  type: dict
  sample: {"id": "8e9e05c52164694d", "name": "etcd01", "version": "3.4.23", "leader": false, "raft_index": 8123}
etcd:
  description: The C(members) of the cluster and the member's C(storage).
  returned: success
  type: dict
  sample: {"members": [], "storage": {"wal_fsync_p99_ms": 3.1, "db_size_bytes": 25165824, "quota_bytes": 4294967296}}
schema:
  description: Which storage holds keys (v2, v3, both, empty), and what is expected of the platform.
  returned: success
  type: dict
  sample: {"in_use": "v2", "v2_keys": true, "v3_keys": 0, "expected": {"platform": "3.6", "schemas": ["v2", "v3"]}}
quorum:
  description: A linearizable read, one without a quorum, and where v2 is served a quorum read of it.
  returned: success
  type: dict
  sample: {"linearizable": {"ok": true, "ms": 1.9, "error": null}}
api_servers:
  description: The API servers on this host.
  returned: success
  type: list
  elements: dict
  sample: [{"source": "process 901", "etcd_servers": ["https://10.0.0.1:2379"], "quorum_read": null}]
placement:
  description: Whether a master is beside the member, and which interfaces carry clients, peers and the rest.
  returned: success
  type: dict
  sample: {"beside_master": true, "client_interface": "eth0", "peer_interface": "eth0", "default_interface": "eth0"}
notes:
  description: What could not be told, and why.
  returned: success
  type: list
  elements: str
lines:
  description: A sentence for each thing that is not as etcd wants it, or could not be told.
  returned: success
  type: list
  elements: str
  sample: ["WAL fsync p99: 23.1 ms (too slow for etcd (118 in 10 s))"]
rows:
  description: The findings as rows of the collection's records.
  returned: success
  type: list
  elements: dict
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.info import ARGUMENTS, measure

ARGUMENT_SPEC = {
    **ARGUMENTS,
    "gather_subset": {
        "type": "list",
        "elements": "str",
        "choices": ["member", "api_servers"],
        "default": ["member", "api_servers"],
    },
    "window_s": {"type": "raw", "default": 10},
    "platform_version": {"type": "str"},
}


def compute(params: dict[str, t.Any], _check_mode: bool) -> dict[str, t.Any]:
    return {"changed": False, **measure(params)}


def main() -> None:
    run_host_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
