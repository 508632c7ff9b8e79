# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""virt-api looks at evictions as fast as its clients may ask, and the API server does not wait for ever."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.clock import Clock
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.model import simulate
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.scenario import VirtApi
from ansible_collections.virtscale.tuning.plugins.module_utils._forecast.virt_api import Admission
from ansible_collections.virtscale.tuning.tests.unit.plugins.module_utils.forecast_scenarios import scenario

ONE = VirtApi(replicas=1)


def answers(evictions: t.Sequence[int], virt_api: VirtApi = ONE) -> list[tuple[float, bool]]:
    """Return when each of some evictions at once is answered, and whether in time."""
    clock, found = Clock(), []
    admission = Admission(clock, virt_api)

    def one(requests: int) -> t.Iterator[float]:
        in_time = yield from admission.evict(requests)
        found.append((round(clock.now, 3), in_time))

    for requests in evictions:
        clock.start(one(requests))
    clock.run(1000)
    assert admission.timeouts == sum(not in_time for _at, in_time in found)
    return found


@pytest.mark.parametrize(
    ("evictions", "expected"),
    [
        # 10 at once, then 5 a second.
        ([1] * 10, [(0.0, True)] * 10),
        ([1] * 12, [(0.0, True)] * 10 + [(0.2, True), (0.4, True)]),
        ([3] * 4, [(0.0, True)] * 3 + [(0.4, True)]),
    ],
)
def test_requests_go_out_at_the_clients_rate(evictions: list[int], expected: list[tuple[float, bool]]) -> None:
    assert answers(evictions) == expected


def test_what_takes_longer_than_ten_seconds_is_an_error() -> None:
    found = answers([1] * 100)
    assert [in_time for _at, in_time in found] == [True] * 60 + [False] * 40
    assert {at for at, in_time in found if not in_time} == {10.0}
    assert all(in_time for _at, in_time in answers([1] * 100, VirtApi(replicas=2)))


def test_an_eviction_that_got_an_error_waits_for_the_next_attempt() -> None:
    told = scenario(4, 4, {"rhel": 80}, limits=(20, 4), others=16, reboot_s=1, target_start_s=0.4)
    short, enough = (simulate(dataclasses.replace(told, virt_api=VirtApi(replicas))) for replicas in (2, 20))
    assert short.total_s > enough.total_s + 60
    assert {move.guest.vm.name for move in short.moves} == {move.guest.vm.name for move in enough.moves}


def test_pods_do_not_go_by_virt_api() -> None:
    told = scenario(4, 4, pods=200, reboot_s=1)
    few, many = (simulate(dataclasses.replace(told, virt_api=VirtApi(replicas))) for replicas in (1, 20))
    assert few.total_s == many.total_s
