# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The one way to read and watch the Kubernetes API: plain objects, pages, threads, clear errors.

Resources are named by API version and plural, so no discovery runs before the first question. Declared
objects are written through ``kubernetes.core``; what an action makes, changes and takes away itself goes through
:class:`KubeClient`. The ``kubernetes`` package is imported on connection only.
"""

from __future__ import annotations

import json
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.settings import connection_settings

Object = t.Dict[str, t.Any]
Item = t.TypeVar("Item")
Answer = t.TypeVar("Answer")

_PAGE_SIZE = 500
_CONNECT_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Resource:
    """A kind of object as the API's paths name it: ``v1`` and ``nodes``."""

    api_version: str
    plural: str

    def path(self, name: str | None = None, namespace: str | None = None) -> str:
        """Return the path of one object, or of the whole list."""
        root = "/api" if "/" not in self.api_version else "/apis"
        parts = [root, self.api_version]
        if namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        return "/".join(parts)


NODES = Resource("v1", "nodes")
MACHINE_CONFIG_POOLS = Resource("machineconfiguration.openshift.io/v1", "machineconfigpools")
MACHINE_CONFIGS = Resource("machineconfiguration.openshift.io/v1", "machineconfigs")
KUBELET_CONFIGS = Resource("machineconfiguration.openshift.io/v1", "kubeletconfigs")


@dataclass(frozen=True)
class Listing:
    """All objects of a list, and the version from which a watch continues without a gap."""

    items: list[Object]
    resource_version: str


class KubeError(TuningError):
    """The API refused a request or could not be reached.

    ``status`` is the HTTP status, or 0 when no answer came.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later: no answer, overload, a restarting server."""
        return self.status in (0, 429) or self.status >= 500

    @property
    def expired(self) -> bool:
        """Whether a watch or a page must start again from a new list."""
        return self.status == 410


class KubeClient:
    """One connection pool to one cluster; safe to use from several threads."""

    def __init__(self, api_client: t.Any, max_connections: int) -> None:
        self._api = api_client
        self._max_connections = max_connections

    @classmethod
    def connect(cls, auth: t.Mapping[str, t.Any], max_connections: int = 10) -> KubeClient:
        """Make a client from the parameters of ``_kube.adapter.AUTH_SPEC``, ``KUBECONFIG`` or a pod's own account.

        No request is sent yet.

        :raises TuningError: when the ``kubernetes`` package or every way to the cluster is missing.
        """
        settings = connection_settings(auth)
        from kubernetes import client

        settings.connection_pool_maxsize = max_connections
        return cls(client.ApiClient(settings), max_connections)

    def read(self, path: str, query: t.Mapping[str, str] | None = None) -> Object:
        """Return what a GET of ``path`` answers, as JSON; for paths that :class:`Resource` does not name."""
        answer: Object = self._json("GET", path, query)
        return answer

    def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """Return one object, or None when there is no such object or kind."""
        try:
            return self.read(resource.path(name, namespace))
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        """Return all objects, read in pages.

        :raises KubeError: with status 404 when the cluster does not serve this kind.
        """
        items: list[Object] = []
        version = ""
        for page in self.pages(resource, namespace, label_selector, field_selector):
            items += page.items
            version = page.resource_version
        return Listing(items, version)

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> t.Iterator[Listing]:
        """Yield the objects of a list page by page, for lists that are not to be held whole.

        :raises KubeError: with status 404 when the cluster does not serve this kind.
        """
        query = {"limit": str(_PAGE_SIZE)}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        while True:
            page = self._json("GET", resource.path(namespace=namespace), query)
            yield Listing(page["items"], page["metadata"].get("resourceVersion", ""))
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    def watch(
        self,
        resource: Resource,
        resource_version: str,
        *,
        timeout_s: int,
        namespace: str | None = None,
        label_selector: str | None = None,
    ) -> t.Iterator[tuple[str, Object]]:
        """Yield ``(type, object)`` for each change after ``resource_version``; end after ``timeout_s``.

        Types are ADDED, MODIFIED, DELETED and BOOKMARK, which carries nothing but a newer version.

        :raises KubeError: ``expired`` when the version is too old: list again.
        """
        query = {
            "watch": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_s),
            "allowWatchBookmarks": "true",
        }
        if label_selector:
            query["labelSelector"] = label_selector
        path = resource.path(namespace=namespace)
        response = self._request("GET", path, query, read_timeout_s=timeout_s + _READ_TIMEOUT_S)
        try:
            for line in _lines(response, path):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    reason = event["object"].get("message", "unknown")
                    raise KubeError(f"Watching {path} ended: {reason}.", event["object"].get("code", 0))
                yield event["type"], event["object"]
        finally:
            response.close()
            response.release_conn()

    def merge_patch(
        self,
        resource: Resource,
        name: str,
        body: Object,
        *,
        field_manager: str,
        namespace: str | None = None,
    ) -> Object:
        """Apply an RFC 7386 merge patch and return the object; ``metadata.resourceVersion`` in it guards the write.

        :raises KubeError: with status 409 when somebody wrote in between.
        """
        path = resource.path(name, namespace)
        query = {"fieldManager": field_manager}
        answer: Object = self._json("PATCH", path, query, body, "application/merge-patch+json")
        return answer

    def create(self, resource: Resource, body: Object, *, field_manager: str) -> Object:
        """Create an object, which names its namespace and itself, and return it.

        :raises KubeError: with status 409 when it exists.
        """
        path = resource.path(namespace=body["metadata"].get("namespace"))
        answer: Object = self._json("POST", path, {"fieldManager": field_manager}, body, "application/json")
        return answer

    def delete(self, resource: Resource, name: str, namespace: str | None = None, *, uid: str) -> None:
        """Delete the object of this uid; one of the same name that came after it stays.

        :raises KubeError: with status 404 when it is gone, 409 when another has its name.
        """
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        self._json("DELETE", resource.path(name, namespace), None, body, "application/json")

    def for_each(self, call: t.Callable[[Item], Answer], items: t.Sequence[Item]) -> t.List[Answer]:
        """Return ``call`` of each item in order, as many at a time as there are connections."""
        with ThreadPoolExecutor(max_workers=self._max_connections) as pool:
            return list(pool.map(call, items))

    def _json(
        self,
        method: str,
        path: str,
        query: t.Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str | None = None,
    ) -> t.Any:
        from urllib3.exceptions import HTTPError

        response = self._request(method, path, query, body, content_type)
        try:
            return json.loads(response.data)
        except (HTTPError, ValueError) as error:
            raise KubeError(f"The answer to {method} {path} broke off: {error}.", 0) from error

    def _request(
        self,
        method: str,
        path: str,
        query: t.Mapping[str, str] | None = None,
        body: Object | None = None,
        content_type: str | None = None,
        read_timeout_s: float = _READ_TIMEOUT_S,
    ) -> t.Any:
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        # Straight through the connection pool: the generated callers around it change from release to release.
        settings = self._api.configuration
        headers = {"Accept": "application/json"}
        headers.update({entry["key"]: entry["value"] for entry in settings.auth_settings().values()})
        if content_type:
            headers["Content-Type"] = content_type
        url = f"{settings.host}{path}?{urlencode(query)}" if query else f"{settings.host}{path}"
        try:
            response = self._api.rest_client.pool_manager.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=Timeout(connect=_CONNECT_TIMEOUT_S, read=read_timeout_s),
                preload_content=False,
            )
            if response.status >= 300:
                raise KubeError(f"{method} {path} was refused: {_reason(response)}.", response.status)
        except HTTPError as error:
            raise KubeError(f"{settings.host} did not answer {method} {path}: {error}.", 0) from error
        return response


def _lines(response: t.Any, path: str) -> t.Iterator[bytes]:
    """Yield the whole lines of a stream; a stream that breaks is a transient error."""
    from urllib3.exceptions import HTTPError

    rest = b""
    try:
        for chunk in response.stream(65536, decode_content=True):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line for line in lines if line)
    except HTTPError as error:
        raise KubeError(f"Watching {path} broke off: {error}.", 0) from error


def _reason(response: t.Any) -> str:
    """Return the API's own message, without the quoting around it."""
    body = response.data.decode(errors="replace")
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        message = body or response.reason
    return f"{str(message).strip().rstrip('.')} (HTTP {response.status})"
