# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What stands around the virtual machines of a fleet: idle pods, their network, and the right to clone."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, merged, patched, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.check import (
    check_labels,
    check_name,
    check_overrides,
)

NETWORK_ATTACHMENTS = Resource("k8s.cni.cncf.io/v1", "network-attachment-definitions")
PAUSE_IMAGE = "gcr.io/google_containers/pause-amd64:3.0"
CLONE_PERMISSION = "virtscale-clone"

# Types of CNI plugins that connect to a Linux bridge.
_BRIDGES = ("cnv-bridge", "bridge")


def pause_pod(
    *,
    name: str,
    namespace: str,
    labels: t.Mapping[str, str] | None = None,
    overrides: t.Mapping[str, t.Any] | None = None,
    image: str = PAUSE_IMAGE,
) -> Object:
    """Return one of the reference architecture's idle pods.

    :param overrides: an RFC 7386 merge patch; a list in it replaces the whole list.
    :raises InvalidValue: for what Kubernetes would refuse.
    """
    check_name("name", name)
    check_name("namespace", namespace)
    check_labels("labels", labels)
    check_overrides("overrides", overrides)
    container = {
        "name": "pause",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"privileged": False},
    }
    manifest: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {"name": "vdpod-density"}},
        "spec": {
            "nodeSelector": {"node-role.kubernetes.io/worker": ""},
            "restartPolicy": "Always",
            "containers": [container],
        },
    }
    own = {"metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})}}
    return merged(patched(manifest, overrides or {}), own)


def network_attachment(
    *,
    name: str = "linux-bridge",
    namespace: str,
    labels: t.Mapping[str, str] | None = None,
    bridge: str = "br1",
    vlan: t.Any = None,
) -> Object:
    """Return a NetworkAttachmentDefinition of a Linux bridge that the nodes have.

    A machine finds it by its bare name in its own namespace only, or as ``default/<name>`` from all.

    :param vlan: 1 to 4094; None leaves frames untagged.
    :raises InvalidValue: for what Kubernetes would refuse.
    """
    check_name("network name", name)
    check_name("namespace", namespace)
    check_labels("labels", labels)
    config: Object = {
        "cniVersion": "0.3.1",
        "name": name,
        "type": "cnv-bridge",
        "bridge": bridge,
        "macspoofchk": True,
        "preserveDefaultVlan": False,
    }
    if vlan is not None:
        config["vlan"] = parse_int("vlan", vlan, minimum=1, maximum=4094)
    return {
        "apiVersion": NETWORK_ATTACHMENTS.api_version,
        "kind": "NetworkAttachmentDefinition",
        "metadata": _metadata(name, namespace, labels),
        "spec": {"config": json.dumps(config)},
    }


def attachments_used(machine: Object) -> list[tuple[str, str]]:
    """Return namespace and name of every NetworkAttachmentDefinition that a VirtualMachine needs."""
    found = []
    for network in value_at(machine, ("spec", "template", "spec", "networks")) or []:
        name = value_at(network, ("multus", "networkName"))
        if name:
            namespace, _slash, bare = name.rpartition("/")
            found.append((namespace or machine["metadata"]["namespace"], bare))
    return found


def attachment_trouble(live: Object) -> str | None:
    """Return why machines with a bridge interface would not start on an attachment that is there, or None."""
    name = f"{live['metadata']['namespace']}/{live['metadata']['name']}"
    text = value_at(live, ("spec", "config")) or ""
    try:
        config = json.loads(text)
    except ValueError:
        return f"The NetworkAttachmentDefinition {name} holds no JSON in spec.config: {text!r}."
    plugins = config.get("plugins") or [config] if isinstance(config, dict) else []
    types = [str(plugin.get("type")) for plugin in plugins if isinstance(plugin, dict)]
    if not any(kind in _BRIDGES for kind in types):
        return (
            f"The NetworkAttachmentDefinition {name} is of type {', '.join(types) or 'none'}, "
            f"but a Linux bridge has {' or '.join(_BRIDGES)}."
        )
    return None


def clone_permission(
    *, source_namespace: str, namespaces: t.Sequence[str], labels: t.Mapping[str, str] | None = None, name: str = ""
) -> list[Object]:
    """Return the Role and RoleBinding by which machines in ``namespaces`` may clone from ``source_namespace``.

    virt-controller asks whether the machine's own service account may create ``datavolumes/source`` there, not whether
    its maker may. Source: the documentation of CDI, "Clone Authorization" (doc/RBAC.md).

    :param name: of both objects, ``virtscale-clone`` by default; one for each fleet lets each be taken away alone.
    """
    check_name("source_namespace", source_namespace)
    check_labels("labels", labels)
    if not namespaces:
        raise InvalidValue("namespaces", list(namespaces), "at least one")
    meta = _metadata(name or CLONE_PERMISSION, source_namespace, labels)
    subjects = []
    for namespace in namespaces:
        check_name("namespaces", namespace)
        group = f"system:serviceaccounts:{namespace}"
        subjects.append({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group})
    rule = {"apiGroups": ["cdi.kubevirt.io"], "resources": ["datavolumes/source"], "verbs": ["create"]}
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": meta["name"]}
    api = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    return [
        {**api, "kind": "Role", "metadata": dict(meta), "rules": [rule]},
        {**api, "kind": "RoleBinding", "metadata": dict(meta), "roleRef": role_ref, "subjects": subjects},
    ]


def _metadata(name: str, namespace: str, labels: t.Mapping[str, str] | None) -> Object:
    return {"name": name, "namespace": namespace, **({"labels": dict(labels)} if labels else {})}
