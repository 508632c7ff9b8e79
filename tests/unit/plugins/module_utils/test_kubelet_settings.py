# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.layers import lost_settings, seed_layout
from ansible_collections.virtscale.tuning.plugins.module_utils._kubelet.settings import check_settings, same_value

SEED = {"maxPods": 500, "kubeAPIBurst": 200, "kubeAPIQPS": 100, "nodeStatusMaxImages": -1}


def test_the_reference_architecture() -> None:
    assert check_settings(SEED, 22) == SEED
    assert check_settings({"maxPods": "500"}) == {"maxPods": 500}


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("maxPod", 500, "did you mean maxPods?"),
        ("kubeApiQPS", 100, "did you mean kubeAPIQPS?"),
        ("autoSizingReserved", True, "is no field of the kubelet's configuration"),
        ("maxPods", -7, "maxPods is -7, but must be a whole number at least 1 and at most 2147483647."),
        ("maxPods", True, "maxPods is True"),
        ("maxPods", "many", "maxPods is 'many'"),
        ("nodeStatusMaxImages", -2, "at least -1"),
        ("nodeStatusMaxImages", 0, "takes zero, false and empty values for not set"),
        ("serializeImagePulls", False, "takes zero, false and empty values for not set"),
        ("serializeImagePulls", "true", "true or false"),
        ("nodeStatusUpdateFrequency", "10 seconds", "a duration"),
        ("nodeStatusUpdateFrequency", "0s", "a duration"),
        ("evictionHard", [], "a mapping"),
        ("tlsCipherSuites", {}, "a list"),
        ("imageGCHighThresholdPercent", 101, "at most 100"),
        ("cgroupDriver", "cgroupfs", "may not be set by a KubeletConfig"),
        ("featureGates", {"X": True}, "may not be set by a KubeletConfig"),
        ("mergeDefaultEvictionSettings", True, "came with Kubernetes 1.33, but the oldest kubelet here is 1.32."),
    ],
)
def test_refused(name: str, value: t.Any, says: str) -> None:
    with pytest.raises(TuningError) as refusal:
        check_settings({name: value}, 32)
    assert says in str(refusal.value)
    assert str(refusal.value).startswith(name)


@pytest.mark.parametrize(
    "name, value",
    [
        ("protectKernelDefaults", False),
        ("nodeStatusUpdateFrequency", "1m30s"),
        ("systemReserved", {"memory": "8Gi"}),
        ("memoryThrottlingFactor", 0.9),
        ("podPidsLimit", 2**40),
    ],
)
def test_taken(name: str, value: t.Any) -> None:
    assert check_settings({name: value}, 33) == {name: value}


def test_nothing_to_set_is_said() -> None:
    with pytest.raises(TuningError, match="name at least one"):
        check_settings({})


@pytest.mark.parametrize(
    "name, wanted, found, same",
    [
        ("nodeStatusUpdateFrequency", "90s", "1m30s", True),
        ("nodeStatusUpdateFrequency", "90s", "1m", False),
        ("nodeStatusUpdateFrequency", "90s", None, False),
        ("maxPods", 500, 500, True),
        ("maxPods", 500, 250, False),
        ("evictionHard", {"a": "1"}, {"a": "1"}, True),
    ],
)
def test_what_a_kubelet_reports(name: str, wanted: t.Any, found: t.Any, same: bool) -> None:
    assert same_value(name, wanted, found) is same


def test_the_second_object_of_the_seed_would_take_the_first_away() -> None:
    with pytest.raises(TuningError) as refusal:
        seed_layout(SEED)
    assert "custom-scheduling would take away kubeAPIBurst 200, kubeAPIQPS 100, maxPods 500 of set-max-pods" in str(
        refusal.value
    )


def test_one_half_of_the_seeds_layout_loses_nothing() -> None:
    assert seed_layout({"maxPods": 500}) == ("set-max-pods", {"maxPods": 500})
    assert seed_layout({"nodeStatusMaxImages": -1}) == ("custom-scheduling", {"nodeStatusMaxImages": -1})


def test_what_an_override_loses() -> None:
    assert lost_settings(SEED, {"maxPods": 500, "nodeStatusMaxImages": -1}) == []
    assert lost_settings(SEED, {"maxPods": 250, "systemReserved": {"cpu": "1"}}) == ["maxPods", "systemReserved"]
