#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: etcd_storage_backend
short_description: Let a master of OpenShift 3 use the v3 storage of etcd
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Sets C(storage-backend) to C(etcd3) and C(storage-media-type) to C(application/vnd.kubernetes.protobuf) in the
    C(apiServerArguments) of the master's configuration, and leaves every other line as it is. The API server reads it
    when it starts.
  - The file as it was is kept beside it, and given back with O(state=absent).
  - Where there is no such file, nothing is set. The API servers of OpenShift 4, and of Kubernetes since 1.13, know
    the v3 storage alone.
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
  path:
    description: The master's configuration.
    type: path
    default: /etc/origin/master/master-config.yaml
  state:
    description: Whether the v3 storage is used, or the file of before is given back.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: virtscale.tuning.etcd_migrate
"""

EXAMPLES = r"""
- name: Use the v3 storage
  virtscale.tuning.etcd_storage_backend:
    path: /etc/origin/master/master-config.yaml
"""

RETURN = r"""
rows:
  description: One row with the storage that the file names before and after.
  returned: success
  type: list
  elements: dict
  sample:
    - where: master1
      what: storage-backend
      before: null
      wanted: etcd3
      effective: etcd3
      status: changed
      why: in /etc/origin/master/master-config.yaml, read when the API server starts
"""

import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_host_module
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.master_config import set_storage

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path", "default": "/etc/origin/master/master-config.yaml"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    return set_storage(Path(params["path"]), params["where"], v3=params["state"] == "present", check_mode=check_mode)


def main() -> None:
    run_host_module(compute, ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
