# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""By what a fleet's objects are known: names that follow from the request alone, and labels that say who made them."""

from __future__ import annotations

import typing as t
import zlib

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, labels_of
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER, MANAGED_BY_LABEL

FLEET_LABEL = "tuning.virtscale/fleet"
GROUP_LABEL = "tuning.virtscale/group"
# The group of the idle pods; no machines may have it.
PODS_GROUP = "pods"

VIRTUAL_MACHINES = Resource("kubevirt.io/v1", "virtualmachines")
DATA_VOLUMES = Resource("cdi.kubevirt.io/v1beta1", "datavolumes")
DATA_SOURCES = Resource("cdi.kubevirt.io/v1beta1", "datasources")
STORAGE_PROFILES = Resource("cdi.kubevirt.io/v1beta1", "storageprofiles")
SNAPSHOTS = Resource("snapshot.storage.k8s.io/v1", "volumesnapshots")
NAMESPACES = Resource("v1", "namespaces")
CLAIMS = Resource("v1", "persistentvolumeclaims")
PODS = Resource("v1", "pods")
DEPLOYMENTS = Resource("apps/v1", "deployments")
ROLES = Resource("rbac.authorization.k8s.io/v1", "roles")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io/v1", "rolebindings")


def marks(fleet: str, group: str | None = None) -> dict[str, str]:
    """Return the labels of everything that a fleet makes."""
    found = {MANAGED_BY_LABEL: FIELD_MANAGER, FLEET_LABEL: fleet}
    return found if group is None else {**found, GROUP_LABEL: group}


def selector(fleet: str) -> str:
    """Return the label selector of what a fleet has made, and nothing else."""
    return ",".join(f"{key}={value}" for key, value in marks(fleet).items())


def is_ours(item: Object, fleet: str) -> bool:
    """Return whether an object carries the marks of a fleet, and stays."""
    labels = labels_of(item)
    ours = all(labels.get(key) == value for key, value in marks(fleet).items())
    return ours and not item["metadata"].get("deletionTimestamp")


def machine_name(fleet: str, group: str, number: int) -> str:
    """Return the name of a machine, counted from 1 within its group."""
    return f"{fleet}-{group}-{number:04d}"


def default_namespaces(fleet: str, count: int) -> list[str]:
    """Return the namespaces that a fleet makes for itself."""
    width = max(2, len(str(count - 1)))
    return [f"{fleet}-{number:0{width}d}" for number in range(count)]


def namespace_of(group: str, number: int, namespaces: t.Sequence[str]) -> str:
    """Return where a machine belongs: by its group and number alone, so that no other group's size moves it."""
    return namespaces[(zlib.crc32(group.encode()) + number) % len(namespaces)]
