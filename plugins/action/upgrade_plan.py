# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Computes without starting a module; documented in the module of the same name."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.modules.upgrade_plan import ARGUMENT_SPEC, compute
from ansible_collections.virtscale.tuning.plugins.plugin_utils._computing import ComputingAction


class ActionModule(ComputingAction):
    """The module's computation, on the controller: the facts of thousands of virtual machines stay where they are."""

    ARGUMENT_SPEC = ARGUMENT_SPEC

    def compute(self, params: dict[str, t.Any]) -> dict[str, t.Any]:
        return compute(params, self._task.check_mode)
