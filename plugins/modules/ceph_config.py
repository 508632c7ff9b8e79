#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ceph_config
version_added: 0.1.0
short_description: Set many options of Ceph's config database in one call
description:
  - Reads the config database once, sets only what differs, and reads it back.
  - Values are compared by the type that Ceph gives the option, so that C(4G) and C(4294967296) are equal.
  - A manager module reads some options only when it starts, such as C(mgr/prometheus/scrape_interval). When one of
    them changed and the module is enabled, the active manager is restarted once (C(ceph mgr fail)), and waited for
    with the warnings that this raises.
  - An option that the cluster does not know, or a value that its type, range or choices do not allow, fails before
    anything is changed, in check mode too.
  - What was there before is kept in the cluster, as C(virtscale.tuning/config/<who>/<name>) of C(ceph config-key).
extends_documentation_fragment:
  - virtscale.tuning.ceph
  - virtscale.tuning.attributes
author: The virtscale.tuning maintainers (@virtscale)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) sets the options.
      - V(absent) gives back what was there before, and removes an option that was not set. Of an option with names
        added and removed, only these names are taken back. A value that somebody else changed since is left as it is.
    type: str
    choices: [present, absent]
    default: present
  options:
    description:
      - The options. Each needs O(options[].value), or names in O(options[].add) or O(options[].remove).
      - With O(state=absent) only O(options[].who) and O(options[].name) matter; without any, all options that this
        module has changed are given back.
    type: list
    elements: dict
    suboptions:
      who:
        description: The section, with masks if need be, such as V(mgr), V(osd.3), V(osd/host:ceph01), V(osd/class:ssd).
        type: str
        required: true
      name:
        description: Name of the option, such as V(mgr/prometheus/scrape_interval).
        type: str
        required: true
      value:
        description: The value, in any spelling that Ceph takes.
        type: raw
      add:
        description: Names to add to an option that is a set, parted by commas or spaces.
        type: list
        elements: str
      remove:
        description: Names to remove from such an option.
        type: list
        elements: str
"""

EXAMPLES = r"""
- name: Export statistics of the pool's images, and scrape less often
  virtscale.tuning.ceph_config:
    options:
      - who: mgr
        name: mgr/prometheus/rbd_stats_pools
        add: [vms]
      - who: mgr
        name: mgr/prometheus/rbd_stats_pools_refresh_interval
        value: 600
      - who: mgr
        name: mgr/prometheus/scrape_interval
        value: 60

- name: Give back all options that were changed
  virtscale.tuning.ceph_config:
    state: absent
"""

RETURN = r"""
rows:
  description: What was found, wanted and is effective now, for each option; null where it is not set.
  returned: success, and when an option is refused or did not take
  type: list
  elements: dict
  sample:
    - where: mgr
      what: mgr/prometheus/scrape_interval
      before: null
      wanted: "60"
      effective: "60"
      status: changed
      why: was not set, default 15, module prometheus restarted for it
restarted_modules:
  description: Manager modules that were restarted, or would be.
  returned: success
  type: list
  elements: str
  sample: [prometheus]
via:
  description: The way to the cluster that was used.
  returned: success
  type: str
  sample: rados
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.client import CEPH_ARGUMENTS, open_client
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.config import (
    apply_options,
    option_key,
    parse_requests,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._ceph.config_give_back import give_back_options

ARGUMENT_SPEC = {
    **CEPH_ARGUMENTS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "options": {
        "type": "list",
        "elements": "dict",
        "options": {
            "who": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "value": {"type": "raw"},
            "add": {"type": "list", "elements": "str"},
            "remove": {"type": "list", "elements": "str"},
        },
    },
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    options = params["options"]
    if params["state"] == "absent":
        keys = None if options is None else [option_key(item["who"], item["name"]) for item in options]
        with open_client(params) as client:
            return {**give_back_options(client, keys, check_mode), "via": client.via}
    requests = parse_requests(options)
    with open_client(params) as client:
        return {**apply_options(client, requests, check_mode), "via": client.via}


def main() -> None:
    run_module(compute, ARGUMENT_SPEC, required_if=[("state", "present", ("options",))])


if __name__ == "__main__":
    main()
