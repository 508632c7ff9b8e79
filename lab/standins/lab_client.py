# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's client with the writes that only the lab needs: it creates, replaces and deletes whole objects."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Object, Resource

PODS = Resource("v1", "pods")
NAMESPACES = Resource("v1", "namespaces")
DEPLOYMENTS = Resource("apps/v1", "deployments")
VIRTUAL_MACHINES = Resource("kubevirt.io/v1", "virtualmachines")
VMIS = Resource("kubevirt.io/v1", "virtualmachineinstances")
EVENTS = Resource("v1", "events")
PVCS = Resource("v1", "persistentvolumeclaims")
PERSISTENT_VOLUMES = Resource("v1", "persistentvolumes")
STORAGE_CLASSES = Resource("storage.k8s.io/v1", "storageclasses")
SNAPSHOTS = Resource("snapshot.storage.k8s.io/v1", "volumesnapshots")
SNAPSHOT_CLASSES = Resource("snapshot.storage.k8s.io/v1", "volumesnapshotclasses")
SNAPSHOT_CONTENTS = Resource("snapshot.storage.k8s.io/v1", "volumesnapshotcontents")
DATA_VOLUMES = Resource("cdi.kubevirt.io/v1beta1", "datavolumes")
DATA_SOURCES = Resource("cdi.kubevirt.io/v1beta1", "datasources")
DATA_IMPORT_CRONS = Resource("cdi.kubevirt.io/v1beta1", "dataimportcrons")
STORAGE_PROFILES = Resource("cdi.kubevirt.io/v1beta1", "storageprofiles")
VMI_MIGRATIONS = Resource("kubevirt.io/v1", "virtualmachineinstancemigrations")

_JSON = "application/json"


class LabClient(KubeClient):
    """Objects name their kind, namespace and name themselves."""

    @classmethod
    def connect(cls, auth: t.Mapping[str, t.Any], max_connections: int = 10) -> LabClient:
        return t.cast(LabClient, super().connect(auth, max_connections))

    def create(self, resource: Resource, body: Object, *, field_manager: str = "lab") -> Object:
        """Create an object and return it.

        :raises KubeError: with status 409 when it exists.
        """
        return super().create(resource, body, field_manager=field_manager)

    def replace(self, resource: Resource, body: Object) -> Object:
        """Write a whole object as it was read and changed, and return it.

        :raises KubeError: with status 409 when somebody wrote in between.
        """
        metadata = body["metadata"]
        path = resource.path(metadata["name"], metadata.get("namespace"))
        answer: Object = self._json("PUT", path, None, body, _JSON)
        return answer

    def replace_status(self, resource: Resource, body: Object) -> Object:
        """Write the status of an object as it was read and changed, and return the object.

        :raises KubeError: with status 409 when somebody wrote in between.
        """
        path = f"{resource.path(body['metadata']['name'], body['metadata'].get('namespace'))}/status"
        answer: Object = self._json("PUT", path, None, body, _JSON)
        return answer

    def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        options: t.Mapping[str, t.Any] | None = None,
        *,
        uid: str | None = None,
    ) -> None:
        """Delete an object, with the fields of DeleteOptions, or only the one of this uid."""
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **(options or {})}
        if uid is not None:
            body["preconditions"] = {"uid": uid}
        self._json("DELETE", resource.path(name, namespace), None, body, _JSON)
