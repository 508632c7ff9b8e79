# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What a plan needs to know of an OpenShift cluster, read in one go.

The facts are the API's own objects, less what no plan looks at, so that one vocabulary serves all.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.node_pods import Place, PodTally
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import (
    add_owner,
    needs_owner,
    parse_machine,
    parse_migration,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.schema import (
    HyperConvergedApi,
    choose_api,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    KUBELET_CONFIGS,
    MACHINE_CONFIG_POOLS,
    MACHINE_CONFIGS,
    NODES,
    KubeClient,
    KubeError,
    Object,
    Resource,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import annotations_of, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.quantities import Requests
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.policy import serves_policies
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import run_of, trigger_name

_NETWORKS = Resource("config.openshift.io/v1", "networks")
_POLICIES = Resource("operator.openshift.io/v1", "machineconfigurations")
_POLICY_CRD = "machineconfigurations.operator.openshift.io"
_CRDS = Resource("apiextensions.k8s.io/v1", "customresourcedefinitions")
_KUBEVIRTS = Resource("kubevirt.io/v1", "kubevirts")
_DEPLOYMENTS = Resource("apps/v1", "deployments")
_PODS = Resource("v1", "pods")
_BUDGETS = Resource("policy/v1", "poddisruptionbudgets")
_INSTANCES = Resource("kubevirt.io/v1", "virtualmachineinstances")
_OWNERS = Resource("kubevirt.io/v1", "virtualmachines")
_MIGRATIONS = Resource("kubevirt.io/v1", "virtualmachineinstancemigrations")
_CLUSTER_VERSIONS = Resource("config.openshift.io/v1", "clusterversions")
_CLUSTER_OPERATORS = Resource("config.openshift.io/v1", "clusteroperators")
_CONFIG_MAPS = Resource("v1", "configmaps")
_HCO_CRD = "hyperconvergeds.hco.kubevirt.io"
# What the plans and the machine-config-controller's protocol read of a node's annotations.
_NODE_ANNOTATIONS = ("machineconfiguration.openshift.io/", "tuning.virtscale/")
_CURRENT_CONFIG = "machineconfiguration.openshift.io/currentConfig"
_NODE_STATUS = ("capacity", "allocatable", "conditions")


class ClusterReader:
    """Reads the facts that were asked for; kinds that the cluster does not serve are empty."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    def read(self, subsets: t.Collection[str]) -> Object:
        """Return the facts of ``subsets``.

        They are machines, network, hyperconverged, virtual_machines, triggers, kubelets and version.
        """
        facts: Object = {}
        if {"machines", "kubelets", "triggers"} & set(subsets):
            facts.update(self._machines())
        if "network" in subsets:
            facts["network"] = self._client.get(_NETWORKS, "cluster")
        if "hyperconverged" in subsets:
            facts.update(self._hyperconverged())
        if "virtual_machines" in subsets:
            facts.setdefault("kubevirt", self._kubevirt())
            facts.update(self._virtual_machines(facts["kubevirt"]))
        if "triggers" in subsets:
            facts.update(self._triggers(facts))
        if "kubelets" in subsets:
            facts["kubelets"] = self._kubelets([node["metadata"]["name"] for node in facts["nodes"]])
        if "version" in subsets:
            facts.update(self._version())
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

    def _version(self) -> Object:
        """Return the release with its operators, and what an administrator has to acknowledge and has."""
        gates = self._client.get(_CONFIG_MAPS, "admin-gates", "openshift-config-managed") or {}
        acks = self._client.get(_CONFIG_MAPS, "admin-acks", "openshift-config") or {}
        return {
            "cluster_version": self._client.get(_CLUSTER_VERSIONS, "version"),
            "cluster_operators": self._list_served(_CLUSTER_OPERATORS, "ClusterOperator"),
            "admin_gates": gates.get("data") or {},
            "admin_acks": acks.get("data") or {},
        }

    def _hyperconverged(self) -> Object:
        crd = self._client.get(_CRDS, _HCO_CRD)
        api = choose_api(crd) if crd else None
        if api is None:
            return {"hyperconverged": None}
        found = self._list_served(Resource(api.api_version, "hyperconvergeds"), "HyperConverged")
        if not found:
            return {"hyperconverged": None}
        namespace = found[0]["metadata"]["namespace"]
        return {
            "hyperconverged": {"object": found[0], "api": HyperConvergedApi.as_dict(api)},
            "kubevirt": self._kubevirt(namespace),
            "virt_api": self._client.get(_DEPLOYMENTS, "virt-api", namespace),
        }

    def _kubevirt(self, namespace: str | None = None) -> Object | None:
        """Return the KubeVirt object, of one namespace or of any: a cluster has one."""
        found = self._list_served(_KUBEVIRTS, "KubeVirt")
        return next((item for item in found if namespace in (None, item["metadata"]["namespace"])), None)

    def _virtual_machines(self, kubevirt: Object | None) -> Object:
        """Return virtual machines, migrations and pods; the large lists page by page and beside each other."""
        strategy = value_at(kubevirt, ("spec", "configuration", "evictionStrategy")) or ""
        readers: list[t.Callable[[], t.Any]] = [self._tally, lambda: self._instances(strategy), self._migrations]
        tally, machines, migrations = self._client.for_each(lambda read: read(), readers)
        self._complete(machines, tally.launchers)
        return {
            "virtual_machines": machines,
            "migrations": migrations,
            "node_pods": tally.nodes(),
            "disruption_budgets": tally.budgets(),
        }

    def _tally(self) -> PodTally:
        tally = PodTally(self._client.list(_BUDGETS).items)
        for pod in self._each(_PODS):
            tally.see(pod)
        return tally

    def _instances(self, strategy: str) -> list[Object]:
        return [parse_machine(item, strategy) for item in self._each(_INSTANCES)]

    def _migrations(self) -> list[Object]:
        found = (parse_migration(item) for item in self._each(_MIGRATIONS))
        return [migration for migration in found if migration]

    def _complete(self, machines: t.Sequence[Object], launchers: t.Mapping[Place, Requests]) -> None:
        """Add to instances what their pods ask and, where some do not tell enough, what their owners say."""
        for machine in machines:
            asked = launchers.get((machine["namespace"], machine["name"], machine["node"]))
            if asked:
                machine.update(asked._asdict())
        asking = {(machine["namespace"], machine["name"]): machine for machine in machines if needs_owner(machine)}
        for owner in self._each(_OWNERS) if asking else ():
            key = owner["metadata"]["namespace"], owner["metadata"]["name"]
            if key in asking:
                add_owner(asking[key], owner)

    def _each(self, resource: Resource) -> t.Iterator[Object]:
        """Yield the objects of a kind, held a page at a time; none where the cluster does not serve it."""
        try:
            for page in self._client.pages(resource):
                yield from page.items
        except KubeError as error:
            if error.status != 404:
                raise

    def _triggers(self, facts: Object) -> Object:
        """Return the triggers of migrations: written, rendered into what nodes run, and what they do to a node."""
        pools = [pool["metadata"]["name"] for pool in facts["pools"]]
        found = zip(pools, self._client.for_each(lambda pool: self._machine_config(trigger_name(pool)), pools))
        configs = sorted({annotations_of(node).get(_CURRENT_CONFIG, "") for node in facts["nodes"]} - {""})
        runs = zip(configs, self._client.for_each(lambda name: run_of(self._machine_config(name)), configs))
        crd = self._client.get(_CRDS, _POLICY_CRD)
        return {
            "triggers": {pool: item for pool, item in found if item},
            "rendered_triggers": dict(runs),
            "disruption_policy": {
                "served": serves_policies(crd or {}),
                "object": self._client.get(_POLICIES, "cluster"),
            },
        }

    def _machine_config(self, name: str) -> Object | None:
        return self._client.get(MACHINE_CONFIGS, name)

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
