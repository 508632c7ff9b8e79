# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the real machine-config-controller and the real API refuse, and that a rollout says so soon. No node moves."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.drain_pods import (
    covering,
    parse_budget,
    parse_pod,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Resource

from .conftest import Rolls
from .drill import NAMESPACE, Drill, Kubectl, budget, deployment, kubelet_config, machine_config
from .sampler import MCO, pools_of

pytestmark = pytest.mark.lab

POOL = "drill-empty"
# A fault must stay for ten seconds; the rest is Ansible's start on a busy machine.
SOON_S = 120


@pytest.fixture(scope="module")
def drill(client: KubeClient, kubectl: Kubectl) -> t.Iterator[Drill]:
    """A pool without nodes: its configuration is rendered all the same."""
    with Drill(client, kubectl, drill_empty=0) as drill:
        yield drill


def conditions(client: KubeClient) -> dict[str, str]:
    status = pools_of(client)[POOL]["status"]
    return {entry["type"]: entry["status"] for entry in status["conditions"]}


def test_what_cannot_be_rendered_is_told_in_the_operators_words(client: KubeClient, drill: Drill, roll: Rolls) -> None:
    linked = [{"path": "/etc/drill", "target": "/etc/other"}]
    drill.kubectl.apply(machine_config("99-drill-link", POOL, "/etc/drill-file", "x", links=linked))
    refused = roll(POOL).result(SOON_S)
    assert refused["failed"]
    assert refused["msg"].startswith(f"Pool {POOL}: RenderDegraded: Failed to render configuration for pool {POOL}: ")
    assert "ignition links section contains changes" in refused["msg"]
    assert conditions(client)["RenderDegraded"] == "True"
    drill.kubectl.delete("machineconfig/99-drill-link")
    assert not roll(POOL).result(SOON_S)["failed"]


REFUSED: dict[str, tuple[t.Any, dict[str, t.Any], str]] = {
    "forbidden-field": (
        {"matchLabels": {f"pools.operator.{MCO}/{POOL}": ""}},
        {"cgroupDriver": "cgroupfs"},
        "KubeletConfiguration: cgroupDriver is not allowed to be set",
    ),
    "empty-selector": ({}, {"maxPods": 300}, "could not find any MachineConfigPool set for KubeletConfig"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_kubelet_config_is_named_although_the_pool_says_updated(
    client: KubeClient, drill: Drill, roll: Rolls, case: str
) -> None:
    selector, settings, why = REFUSED[case]
    name = f"99-drill-{case}"
    drill.kubectl.apply(
        kubelet_config("99-drill-refused", selector, **settings), machine_config(name, POOL, "/etc/drill-file", name)
    )
    try:
        refused = roll(POOL).result(SOON_S)
        # The controller waits for that KubeletConfig, and nobody else says so.
        assert (conditions(client)["Updated"], conditions(client)["Degraded"]) == ("True", "False")
        sources = [source["name"] for source in pools_of(client)[POOL]["spec"]["configuration"]["source"]]
        assert name not in sources
    finally:
        drill.kubectl.delete("kubeletconfig/99-drill-refused")
    assert refused["failed"]
    assert f"Pool {POOL}: the controller refused KubeletConfig 99-drill-refused (Error: " in refused["msg"]
    assert why in refused["msg"]


# Each set of budgets beside the pods that it covers, and whether all of the pods are to be ready.
BUDGETS: dict[str, tuple[list[dict[str, t.Any]], bool]] = {
    "none": ([], True),
    "all are needed": ([{"minAvailable": 2}], True),
    "one may go": ([{"minAvailable": 1}], True),
    "two budgets": ([{"minAvailable": 0}, {"maxUnavailable": 2}], True),
    "unready": ([{"minAvailable": 2}], False),
    "unready, and it may go": ([{"minAvailable": 2, "unhealthyPodEvictionPolicy": "AlwaysAllow"}], False),
    "unready, and enough are healthy": ([{"minAvailable": 1}], False),
}


def test_the_eviction_api_refuses_what_is_called_blocked(client: KubeClient, drill: Drill) -> None:
    """The real API is asked to evict each pod, without doing it."""
    pods, budgets = Resource("v1", "pods"), Resource("policy/v1", "poddisruptionbudgets")
    for index, (specs, _ready) in enumerate(BUDGETS.values()):
        drill.kubectl.apply(deployment(f"app-{index}", "worker", replicas=2))
        drill.kubectl.apply(
            *(budget(f"app-{index}-{count}", f"app-{index}", **spec) for count, spec in enumerate(specs))
        )

    def running() -> list[t.Any]:
        items = client.list(pods, NAMESPACE).items
        return [item for item in items if item["status"].get("phase") == "Running"]

    drill.wait_until(lambda: len(running()) == 2 * len(BUDGETS), "all pods run")
    unready = [f"app-{index}" for index, (_specs, ready) in enumerate(BUDGETS.values()) if not ready]
    for app in unready:
        # One of the two: kwok makes a pod ready once and leaves it alone then.
        name = next(item["metadata"]["name"] for item in running() if item["metadata"]["labels"]["app"] == app)
        patch = json.dumps({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})
        drill.kubectl("patch", "pod", name, "--namespace", NAMESPACE, "--subresource=status", "--patch", patch)

    def counted() -> bool:
        items = client.list(budgets, NAMESPACE).items
        healthy = {item["metadata"]["name"]: item.get("status", {}).get("currentHealthy") for item in items}
        wanted = {name: 1 if name.rsplit("-", 1)[0] in unready else 2 for name in healthy}
        return len(healthy) == sum(len(specs) for specs, _ready in BUDGETS.values()) and healthy == wanted

    drill.wait_until(counted, "the budgets have counted their pods")
    known = [parse_budget(item) for item in client.list(budgets, NAMESPACE).items]
    judged, real = {}, {}
    for item in running():
        pod = parse_pod(item)
        assert pod is not None
        covered = covering(known, pod)
        case = (list(BUDGETS)[int(pod.labels["app"][-1])], pod.ready)
        judged[case] = len(covered) == 0 or (len(covered) == 1 and covered[0].lets_go(pod))
        real[case] = evictable(drill.kubectl, pod.name)
    assert judged == real
    assert len({*real.values()}) == 2
    assert len(real) == len(BUDGETS) + len(unready)


def evictable(kubectl: Kubectl, name: str) -> bool:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "deleteOptions": {"dryRun": ["All"]},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction?dryRun=All"
    return kubectl("create", "--raw", path, "--filename", "-", stdin=eviction, check=False).returncode == 0
