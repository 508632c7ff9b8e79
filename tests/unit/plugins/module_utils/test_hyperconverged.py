# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans for HyperConverged, against its CRD in both generations."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.plan import (
    HyperConvergedWishes,
    plan_given_back,
    plan_hyperconverged,
    settled,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.schema import choose_api
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged, nested, patched
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import KubePlan
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.kube_objects import Object, managed, workers

FIXTURES = Path(__file__).parents[2] / "fixtures"
GENERATIONS = ("v1", "v1beta1")
SEED = {
    "completionTimeoutPerGiB": 800,
    "parallelMigrationsPerCluster": 20,
    "parallelOutboundMigrationsPerNode": 4,
    "progressTimeout": 150,
}
ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"


def crd(generation: str) -> Object:
    content: Object = json.loads((FIXTURES / f"hyperconvergeds.hco.kubevirt.io.{generation}.json").read_text())
    return content


def facts(generation: str, kubevirt: str = "v1.6.0") -> Object:
    """A cluster of 100 nodes with the defaults that its API fills in."""
    api = choose_api(crd(generation))
    assert api is not None
    base = {
        "apiVersion": api.api_version,
        "kind": "HyperConverged",
        "metadata": {"name": "kubevirt-hyperconverged", "namespace": "openshift-cnv", "resourceVersion": "7"},
    }
    return {
        "nodes": workers(100),
        "hyperconverged": {"object": merged(base, nested(tuple(api.limits_path), api.defaults)), "api": api.as_dict()},
        "kubevirt": {
            "spec": {"configuration": {"migrations": dict(api.defaults)}},
            "status": {"observedKubeVirtVersion": kubevirt},
        },
        "virt_api": {"spec": {"replicas": 10}},
    }


def plan(cluster: Object, **changes: t.Any) -> KubePlan:
    wishes: dict[str, t.Any] = {
        "limits": SEED,
        "planned_vms": 3000,
        "vms_per_virt_api": 750,
        "force_virt_api": False,
        "force_conflicts": False,
    }
    return plan_hyperconverged(cluster, HyperConvergedWishes(**{**wishes, **changes}))


def after(cluster: Object, made: KubePlan) -> Object:
    """The cluster once the plan is applied and the operators have followed."""
    item = cluster["hyperconverged"]["object"]
    for patch in made.patches:
        assert patch["metadata"]["resourceVersion"] == item["metadata"]["resourceVersion"]
        item = patched(item, patch)
    for definition in made.definitions:
        item = merged(item, definition)
    api = cluster["hyperconverged"]["api"]
    limits = item
    for key in api["limits_path"]:
        limits = limits[key]
    return {
        **cluster,
        "hyperconverged": {"object": item, "api": api},
        "kubevirt": merged(cluster["kubevirt"], {"spec": {"configuration": {"migrations": limits}}}),
    }


def unknown_fields(schema: Object, value: t.Any, path: str = "") -> list[str]:
    """Return what the API server would prune without a word."""
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    found = []
    for key, below in value.items():
        if key not in schema["properties"]:
            found.append(f"{path}.{key}")
        else:
            found += unknown_fields(schema["properties"][key], below, f"{path}.{key}")
    return found


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_written_field_is_one_of_the_served_version(generation: str) -> None:
    cluster = facts(generation, kubevirt="v0.49.0")
    made = plan(cluster)
    schemas = {version["name"]: version["schema"]["openAPIV3Schema"] for version in crd(generation)["spec"]["versions"]}
    for item in [*made.definitions, *made.patches]:
        assert unknown_fields(schemas[item["apiVersion"].split("/")[1]], {"spec": item.get("spec", {})}) == []
    assert made.definitions[0]["apiVersion"] == f"hco.kubevirt.io/{generation}"
    limits = made.definitions[0]["spec"]
    limits = limits["virtualization"] if generation == "v1" else limits
    assert limits == {"liveMigrationConfig": SEED}


@pytest.mark.parametrize("generation, default", [("v1", 20), ("v1beta1", 150)])
def test_the_defaults_of_today_stand_beside(generation: str, default: int) -> None:
    (found,) = [r for r in plan(facts(generation)).rows if r["what"] == "liveMigrationConfig.completionTimeoutPerGiB"]
    assert (found["before"], found["wanted"], found["status"]) == (str(default), "800", "would_change")
    assert found["why"] == f"default of hco.kubevirt.io/{generation} today: {default}"


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_second_run_writes_nothing_and_it_can_be_given_back(generation: str) -> None:
    cluster = facts(generation)
    now = after(cluster, plan(cluster))
    again = plan(now)
    assert again.empty
    assert {row["status"] for row in again.rows} == {"ok", "note"}
    back = after(now, plan_given_back(now))
    item = back["hyperconverged"]["object"]
    item["metadata"].pop("annotations")
    assert item == cluster["hyperconverged"]["object"]


def test_the_first_memory_stays() -> None:
    cluster = facts("v1beta1")
    now = after(cluster, plan(cluster))
    later = after(now, plan(now, limits={**SEED, "parallelMigrationsPerCluster": 30}))
    note = json.loads(later["hyperconverged"]["object"]["metadata"]["annotations"]["tuning.virtscale/before"])
    assert note["liveMigrationConfig"]["parallelMigrationsPerCluster"] == 5


def test_virt_api_is_left_to_the_operator_that_scales_it() -> None:
    made = plan(facts("v1beta1"))
    assert not made.patches
    (found,) = [row for row in made.rows if row["what"] == "virt-api replicas"]
    assert found["status"] == "note"
    assert "virt-operator v1.6.0 scales it to 10 for 100 schedulable nodes" in str(found["why"])
    assert "3000 planned VMs / 750 a replica gives 4" in str(found["why"])


@pytest.mark.parametrize(
    "kubevirt, force, vms, replicas", [("v0.49.0", False, 3000, 4), ("v0.44.3", False, 3001, 5), ("v1.6.0", True, 1, 1)]
)
def test_virt_api_where_nothing_scales_it_or_by_force(kubevirt: str, force: bool, vms: int, replicas: int) -> None:
    made = plan(facts("v1beta1", kubevirt), force_virt_api=force, planned_vms=vms)
    (patch,) = made.patches
    assert patch["metadata"]["resourceVersion"] == "7"
    (operation,) = json.loads(patch["metadata"]["annotations"][ANNOTATION])
    (inner,) = json.loads(operation["value"][0]["patch"])
    assert inner == {"op": "replace", "path": "/spec/replicas", "value": replicas}


def test_both_writes_remember_the_same() -> None:
    made = plan(facts("v1beta1"), force_virt_api=True)
    notes = {item["metadata"]["annotations"]["tuning.virtscale/before"] for item in [*made.patches, *made.definitions]}
    (note,) = notes
    assert json.loads(note)["virtApiReplicas"] is None
    assert json.loads(note)["liveMigrationConfig"]["completionTimeoutPerGiB"] == 150


def test_the_annotation_of_others_survives_the_way_there_and_back() -> None:
    cluster = facts("v1beta1")
    theirs = '[{"op":"add","path":"/spec/configuration/developerConfiguration/featureGates/-","value":"X"}]'
    cluster["hyperconverged"]["object"]["metadata"]["annotations"] = {ANNOTATION: theirs}
    now = after(cluster, plan(cluster, force_virt_api=True))
    assert "featureGates" in now["hyperconverged"]["object"]["metadata"]["annotations"][ANNOTATION]
    back = after(now, plan_given_back(now))
    assert back["hyperconverged"]["object"] == cluster["hyperconverged"]["object"]


def owned(cluster: Object, manager: str, value: int) -> Object:
    item = merged(
        cluster["hyperconverged"]["object"], {"spec": {"liveMigrationConfig": {"parallelMigrationsPerCluster": value}}}
    )
    paths = [f"spec/liveMigrationConfig/{name}" for name in SEED]
    return {
        **cluster,
        "hyperconverged": {**cluster["hyperconverged"], "object": managed(item, manager, "Update", *paths)},
    }


def test_defaults_are_free_to_take_whoever_created_the_object() -> None:
    made = plan(owned(facts("v1beta1"), "olm", 5))
    assert made.definitions and made.force_conflicts


def test_a_limit_that_somebody_set_is_refused_by_name() -> None:
    cluster = owned(facts("v1beta1"), "kubectl-edit", 8)
    made = plan(cluster)
    assert made.empty
    assert all(
        "parallelMigrationsPerCluster is 8, set by kubectl-edit" in str(r["why"])
        for r in made.rows
        if r["status"] == "refused"
    )
    assert plan(cluster, force_conflicts=True).definitions
    assert plan(owned(facts("v1beta1"), "argocd-controller", 8), force_conflicts=True).empty


def test_a_patch_of_kubevirt_that_wins_is_named() -> None:
    cluster = after(facts("v1beta1"), plan(facts("v1beta1")))
    cluster["kubevirt"]["spec"]["configuration"]["migrations"]["parallelMigrationsPerCluster"] = 5
    (found,) = [row for row in plan(cluster).rows if row["status"] == "overridden"]
    assert (found["wanted"], found["effective"]) == ("20", "5")
    assert not settled(cluster)
    assert settled(facts("v1beta1"))


@pytest.mark.parametrize(
    "limits, says",
    [
        ({"parallelMigrationPerCluster": 20}, "did you mean parallelMigrationsPerCluster?"),
        ({"progressTimeout": 0}, "progressTimeout is 0, but must be a whole number at least 1."),
        ({"allowPostCopy": "yes"}, "allowPostCopy is 'yes', but must be true or false."),
        ({"allowWorkloadDisruption": True}, "of hco.kubevirt.io/v1beta1 has no field allowWorkloadDisruption"),
    ],
)
def test_wrong_limits(limits: Object, says: str) -> None:
    with pytest.raises(TuningError) as refusal:
        plan(facts("v1beta1"), limits=limits)
    assert says in str(refusal.value)


def test_a_cluster_without_it() -> None:
    made = plan({"hyperconverged": None})
    assert made.empty
    assert made.rows[0]["status"] == "refused"
    assert plan_given_back({"hyperconverged": None}).empty
