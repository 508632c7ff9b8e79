# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change does to a simulated node, by the policies of MachineConfiguration/cluster."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.lab.standins.node_disruption import Disruption, disruption

TRIGGER = "/etc/virtscale-migration"


def spec(files: dict[str, str], units: dict[str, str] | None = None, **rest: t.Any) -> dict[str, t.Any]:
    return {
        "config": {
            "ignition": {"version": "3.5.0"},
            "storage": {"files": [{"path": path, "contents": {"source": text}} for path, text in files.items()]},
            "systemd": {"units": [{"name": name, "contents": text} for name, text in (units or {}).items()]},
        },
        "kernelArguments": [],
        **rest,
    }


def policies(**by_path: str) -> dict[str, t.Any]:
    """Policies by path; underscores stand for slashes."""
    files = [{"path": path.replace("_", "/"), "actions": [{"type": action}]} for path, action in by_path.items()]
    return {"files": files, "units": [{"name": "a.service", "actions": [{"type": "Drain"}]}]}


@pytest.mark.parametrize(
    ("before", "after", "policy", "expected"),
    [
        pytest.param(spec({}), spec({}), policies(), Disruption.NONE, id="nothing changed"),
        pytest.param(spec({}), spec({"/etc/x": "1"}), policies(), Disruption.REBOOT, id="no policy"),
        pytest.param(spec({}), spec({"/etc/x": "1"}), policies(_etc_x="Drain"), Disruption.DRAIN, id="new"),
        pytest.param(spec({"/etc/x": "1"}), spec({}), policies(_etc_x="Drain"), Disruption.DRAIN, id="removed"),
        pytest.param(
            spec({"/etc/x": "1"}), spec({"/etc/x": "2"}), policies(_etc_x="Drain"), Disruption.DRAIN, id="changed"
        ),
        pytest.param(spec({}), spec({"/etc/x": "1"}), policies(_etc_x="None"), Disruption.NONE, id="none"),
        pytest.param(spec({}), spec({"/etc/x": "1"}), policies(_etc_x="Restart"), Disruption.NONE, id="a service"),
        pytest.param(spec({}), spec({"/etc/x/y": "1"}), policies(_etc_x="Drain"), Disruption.DRAIN, id="directory"),
        pytest.param(spec({}), spec({"/etc/xy": "1"}), policies(_etc_x="Drain"), Disruption.REBOOT, id="a like name"),
        pytest.param(
            spec({}), spec({"/etc/x/y": "1"}), policies(_etc="Reboot", _etc_x="Drain"), Disruption.DRAIN, id="nearest"
        ),
        pytest.param(
            spec({}), spec({"/etc/x": "1", "/etc/z": "1"}), policies(_etc_x="Drain"), Disruption.REBOOT, id="one of two"
        ),
        pytest.param(spec({}), spec({}, {"a.service": "x"}), policies(), Disruption.DRAIN, id="unit"),
        pytest.param(spec({}), spec({}, {"b.service": "x"}), policies(), Disruption.REBOOT, id="unit without policy"),
        pytest.param(
            spec({}),
            spec({"/etc/x": "1"}, kernelType="realtime"),
            policies(_etc_x="Drain"),
            Disruption.REBOOT,
            id="kernel",
        ),
    ],
)
def test_disruption(
    before: dict[str, t.Any], after: dict[str, t.Any], policy: dict[str, t.Any], expected: Disruption
) -> None:
    assert disruption(before, after, policy) is expected


def test_without_policies_every_change_is_a_reboot() -> None:
    assert disruption(spec({}), spec({TRIGGER: "1"}), {}) is Disruption.REBOOT
