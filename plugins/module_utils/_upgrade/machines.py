# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The virtual machines of an upgrade: all nodes of its pools are going to be emptied, whatever they run now."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._migration.watch import MigrationWatch
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.preflight import CONTROL_PLANE


class UpgradedMachines(MigrationWatch):
    """Follows the migrations of an upgrade from before its first node is chosen."""

    def _to_roll(self, snapshot: Snapshot, pools: t.Collection[str]) -> dict[str, str | None]:
        workers = [name for name in pools if name not in CONTROL_PLANE]
        return {node.name: name for name in workers for node in snapshot.members(name)}
