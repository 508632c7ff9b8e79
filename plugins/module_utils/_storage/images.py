# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Golden images as they are asked for, and the objects by which CDI imports them.

An image from a URL is a DataVolume, as in the reference architecture, and its claim is what machines clone. An image
from a registry is a DataImportCron, which imports it again when it changes and keeps a DataSource at the newest.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER, MANAGED_BY_LABEL
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.check import check_name
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import (
    ACCESS_MODES,
    VOLUME_MODES,
    Disk,
    Source,
)

CDI_API = "cdi.kubevirt.io/v1beta1"
DATA_VOLUMES = Resource(CDI_API, "datavolumes")
DATA_IMPORT_CRONS = Resource(CDI_API, "dataimportcrons")
DATA_SOURCES = Resource(CDI_API, "datasources")
CLAIMS = Resource("v1", "persistentvolumeclaims")

# On the claim too, whose label managed-by CDI writes itself.
IMAGE_LABEL = "tuning.virtscale/golden-image"
# A class that waits for its first consumer would never begin, since nothing runs from a golden image.
IMMEDIATE_ANNOTATION = "cdi.kubevirt.io/storage.bind.immediate.requested"

DEFAULT_NAMESPACE = "default"
DEFAULT_SCHEDULE = "0 */12 * * *"
DEFAULT_IMPORTS_TO_KEEP = 3
_URL_SCHEMES = ("http", "https")
_REGISTRY_SCHEMES = ("docker", "oci-archive")
# Source: CDI's webhook, which makes a CronJob of the name.
_LONGEST_CRON = 52

IMAGE_SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "namespace": {"type": "str", "default": DEFAULT_NAMESPACE},
    "url": {"type": "str"},
    "registry": {"type": "str"},
    "schedule": {"type": "str", "default": DEFAULT_SCHEDULE},
    "imports_to_keep": {"type": "raw", "default": DEFAULT_IMPORTS_TO_KEEP},
    "size": {"type": "str", "default": Disk.size},
    "storage_class": {"type": "str", "default": Disk.storage_class},
    "access_mode": {"type": "str", "choices": list(ACCESS_MODES), "default": Disk.access_mode},
    "volume_mode": {"type": "str", "choices": list(VOLUME_MODES), "default": Disk.volume_mode},
}


@dataclass(frozen=True)
class Image:
    """One golden image; exactly one of ``url`` and ``registry`` is given."""

    name: str
    namespace: str
    url: str | None
    registry: str | None
    schedule: str
    imports_to_keep: int
    disk: Disk

    @property
    def where(self) -> str:
        """Its namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def origin(self) -> str:
        """Where it comes from."""
        return str(self.url or self.registry)

    @property
    def kind(self) -> str:
        """The kind of the object that is made for it."""
        return "DataVolume" if self.url else "DataImportCron"

    @property
    def resource(self) -> Resource:
        """The same as the API's path names it."""
        return DATA_VOLUMES if self.url else DATA_IMPORT_CRONS

    def source(self) -> Source:
        """Return what machines clone."""
        return Source("pvc" if self.url else "datasource", self.name, self.namespace)

    def manifest(self) -> Object:
        """Return the object that is made for it."""
        body: Object = {
            "apiVersion": CDI_API,
            "kind": self.kind,
            "metadata": {"name": self.name, "namespace": self.namespace, "labels": self._labels()},
        }
        if self.url:
            body["metadata"]["annotations"] = {IMMEDIATE_ANNOTATION: "true"}
            body["spec"] = {"source": {"http": {"url": self.url}}, "pvc": self.disk.claim()}
        else:
            body["spec"] = {
                "schedule": self.schedule,
                "managedDataSource": self.name,
                "garbageCollect": "Outdated",
                "importsToKeep": self.imports_to_keep,
                # What it made goes with it.
                "retentionPolicy": "None",
                "template": {
                    "metadata": {"annotations": {IMMEDIATE_ANNOTATION: "true"}, "labels": self._labels()},
                    "spec": {"source": {"registry": {"url": self.registry}}, "storage": self.disk.claim()},
                },
            }
        return body

    def _labels(self) -> dict[str, str]:
        return {MANAGED_BY_LABEL: FIELD_MANAGER, IMAGE_LABEL: self.name}


def parse_images(wanted: t.Sequence[t.Mapping[str, t.Any]]) -> list[Image]:
    """Return the images of ``IMAGE_SPEC``.

    :raises InvalidValue: naming the image and its parameter.
    """
    images = [_parse(given) for given in wanted]
    seen: set[str] = set()
    for image in images:
        if image.where in seen:
            raise InvalidValue("images", image.where, "each there once")
        seen.add(image.where)
    return images


def differing(image: Image, live: Object) -> list[str]:
    """Return what the object that is there has other than the image asks for, each as ``field is ..., not ...``."""
    wanted, found = image.manifest()["spec"], live.get("spec") or {}
    paths = [("source", "http", "url"), *_claim_paths("pvc")]
    if image.registry:
        template = ("template", "spec")
        paths = [(*template, "source", "registry", "url")]
        paths += [(*template, *path) for path in _claim_paths("storage")]
        paths += [("schedule",), ("importsToKeep",), ("managedDataSource",)]
    told = []
    for path in paths:
        here, there = value_at(wanted, path), value_at(found, path)
        if here != there:
            told.append(f"spec.{'.'.join(path)} is {there!r}, not {here!r}")
    return told


def _claim_paths(kind: str) -> list[tuple[str, ...]]:
    return [
        (kind, "accessModes"),
        (kind, "resources", "requests", "storage"),
        (kind, "volumeMode"),
        (kind, "storageClassName"),
    ]


def _parse(given: t.Mapping[str, t.Any]) -> Image:
    name = given["name"]
    check_name("images[].name", name, longest=_LONGEST_CRON if given.get("registry") else 63)
    where = f"images[{name}]"
    check_name(f"{where}.namespace", given["namespace"])
    if bool(given.get("url")) == bool(given.get("registry")):
        both = {key: given.get(key) for key in ("url", "registry")}
        raise InvalidValue(where, both, "given with either a url or a registry")
    if given.get("url"):
        _check_scheme(f"{where}.url", given["url"], _URL_SCHEMES)
    else:
        _check_scheme(f"{where}.registry", given["registry"], _REGISTRY_SCHEMES)
    try:
        disk = Disk(given["size"], given["storage_class"], given["access_mode"], given["volume_mode"])
    except InvalidValue as error:
        raise InvalidValue(f"{where}.size", given["size"], "a quantity such as 40Gi, on a StorageClass") from error
    return Image(
        name=name,
        namespace=given["namespace"],
        url=given.get("url"),
        registry=given.get("registry"),
        schedule=given["schedule"],
        imports_to_keep=parse_int(f"{where}.imports_to_keep", given["imports_to_keep"]),
        disk=disk,
    )


def _check_scheme(parameter: str, url: str, allowed: t.Sequence[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme not in allowed or not (parts.netloc or parts.path):
        raise InvalidValue(
            parameter, url, f"a URL that begins with {' or '.join(f'{scheme}://' for scheme in allowed)}"
        )
