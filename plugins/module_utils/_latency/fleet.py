# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The virtual machines of a fleet as the API tells them, and their migrations."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import (
    FLEET_LABEL,
    GROUP_LABEL,
    Pool,
    Target,
    target_of,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.wave import Mover, Wave

INSTANCES = Resource("kubevirt.io/v1", "virtualmachineinstances")
CLAIMS = Resource("v1", "persistentvolumeclaims")


class Fleet:
    """The running machines of a fleet."""

    def __init__(
        self, api: BulkClient, name: str, groups: t.Sequence[str], pools: t.Sequence[Pool], port: int = 22
    ) -> None:
        """Take where they are.

        :param groups: only machines of these; none: of all.
        """
        self.api = api
        self._port = port
        self._selector = f"{FLEET_LABEL}={name}"
        if groups:
            self._selector += f",{GROUP_LABEL} in ({','.join(groups)})"
        self._with_claims = any(pool.storage_class for pool in pools)
        self.mover: Mover | None = None

    async def locate(self) -> list[Target]:
        """Return the machines that run and have an address, with their nodes.

        :raises TuningError: when there is none.
        """
        classes: dict[str, str] = {}
        if self._with_claims:
            async for claim in self.api.items(CLAIMS):
                meta = claim["metadata"]
                classes[f"{meta['namespace']}/{meta['name']}"] = (claim.get("spec") or {}).get("storageClassName") or ""
        instances = self.api.items(INSTANCES, label_selector=self._selector)
        found = [target_of(item, classes, self._port) async for item in instances]
        targets = [target for target in found if target is not None]
        if not targets:
            many = f"of {len(found):,} none is" if found else "there is none"
            raise TuningError(f"No VM with {self._selector} runs with an address: {many}.")
        return targets

    async def wave(self, targets: t.Sequence[Target]) -> Wave:
        """Migrate each machine once."""
        if self.mover is None:
            raise TuningError("The measurement has no permission to migrate.")
        return await self.mover.wave(targets)
