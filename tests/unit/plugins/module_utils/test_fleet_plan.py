# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a fleet, what it would make, and what to be warned of."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.density import deployments
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.deploy import machines_of
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import namespace_of
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.plan import plan_fleet
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import parse_fleet
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.survey import GoldenImage, Room, Survey
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import Source
from fleet_cluster import GOLDEN, arguments, fedora, rhel
from hypothesis import given
from hypothesis import strategies as st

SNAPSHOT = {"kind": "snapshot", "name": "rhel", "namespace": "default"}


def survey(*groups: Object, strategy: str = "snapshot", nodes: int = 100, **more: t.Any) -> Survey:
    sources = [Source(**source) for group in groups for source in group.get("sources") or []]
    return Survey(
        images={source: GoldenImage("snapshot" if source.kind == "snapshot" else "pvc") for source in sources},
        strategies={"ocs-external-storagecluster-ceph-rbd": strategy},
        rooms={f"w{number}": Room(500, 384 << 30) for number in range(nodes)},
        **more,
    )


def warnings(*groups: Object, found: Survey | None = None, **options: t.Any) -> list[str]:
    return plan_fleet(parse_fleet(arguments(groups, **options)), found or survey(*groups)).warnings


@pytest.mark.parametrize(
    "groups, options, expected",
    [
        ([rhel(10)], {}, []),
        ([rhel(100)], {"batch_size": 10}, []),
        ([rhel(100)], {"batch_size": 11}, ["Batches of 11: up to 11 clones of one golden image at once"]),
        ([rhel(100)], {"mode": "at_once"}, ["At once: up to 100 clones"]),
        ([rhel(100)], {"mode": "rate"}, []),
        ([fedora(1000)], {"mode": "at_once"}, []),
        ([rhel(100, sources=[{**GOLDEN, "name": f"g{n}"} for n in range(10)])], {"mode": "at_once"}, []),
        ([rhel(250)], {"batch_size": 10}, []),
        ([rhel(251)], {"batch_size": 10}, ["251 clones of pvc default/rhel-dv: past 250 snapshots"]),
        ([rhel(450)], {"batch_size": 10}, ["450 clones of pvc default/rhel-dv: past 250"]),
        ([rhel(451)], {"batch_size": 10}, ["451 clones of pvc default/rhel-dv: Ceph CSI flattens from 250"]),
        ([rhel(300), rhel(200, name="more")], {"batch_size": 10}, ["500 clones of pvc default/rhel-dv"]),
        ([rhel(1000, sources=[SNAPSHOT])], {"batch_size": 10}, []),
    ],
)
def test_warnings_of_clones(groups: list[Object], options: Object, expected: list[str]) -> None:
    found = warnings(*groups, **options)
    assert len(found) == len(expected), found
    for text, beginning in zip(found, expected):
        assert text.startswith(beginning)


@pytest.mark.parametrize(
    "vms, strategy, words",
    [(101, "csi-clone", "BZ 2055595"), (100, "csi-clone", None), (500, "copy", "copies whole disks, 500 of them")],
)
def test_warnings_of_the_clone_strategy(vms: int, strategy: str, words: str | None) -> None:
    found = warnings(rhel(vms), found=survey(rhel(vms), strategy=strategy), batch_size=10)
    assert [text for text in found if words and words in text] if words else found == []


def test_warnings_of_room() -> None:
    tight = Survey(rooms={"w1": Room(100, 10 << 30)}, pods_on={"w1": 10})
    found = warnings(fedora(90), found=tight, pods=31)
    assert found[0].startswith("121 pods are to run, but 1 workers have room for 100")
    assert found[1] == "The VMs ask for 45 GiB of memory, but 10 GiB are free on the workers."
    crowded = Survey(rooms={"w1": Room(500, 384 << 30)}, pods_on={"w1": 100})
    assert warnings(fedora(1), found=crowded, pods=150)[0].startswith("251 pods on a node on average")
    # Machines that are not to run need no room.
    assert warnings(fedora(90), found=tight, state="stopped") == []


def test_what_is_there_is_not_made_again() -> None:
    there = {"f-rhel-0001": "Halted", "f-rhel-0002": "Always", "f-old-0001": "Halted"}
    request = parse_fleet(arguments([rhel(3)], state="started", pods=10))
    plan = plan_fleet(request, survey(rhel(3), machines=there, pods={"f-00": 4}))
    assert (plan.create, plan.there, plan.switch, plan.strays, plan.pods) == (1, 2, 1, 1, 6)
    assert plan.warnings[0].startswith("1 VM of the fleet f from an earlier request")


@pytest.mark.parametrize(
    "image, words", [(GoldenImage(None), "does not exist"), (GoldenImage("pvc", ready=False), "is not ready")]
)
def test_golden_images_that_will_not_do(image: GoldenImage, words: str) -> None:
    request = parse_fleet(arguments([rhel(1)]))
    (refusal,) = plan_fleet(request, Survey(images={Source(**GOLDEN): image}, rooms={"w": Room(9, 1 << 40)})).refusals
    assert words in refusal


@pytest.mark.parametrize("image", [GoldenImage(None), GoldenImage("pvc", ready=False)])
def test_a_golden_image_that_is_promised_is_taken_for_there(image: GoldenImage) -> None:
    found = Survey(images={Source(**GOLDEN): image})
    asked = arguments([rhel(1)])
    assert len(plan_fleet(parse_fleet(asked), found).refusals) == 1
    plan = plan_fleet(parse_fleet({**asked, "promised_sources": [GOLDEN]}), found)
    assert plan.refusals == []
    assert "The golden image pvc default/rhel-dv would be imported before." in plan.warnings


@pytest.mark.parametrize(
    "change, words",
    [
        ({"name": "Fleet"}, "name is 'Fleet'"),
        ({"groups": []}, "at least one group"),
        ({"groups": [rhel(-1)]}, "groups[0].vms is -1"),
        ({"groups": [rhel(1), rhel(2)]}, "groups is 'rhel', but must be of different names"),
        ({"groups": [rhel(1, name="pods")]}, "the idle pods are called that"),
        ({"groups": [rhel(1, kind=None)]}, "groups[0].kind"),
        ({"groups": [rhel(1, sources=[])]}, "a golden image for rhel to clone"),
        ({"groups": [rhel(1, name="x" * 31)]}, "groups[0].name"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"mode": "rate", "rate_per_s": True}, "rate_per_s is True"),
        ({"namespaces": 0}, "namespaces is 0"),
        ({"namespaces": ["a", "a"]}, "named once"),
        ({"concurrency": 501}, "concurrency is 501"),
        ({"pods": "many"}, "pods is 'many'"),
        ({"failing_s": 0}, "failing_s is 0"),
        ({"series": [{"mode": "at_once"}, {"mode": "at_once"}]}, "of ways that differ"),
        ({"groups": [{"name": "own", "vms": 1, "template": {"kind": "Pod"}}]}, "whole manifest of a VirtualMachine"),
    ],
)
def test_requests_that_are_refused(change: Object, words: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse_fleet(arguments([rhel(1)], **change) if "groups" not in change else arguments(**change))
    assert words in str(refusal.value)


def test_manifests_have_names_marks_and_sources_of_their_own() -> None:
    sources = [{**GOLDEN, "name": "even"}, {**GOLDEN, "name": "odd"}]
    (group,) = parse_fleet(arguments([rhel(3, sources=sources)], state="started")).groups
    made = [json.loads(group.texts("started").of(n, f"f-rhel-{n:04d}", "f-00")) for n in (1, 2, 3)]
    assert [item["metadata"]["name"] for item in made] == ["f-rhel-0001", "f-rhel-0002", "f-rhel-0003"]
    volumes = [item["spec"]["dataVolumeTemplates"][0] for item in made]
    assert [one["metadata"]["name"] for one in volumes] == ["f-rhel-0001", "f-rhel-0002", "f-rhel-0003"]
    assert [one["spec"]["source"]["pvc"]["name"] for one in volumes] == ["even", "odd", "even"]
    marks = {
        "tuning.virtscale/fleet": "f",
        "tuning.virtscale/group": "rhel",
        "app.kubernetes.io/managed-by": "virtscale.tuning",
    }
    for item in (made[0], made[0]["spec"]["template"], volumes[0]):
        assert marks.items() <= item["metadata"]["labels"].items()
    assert made[0]["spec"]["runStrategy"] == "Always"
    assert "virtscale-machine" not in json.dumps(made)


def test_a_machines_place_does_not_depend_on_other_groups() -> None:
    few = machines_of(parse_fleet(arguments([rhel(5), fedora(5)])))
    many = machines_of(parse_fleet(arguments([fedora(50), rhel(9)])))
    assert all(many[name].namespace == machine.namespace for name, machine in few.items())


@given(st.integers(1, 300), st.integers(1, 40))
def test_machines_and_pods_are_spread_evenly(count: int, spaces: int) -> None:
    names = [f"n{number}" for number in range(spaces)]
    places = [namespace_of("rhel", number, names) for number in range(1, count + 1)]
    per_space = [places.count(name) for name in names]
    assert max(per_space) - min(per_space) <= 1
    request = parse_fleet(arguments([], pods=count, namespaces=names))
    replicas = [one["spec"]["replicas"] for one in deployments(request)]
    assert sum(replicas) == count and max(replicas) - min(replicas) <= 1
