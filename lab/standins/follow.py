# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the stand-ins see the cluster: every object once, then each change, for ever.

A stand-in decides from an object's present state alone, so it may see one twice and may be killed at any
moment: the next start sees everything again.
"""

from __future__ import annotations

import logging
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube_client import (
    KubeClient,
    KubeError,
    Object,
    Resource,
)

RESYNC_SECONDS = 60
RETRY_SECONDS = 1.0

log = logging.getLogger("standin")


def follow(client: KubeClient, resource: Resource, handle: t.Callable[[Object], None]) -> t.NoReturn:
    """Call ``handle`` with each object that exists or changes; all are seen again every minute at least."""
    while True:
        try:
            listing = client.list(resource)
            for item in listing.items:
                attempt(handle, item)
            version = listing.resource_version
            for kind, item in client.watch(resource, version, timeout_s=RESYNC_SECONDS):
                if kind in ("ADDED", "MODIFIED"):
                    attempt(handle, item)
        except KubeError as error:
            log.warning("%s", error)
            time.sleep(RETRY_SECONDS)


def attempt(handle: t.Callable[[Object], None], item: Object) -> None:
    """Handle one object; what fails is logged and tried again at the object's next change or resync."""
    try:
        handle(item)
    except KubeError as error:
        log.warning("%s: %s", item["metadata"]["name"], error)


def set_up_logging() -> None:
    """Log lines with a time, to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
