# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How the Ceph modules reach the cluster; the matching argument spec is in module_utils/_ceph_client.py."""

    DOCUMENTATION = r"""
options:
  ceph_conf:
    description:
      - Path of the cluster's configuration file on the host.
      - Without it Ceph looks where it always looks, first in C(/etc/ceph/ceph.conf).
    type: path
  ceph_client:
    description:
      - Name of the Ceph user, whose keyring the host holds.
    type: str
    default: client.admin
  via:
    description:
      - The way to the cluster. All three take the same commands and give the same JSON.
      - V(rados) is the binding C(python3-rados), one connection for all commands. V(cli) is the program C(ceph), one
        start for each command. V(cephadm) is C(cephadm shell -- ceph), one container for each command.
      - V(auto) takes the first of these that the host has.
    type: str
    choices: [auto, rados, cli, cephadm]
    default: auto
  timeout_s:
    description:
      - Seconds to wait for the monitors when connecting, and for the answer to one command.
    type: int
    default: 60
notes:
  - Run it on a host with a keyring, such as one of the group C(ceph_admin); no other host is touched.
requirements:
  - One of python3-rados (for the Python that Ansible uses on the host), C(ceph) or C(cephadm).
"""
