# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.leaving import INSTANCES, Leaving
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import VIRTUAL_MACHINES
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

Heard = t.Tuple[str, Object]
SYNCED: Heard = ("SYNCED", {})


def heard(event: str, name: str, phase: str = "Running") -> Heard:
    return event, {"metadata": {"namespace": "a", "name": name}, "status": {"phase": phase}}


class Api:
    """Tells of each kind what it is given, and then nothing more."""

    def __init__(self, told: dict[Resource, list[Heard] | KubeError]) -> None:
        self._told = told

    async def watch(self, resource: Resource, namespace: None, selector: str) -> t.AsyncIterator[Heard]:
        assert "tuning.virtscale/fleet=many" in selector
        told = self._told[resource]
        if isinstance(told, KubeError):
            raise told
        for one in told:
            yield one
        await asyncio.Event().wait()


def look(machines: list[Heard] | KubeError, instances: list[Heard]) -> tuple[set[str], str, bool]:
    async def follow() -> tuple[set[str], str, bool]:
        leaving = Leaving(
            t.cast(t.Any, Api({VIRTUAL_MACHINES: machines, INSTANCES: instances})), "many", VIRTUAL_MACHINES
        )
        async with leaving.following():
            await asyncio.sleep(0.01)
            return set(leaving.left), leaving.words(), leaving.over()

    return asyncio.run(follow())


LISTED = [heard("LISTED", "one"), heard("LISTED", "two")]


@pytest.mark.parametrize(
    ("machines", "instances", "left", "words", "over"),
    [
        pytest.param([], [], set(), "", False, id="nothing is known yet"),
        pytest.param([SYNCED], [SYNCED], set(), "", True, id="none is left"),
        pytest.param([*LISTED, SYNCED], [*LISTED, SYNCED], {"a/one", "a/two"}, "2", False, id="all run"),
        pytest.param(
            [*LISTED, SYNCED],
            [*LISTED, SYNCED, heard("MODIFIED", "one", "Succeeded")],
            {"a/one", "a/two"},
            "1",
            False,
            id="one has shut down",
        ),
        pytest.param(
            [*LISTED, SYNCED, heard("DELETED", "one"), heard("DELETED", "two")],
            [heard("LISTED", "two", "Failed"), SYNCED],
            set(),
            "",
            True,
            id="all have gone",
        ),
        pytest.param([*LISTED, SYNCED, heard("LISTED", "two"), SYNCED], [SYNCED], {"a/two"}, "", False, id="told anew"),
        pytest.param(KubeError("no such kind", status=404), [SYNCED], set(), "", True, id="a kind that is not there"),
    ],
)
def test_what_is_left(
    machines: list[Heard] | KubeError, instances: list[Heard], left: set[str], words: str, over: bool
) -> None:
    told = f", {words} of them have to shut down first" if words else ""
    assert look(machines, instances) == (left, told, over)


def test_a_refusal_is_told() -> None:
    with pytest.raises(KubeError, match="not allowed"):
        look(KubeError("not allowed", status=403), [SYNCED])
