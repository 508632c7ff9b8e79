# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a plan needs to know of an OpenShift cluster, read in one go.

The facts are the API's own objects, less what no plan looks at, so that one vocabulary serves all.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged_schema import (
    HyperConvergedApi,
    choose_api,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube_client import (
    KUBELET_CONFIGS,
    MACHINE_CONFIG_POOLS,
    NODES,
    KubeClient,
    KubeError,
    Object,
    Resource,
)

_NETWORKS = Resource("config.openshift.io/v1", "networks")
_CRDS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
_KUBEVIRTS = Resource("kubevirt.io/v1", "kubevirts")
_DEPLOYMENTS = Resource("apps/v1", "deployments")
_HCO_CRD = "hyperconvergeds.hco.kubevirt.io"
# What the plans and the machine-config-controller's protocol read of a node's annotations.
_NODE_ANNOTATIONS = ("machineconfiguration.openshift.io/", "tuning.virtscale/")
_NODE_STATUS = ("capacity", "allocatable", "conditions")


class ClusterReader:
    """Reads the facts that were asked for; kinds that the cluster does not serve are empty."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    def read(self, subsets: t.Collection[str]) -> Object:
        """Return the facts of ``subsets``: machines, network, hyperconverged, kubelets."""
        facts: Object = {}
        if "machines" in subsets or "kubelets" in subsets:
            facts.update(self._machines())
        if "network" in subsets:
            facts["network"] = self._client.get(_NETWORKS, "cluster")
        if "hyperconverged" in subsets:
            facts.update(self._hyperconverged())
        if "kubelets" in subsets:
            facts["kubelets"] = self._kubelets([node["metadata"]["name"] for node in facts["nodes"]])
        return facts

    def _machines(self) -> Object:
        return {
            "nodes": [_essence(node) for node in self._client.list(NODES).items],
            "pools": self._list_served(MACHINE_CONFIG_POOLS, "MachineConfigPool"),
            "kubelet_configs": self._list_served(KUBELET_CONFIGS, "KubeletConfig"),
        }

    def _list_served(self, resource: Resource, kind: str) -> list[Object]:
        """Return the objects of a kind, whole: the API leaves the type of the items of a list out."""
        try:
            items = self._client.list(resource).items
        except KubeError as error:
            if error.status == 404:
                return []
            raise
        return [{"apiVersion": resource.api_version, "kind": kind, **item} for item in items]

    def _hyperconverged(self) -> Object:
        crd = self._client.get(_CRDS, _HCO_CRD)
        api = choose_api(crd) if crd else None
        if api is None:
            return {"hyperconverged": None}
        found = self._list_served(Resource(api.api_version, "hyperconvergeds"), "HyperConverged")
        if not found:
            return {"hyperconverged": None}
        namespace = found[0]["metadata"]["namespace"]
        kubevirts = self._list_served(_KUBEVIRTS, "KubeVirt")
        return {
            "hyperconverged": {"object": found[0], "api": HyperConvergedApi.as_dict(api)},
            "kubevirt": next((item for item in kubevirts if item["metadata"]["namespace"] == namespace), None),
            "virt_api": self._client.get(_DEPLOYMENTS, "virt-api", namespace),
        }

    def _kubelets(self, nodes: t.Sequence[str]) -> Object:
        """Return the effective configuration of each kubelet, or what kept it from answering."""
        return dict(zip(nodes, self._client.for_each(self._kubelet, nodes)))

    def _kubelet(self, node: str) -> Object:
        try:
            answer = self._client.read(f"/api/v1/nodes/{node}/proxy/configz")
        except KubeError as error:
            return {"error": str(error)}
        return {"config": answer.get("kubeletconfig", {})}


def _essence(node: Object) -> Object:
    """Return a node without its images, addresses, volumes and managed fields: most of its size."""
    meta, status = node["metadata"], node.get("status") or {}
    notes = {key: value for key, value in (meta.get("annotations") or {}).items() if key.startswith(_NODE_ANNOTATIONS)}
    kept = {key: status[key] for key in _NODE_STATUS if key in status}
    info = status.get("nodeInfo") or {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": meta["name"], "labels": meta.get("labels") or {}, "annotations": notes},
        "spec": {"unschedulable": bool((node.get("spec") or {}).get("unschedulable"))},
        "status": {**kept, "nodeInfo": {"kubeletVersion": info.get("kubeletVersion", "")}},
    }
