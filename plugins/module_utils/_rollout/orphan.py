# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The companion that ends a rollout whose playbook is gone."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._process import Playbook
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot


class ParentWatch:
    """Says so when the playbook was killed."""

    def __init__(self) -> None:
        self._playbook = Playbook("rollout")

    def follow(self) -> None:
        """Do nothing: there is nothing to read."""

    def observe(self, snapshot: Snapshot, pools: t.Collection[str], now: float) -> None:
        """Do nothing."""

    def words(self, pool: str) -> str:
        """Return nothing."""
        return ""

    def progress(self) -> object:
        """Return what never changes."""
        return None

    def obstacle(self) -> str | None:
        """Return why the rollout must end, or None while its playbook runs."""
        return self._playbook.killed()

    def lagging(self) -> str | None:
        """Return nothing."""
        return None

    def holding(self) -> str | None:
        """Return nothing."""
        return None

    def stop(self) -> None:
        """Do nothing."""
