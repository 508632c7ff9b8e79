# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What virt-api does with the evictions of VMs: it reads and marks them at the pace of its own clients.

The API server calls it for each eviction of a VM's pod and for each new migration, and it asks the API server in turn.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock, TokenBucket
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import (
    CREATION_REQUESTS,
    VIRT_API_TIMEOUT_S,
    VirtApi,
)


class Admission:
    """The replicas, as one client with the rate of all."""

    def __init__(self, clock: Clock, virt_api: VirtApi) -> None:
        self._clock = clock
        self._bucket = TokenBucket(clock, virt_api.requests_per_s, virt_api.burst)
        self.timeouts = 0

    def evict(self, requests: int) -> t.Generator[float, None, bool]:
        """Send an eviction's requests one after the other; False when the API server did not wait for the last."""
        clock, take = self._clock, self._bucket.take
        deadline = clock.now + VIRT_API_TIMEOUT_S
        for _request in range(requests):
            sent_at = take()
            if sent_at > deadline:
                # What was asked for stays asked for.
                yield deadline
                self.timeouts += 1
                return False
            if sent_at > clock.now:
                yield sent_at
        return True

    def create(self) -> float:
        """Return when a migration that is created now has been admitted."""
        return max(self._bucket.take() for _request in range(CREATION_REQUESTS))
