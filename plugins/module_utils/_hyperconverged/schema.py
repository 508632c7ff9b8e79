# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Where HyperConverged keeps its settings, in whichever of its API versions the cluster serves.

``hco.kubevirt.io/v1beta1`` is flat, ``v1`` is grouped; a path of the one is pruned silently by the other. The fields
and their defaults are read from the served schema, because they change with every release.
"""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at

_GROUP = "hco.kubevirt.io"
# The newest version that is known here first: where each keeps the limits of live migrations.
_LIMITS_PATHS = {
    "v1": ["spec", "virtualization", "liveMigrationConfig"],
    "v1beta1": ["spec", "liveMigrationConfig"],
}


@dataclass(frozen=True)
class HyperConvergedApi:
    """The version to speak, the path of the limits in it, and its fields with their types and defaults."""

    api_version: str
    limits_path: list[str]
    types: dict[str, str]
    defaults: dict[str, t.Any]

    @classmethod
    def from_dict(cls, values: t.Mapping[str, t.Any]) -> HyperConvergedApi:
        """Return what :meth:`as_dict` was made from."""
        return cls(**values)

    def as_dict(self) -> Object:
        """Return it as plain values, for a module's result."""
        return asdict(self)


def choose_api(crd: t.Mapping[str, t.Any]) -> HyperConvergedApi | None:
    """Return the newest known version that the CustomResourceDefinition serves, or None."""
    served = {version["name"]: version for version in crd["spec"]["versions"] if version["served"]}
    for version, path in _LIMITS_PATHS.items():
        if version in served:
            return _read(version, path, served[version]["schema"]["openAPIV3Schema"])
    return None


def _read(version: str, path: list[str], schema: t.Mapping[str, t.Any]) -> HyperConvergedApi:
    at = tuple(step for key in path for step in ("properties", key))
    fields = value_at(schema, (*at, "properties")) or {}
    # The default of the whole struct, where it has one, wins over those of its fields.
    defaults = {name: field["default"] for name, field in fields.items() if "default" in field}
    defaults.update(value_at(schema, (*at, "default")) or {})
    return HyperConvergedApi(
        api_version=f"{_GROUP}/{version}",
        limits_path=path,
        types={name: field.get("type", "") for name, field in fields.items()},
        defaults=defaults,
    )
