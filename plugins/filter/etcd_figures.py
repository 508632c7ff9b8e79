# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: etcd_figures
short_description: What etcd took of its machines before and after a migration, side by side
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Draws one table of the figures that M(virtscale.tuning.etcd_migrate) measured on several members.
options:
  _input:
    description: For each host what the step V(measure) returned.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show before and after
  ansible.builtin.debug:
    msg: "{{ measured | virtscale.tuning.etcd_figures }}"
  vars:
    measured: "{{ ansible_play_hosts | virtscale.tuning.host_results(hostvars, 'measured') }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines of the table. None when nothing was measured.
  type: list
  elements: str
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._etcd_migration.figures import side_by_side


def etcd_figures(results: dict[str, dict[str, t.Any]]) -> list[str]:
    return side_by_side({host: each.get("figures") or {} for host, each in results.items()})


class FilterModule:
    """The filter, as Ansible looks it up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"etcd_figures": etcd_figures}
