# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""One kind of object, listed once and then watched in a thread of its own, through restarts of the API."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    KubeClient,
    KubeError,
    Object,
    Resource,
)

_WATCH_S = 60
_RETRY_S = 1.0
# A starting API server refuses for some seconds what it serves later: kinds of custom resources, roles.
_REFUSALS_BORNE = 15

Listed = t.Callable[[t.List[Object]], None]
Heard = t.Callable[[str, Object], None]


class Follower:
    """Tells of every object of a kind, and of every change of it after that, in the API's own order."""

    def __init__(self, client: KubeClient, resource: Resource, listed: Listed, heard: Heard) -> None:
        """Prepare to follow; nothing is asked yet.

        :param listed: called with all objects at the start, and again after a gap in which changes were missed.
        :param heard: called with ADDED, MODIFIED or DELETED and the object; from the watching thread, as ``listed`` is
            after the start.
        """
        self._client = client
        self._resource = resource
        self._listed = listed
        self._heard = heard
        self._version = ""
        self._stopped = threading.Event()
        # Why nothing is heard now, and why nothing will be heard again.
        self.silence: str | None = None
        self.failure: TuningError | None = None

    def start(self) -> None:
        """List, and watch from there on.

        :raises KubeError: when the API does not answer, or does not serve this kind; then nothing was started.
        """
        self._list()
        threading.Thread(target=self._follow, name=f"watch-{self._resource.plural}", daemon=True).start()

    def stop(self) -> None:
        """End as soon as something is heard, or with the process."""
        self._stopped.set()

    def _list(self) -> None:
        listing = self._client.list(self._resource)
        self._listed(listing.items)
        self._version = listing.resource_version

    def _follow(self) -> None:
        refusals = 0
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                elif self.silence:
                    # A watch says nothing while nothing changes: a question tells whether the API answers again.
                    self._client.read(self._resource.path(), {"limit": "1"})
                self.silence = None
                self._watch()
                refusals = 0
            except KubeError as error:
                if error.expired:
                    self._version = ""
                    continue
                refusals = 0 if error.transient else refusals + 1
                if refusals > _REFUSALS_BORNE:
                    self.failure = error
                    return
                self.silence = str(error)
                self._stopped.wait(_RETRY_S)
            except Exception as error:
                # What is told could not be kept or understood: a thread that ends unseen would leave the run blind.
                self.failure = error if isinstance(error, TuningError) else TuningError(str(error) or repr(error))
                return

    def _watch(self) -> None:
        """Follow one watch to its end; the next one continues from the last version that was told."""
        for event, item in self._client.watch(self._resource, self._version, timeout_s=_WATCH_S):
            if self._stopped.is_set():
                return
            if event != "BOOKMARK":
                self._heard(event, item)
            self._version = item["metadata"]["resourceVersion"]
