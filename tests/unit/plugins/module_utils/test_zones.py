# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from collections import Counter

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._zones.labels import assign, natural_key
from hypothesis import given
from hypothesis import strategies as st

Clusters = st.dictionaries(
    st.integers(1, 500).map("worker{}".format), st.one_of(st.none(), st.integers(0, 5)), max_size=60
)


@pytest.mark.parametrize(
    "current, zones, result",
    [
        # As the reference architecture labels them: one after the other.
        ({"worker01": None, "worker02": None, "worker03": None}, 3, {"worker01": 0, "worker02": 1, "worker03": 2}),
        # worker10 comes after worker2.
        ({"worker10": None, "worker2": None}, 2, {"worker2": 0, "worker10": 1}),
        # A new node fills the smallest zone, not the next one.
        ({"a": 0, "b": 0, "c": 1, "d": 2, "e": None}, 3, {"a": 0, "b": 0, "c": 1, "d": 2, "e": 1}),
        # Nodes went: the zones that are left uneven stay so.
        ({"a": 0, "b": 0, "c": 0, "d": 1}, 2, {"a": 0, "b": 0, "c": 0, "d": 1}),
        # Fewer zones than before: nobody moves unasked.
        ({"a": 0, "b": 2}, 2, {"a": 0, "b": 2}),
        ({"a": None}, 1, {"a": 0}),
        ({}, 3, {}),
    ],
)
def test_assignment(current: dict[str, int | None], zones: int, result: dict[str, int]) -> None:
    assert assign(current, zones) == result


@given(Clusters, st.integers(1, 6))
def test_a_node_keeps_its_zone(current: dict[str, int | None], zones: int) -> None:
    target = assign(current, zones)
    assert set(target) == set(current)
    assert all(target[node] == zone for node, zone in current.items() if zone is not None)
    assert assign(dict(target), zones) == target


@given(Clusters, st.integers(1, 6))
def test_new_nodes_make_no_zone_larger_than_needed(current: dict[str, int | None], zones: int) -> None:
    kept = Counter(zone for zone in current.values() if zone is not None)
    sizes = Counter(assign(current, zones).values())
    grown = [zone for zone in range(zones) if sizes[zone] > kept[zone]]
    assert all(sizes[zone] - min(sizes[other] for other in range(zones)) <= 1 for zone in grown)


@given(Clusters, st.integers(1, 6))
def test_rebalance_evens_out_with_the_fewest_moves(current: dict[str, int | None], zones: int) -> None:
    target = assign(current, zones, rebalance=True)
    sizes = Counter(target.values())
    counts = sorted((sizes[zone] for zone in range(zones)), reverse=True)
    assert set(target.values()) <= set(range(zones))
    assert max(counts) - min(counts) <= 1
    # No even spread keeps more nodes where they are than the largest zones do when they get the larger shares.
    before = sorted((sum(1 for z in current.values() if z == zone) for zone in range(zones)), reverse=True)
    stay = sum(1 for node, zone in current.items() if zone is not None and target[node] == zone)
    assert stay == sum(min(had, may) for had, may in zip(before, counts))


@given(st.lists(st.text(max_size=8), max_size=10))
def test_any_names_have_an_order(names: t.List[str]) -> None:
    ordered = sorted(names, key=natural_key)
    assert all(natural_key(one) <= natural_key(other) for one, other in zip(ordered, ordered[1:]))
