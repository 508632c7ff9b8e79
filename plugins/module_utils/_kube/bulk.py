# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The Kubernetes API for thousands of objects: asynchronous, a bounded number of requests at a time, counted.

It goes through what happens to an API under load: 429 with Retry-After, a server that restarts, connections that break.
Only what is safe is sent again: everything but a POST whose answer was lost. :meth:`BulkClient.create` sends that
too, because 409 then tells that the first one arrived, and the object is looked at to see whose it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk_session import BulkSession, import_aiohttp
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk_watch import Heard, follow
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk_wire import (
    NotSentAgain,
    encoded,
    refusal_of,
    retry_after_s,
    target_of,
    words,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.settings import connection_settings

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
# Asks for the metadata alone, where nobody reads the rest of the answer.
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"

_READ_TIMEOUT_S = 60.0
_PAGE_SIZE = 250
# The first pause before a request is sent again, and the longest.
_PAUSE_S = (0.2, 5.0)
# A server that has just started refuses for so long what it serves later: kinds of custom resources, roles.
_STARTING_S = 20.0

Mine = t.Callable[[Object], bool]


class BulkClient:
    """One cluster, used from one event loop."""

    def __init__(self, session: BulkSession, concurrency: int, patience_s: float) -> None:
        """Use :meth:`connect`."""
        self._aiohttp = import_aiohttp()
        self._session = session
        self._places = asyncio.Semaphore(concurrency)
        self._patience_s = patience_s
        self._away_at = 0.0
        self.host = session.host
        # How many requests were sent, those that were sent again and the watches included.
        self.requests = 0
        # Why the API does not answer now, None while it does.
        self.silence: str | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, auth: t.Mapping[str, t.Any], concurrency: int = 50, patience_s: float = 600.0
    ) -> t.AsyncIterator[BulkClient]:
        """Make a client from the parameters of ``_kube.adapter.AUTH_SPEC``; no request is sent yet.

        :param concurrency: how many requests may be on their way at once; watches and websockets do not count.
        :param patience_s: for how long a request is repeated while the API does not answer.
        :raises TuningError: when a package, or every way to the cluster, is missing.
        """
        session = BulkSession(connection_settings(auth))
        try:
            yield cls(session, concurrency, patience_s)
        finally:
            await session.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        content_type: str = JSON,
        query: t.Mapping[str, str] | None = None,
        accept: str = JSON,
    ) -> Object:
        """Return the JSON that answers one request, sent again as far as that is safe.

        :raises KubeError: when it was refused; with status 0 when no answer came for ``patience_s``, or when the answer
            to a POST was lost.
        """
        return await self._repeated(method, path, body, content_type, query, accept, lost_is_safe=method != "POST")

    async def create(
        self,
        resource: Resource,
        name: str,
        body: Object | bytes,
        namespace: str | None = None,
        *,
        field_manager: str,
        mine: Mine | None = None,
    ) -> tuple[Object, bool]:
        """Create an object; return its metadata, under that key, and whether this call made it.

        :param body: the object, or its JSON.
        :param mine: whether an object of that name that exists already is the wanted one; by default none is.
        :raises KubeError: with status 409 when the name is taken by an object that is not ``mine``.
        """
        path, query = resource.path(namespace=namespace), {"fieldManager": field_manager}
        try:
            made = await self._repeated("POST", path, body, JSON, query, METADATA_ONLY, lost_is_safe=True)
            return made, True
        except KubeError as error:
            if error.status != 409 or mine is None:
                raise
            found = await self.get(resource, name, namespace)
            if found is None or not mine(found):
                raise
            return found, False

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """Return one object, or None when there is no such object or kind."""
        try:
            return await self.request("GET", resource.path(name, namespace))
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    async def merge_patch(
        self, resource: Resource, name: str, body: Object, namespace: str | None = None, *, field_manager: str
    ) -> Object:
        """Apply an RFC 7386 merge patch; return the object's metadata, under that key."""
        path, query = resource.path(name, namespace), {"fieldManager": field_manager}
        return await self.request("PATCH", path, body, MERGE_PATCH, query, METADATA_ONLY)

    async def delete(
        self, resource: Resource, name: str, namespace: str | None = None, *, uid: str | None = None
    ) -> bool:
        """Ask for the end of an object, and of what it owns; return False when it was not there.

        :param uid: delete this very object only; another one of the same name counts as not there.
        """
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self.request("DELETE", resource.path(name, namespace), body, accept=METADATA_ONLY)
        except KubeError as error:
            if error.status == 404 or (uid and error.status == 409):
                return False
            raise
        return True

    async def items(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        accept: str = JSON,
    ) -> t.AsyncIterator[Object]:
        """Yield the objects of a list, holding one page of it at a time.

        :raises KubeError: ``expired`` when the list took too long to read; status 404 for a kind that is not served.
        """
        async for page in self.pages(resource, namespace, label_selector, accept):
            for item in page["items"]:
                yield item

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        accept: str = JSON,
    ) -> t.AsyncIterator[Object]:
        """Yield the pages of a list as the API answers them."""
        query = {"limit": str(_PAGE_SIZE)}
        if label_selector:
            query["labelSelector"] = label_selector
        if accept == METADATA_ONLY:
            accept = accept.replace("PartialObjectMetadata;", "PartialObjectMetadataList;")
        while True:
            page = await self.request("GET", resource.path(namespace=namespace), query=query, accept=accept)
            # An empty list of metadata alone is null.
            page["items"] = page.get("items") or []
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        *,
        list_first: bool = True,
    ) -> t.AsyncGenerator[tuple[Heard, Object], None]:
        """Yield what is and what changes, through restarts of the API, for as long as it is asked.

        ``LISTED`` with each object of a list, then ``SYNCED`` with the list's metadata: what was not listed since the
        last ``SYNCED`` is gone. Then ``ADDED``, ``MODIFIED`` and ``DELETED`` as they happen. After a gap in which
        changes may have been missed, a list follows again. Without ``list_first`` it begins with what changes from now.

        :raises KubeError: when the API refuses to tell, for a reason that does not pass.
        """
        return follow(self, resource, namespace, label_selector, list_first)

    async def websocket(self, path: str, protocols: t.Sequence[str], **options: t.Any) -> t.Any:
        """Return an open ``aiohttp.ClientWebSocketResponse``, which the caller closes.

        :raises KubeError: when the server refuses it or does not answer.
        """
        self.requests += 1
        try:
            return await self._session.websocket(path, protocols, **options)
        except self._aiohttp.WSServerHandshakeError as error:
            raise KubeError(
                f"The websocket {path} was refused: {error.message} (HTTP {error.status}).", error.status
            ) from error
        except (self._aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise KubeError(f"{self.host} did not open the websocket {path}: {words(error)}.", 0) from error

    @contextlib.asynccontextmanager
    async def stream(self, path: str, query: t.Mapping[str, str], read_timeout_s: float) -> t.AsyncIterator[t.Any]:
        """Open a GET and yield aiohttp's response, its body unread; what breaks while it is read is a KubeError too."""
        self.requests += 1
        timeout = self._aiohttp.ClientTimeout(total=None, sock_read=read_timeout_s)
        target = target_of(path, query)
        try:
            async with self._session.request("GET", target, {"Accept": JSON}, timeout=timeout) as response:
                if response.status >= 300:
                    raise await refusal_of("GET", path, response)
                self.answered()
                yield response
        except (self._aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            raise KubeError(f"{self.host} broke off GET {path}: {words(error)}.", 0) from error

    def answered(self) -> None:
        """Note that the API answers."""
        self.silence = None

    def unanswered(self, why: str) -> None:
        """Note that the API does not answer now."""
        self.silence, self._away_at = why, time.monotonic()

    def passes(self, error: KubeError) -> bool:
        """Return whether a refusal may pass: overload, a restart, or a server that has only just come back."""
        if error.transient:
            return True
        starting = error.status in (401, 403) or (error.status == 404 and "page not found" in str(error))
        return starting and bool(self._away_at) and time.monotonic() - self._away_at < _STARTING_S

    async def _repeated(
        self,
        method: str,
        path: str,
        body: Object | bytes | None,
        content_type: str,
        query: t.Mapping[str, str] | None,
        accept: str,
        *,
        lost_is_safe: bool,
    ) -> Object:
        content = body if isinstance(body, bytes) or body is None else encoded(body)
        headers = {"Accept": accept} if content is None else {"Accept": accept, "Content-Type": content_type}
        target, end, pause_s = target_of(path, query), time.monotonic() + self._patience_s, _PAUSE_S[0]
        while True:
            try:
                async with self._places:
                    return await self._once(method, path, target, content, headers)
            except NotSentAgain as error:
                wait_s = self._wait_s(error, lost_is_safe or error.refused_early, end)
                # Spread, so that those who were refused together do not come back together.
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0) if wait_s is None else wait_s)
            pause_s = min(pause_s * 2, _PAUSE_S[1])

    def _wait_s(self, failed: NotSentAgain, safe: bool, end: float) -> float | None:
        """Return the pause that the server asks for before a request is sent again, if it does.

        :raises KubeError: what the request failed for, where it is not to be sent again.
        """
        if not safe or not self.passes(failed.why) or time.monotonic() > end:
            raise failed.why from failed
        if failed.why.status != 429:
            self.unanswered(str(failed.why))
        return failed.retry_after_s

    async def _once(
        self, method: str, path: str, target: str, content: bytes | None, headers: t.Mapping[str, str]
    ) -> Object:
        self.requests += 1
        timeout = self._aiohttp.ClientTimeout(total=_READ_TIMEOUT_S)
        try:
            async with self._session.request(method, target, headers, data=content, timeout=timeout) as response:
                if response.status >= 300:
                    refusal = await refusal_of(method, path, response)
                    # 429 is said before anything is done; of 5xx nobody knows who said it, and when.
                    raise NotSentAgain(refusal, refusal.status < 500, retry_after_s(response))
                answered = await response.read()
                # Subresources that only accept a request answer with nothing.
                answer: Object = json.loads(answered) if answered else {}
        except self._aiohttp.ClientConnectorError as error:
            raise NotSentAgain(self._lost(method, path, error), True) from error
        except (self._aiohttp.ClientError, OSError, asyncio.TimeoutError, ValueError) as error:
            raise NotSentAgain(self._lost(method, path, error), False) from error
        self.answered()
        return answer

    def _lost(self, method: str, path: str, error: BaseException) -> KubeError:
        return KubeError(f"{self.host} did not answer {method} {path}: {words(error)}.", 0)
