# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in for the cluster-version operator accepts, walks, waits and says it as the real one does."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.cluster_operators import (
    TROUBLE,
    Health,
    health,
    status_of,
)
from ansible_collections.virtscale.tuning.lab.standins.cluster_version_status import (
    Walk,
    accepted,
    history_with,
    progress_conditions,
    upgradeable,
    with_conditions,
)
from ansible_collections.virtscale.tuning.lab.standins.release_graph import Payload, ReleaseGraph

Object = t.Dict[str, t.Any]
RELEASES = Path(__file__).resolve().parents[3] / "lab/roles/lab_openshift/files/releases.json"
NOW, LATER = "2026-08-01T12:00:00Z", "2026-08-01T13:00:00Z"
PAYLOAD = Payload("4.9.23", "registry/release@sha256:1", 738, None)
UPDATING = Health("ClusterOperatorUpdating", "Cluster operator dns is updating versions", passes=True)
DEGRADED = Health("ClusterOperatorDegraded", "Cluster operator dns is degraded", passes=True)
DOWN = Health("ClusterOperatorNotAvailable", "Cluster operator dns is not available")


@pytest.mark.parametrize(
    "version, channel, available, conditional, problem",
    [
        ("4.9.15", "stable-4.9", ["4.9.19", "4.9.23"], ["4.9.21"], None),
        ("4.9.23", "stable-4.9", [], [], None),
        ("4.9.23", "candidate-4.10", ["4.10.9"], ["4.10.11"], None),
        ("4.9.15", "candidate-4.10", [], [], "VersionNotFound"),
        ("4.9.15", "", [], [], "NoChannel"),
        ("4.19.0", "stable-4.19", [], [], "VersionNotFound"),
    ],
)
def test_what_a_channel_offers(
    version: str, channel: str, available: list[str], conditional: list[str], problem: str | None
) -> None:
    found = ReleaseGraph.read(RELEASES).updates(version, channel, NOW)
    assert [one["version"] for one in found.available or []] == available
    assert [one["release"]["version"] for one in found.conditional] == conditional
    assert (found.problem or (None,))[0] == problem


def test_a_release_is_found_by_its_image() -> None:
    graph = ReleaseGraph.read(RELEASES)
    image = graph.release("4.10.9")["image"]
    found = graph.payload(image=image)
    assert found is not None
    assert (found.version, found.manifests) == ("4.10.9", 771)
    assert graph.payload(image="registry/unknown@sha256:2") is None


def operator(version: str = "4.9.15", trouble: str = "") -> Object:
    status = status_of(version, version, trouble, [], NOW)
    return {"metadata": {"name": "dns", "annotations": {TROUBLE: trouble}}, "status": status}


@pytest.mark.parametrize(
    "item, found",
    [
        (operator("4.9.23"), Health()),
        (operator("4.9.15"), UPDATING),
        (operator("4.9.23", "degraded: no pods"), DEGRADED),
        (operator("4.9.23", "unavailable: no pods"), DOWN),
        (operator("4.9.23", "not-upgradeable: no"), Health()),
    ],
)
def test_how_an_operator_stands(item: Object, found: Health) -> None:
    assert health(item, "4.9.23") == found


def test_conditions_keep_their_time() -> None:
    first = status_of("4.9.15", "4.9.15", "", [], NOW)["conditions"]
    second = status_of("4.9.15", "4.9.23", "degraded: no pods", first, LATER)["conditions"]
    assert {one["type"]: one["lastTransitionTime"] for one in second} == {
        "Available": NOW,
        "Progressing": LATER,
        "Degraded": LATER,
        "Upgradeable": NOW,
    }


@pytest.mark.parametrize(
    "done, waits, patience, progressing, failing",
    [
        (569, Health(), 0, "Working towards 4.9.23: 569 of 738 done (77% complete)", ""),
        (569, UPDATING, 9, "Working towards 4.9.23: 569 of 738 done (77% complete), waiting on dns", ""),
        (
            569,
            DEGRADED,
            0.5,
            "Working towards 4.9.23: 569 of 738 done (77% complete), waiting up to 40 minutes on dns",
            "",
        ),
        (
            569,
            DEGRADED,
            1.5,
            "Unable to apply 4.9.23: wait has exceeded 40 minutes for these operators: dns",
            "Cluster operator dns is degraded",
        ),
        (
            569,
            DOWN,
            0,
            "Unable to apply 4.9.23: the cluster operator dns is not available",
            "Cluster operator dns is not available",
        ),
        (None, Health(), 0, "Cluster version is 4.9.23", ""),
        (
            None,
            DEGRADED,
            0,
            "Error while reconciling 4.9.23: the cluster operator dns is degraded",
            "Cluster operator dns is degraded",
        ),
    ],
)
def test_what_is_said_of_an_update(
    done: int | None, waits: Health, patience: float, progressing: str, failing: str
) -> None:
    found = {one["type"]: one for one in progress_conditions(PAYLOAD, done, waits, "dns", patience)}
    assert found["Progressing"]["message"] == progressing
    assert found["Progressing"]["status"] == ("False" if done is None else "True")
    assert (found["Failing"]["status"], found["Failing"]["message"]) == ("True" if failing else "False", failing)
    assert ("Available" in found) == (done is None)


def test_the_walk_stops_at_each_operator_until_it_is_settled() -> None:
    walk = Walk(PAYLOAD, 0.001, ["etcd", "dns"])
    settled: set[str] = set()
    stops: list[str | None] = []
    for _step in range(3000):
        name = walk.step(lambda one: one in settled)
        if name is not None:
            stops.append(name)
            settled.add(name)
    assert (stops, walk.done, walk.waited_s) == (["etcd", "dns"], 738, 0.0)


def cluster(**spec: t.Any) -> Object:
    return {"spec": spec, "status": {"history": [{"version": "4.9.23"}]}}


@pytest.mark.parametrize(
    "version, operators, acks, reason",
    [
        (cluster(), {"dns": operator()}, {"ack-4.9-apis": "true"}, ""),
        (cluster(), {"dns": operator()}, {}, "AdminAckRequired"),
        (cluster(), {"dns": operator(trouble="not-upgradeable: x")}, {"ack-4.9-apis": "true"}, "Lab_Upgradeable"),
        (cluster(), {"dns": operator(trouble="not-upgradeable: x")}, {"ack-4.9-apis": "yes"}, "MultipleReasons"),
        (cluster(overrides=[{"unmanaged": True}]), {}, {"ack-4.9-apis": "true"}, "ClusterVersionOverridesSet"),
    ],
)
def test_who_keeps_the_cluster_from_its_next_minor_version(
    version: Object, operators: Object, acks: Object, reason: str
) -> None:
    found = upgradeable(version, operators, {"ack-4.9-apis": "APIs go.", "ack-4.8-old": "x"}, acks)
    assert (found["status"], found["reason"]) == ("False" if reason else "True", reason)


def test_history_grows_at_its_head() -> None:
    before = [{"version": "4.9.15", "state": "Partial", "completionTime": None}]
    found = history_with(before, PAYLOAD, NOW, True, "a risk")
    assert [(one["version"], one["completionTime"]) for one in found] == [("4.9.23", None), ("4.9.15", NOW)]
    assert (found[0]["state"], found[0]["verified"], found[0]["acceptedRisks"]) == ("Partial", False, "a risk")


def test_a_refusal_names_the_release() -> None:
    found = accepted("4.10.9", "image", ("PreconditionChecks", "no"))
    assert found["message"] == 'Preconditions failed for payload loaded version="4.10.9" image="image": no'
    assert accepted("4.10.9", "image")["status"] == "True"


def test_what_passes_is_gone_when_it_is_not_said_again() -> None:
    present = [
        {"type": "Invalid", "status": "True", "lastTransitionTime": NOW},
        {"type": "Failing", "status": "False", "lastTransitionTime": NOW},
    ]
    found = with_conditions(present, [{"type": "Failing", "status": "False"}], LATER)
    assert found == [{"type": "Failing", "status": "False", "lastTransitionTime": NOW}]
