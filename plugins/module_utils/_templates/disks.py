# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The disks of a virtual machine that CDI clones, and the threads that serve them."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import parse_quantity
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.check import check_name

SOURCE_KINDS = ("pvc", "snapshot", "datasource")
ACCESS_MODES = ("ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")


@dataclass(frozen=True)
class Source:
    """A golden image: a PersistentVolumeClaim, a VolumeSnapshot, or a DataSource that names either."""

    kind: str
    name: str
    namespace: str

    def __post_init__(self) -> None:
        if self.kind not in SOURCE_KINDS:
            raise InvalidValue("source.kind", self.kind, f"one of {', '.join(SOURCE_KINDS)}")
        check_name("source.name", self.name, longest=253)
        check_name("source.namespace", self.namespace)

    def of_data_volume(self) -> Object:
        """Return the part of a DataVolume's spec that names it."""
        where = {"namespace": self.namespace, "name": self.name}
        if self.kind == "datasource":
            return {"sourceRef": {"kind": "DataSource", **where}}
        return {"source": {self.kind: where}}


@dataclass(frozen=True)
class Disk:
    """The claim of a disk, by default the reference architecture's."""

    size: str = "40Gi"
    storage_class: str = "ocs-external-storagecluster-ceph-rbd"
    access_mode: str = "ReadWriteMany"
    volume_mode: str = "Block"

    def __post_init__(self) -> None:
        if self.size_bytes <= 0:
            raise InvalidValue("size", self.size, "above 0")
        check_name("storage_class", self.storage_class, longest=253)
        if self.access_mode not in ACCESS_MODES:
            raise InvalidValue("access_mode", self.access_mode, f"one of {', '.join(ACCESS_MODES)}")
        if self.volume_mode not in VOLUME_MODES:
            raise InvalidValue("volume_mode", self.volume_mode, f"one of {', '.join(VOLUME_MODES)}")

    @property
    def size_bytes(self) -> int:
        """The size as a number."""
        return int(parse_quantity(self.size))

    def claim(self) -> Object:
        """Return the claim for a DataVolume's ``spec.pvc``.

        Not ``spec.storage``, which takes modes from the StorageProfile and adds room for a filesystem: what is measured
        is to be what is written here.
        """
        return {
            "accessModes": [self.access_mode],
            "resources": {"requests": {"storage": self.size}},
            "volumeMode": self.volume_mode,
            "storageClassName": self.storage_class,
        }


def use_source(manifest: Object, source: Source, disk: Disk | None) -> None:
    """Let the first data volume of ``manifest`` be a clone of ``source``; made if there is none.

    :param disk: the claim; None keeps that of the manifest.
    :raises InvalidValue: when ``disk`` is None and the manifest has no data volume.
    """
    templates: list[Object] = manifest["spec"].setdefault("dataVolumeTemplates", [])
    if disk is not None:
        templates[:] = [{"metadata": {"name": "root"}, "spec": {"pvc": disk.claim(), **source.of_data_volume()}}]
        # The name is settled with that of the machine.
        manifest["spec"]["template"]["spec"]["volumes"][0]["dataVolume"] = {"name": "root"}
        return
    if not templates:
        raise InvalidValue("source", f"{source.kind} {source.name}", "left out for a template without data volumes")
    spec = templates[0]["spec"]
    for other in ("source", "sourceRef"):
        spec.pop(other, None)
    spec.update(source.of_data_volume())


def rename_data_volumes(manifest: Object, name: str) -> None:
    """Give the data volumes names of their own: the machine's in place of the template's, or before their own.

    A template that has one alone under the name ``root`` lends it the machine's whole name, as OpenShift's do.
    """
    templates: list[Object] = manifest["spec"].get("dataVolumeTemplates") or []
    old_name = value_at(manifest, ("metadata", "name")) or ""
    renamed: dict[str, str] = {}
    for template in templates:
        old = template["metadata"]["name"]
        if old == "root" and len(templates) == 1:
            renamed[old] = name
        elif old_name and (old == old_name or old.startswith(f"{old_name}-")):
            renamed[old] = name + old[len(old_name) :]
        else:
            renamed[old] = f"{name}-{old}"
        template["metadata"]["name"] = renamed[old]
    for volume in value_at(manifest, ("spec", "template", "spec", "volumes")) or []:
        for kind, key in (("dataVolume", "name"), ("persistentVolumeClaim", "claimName")):
            named: dict[str, t.Any] = volume.get(kind) or {}
            if named.get(key) in renamed:
                named[key] = renamed[named[key]]


def dedicate_io_thread(manifest: Object) -> None:
    """Let each disk that holds data have a thread of its own; only virtio disks can."""
    spec = manifest["spec"]["template"]["spec"]
    small = {volume["name"] for volume in spec.get("volumes") or [] if _is_configuration(volume)}
    for disk in value_at(spec, ("domain", "devices", "disks")) or []:
        if disk["name"] not in small and value_at(disk, ("disk", "bus")) == "virtio":
            disk["dedicatedIOThread"] = True


def _is_configuration(volume: t.Mapping[str, t.Any]) -> bool:
    return any(key.startswith(("cloudInit", "sysprep", "configMap", "secret", "downward")) for key in volume)
