# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The instances of a storm's machines, by one watch for all of them."""

from __future__ import annotations

import asyncio
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import FLEET_LABEL
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import moment
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.choose import single_namespace
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.power import INSTANCES
from ansible_collections.virtscale.tuning.plugins.module_utils._storm.request import StormRequest

if t.TYPE_CHECKING:
    from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient

FINAL = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Instance:
    """What a storm needs to know of a VirtualMachineInstance."""

    phase: str
    # Of the first interface that tells one.
    address: str | None
    # By the API's clock, which counts whole seconds.
    running_at: float | None

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self.phase == "Running"


# The key of a machine, what is known of it now (None: it is gone), and whether it was seen as it happened.
Heard = t.Callable[[str, t.Optional[Instance], bool], None]


class Instances:
    """Which instances there are now; tells of every change."""

    def __init__(self, api: BulkClient, request: StormRequest, keys: t.Collection[str], heard: Heard) -> None:
        self._api = api
        self._request = request
        self._keys = frozenset(keys)
        self._heard = heard
        self.known: dict[str, Instance] = {}
        self.listed = asyncio.Event()

    async def follow(self) -> None:
        """Watch until cancelled.

        :raises KubeError: when the API refuses to tell, for a reason that does not pass.
        """
        # The labels of a machine need not be those of its instance, but for the fleet's own.
        selector = f"{FLEET_LABEL}={self._request.fleet}" if self._request.fleet else None
        seen: set[str] = set()
        async for heard, item in self._api.watch(INSTANCES, single_namespace(self._request), selector):
            if heard == "SYNCED":
                for key in set(self.known) - seen:
                    self._tell(key, None, live=False)
                seen = set()
                self.listed.set()
                continue
            key = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            if key not in self._keys:
                continue
            if heard == "LISTED":
                seen.add(key)
            self._tell(key, None if heard == "DELETED" else parse_instance(item), live=heard != "LISTED")

    def _tell(self, key: str, instance: Instance | None, *, live: bool) -> None:
        if instance is None:
            self.known.pop(key, None)
        else:
            self.known[key] = instance
        self._heard(key, instance, live)


def parse_instance(vmi: Object) -> Instance:
    """Return what a VirtualMachineInstance says."""
    status = vmi.get("status") or {}
    addresses = (str(entry.get("ipAddress") or "") for entry in status.get("interfaces") or [])
    stamps = status.get("phaseTransitionTimestamps") or []
    ran = [entry.get("phaseTransitionTimestamp") for entry in stamps if entry.get("phase") == "Running"]
    return Instance(
        phase=status.get("phase") or "",
        # Some guest agents tell the length of the prefix, too.
        address=next((address.partition("/")[0] for address in addresses if address), None),
        running_at=moment(ran[0]) if ran else None,
    )
