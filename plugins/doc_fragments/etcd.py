# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How a module that asks a member of etcd is told which one."""

    DOCUMENTATION = r"""
options:
  endpoint:
    description:
      - The client URL of the member, such as C(https://10.0.0.1:2379). By default that of the etcd on this host, as
        its process or else C(/etc/etcd/etcd.conf) or C(/etc/default/etcd) says.
    type: str
  data_dir:
    description:
      - Which etcd is meant, by its C(ETCD_DATA_DIR), where several run on this host.
    type: path
  ca_file:
    description:
      - The CAs that the member's certificate is checked with. By default the ones that the member itself checks
        clients with.
    type: path
  cert_file:
    description:
      - A certificate of a client. By default the one that the member shows to its peers, which it accepts from
        clients too.
    type: path
  key_file:
    description:
      - The key of O(cert_file).
    type: path
  timeout_s:
    description:
      - How long one answer may take, in seconds.
    type: raw
    default: 5
"""
