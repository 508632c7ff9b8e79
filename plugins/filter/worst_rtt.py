# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: worst_rtt
short_description: The longest average round trip among the results of many hosts
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Picks the host and peer whose average round trip is the longest out of results of
    M(virtscale.tuning.network_info), so that one value fits the whole cluster.
positional: limited_to
options:
  _input:
    description: For each host its result, as P(virtscale.tuning.host_results#filter) gives them.
    type: dict
    required: true
  limited_to:
    description: What the run was limited to, which the evidence then says.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: One round trip for the cluster
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | virtscale.tuning.host_results(hostvars, 'network') | virtscale.tuning.worst_rtt }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The C(rtt_ms), its C(host) and C(peer), all C(hosts) that measured, and the C(evidence).
  type: dict
"""

import typing as t

from ansible.errors import AnsibleFilterError
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._network.worst import worst_round_trip


def worst_rtt(results: dict[str, dict[str, t.Any]], limited_to: str = "") -> dict[str, t.Any]:
    try:
        return worst_round_trip(results, limited_to)
    except TuningError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, as Ansible looks it up."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"worst_rtt": worst_rtt}
