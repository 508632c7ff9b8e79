# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches as the operators of OpenShift Virtualization take them: RFC 6902, and the way back to RFC 7386."""

from __future__ import annotations

import copy
import json
import typing as t


class BadPatch(Exception):
    """The patch cannot be applied; the message says which operation and why."""


def apply_json_patch(document: t.Any, text: str) -> t.Any:
    """A copy of the document with an RFC 6902 patch applied (add, replace, remove, test)."""
    result = copy.deepcopy(document)
    try:
        operations = json.loads(text)
        for operation in operations:
            _apply_one(result, operation)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadPatch(f"invalid jsonPatch {text}: {error!r}") from error
    return result


def _apply_one(document: t.Any, operation: t.Mapping[str, t.Any]) -> None:
    kind = operation["op"]
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in operation["path"].split("/")[1:]]
    parent = document
    for token in tokens[:-1]:
        parent = parent[int(token)] if isinstance(parent, list) else parent[token]
    last: t.Any = tokens[-1]
    if isinstance(parent, list):
        last = len(parent) if last == "-" else int(last)
        exists = last < len(parent)
    else:
        exists = last in parent
    if kind != "add" and not exists:
        raise KeyError(operation["path"])
    if kind == "add" and isinstance(parent, list):
        parent.insert(last, operation["value"])
    elif kind in ("add", "replace"):
        parent[last] = operation["value"]
    elif kind == "remove":
        del parent[last]
    elif kind != "test":
        raise ValueError(f"unknown operation {kind}")
    elif parent[last] != operation["value"]:
        raise ValueError(f"{operation['path']} is not {operation['value']!r}")


def merge_patch_between(present: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The RFC 7386 patch that turns one object into the other; empty when they are equal."""
    patch: dict[str, t.Any] = {key: None for key in present if key not in wanted}
    for key, value in wanted.items():
        old = present.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = merge_patch_between(old, value)
            if inner:
                patch[key] = inner
        elif value != old:
            patch[key] = value
    return patch
