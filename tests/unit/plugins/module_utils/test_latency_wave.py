# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.wave import WAVE_LABEL, Mover, Wave
from latency_machines import target


def _moved(name: str, phase: str, **state: object) -> Object:
    """Return a migration as the API tells it; the source moved it within 12 s, after 3 s of preparation."""
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "namespace": "vms",
            "creationTimestamp": "2026-08-01T12:00:00Z",
        },
        "spec": {"vmiName": name.replace("run-1-", "rhel-")},
        "status": {
            "phase": phase,
            "migrationState": {
                "startTimestamp": "2026-08-01T12:00:03Z",
                "endTimestamp": "2026-08-01T12:00:15Z",
                **state,
            },
        },
    }


class Api:
    """A cluster whose migrations end as they are told to, each after the others."""

    def __init__(self) -> None:
        self.made: dict[str, Object] = {}
        self.deleted: list[str] = []
        self.refused: dict[str, str] = {}
        self.ends: dict[str, tuple[str, dict[str, object]]] = {}
        self.vanishing: set[str] = set()
        self.watches = 0
        self.closed = 0

    async def create(
        self, _resource: Resource, name: str, body: Object, _namespace: str | None = None, **_options: t.Any
    ) -> tuple[Object, bool]:
        vmi = body["spec"]["vmiName"]
        if vmi in self.refused:
            raise KubeError(self.refused[vmi], 409)
        self.made[name] = body
        return body, True

    async def delete(self, _resource: Resource, name: str, _namespace: str | None = None) -> bool:
        self.deleted.append(name)
        return True

    async def watch(
        self, _resource: Resource, _namespace: str | None = None, label_selector: str | None = None
    ) -> t.AsyncIterator[tuple[str, Object]]:
        self.watches += 1
        try:
            assert label_selector == f"{WAVE_LABEL}=run-1"
            for name in self.made:
                yield "LISTED", _moved(name, "Pending")
            yield "SYNCED", {"metadata": {"resourceVersion": "1"}}
            for name in self.made:
                phase, state = self.ends.get(name, ("Succeeded", {}))
                if name not in self.vanishing:
                    yield "MODIFIED", _moved(name, "Running")
                    yield "MODIFIED", _moved(name, phase, **state)
            # What a gap in the watch has hidden is not listed any more.
            for name in self.made.keys() - self.vanishing:
                yield "LISTED", _moved(name, "Succeeded")
            yield "SYNCED", {"metadata": {"resourceVersion": "2"}}
            await asyncio.sleep(30)
        finally:
            self.closed += 1


def _wave(api: Api, number: int = 3, limit_s: float = 5.0, run: str = "run") -> Wave:
    mover = Mover(api, run, lambda line: None, limit_s)
    return asyncio.run(mover.wave([target(each) for each in range(1, number + 1)]))


def test_every_machine_is_asked_and_the_times_are_the_apis():
    api = Api()
    found = _wave(api).result()
    assert [body["spec"]["vmiName"] for body in api.made.values()] == ["rhel-0001", "rhel-0002", "rhel-0003"]
    assert all(body["metadata"]["namespace"] == "vms" for body in api.made.values())
    assert found["failed"] == []
    assert found["run"]["count"] == 3 and found["run"]["mean_s"] == 12.0
    assert found["total"]["mean_s"] == 15.0


def test_nothing_is_left_behind():
    api = Api()
    _wave(api)
    assert sorted(api.deleted) == sorted(api.made)
    assert api.closed == api.watches == 1


def test_one_that_fails_or_is_refused_is_named_and_not_counted():
    api = Api()
    api.refused["rhel-0001"] = "in-flight migration detected"
    api.ends["run-1-0002"] = ("Failed", {"failed": True, "failureReason": "no room"})
    found = _wave(api).result()
    assert found["failed"] == [
        {"vm": "vms/rhel-0001", "reason": "in-flight migration detected"},
        {"vm": "vms/rhel-0002", "reason": "no room"},
    ]
    assert found["run"]["count"] == 1


def test_when_all_are_refused_nothing_is_waited_for():
    api = Api()
    api.refused = {f"rhel-{number:04d}": "no" for number in range(1, 4)}
    assert _wave(api, limit_s=60).result()["run"] == {"count": 0}


def test_one_that_vanished_while_nobody_watched_has_ended():
    api = Api()
    api.vanishing = {"run-1-0003"}
    found = _wave(api, limit_s=60).result()
    # The Pending one said when it moved: its times are known, and that it ended.
    assert found["run"]["count"] == 3


def test_those_that_take_too_long_are_taken_back_and_told():
    api = Api()
    api.ends["run-1-0002"] = ("Running", {"endTimestamp": None})
    api.vanishing = set()

    async def stays(*_arguments: t.Any, **_options: t.Any) -> t.AsyncIterator[tuple[str, Object]]:
        for name in api.made:
            yield "LISTED", _moved(name, "Running" if name == "run-1-0002" else "Succeeded")
        await asyncio.sleep(30)

    api.watch = stays
    found = _wave(api, limit_s=0.3).result()
    assert found["failed"] == [{"vm": "vms/rhel-0002", "reason": "it did not end within 0.3 s"}]
    assert "run-1-0002" in api.deleted


@pytest.mark.parametrize(
    ("run", "name"), [("20260801T120000Z-latency", "20260801t120000z-latency-1-0001"), ("My_run.2", "my-run-2-1-0001")]
)
def test_names_are_those_that_the_api_takes(run, name):
    api = Api()
    api.refused = {"rhel-0002": "no"}

    async def ends(*_arguments: t.Any, **_options: t.Any) -> t.AsyncIterator[tuple[str, Object]]:
        for made in api.made:
            yield "LISTED", _moved(made, "Succeeded")

    api.watch = ends
    _wave(api, 1, run=run)
    assert list(api.made) == [name]
