# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The companion that ends a rollout whose playbook is gone: killing Ansible does not end the processes of its tasks."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import Snapshot


class ParentWatch:
    """Says so when this process is no longer the child of the playbook that began it.

    Nobody would see what it does any more, and the next run would meet it at the same pools.
    """

    def __init__(self, parent: t.Callable[[], int] = os.getppid) -> None:
        self._parent = parent
        self._began_under = parent()

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
        if self._parent() == self._began_under:
            return None
        return "The playbook that began this rollout was killed. Run it again to go on."

    def lagging(self) -> str | None:
        """Return nothing."""
        return None

    def holding(self) -> str | None:
        """Return nothing."""
        return None

    def stop(self) -> None:
        """Do nothing."""
