# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster is asked for an upgrade over real HTTP, by a controller that answers as the version operator does."""

from __future__ import annotations

import asyncio
import time
import typing as t

import pytest
from aiohttp import web
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import MACHINE_CONFIG_POOLS, KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.begin import Beginning
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import ClusterVersion
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import WANTED_SPEC, Wanted
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.watch import CLUSTER_VERSIONS
from api_server import ApiServer, Key, status
from kube_objects import pool
from upgrade_objects import cluster_version, condition, conditional, entry, image, release

Object = t.Dict[str, t.Any]
KEY = ("clusterversions", "", "version")
RUN = "20260801T120000Z-upgrade"
HELD = ("machineconfigpools", "", "zone-0")
NONE = {name: spec["default"] for name, spec in WANTED_SPEC.items()}


class Operator:
    """Offers updates by channel, and takes or refuses what it is asked for."""

    def __init__(self, server: ApiServer, offers: t.Mapping[str, Object], refusal: Object | None = None) -> None:
        self.server, self.offers, self.refusal = server, offers, refusal
        self.most_paused = False
        server.controllers.append(self.see)

    def see(self, key: Key, item: Object) -> None:
        if key == HELD:
            self.most_paused = self.most_paused or bool(item["spec"].get("paused"))
        generation = len([call for call in self.server.calls if call[0] == "PATCH"])
        if key == KEY and item["metadata"].get("generation") != generation:
            item["metadata"]["generation"] = generation
            self.server.later(0.05, lambda: self.answer(generation))

    def answer(self, generation: int) -> None:
        item = self.server.objects[KEY]
        spec = item["spec"]
        found: Object = {"observedGeneration": generation, **self.offers.get(spec.get("channel", ""), {})}
        asked = spec.get("desiredUpdate") or {}
        if asked.get("image") and asked["image"] != item["status"]["history"][0]["image"]:
            if self.refusal is not None:
                found["conditions"] = [self.refusal]
            else:
                begun = {**entry(asked.get("version", "4.9.23"), "Partial"), "image": asked["image"]}
                found["history"] = [begun, *item["status"]["history"]]
        self.server.change(KEY, {"status": found})


class Asked(t.NamedTuple):
    """The ClusterVersion or the failure, the objects at the end, and what happened in between."""

    version: ClusterVersion | str
    item: Object
    said: list[str]
    held: bool
    pool: Object


def ask(
    offers: t.Mapping[str, Object],
    *,
    start: Object | None = None,
    refusal: Object | None = None,
    fault: t.Any = None,
    limit_s: float = 2.0,
    **options: t.Any,
) -> Asked:
    """Let a cluster be asked, and return what came of it."""

    async def whole() -> Asked:
        async with ApiServer() as server:
            server.put(CLUSTER_VERSIONS, start or cluster_version())
            server.put(MACHINE_CONFIG_POOLS, pool("zone-0"))
            server.put(MACHINE_CONFIG_POOLS, merged(pool("zone-1"), {"spec": {"paused": True}}))
            operator = Operator(server, offers, refusal)
            if fault:
                server.faults.append(fault)
            said: list[str] = []
            wanted = Wanted.parse({**NONE, "to": "4.9.23", **options})
            beginning = Beginning(
                KubeClient.connect(server.auth),
                wanted,
                ["zone-0", "zone-1"],
                RUN,
                limit_s,
                said.append,
                sleep=lambda seconds: time.sleep(seconds / 50),
            )
            found: ClusterVersion | str
            try:
                found = await asyncio.to_thread(beginning.begin)
            except TuningError as error:
                found = str(error)
            return Asked(found, server.objects[KEY], said, operator.most_paused, server.objects[HELD])

    return asyncio.run(whole())


OFFERS = {"stable-4.9": {"availableUpdates": [release("4.9.23")]}}
PATCHED = cluster_version(availableUpdates=[release("4.9.23")], observedGeneration=9)


def test_an_offered_update_is_asked_for_once_the_pools_are_held() -> None:
    version, item, said, held, _pool = ask(OFFERS, start=PATCHED)
    assert isinstance(version, ClusterVersion)
    assert item["spec"]["desiredUpdate"] == {"version": "4.9.23", "image": image("4.9.23")}
    assert item["metadata"]["annotations"] == {"tuning.virtscale/upgrade": f"4.9.23/{RUN}"}
    assert version.newest.version == "4.9.23"
    assert said == ["pool zone-0: held until the control plane is done", "asked the cluster for 4.9.23"]
    assert held


def test_a_channel_is_set_and_its_offer_awaited() -> None:
    offers = {"candidate-4.10": {"availableUpdates": [release("4.10.9")]}}
    version, item, said, _held, _pool = ask(offers, to="4.10.9", channel="candidate-4.10", allow_explicit_channel=True)
    assert isinstance(version, ClusterVersion)
    assert item["spec"]["channel"] == "candidate-4.10"
    assert said[0] == "channel stable-4.9 -> candidate-4.10"
    assert said[1].startswith("waits for an offer of 4.10.9: ")


def test_what_an_earlier_request_forced_is_not_forced_again() -> None:
    earlier = {"spec": {"desiredUpdate": {"version": "4.9.15", "image": image("4.9.15"), "force": True}}}
    _version, item, _said, _held, _pool = ask(OFFERS, start=merged(PATCHED, earlier))
    assert item["spec"]["desiredUpdate"] == {"version": "4.9.23", "image": image("4.9.23")}


def test_an_update_that_is_never_offered_is_not_asked_for() -> None:
    version, item, _said, held, _pool = ask({}, limit_s=0.2)
    assert version == (
        "The cluster is not asked to upgrade: stable-4.9 offers nothing to 4.9.15; set a channel that offers it, or "
        "name its image, and set allow_explicit_upgrade, to go there anyway."
    )
    assert "desiredUpdate" not in item["spec"]
    assert not held


def test_risks_are_no_reason_to_wait() -> None:
    start = cluster_version(conditionalUpdates=[conditional("4.9.23")], observedGeneration=9)
    version, _item, _said, _held, _pool = ask({}, start=start, limit_s=60)
    assert "SlowDrains" in str(version)


REFUSAL = condition(
    "ReleaseAccepted",
    "False",
    'Preconditions failed for payload loaded version="4.9.23" image="x": Precondition "Upgradeable" failed',
    "PreconditionChecks",
)


@pytest.mark.parametrize("before", [None, {"version": "4.9.15", "image": image("4.9.15")}])
def test_what_the_cluster_refuses_is_taken_back(before: Object | None) -> None:
    start = merged(PATCHED, {"spec": {"desiredUpdate": before}}) if before else PATCHED
    version, item, _said, held, released = ask(OFFERS, start=start, refusal=REFUSAL, limit_s=60)
    assert str(version).startswith(
        "The cluster refuses the upgrade, and is no longer asked for it: Preconditions failed"
    )
    assert item["spec"].get("desiredUpdate") == before
    assert item["metadata"]["annotations"] == {}
    assert held
    assert not released["spec"].get("paused")
    assert "tuning.virtscale/paused" not in released["metadata"].get("annotations", {})


def test_an_old_refusal_of_another_release_is_none_of_this_one() -> None:
    old = condition("ReleaseAccepted", "False", 'Preconditions failed version="4.9.21" image="y"', "PreconditionChecks")
    version, _item, _said, _held, _pool = ask(OFFERS, start=PATCHED, refusal=old, limit_s=0.3)
    assert str(version).startswith("The cluster refuses the upgrade")  # not at once: after the limit


def test_an_update_that_was_asked_for_before_is_taken_over() -> None:
    start = cluster_version(history=[entry("4.9.23", "Partial"), entry("4.9.15")])
    version, item, said, held, _pool = ask({}, start=start)
    assert isinstance(version, ClusterVersion)
    assert said == ["4.9.23 was asked for before: its upgrade is watched to its end"]
    assert item["metadata"]["annotations"] == {"tuning.virtscale/upgrade": f"4.9.23/{RUN}"}
    assert not held


def test_the_run_that_began_it_stays_the_one_that_is_named() -> None:
    start = cluster_version(history=[entry("4.9.23", "Partial"), entry("4.9.15")])
    start["metadata"]["annotations"] = {"tuning.virtscale/upgrade": "4.9.23/earlier"}
    version, _item, _said, _held, _pool = ask({}, start=start)
    assert isinstance(version, ClusterVersion)
    assert version.run_of("4.9.23") == "earlier"


def test_the_operators_own_writes_are_no_conflict() -> None:
    refusals = [3]

    def conflict(method: str, path: str, body: Object | None) -> web.Response | None:
        if method == "PATCH" and path.endswith("clusterversions/version") and refusals[0]:
            refusals[0] -= 1
            return status(409, "the object has been modified")
        return None

    version, _item, _said, _held, _pool = ask(OFFERS, start=PATCHED, fault=conflict)
    assert isinstance(version, ClusterVersion)
    assert refusals == [0]
