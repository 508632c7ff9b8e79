# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    differences,
    give_back,
    identified,
    merged,
    patched,
    remember,
    remembered,
    undo,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import (
    conflicts,
    declaration,
    owners,
    refusals,
)
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.kube_objects import Object, managed, pool
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.one_of(st.integers(0, 3), st.text(max_size=2), st.lists(st.integers(0, 2), max_size=2))
BRANCHES = st.fixed_dictionaries({"x": VALUES}, optional={"y": VALUES})
# A field is a value or a mapping in all of them, as in Kubernetes.
SPECS = st.fixed_dictionaries({}, optional={"a": VALUES, "b": VALUES, "c": BRANCHES, "d": BRANCHES}).map(
    lambda tree: {"kind": "X", "apiVersion": "v1", "metadata": {"name": "x"}, "spec": {"z": 1, **tree}}
)


@given(SPECS, SPECS)
def test_what_is_remembered_undoes_the_change(live: Object, wanted: Object) -> None:
    changed = merged(live, remember(live, wanted))
    assert differences(changed, wanted) == {}
    back = patched(changed, give_back(changed))
    back["metadata"].pop("annotations", None)
    # The API does not tell an empty mapping from a missing one.
    assert {key: value for key, value in back["spec"].items() if value != {}} == live["spec"]


@given(SPECS, SPECS, SPECS)
def test_the_first_memory_stays(live: Object, first: Object, second: Object) -> None:
    once = merged(live, remember(live, first))
    twice = merged(once, remember(once, second))
    assert merged(remembered(twice), remembered(once)) == remembered(twice)


def test_a_part_is_given_back_and_the_rest_stays_remembered() -> None:
    live = pool("worker")
    changed = merged(live, remember(live, {"metadata": {"labels": {"x": "1"}}, "spec": {"maxUnavailable": 10}}))
    half = patched(changed, give_back(changed, lambda path: path[0] == "spec"))
    assert half["spec"]["maxUnavailable"] == 1
    assert remembered(half) == {"metadata": {"labels": {"x": None}}}
    assert patched(half, give_back(half)) == live
    assert give_back(live) == {}


def test_a_broken_memory_is_said() -> None:
    live = merged(pool("worker"), {"metadata": {"annotations": {"tuning.virtscale/before": "{"}}})
    with pytest.raises(TuningError, match=r"tuning\.virtscale/before of MachineConfigPool worker is not a JSON object"):
        remembered(live)


def test_a_patch_names_its_object() -> None:
    assert identified(pool("worker"), {"spec": {"paused": True}}) == {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfigPool",
        "metadata": {"name": "worker"},
        "spec": {"paused": True},
    }


def test_undo_is_nothing_where_nothing_differs() -> None:
    assert undo(pool("worker"), {"spec": {"paused": False}}) == {}


def test_whose_field_it_is() -> None:
    live = managed(
        managed(pool("worker"), "machine-config-operator", "Update", "spec/paused"), "me", "Apply", "spec/paused"
    )
    assert owners(live, ("spec", "paused")) == ["machine-config-operator", "me"]
    assert owners(live, ("spec", "maxUnavailable")) == []


def test_a_conflict_is_a_field_of_another_that_would_change() -> None:
    live = managed(pool("worker"), "argocd-controller", "Apply", "spec/paused", "spec/maxUnavailable")
    (found,) = conflicts(live, {"spec": {"paused": True, "maxUnavailable": 1}})
    assert str(found) == "spec.paused is False, set by argocd-controller; change it there"
    assert conflicts(live, {"spec": {"paused": True}}, {("spec", "paused"): False}) == []
    assert refusals([found], force=True) == [found]
    theirs = managed(pool("worker"), "kubectl-edit", "Update", "spec/paused")
    (edited,) = conflicts(theirs, {"spec": {"paused": True}})
    assert str(edited).endswith("set by kubectl-edit; force conflicts to take it over")
    assert refusals([edited], force=True) == []
    assert (
        conflicts(managed(pool("worker"), "virtscale.tuning", "Update", "spec/paused"), {"spec": {"paused": True}})
        == []
    )


def test_a_declaration_keeps_what_earlier_ones_own() -> None:
    live = managed(pool("zone-0"), "virtscale.tuning", "Apply", "spec/maxUnavailable", "spec/nodeSelector", "spec/gone")
    made = declaration(live, {"spec": {"paused": True}})
    assert made == {
        "spec": {
            "maxUnavailable": 1,
            "nodeSelector": {"matchLabels": {"node-role.kubernetes.io/zone-0": ""}},
            "paused": True,
        }
    }
