# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports golden images and shows how far they are; documented in the module of the same name."""

from __future__ import annotations

import typing as t

from ansible.utils.display import Display
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.images import IMAGE_SPEC, parse_images
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.imports import Imports, Patience
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.result import refuse_others, result, rows
from ansible_collections.virtscale.tuning.plugins.plugin_utils._cluster import ClusterAction

ARGUMENT_SPEC: dict[str, t.Any] = {
    **AUTH_SPEC,
    "images": {"type": "list", "elements": "dict", "required": True, "options": IMAGE_SPEC},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "attempts": {"type": "raw", "default": 3},
    "timeout_s": {"type": "raw", "default": 3600},
}


class ActionModule(ClusterAction):
    """Looks first; only what is not there is made, and only what was made here is taken away."""

    _spec = ARGUMENT_SPEC

    def _act(self, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        images = parse_images(arguments["images"])
        patience = Patience(
            timeout_s=float(parse_decimal("timeout_s", arguments["timeout_s"], above=0)),
            attempts=parse_int("attempts", arguments["attempts"]),
        )
        imports = Imports(KubeClient.connect(arguments), images, Display().display)
        absent, check_mode = arguments["state"] == "absent", bool(self._task.check_mode)
        courses = imports.look()
        if not absent:
            refuse_others(courses)
        if absent and not check_mode:
            imports.remove(courses, patience.timeout_s)
        elif not check_mode:
            imports.make(courses, patience)
        return result(courses, rows(courses, check_mode=check_mode, absent=absent))
