# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.build import virtual_machine
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.scheduling import (
    machine_type_trouble,
    machine_types_of,
)

PREFIX = "machine-type.node.kubevirt.io/"


def test_types_are_read_from_labels() -> None:
    labels = {f"{PREFIX}q35": "true", f"{PREFIX}pc-q35-rhel9.6.0": "true", f"{PREFIX}pc": "false", "other": "true"}
    assert machine_types_of(labels) == {"q35", "pc-q35-rhel9.6.0"}


@pytest.mark.parametrize(
    ("offered", "trouble"),
    [
        ({"q35", "pc-q35-rhel8.4.0"}, None),
        (set(), None),
        ({"q35", "pc-q35-rhel9.6.0", "pc-q35-rhel9.4.0"}, "they offer pc-q35-rhel9.4.0, pc-q35-rhel9.6.0."),
        ({"q35"}, "they offer q35."),
    ],
)
def test_a_type_that_no_node_offers_is_told(offered: set[str], trouble: str | None) -> None:
    told = machine_type_trouble(virtual_machine("fedora", name="a", namespace="b"), offered)
    assert told is None if trouble is None else trouble in (told or "")


def test_a_machine_without_a_type_takes_what_there_is() -> None:
    patch = {"spec": {"template": {"spec": {"domain": {"machine": None}}}}}
    machine = virtual_machine("fedora", name="a", namespace="b", overrides=patch)
    assert machine_type_trouble(machine, {"q35"}) is None
