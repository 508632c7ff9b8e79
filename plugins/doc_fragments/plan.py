# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What the modules that plan Kubernetes objects take and return."""

    DOCUMENTATION = r"""
options:
  facts:
    description: RV(virtscale.tuning.ocp_info#module:facts), measured just before.
    type: dict
    required: true
  allow_disruption:
    description: Whether writes that reboot or drain nodes are planned; without it their rows are V(pending).
    type: bool
    default: false
  force_conflicts:
    description:
      - Whether fields that another manager set are taken over.
      - Without it their rows are V(refused) and name the manager.
      - Fields of GitOps tools are never taken over. Defaults that nobody chose always are.
    type: bool
    default: false
  expected_rows:
    description:
      - The rows of the same plan from before the writes.
      - The returned rows then tell what came of each, as it is read back.
      - In check mode they are returned as they are.
    type: list
    elements: dict
    default: []
"""

    # For plans whose rows say how long the nodes take.
    ESTIMATE = r"""
options:
  drain_s:
    description: Seconds that the slowest pod of a node takes to leave it, for the time in pending rows.
    type: raw
    default: 30.0
  reboot_s:
    description: Seconds from the end of a node's drain until it is back, for the time in pending rows.
    type: raw
    default: 300.0
"""

    # For plans that later steps of the same run build on.
    PLANNED = r"""
options:
  planned:
    description:
      - The return value C(planned) of an earlier plan of the same run, where that is only previewed.
      - It is handed on with what this plan adds.
    type: dict
    default: {}
"""
