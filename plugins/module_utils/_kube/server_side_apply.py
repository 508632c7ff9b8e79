# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Server-side apply, foreseen: whose fields a definition would take over, and whether it may.

The API server refuses an apply that changes a field of another manager. The plan looks first, so that the
preview says so too, and three cases are told apart: a default that nobody chose and our own earlier writes are
taken over; a person's or controller's value only when conflicts are forced; one of a GitOps tool never,
because it would be written back.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    Object,
    Path,
    differences,
    merged,
    nested,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER, MANAGED_BY_LABEL

_GITOPS_MANAGERS = ("argocd", "argo-cd", "kustomize-controller", "helm-controller", "flux", "fleet", "gitops")


@dataclass(frozen=True)
class Conflict:
    """A field that somebody else set to another value."""

    path: Path
    value: t.Any
    manager: str

    @property
    def gitops(self) -> bool:
        """Whether the other manager would write its value back."""
        return is_gitops(self.manager)

    def __str__(self) -> str:
        remedy = "change it there" if self.gitops else "force conflicts to take it over"
        return f"{'.'.join(self.path)} is {self.value!r}, set by {self.manager}; {remedy}"


def is_gitops(manager: str) -> bool:
    """Return whether a field manager is a GitOps tool, by the names that these tools are known to use."""
    return any(name in manager.lower() for name in _GITOPS_MANAGERS)


def made_by_us(item: t.Mapping[str, t.Any]) -> bool:
    """Return whether this collection created the object, and may therefore delete it."""
    found = (item.get("metadata") or {}).get("labels") or {}
    return bool(found.get(MANAGED_BY_LABEL) == FIELD_MANAGER)


def declaration(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Object:
    """Return ``wanted`` with all that our earlier applies own, which an apply without it would remove."""
    owned: Object = {}
    for entry in _entries(live):
        if entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply":
            for path in _field_paths(entry.get("fieldsV1") or {}):
                value = value_at(live, path)
                if value is not None:
                    owned = merged(owned, nested(path, value))
    return merged(owned, wanted)


def conflicts(
    live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any], defaults: t.Mapping[Path, t.Any] | None = None
) -> list[Conflict]:
    """Return the fields of others that ``wanted`` would change.

    :param defaults: values by path that nobody chose; they are free to take.
    """
    found = []
    for path in differences(live, wanted):
        value = value_at(live, path)
        if value is None or (defaults is not None and path in defaults and defaults[path] == value):
            continue
        others = [name for name in owners(live, path) if not name.startswith(FIELD_MANAGER)]
        found += [Conflict(path, value, name) for name in others]
    return found


def refusals(found: t.Iterable[Conflict], force: bool) -> list[Conflict]:
    """Return the conflicts that stop an apply: all, or with ``force`` those with GitOps tools."""
    return [conflict for conflict in found if conflict.gitops or not force]


def owners(live: t.Mapping[str, t.Any], path: Path) -> list[str]:
    """Return the managers of a field, in the order of the object."""
    found = []
    for entry in _entries(live):
        same_version = entry.get("apiVersion") in (None, live.get("apiVersion"))
        if same_version and path in _field_paths(entry.get("fieldsV1") or {}):
            found.append(entry.get("manager", "unknown"))
    return found


def _entries(live: t.Mapping[str, t.Any]) -> list[Object]:
    found: list[Object] = (live.get("metadata") or {}).get("managedFields") or []
    return found


def _field_paths(fields: t.Mapping[str, t.Any], prefix: Path = ()) -> set[Path]:
    """Return the paths of a ``fieldsV1`` set that end in a field; lists count as one field."""
    paths: set[Path] = set()
    for key, below in fields.items():
        if not key.startswith("f:"):
            continue
        path = (*prefix, key[2:])
        deeper = _field_paths(below, path)
        paths |= deeper or {path}
    return paths
