# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Kubernetes objects as nested dicts: their leaves, merging, and the patch that gives old values back."""

from __future__ import annotations

import copy
import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

Object = t.Dict[str, t.Any]
Path = t.Tuple[str, ...]

# JSON of the merge patch that gives back what was there before: on objects of others that we change.
BEFORE_ANNOTATION = "tuning.virtscale/before"


def leaves(tree: t.Mapping[str, t.Any], prefix: Path = ()) -> dict[Path, t.Any]:
    """Return path to value for everything in ``tree`` that is not a mapping; an empty mapping is a value."""
    found: dict[Path, t.Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found.update(leaves(value, (*prefix, key)))
        else:
            found[(*prefix, key)] = value
    return found


def value_at(tree: t.Any, path: Path) -> t.Any:
    """Return the value at ``path``, or None where the path ends early."""
    for key in path:
        if not isinstance(tree, dict) or key not in tree:
            return None
        tree = tree[key]
    return tree


def nested(path: Path, value: t.Any) -> Object:
    """Return the tree that holds nothing but ``value`` at ``path``."""
    tree = value
    for key in reversed(path):
        tree = {key: tree}
    result: Object = tree
    return result


def merged(base: t.Mapping[str, t.Any], over: t.Mapping[str, t.Any]) -> Object:
    """Return both trees in one, ``over`` winning; neither argument changes."""
    result = copy.deepcopy(dict(base))
    for key, value in over.items():
        mine = result.get(key)
        if isinstance(value, dict) and isinstance(mine, dict):
            result[key] = merged(mine, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def patched(base: t.Mapping[str, t.Any], patch: t.Mapping[str, t.Any]) -> Object:
    """Return ``base`` after an RFC 7386 merge patch."""
    result = copy.deepcopy(dict(base))
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            mine = result.get(key)
            result[key] = patched(mine if isinstance(mine, dict) else {}, value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def differences(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> dict[Path, t.Any]:
    """Return path to *wanted* value for every leaf of ``wanted`` that ``live`` does not have."""
    return {path: value for path, value in leaves(wanted).items() if value_at(live, path) != value}


def undo(live: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Object:
    """Return the merge patch that gives back what ``wanted`` would change in ``live``; None removes a field."""
    patch: Object = {}
    for path in differences(live, wanted):
        patch = merged(patch, nested(path, value_at(live, path)))
    return patch


def annotations_of(item: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Return the annotations of an object, empty where it has none."""
    found: dict[str, str] = (item.get("metadata") or {}).get("annotations") or {}
    return found


def labels_of(item: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Return the labels of an object, empty where it has none."""
    found: dict[str, str] = (item.get("metadata") or {}).get("labels") or {}
    return found


def remembered(item: t.Mapping[str, t.Any]) -> Object:
    """Return the before-values that an object carries.

    :raises TuningError: when somebody broke the annotation.
    """
    text = annotations_of(item).get(BEFORE_ANNOTATION)
    if text is None:
        return {}
    try:
        before = json.loads(text)
    except ValueError:
        before = None
    if not isinstance(before, dict):
        name = f"{item.get('kind')} {item['metadata']['name']}"
        raise TuningError(
            f"The annotation {BEFORE_ANNOTATION} of {name} is not a JSON object: {text!r}; repair or remove it."
        )
    return before


def remember(item: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Object:
    """Return ``wanted`` with the annotation by which it can be undone; what was remembered first stays."""
    before = merged(undo(item, wanted), remembered(item))
    note = {"metadata": {"annotations": {BEFORE_ANNOTATION: json.dumps(before, sort_keys=True)}}}
    return merged(wanted, note) if before else dict(wanted)


def give_back(item: t.Mapping[str, t.Any], only: t.Callable[[Path], bool] = lambda path: True) -> Object:
    """Return the merge patch that gives back what an object remembers and forgets it; empty when it remembers nothing.

    :param only: chooses among the remembered paths; the others stay remembered.
    """
    patch: Object = {}
    kept: Object = {}
    for path, value in leaves(remembered(item)).items():
        if only(path):
            patch = merged(patch, nested(path, value))
        else:
            kept = merged(kept, nested(path, value))
    if not patch:
        return {}
    note = json.dumps(kept, sort_keys=True) if kept else None
    return merged(patch, {"metadata": {"annotations": {BEFORE_ANNOTATION: note}}})


def identified(item: t.Mapping[str, t.Any], body: t.Mapping[str, t.Any]) -> Object:
    """Return ``body`` as a patch or definition of the (cluster-wide) object ``item``."""
    return merged(
        body, {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": {"name": item["metadata"]["name"]}}
    )
