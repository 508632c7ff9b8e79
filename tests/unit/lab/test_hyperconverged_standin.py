# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for the virtualization operators does what they do with limits and patches."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins.hyperconverged import (
    JSONPATCH_ANNOTATION,
    conditions,
    kubevirt_spec,
    virt_api_spec,
    with_virt_api_rate,
)
from ansible_collections.virtscale.tuning.lab.standins.json_patch import (
    BadPatch,
    apply_json_patch,
    merge_patch_between,
)
from hypothesis import given
from hypothesis import strategies as st

LIMITS = {"parallelMigrationsPerCluster": 20, "parallelOutboundMigrationsPerNode": 4}
PATCHES = [
    {
        "resourceType": "Deployment",
        "resourceName": "virt-api",
        "type": "json",
        "patch": json.dumps([{"op": "replace", "path": "/spec/replicas", "value": 4}]),
    }
]
ANNOTATION = json.dumps([{"op": "add", "path": "/spec/customizeComponents/patches", "value": PATCHES}])


def hyperconverged(annotation: str | None = None) -> dict[str, t.Any]:
    annotations = {JSONPATCH_ANNOTATION: annotation} if annotation else {}
    return {"metadata": {"annotations": annotations}, "spec": {"liveMigrationConfig": LIMITS}}


def test_limits_reach_kubevirt() -> None:
    assert kubevirt_spec(hyperconverged())["configuration"]["migrations"] == LIMITS


def test_the_annotation_patches_virt_api() -> None:
    spec = kubevirt_spec(hyperconverged(ANNOTATION))
    assert virt_api_spec({"spec": {"replicas": 1}}, spec, replicas=2) == {"replicas": 4}


def test_without_the_annotation_virt_api_has_its_own_number() -> None:
    assert virt_api_spec({"spec": {"replicas": 4}}, kubevirt_spec(hyperconverged()), replicas=2) == {"replicas": 2}


def test_one_virt_api_asks_as_much_as_all_replicas() -> None:
    spec = with_virt_api_rate(kubevirt_spec(hyperconverged()), replicas=4)
    assert spec["configuration"]["migrations"] == LIMITS
    limiter = spec["configuration"]["apiConfiguration"]["restClient"]["rateLimiter"]["tokenBucketRateLimiter"]
    assert limiter == {"qps": 20, "burst": 40}


def test_a_rate_that_somebody_set_stays() -> None:
    own = {"op": "add", "path": "/spec/configuration/apiConfiguration", "value": {"restClient": {}}}
    spec = kubevirt_spec(hyperconverged(json.dumps([own])))
    assert with_virt_api_rate(spec, replicas=4) == spec


@pytest.mark.parametrize(
    "annotation",
    ["not json", '[{"op": "replace", "path": "/spec/nothing", "value": 1}]', '[{"op": "turn", "path": "/spec/x"}]'],
)
def test_a_bad_annotation_is_named(annotation: str) -> None:
    with pytest.raises(BadPatch, match="invalid jsonPatch"):
        kubevirt_spec(hyperconverged(annotation))


def test_a_problem_shows_in_the_conditions() -> None:
    states = {c["type"]: c["status"] for c in conditions("a problem", True, 3, [])}
    assert states["Available"] == "False"
    assert states["Degraded"] == "True"
    assert states["TaintedConfiguration"] == "True"


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    then = "2026-01-01T00:00:00Z"
    present = [condition | {"lastTransitionTime": then} for condition in conditions(None, False, 3, [])]
    times = {c["type"]: c["lastTransitionTime"] for c in conditions("a problem", False, 4, present)}
    assert times["Progressing"] == then
    assert times["Degraded"] > then


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ('[{"op": "add", "path": "/a/-", "value": 3}]', {"a": [1, 2, 3]}),
        ('[{"op": "add", "path": "/a/0", "value": 0}]', {"a": [0, 1, 2]}),
        ('[{"op": "remove", "path": "/a/1"}]', {"a": [1]}),
        ('[{"op": "add", "path": "/b~1c", "value": true}]', {"a": [1, 2], "b/c": True}),
        ('[{"op": "test", "path": "/a/0", "value": 1}]', {"a": [1, 2]}),
    ],
)
def test_json_patch(patch: str, expected: dict[str, t.Any]) -> None:
    assert apply_json_patch({"a": [1, 2]}, patch) == expected


objects = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def merged(document: t.Any, patch: t.Any) -> t.Any:
    """RFC 7386, as its section 2 writes it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@given(
    st.dictionaries(st.sampled_from("abc"), objects, max_size=3),
    st.dictionaries(st.sampled_from("abc"), objects, max_size=3),
)
def test_a_merge_patch_leads_to_what_is_wanted(present: dict[str, t.Any], wanted: dict[str, t.Any]) -> None:
    assert merged(present, merge_patch_between(present, wanted)) == wanted
