# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All objects of a kind as they are now, without their field managers, which take more memory than all the rest."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.virtscale.tuning.lab.standins.follow import follow
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Object, Resource

Key = t.Tuple[str, str]
Notice = t.Callable[[Key, t.Optional[Object]], None]

# Changes come by the watch; the whole list is only for what a broken watch has lost.
RESYNC_S = 600


class Store:
    """Objects by namespace and name; safe to read from several threads."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self._objects: dict[Key, Object] = {}
        self._notice: Notice | None = None

    def load(self, client: KubeClient) -> None:
        """Read all objects once."""
        for item in client.list(self.resource).items:
            self.put(item)

    def follow(self, client: KubeClient, notice: Notice) -> None:
        """See each object and each change from now on, in a thread; ``notice`` gets None for one that is gone."""
        self._notice = notice

        def run() -> None:
            follow(client, self.resource, self.put, gone=self._gone, resync_s=RESYNC_S)

        threading.Thread(target=run, daemon=True, name=self.resource.plural).start()

    def put(self, item: Object) -> None:
        """Take an object as it was read or written, unless a newer one is known."""
        item["metadata"].pop("managedFields", None)
        key = key_of(item)
        known = self._objects.get(key)
        if known is not None and version(known) > version(item):
            return
        self._objects[key] = item
        if self._notice:
            self._notice(key, item)

    def _gone(self, item: Object) -> None:
        key = key_of(item)
        known = self._objects.get(key)
        if known is not None and known["metadata"]["uid"] != item["metadata"].get("uid", known["metadata"]["uid"]):
            return  # another one of its name is there already
        self._objects.pop(key, None)
        if self._notice:
            self._notice(key, None)

    def get(self, namespace: str, name: str) -> Object | None:
        return self._objects.get((namespace, name))

    def all(self) -> list[Object]:
        return list(self._objects.values())


def key_of(item: Object) -> Key:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def version(item: Object) -> int:
    """A number that grows with each write (etcd's revision)."""
    return int(item["metadata"]["resourceVersion"])


def annotations_of(item: Object) -> dict[str, str]:
    """The annotations of an object, none or some."""
    found: dict[str, str] = item["metadata"].get("annotations") or {}
    return found
