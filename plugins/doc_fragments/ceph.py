# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How the Ceph modules reach the cluster; the matching argument spec is in module_utils/_ceph/client.py."""

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

    # The default is BENIGN_CHECKS of module_utils/_ceph/health.py.
    BENIGN_CHECKS = r"""
options:
  benign_checks:
    description:
      - Codes of health checks that do not stand against a change. Muted checks never do.
      - The default is warnings about settings and about the past, not about data or daemons.
    type: list
    elements: str
    default:
      - AUTH_INSECURE_GLOBAL_ID_RECLAIM
      - AUTH_INSECURE_GLOBAL_ID_RECLAIM_ALLOWED
      - MANY_OBJECTS_PER_PG
      - MON_MSGR2_NOT_ENABLED
      - PG_NOT_DEEP_SCRUBBED
      - PG_NOT_SCRUBBED
      - POOL_APP_NOT_ENABLED
      - POOL_PG_NUM_NOT_POWER_OF_TWO
      - POOL_TOO_FEW_PGS
      - POOL_TOO_MANY_PGS
      - RECENT_CRASH
      - RECENT_MGR_MODULE_CRASH
      - SMALLER_PGP_NUM
      - TELEMETRY_CHANGED
      - TOO_FEW_PGS
"""
