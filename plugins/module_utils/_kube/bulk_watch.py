# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The endless watch of :class:`BulkClient`: one connection for all objects of a kind, whatever happens to it."""

from __future__ import annotations

import asyncio
import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

# LISTED, SYNCED, ADDED, MODIFIED or DELETED.
Heard = str

_WATCH_S = 300
# A server that serves bookmarks says something once a minute; a connection that is silent for longer may be dead.
_SILENCE_S = 150
_PAUSE_S = 1.0


class Api(t.Protocol):
    """What a watch needs of the client."""

    async def request(self, method: str, path: str, *, query: t.Mapping[str, str]) -> Object: ...

    def pages(
        self, resource: Resource, namespace: str | None, label_selector: str | None
    ) -> t.AsyncIterator[Object]: ...

    def stream(self, path: str, query: t.Mapping[str, str], read_timeout_s: float) -> t.AsyncContextManager[t.Any]: ...

    def passes(self, error: KubeError) -> bool: ...

    def unanswered(self, why: str) -> None: ...


async def follow(
    api: Api, resource: Resource, namespace: str | None, label_selector: str | None, list_first: bool
) -> t.AsyncGenerator[tuple[Heard, Object], None]:
    """Yield as :meth:`BulkClient.watch` says."""
    path = resource.path(namespace=namespace)
    version = "" if list_first else await _version_now(api, path, label_selector)
    while True:
        try:
            if not version:
                async for heard, item in _listed(api, resource, namespace, label_selector):
                    yield heard, item
                    if heard == "SYNCED":
                        version = item["metadata"]["resourceVersion"]
            async for event, item in _watched(api, path, label_selector, version):
                version = item["metadata"]["resourceVersion"]
                if event != "BOOKMARK":
                    yield event, item
        except KubeError as error:
            if error.expired:
                version = ""
                continue
            if not api.passes(error):
                raise
            api.unanswered(str(error))
            await asyncio.sleep(_PAUSE_S)


async def _version_now(api: Api, path: str, label_selector: str | None) -> str:
    query = {"limit": "1", **({"labelSelector": label_selector} if label_selector else {})}
    version: str = (await api.request("GET", path, query=query))["metadata"]["resourceVersion"]
    return version


async def _listed(
    api: Api, resource: Resource, namespace: str | None, label_selector: str | None
) -> t.AsyncIterator[tuple[Heard, Object]]:
    version = ""
    async for page in api.pages(resource, namespace, label_selector):
        for item in page["items"]:
            yield "LISTED", item
        version = page["metadata"]["resourceVersion"]
    yield "SYNCED", {"metadata": {"resourceVersion": version}}


async def _watched(
    api: Api, path: str, label_selector: str | None, version: str
) -> t.AsyncIterator[tuple[Heard, Object]]:
    """Yield the events of one watch to its end, bookmarks included."""
    query = {
        "watch": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(_WATCH_S),
        "allowWatchBookmarks": "true",
    }
    if label_selector:
        query["labelSelector"] = label_selector
    async with api.stream(path, query, _SILENCE_S) as response:
        async for line in _lines(response):
            event = json.loads(line)
            if event["type"] == "ERROR":
                reason = event["object"].get("message", "unknown")
                raise KubeError(f"Watching {path} ended: {reason}.", event["object"].get("code", 0))
            yield event["type"], event["object"]


async def _lines(response: t.Any) -> t.AsyncIterator[bytes]:
    """Yield whole lines, however long: aiohttp's own reader refuses those above 64 KiB."""
    rest = b""
    async for chunk in response.content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
