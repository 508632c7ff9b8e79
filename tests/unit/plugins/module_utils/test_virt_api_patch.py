# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.virt_api_patch import (
    virt_api_replicas,
    with_virt_api_replicas,
)
from hypothesis import given
from hypothesis import strategies as st

PATCHES = "/spec/customizeComponents/patches"
FEATURE_GATE = {"op": "add", "path": "/spec/configuration/developerConfiguration/featureGates/-", "value": "X"}
CONTROLLER = {
    "resourceType": "Deployment",
    "resourceName": "virt-controller",
    "type": "json",
    "patch": '[{"op":"replace","path":"/spec/replicas","value":3}]',
}


def virt_api(*steps: dict[str, t.Any]) -> dict[str, t.Any]:
    return {**CONTROLLER, "resourceName": "virt-api", "patch": json.dumps(list(steps), separators=(",", ":"))}


def replicas(count: int) -> dict[str, t.Any]:
    return {"op": "replace", "path": "/spec/replicas", "value": count}


def add(*patches: t.Any) -> dict[str, t.Any]:
    return {"op": "add", "path": PATCHES, "value": list(patches)}


MEMORY = {"op": "replace", "path": "/spec/template/spec/priorityClassName", "value": "high"}


@pytest.mark.parametrize(
    "before, after",
    [
        (None, [add(virt_api(replicas(4)))]),
        ([], [add(virt_api(replicas(4)))]),
        # What others patch stays, before and after ours.
        ([FEATURE_GATE], [add(virt_api(replicas(4))), FEATURE_GATE]),
        ([add(CONTROLLER)], [add(CONTROLLER, virt_api(replicas(4)))]),
        # A second array would replace the first: the last one is added to.
        ([add(), add(CONTROLLER)], [add(CONTROLLER, virt_api(replicas(4)))]),
        ([add(virt_api(replicas(2)))], [add(virt_api(replicas(4)))]),
        ([add(virt_api(MEMORY, replicas(2)))], [add(virt_api(MEMORY), virt_api(replicas(4)))]),
        # One that appends to the array needs the array first.
        (
            [{"op": "add", "path": f"{PATCHES}/-", "value": CONTROLLER}],
            [add(virt_api(replicas(4))), {"op": "add", "path": f"{PATCHES}/-", "value": CONTROLLER}],
        ),
        ([{"op": "add", "path": f"{PATCHES}/-", "value": virt_api(replicas(2))}], [add(virt_api(replicas(4)))]),
    ],
)
def test_merged_into_what_is_there(before: list[t.Any] | None, after: list[t.Any]) -> None:
    annotation = with_virt_api_replicas(None if before is None else json.dumps(before), 4)
    assert json.loads(annotation or "") == after
    assert virt_api_replicas(annotation) == 4
    assert with_virt_api_replicas(annotation, 4) is annotation, "nothing to write the second time"


OPERATIONS = st.lists(
    st.sampled_from([FEATURE_GATE, MEMORY, add(CONTROLLER), add(CONTROLLER, virt_api(MEMORY))]), max_size=4
)


@given(OPERATIONS, st.integers(1, 50))
def test_taken_out_again_leaves_what_was_there(before: list[t.Any], count: int) -> None:
    annotation = json.dumps(before) if before else None
    there = with_virt_api_replicas(annotation, count)
    back = with_virt_api_replicas(there, None)
    assert virt_api_replicas(there) == count
    assert virt_api_replicas(back) is None
    assert json.loads(back or "[]") == before


@pytest.mark.parametrize("annotation", ["{", '{"op":"add"}', '["add"]', '"x"'])
def test_a_broken_annotation_is_left_alone(annotation: str) -> None:
    with pytest.raises(TuningError, match="is not a JSON array of patch operations"):
        with_virt_api_replicas(annotation, 4)
