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

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    KubeClient,
    KubeError,
    Object,
    Resource,
)

Handle = t.Callable[[Object], None]

RESYNC_SECONDS = 60
RETRY_SECONDS = 1.0

log = logging.getLogger("standin")


def follow(
    client: KubeClient,
    resource: Resource,
    handle: Handle,
    *,
    gone: Handle | None = None,
    label_selector: str | None = None,
    resync_s: int = RESYNC_SECONDS,
) -> t.NoReturn:
    """Call ``handle`` with each object that exists or changes; all are seen again every ``resync_s`` at least.

    ``gone`` is called with each object that is deleted; of one that went unseen it gets the metadata only.
    """
    known: dict[tuple[str, str], Object] = {}
    while True:
        try:
            listing = client.list(resource, label_selector=label_selector)
            listed = {_name(item): item["metadata"] for item in listing.items}
            for name in known.keys() - listed.keys():
                attempt(gone, {"metadata": known[name]})
            known = listed if gone else {}
            for item in listing.items:
                attempt(handle, item)
            version = listing.resource_version
            for kind, item in client.watch(resource, version, timeout_s=resync_s, label_selector=label_selector):
                if kind in ("ADDED", "MODIFIED"):
                    if gone:
                        known[_name(item)] = item["metadata"]
                    attempt(handle, item)
                elif kind == "DELETED":
                    known.pop(_name(item), None)
                    attempt(gone, item)
        except KubeError as error:
            log.warning("%s", error)
            time.sleep(RETRY_SECONDS)


def _name(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def attempt(handle: Handle | None, item: Object) -> None:
    """Handle one object; what fails is logged and tried again at the object's next change or resync."""
    try:
        if handle is not None:
            handle(item)
    except KubeError as error:
        log.warning("%s: %s", item["metadata"]["name"], error)


def set_up_logging() -> None:
    """Log lines with a time, to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
