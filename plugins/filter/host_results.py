# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: host_results
short_description: What a task registered on each of several hosts
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Collects a registered variable of several hosts into one dictionary, so that one module can plan for all of them.
  - A host that has no result, because it is unreachable, failed, or was skipped, is left out.
positional: hostvars, variable, keys
options:
  _input:
    description: The names of the hosts.
    type: list
    elements: str
    required: true
  hostvars:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  variable:
    description: The name of the registered variable.
    type: str
    required: true
  keys:
    description: The return values to keep. With many hosts it takes Ansible seconds to hand over all of them.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Plan for all hosts at once
  virtscale.tuning.adapter_budget:
    hosts: "{{ ansible_play_hosts | virtscale.tuning.host_results(hostvars, 'network', ['sysctls', 'softnet']) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: For each host the result of its task.
  type: dict
"""

import typing as t


def host_results(
    hosts: list[str], hostvars: t.Any, variable: str, keys: list[str] | None = None
) -> dict[str, dict[str, t.Any]]:
    results = {host: hostvars[host].get(variable) for host in hosts if host in hostvars}
    return {
        host: {key: result.get(key) for key in (result if keys is None else keys)}
        for host, result in results.items()
        if result and not any(result.get(state) for state in ("failed", "unreachable", "skipped"))
    }


class FilterModule:
    """The filter, as Ansible looks it up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"host_results": host_results}
