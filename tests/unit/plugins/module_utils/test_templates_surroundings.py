# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.surroundings import (
    attachment_trouble,
    attachments_used,
    clone_permission,
    network_attachment,
    pause_pod,
)


def test_the_pod_is_the_reference_architectures() -> None:
    made = pause_pod(name="f-pod-00001", namespace="f-01", labels={"tuning.virtscale/fleet": "f"})
    assert made["metadata"] == {
        "name": "f-pod-00001",
        "namespace": "f-01",
        "labels": {"name": "vdpod-density", "tuning.virtscale/fleet": "f"},
    }
    assert made["spec"] == {
        "nodeSelector": {"node-role.kubernetes.io/worker": ""},
        "restartPolicy": "Always",
        "containers": [
            {
                "name": "pause",
                "image": "gcr.io/google_containers/pause-amd64:3.0",
                "imagePullPolicy": "IfNotPresent",
                "securityContext": {"privileged": False},
            }
        ],
    }


def machine(*networks: Object) -> Object:
    return {"metadata": {"namespace": "own"}, "spec": {"template": {"spec": {"networks": list(networks)}}}}


@pytest.mark.parametrize(
    ("networks", "needed"),
    [
        ((), []),
        (({"name": "a", "pod": {}},), []),
        (({"name": "a", "multus": {"networkName": "linux-bridge"}},), [("own", "linux-bridge")]),
        (({"name": "a", "multus": {"networkName": "default/br"}},), [("default", "br")]),
    ],
)
def test_attachments_are_found_where_multus_looks(networks: tuple[Object, ...], needed: list[t.Any]) -> None:
    assert attachments_used(machine(*networks)) == needed


def attachment(config: str) -> Object:
    return {"metadata": {"name": "linux-bridge", "namespace": "f-01"}, "spec": {"config": config}}


@pytest.mark.parametrize(
    ("config", "trouble"),
    [
        ('{"type": "cnv-bridge"}', None),
        ('{"plugins": [{"type": "bridge"}, {"type": "tuning"}]}', None),
        ('{"type": "macvlan"}', "is of type macvlan"),
        ("{}", "is of type None"),
        ("[]", "is of type none"),
        ("br1", "no JSON"),
        ("", "no JSON"),
    ],
)
def test_an_attachment_that_does_not_serve_is_told(config: str, trouble: str | None) -> None:
    told = attachment_trouble(attachment(config))
    assert told is None if trouble is None else trouble in (told or "") and "f-01/linux-bridge" in (told or "")


def test_our_own_attachment_serves() -> None:
    made = network_attachment(namespace="f-01", bridge="br0", vlan="100")
    assert attachment_trouble(made) is None
    config = json.loads(made["spec"]["config"])
    assert (config["bridge"], config["vlan"], config["name"]) == ("br0", 100, "linux-bridge")
    assert "vlan" not in json.loads(network_attachment(namespace="f-01")["spec"]["config"])


def test_all_accounts_of_the_namespaces_may_clone() -> None:
    role, binding = clone_permission(source_namespace="golden", namespaces=["f-01", "f-02"])
    assert role["rules"] == [
        {"apiGroups": ["cdi.kubevirt.io"], "resources": ["datavolumes/source"], "verbs": ["create"]}
    ]
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "golden"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    groups = [subject["name"] for subject in binding["subjects"]]
    assert groups == ["system:serviceaccounts:f-01", "system:serviceaccounts:f-02"]


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: network_attachment(namespace="f-01", vlan=4095), "vlan is 4095"),
        (lambda: network_attachment(namespace="F"), "namespace is 'F'"),
        (lambda: clone_permission(source_namespace="golden", namespaces=[]), "namespaces is []"),
        (lambda: pause_pod(name="a", namespace="b", labels={"x": 1}), "labels[x] is 1"),
        (lambda: pause_pod(name="a", namespace="b", overrides={"kind": "Job"}), "overrides.kind is 'Job'"),
    ],
)
def test_what_cannot_be_is_refused_by_name(made: t.Callable[[], t.Any], named: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        made()
    assert named in str(caught.value)
