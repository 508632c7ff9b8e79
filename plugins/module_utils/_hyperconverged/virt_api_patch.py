# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The replicas of virt-api inside HyperConverged's jsonpatch annotation, beside whatever else is in it.

The annotation holds one string: an RFC 6902 array that HyperConverged applies to the KubeVirt object. Feature gates
and other patches live in the same string, so it is read, changed at the one place, and written back.
"""

from __future__ import annotations

import copy
import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

JSONPATCH_ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"

_PATCHES_PATH = "/spec/customizeComponents/patches"
_REPLICAS_PATH = "/spec/replicas"
_Operation = t.Dict[str, t.Any]


def virt_api_replicas(annotation: str | None) -> int | None:
    """Return the replicas that the annotation sets, or None.

    :raises TuningError: when the annotation is no JSON array of operations.
    """
    for patch in _virt_api_patches(_operations(annotation)):
        for step in _steps(patch):
            if step.get("path") == _REPLICAS_PATH:
                return int(step["value"])
    return None


def with_virt_api_replicas(annotation: str | None, replicas: int | None) -> str | None:
    """Return the annotation that sets ``replicas``, or without them for None; None where nothing is left.

    The inner operation is literally ``replace``: only that keeps virt-operator from scaling virt-api itself.

    :raises TuningError: when the annotation is no JSON array of operations.
    """
    if virt_api_replicas(annotation) == replicas:
        return annotation
    operations = _without(_operations(annotation))
    if replicas is not None:
        step = {"op": "replace", "path": _REPLICAS_PATH, "value": replicas}
        _patches(operations).append(
            {"resourceType": "Deployment", "resourceName": "virt-api", "type": "json", "patch": _dump([step])}
        )
    return _dump(operations) if operations else None


def _operations(annotation: str | None) -> list[_Operation]:
    if not annotation:
        return []
    try:
        operations = json.loads(annotation)
    except ValueError:
        operations = None
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise TuningError(
            f"The annotation {JSONPATCH_ANNOTATION} is not a JSON array of patch operations: {annotation!r}; "
            "repair it, since HyperConverged cannot read it either."
        )
    return operations


def _patch_lists(operations: t.Sequence[_Operation]) -> t.Iterator[tuple[_Operation, list[t.Any]]]:
    """Yield the operations that set the array of customized components, with that array."""
    for operation in operations:
        if operation.get("path") == _PATCHES_PATH and isinstance(operation.get("value"), list):
            yield operation, operation["value"]


def _patches(operations: list[_Operation]) -> list[t.Any]:
    """Return the array to add to; a later operation on the same path would replace an earlier one."""
    found = [patches for _operation, patches in _patch_lists(operations)]
    if found:
        return found[-1]
    # First, so that operations which append to the array find it.
    operations.insert(0, {"op": "add", "path": _PATCHES_PATH, "value": []})
    patches: list[t.Any] = operations[0]["value"]
    return patches


def _virt_api_patches(operations: t.Sequence[_Operation]) -> t.Iterator[dict[str, t.Any]]:
    for operation in operations:
        if operation.get("path") == f"{_PATCHES_PATH}/-" and _is_virt_api(operation.get("value")):
            yield operation["value"]
    for _operation, patches in _patch_lists(operations):
        yield from (patch for patch in patches if _is_virt_api(patch))


def _is_virt_api(patch: t.Any) -> bool:
    names = ("Deployment", "virt-api", "json")
    return isinstance(patch, dict) and (
        (patch.get("resourceType"), patch.get("resourceName"), patch.get("type")) == names
    )


def _steps(patch: t.Mapping[str, t.Any]) -> list[dict[str, t.Any]]:
    try:
        steps = json.loads(patch.get("patch") or "[]")
    except ValueError:
        return []
    return [step for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []


def _without(operations: list[_Operation]) -> list[_Operation]:
    """Return the operations without the replicas of virt-api, and without what that leaves empty."""
    operations = copy.deepcopy(operations)
    emptied: list[int] = []
    for patch in _virt_api_patches(operations):
        steps = _steps(patch)
        kept = [step for step in steps if step.get("path") != _REPLICAS_PATH]
        if len(kept) < len(steps):
            patch["patch"] = _dump(kept)
            if not kept:
                emptied.append(id(patch))
    for _operation, patches in _patch_lists(operations):
        patches[:] = [patch for patch in patches if id(patch) not in emptied]
    return [one for one in operations if id(one.get("value")) not in emptied and not _sets_empty_list(one)]


def _sets_empty_list(operation: _Operation) -> bool:
    return operation.get("path") == _PATCHES_PATH and operation.get("value") == []


def _dump(value: t.Any) -> str:
    return json.dumps(value, separators=(",", ":"))
