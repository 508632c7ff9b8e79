# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from decimal import Decimal

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import (
    Requests,
    parse_quantity,
    requests_of_pod,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text, number",
    [
        ("500m", "0.5"),
        ("2", "2"),
        (2, "2"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("100n", "1e-7"),
        ("1k", "1000"),
        ("4G", "4000000000"),
        ("4Gi", str(4 * 2**30)),
        ("128974848", "128974848"),
        ("129e6", "129000000"),
        ("1E", "1e18"),
        ("1E2", "100"),
        ("2Ei", str(2 * 2**60)),
        ("0", "0"),
    ],
)
def test_what_a_quantity_stands_for(text: t.Any, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1KB", "0x10", "1e", "--1", "nan", "1e9999", None])
def test_what_is_no_quantity(text: t.Any) -> None:
    with pytest.raises(InvalidValue):
        parse_quantity(text)


@given(st.integers(0, 10**18), st.sampled_from(["", "m", "k", "Ki", "M", "Mi", "G", "Gi"]))
def test_suffixes_scale(number: int, suffix: str) -> None:
    assert parse_quantity(f"{number}{suffix}") == number * parse_quantity(f"1{suffix}")


def container(cpu: str | None = None, memory: str | None = None, **more: t.Any) -> dict[str, t.Any]:
    asked = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return {"resources": {"requests": asked} if asked else {}, **more}


@pytest.mark.parametrize(
    "spec, asked",
    [
        ({}, (0.0, 0)),
        ({"containers": [container("500m", "1Gi"), container("1", "1Gi"), container()]}, (1.5, 2 * 2**30)),
        ({"containers": [container("100m")], "initContainers": [container("2"), container("1")]}, (2.0, 0)),
        # A sidecar stays beside the containers, and beside the init containers after it.
        ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always")]}, (2.0, 0)),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("1", restartPolicy="Always"), container("3"), container("2")],
            },
            (4.0, 0),
        ),
        (
            {"containers": [container("1", "1k")], "resources": {"requests": {"cpu": "4"}}, "overhead": {"cpu": "1"}},
            (5.0, 1000),
        ),
    ],
)
def test_what_a_pod_asks(spec: dict[str, t.Any], asked: tuple[float, int]) -> None:
    assert requests_of_pod(spec) == Requests(*asked)
