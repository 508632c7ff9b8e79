# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The simulated nodes speak the daemon's half of the protocol, from any point of it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins.node_protocol import (
    APPLIED_DRAIN,
    CURRENT,
    DESIRED,
    DESIRED_DRAIN,
    REBOOTING,
    STATE,
    Annotate,
    Boot,
    Done,
    FirstBoot,
    Reboot,
    Step,
    next_step,
)

SETTLED = FirstBoot.annotations_for("old")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, None, id="settled"),
        pytest.param({DESIRED: "new"}, Reboot("old", "new"), id="told to change"),
        pytest.param({DESIRED: "new", DESIRED_DRAIN: "drain-new"}, None, id="waits for the drain"),
        pytest.param(
            {DESIRED: "new", DESIRED_DRAIN: "drain-new", APPLIED_DRAIN: "drain-new"}, Boot("new"), id="drained"
        ),
        pytest.param({DESIRED: "new", REBOOTING: "new"}, Boot("new"), id="killed while it rebooted"),
        pytest.param({DESIRED: "new", DESIRED_DRAIN: "uncordon-new"}, None, id="waits for the uncordon"),
        pytest.param(
            {DESIRED: "new", DESIRED_DRAIN: "uncordon-new", APPLIED_DRAIN: "uncordon-new"}, Done("new"), id="uncordoned"
        ),
        pytest.param(
            {DESIRED: "newer", DESIRED_DRAIN: "drain-new"}, Reboot("old", "newer"), id="told otherwise meanwhile"
        ),
        pytest.param(
            {STATE: "Working", DESIRED_DRAIN: "drain-new"},
            Annotate({DESIRED_DRAIN: "uncordon-old"}),
            id="change called off",
        ),
        pytest.param({STATE: "Degraded"}, Done("old"), id="called off before the drain"),
    ],
)
def test_next_step(changes: dict[str, str], expected: Step | None) -> None:
    assert next_step(t.cast("dict[str, str]", {**SETTLED, **changes})) == expected


def test_a_new_node_boots_first() -> None:
    assert next_step({"node.alpha.kubernetes.io/ttl": "0"}) == FirstBoot()


def test_a_whole_update_ends_settled() -> None:
    """The controller applies each drain that is asked for; after three steps nothing is left to do."""
    annotations: dict[str, str] = t.cast("dict[str, str]", {**SETTLED, DESIRED: "new"})
    taken: list[type] = []
    while (step := next_step(annotations)) is not None:
        taken.append(type(step))
        assert not isinstance(step, FirstBoot)
        annotations.update({key: value for key, value in step.annotations.items() if value is not None})
        annotations[APPLIED_DRAIN] = annotations[DESIRED_DRAIN]
    assert taken == [Reboot, Boot, Done]
    assert annotations[CURRENT] == "new"
    assert annotations[STATE] == "Done"
