#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ocp_info
short_description: Measure what the tuning of an OpenShift cluster needs to know
version_added: 0.1.0
author: The virtscale.tuning maintainers (@virtscale)
description:
  - Reads nodes, machine configuration, network and OpenShift Virtualization in a few requests, and on request the
    effective configuration of every kubelet through the API server.
  - The facts are the API's own objects, less what no plan looks at. Kinds that the cluster does not serve are empty.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.attributes.read_only
  - virtscale.tuning.kube
options:
  gather_subset:
    description:
      - V(machines) are the nodes, MachineConfigPools and KubeletConfigs.
      - V(network) is the cluster's network configuration, which limits the pods of a node.
      - V(hyperconverged) is the HyperConverged object in the newest API version that is served, the schema of its
        migration limits, the KubeVirt object that it makes, and the Deployment virt-api.
      - V(virtual_machines) are the virtual machines, with what a drain of their node would meet, the migrations that
        are not over, the pods of each node in sums, and the PodDisruptionBudgets that would hold up a drain. Its lists
        are read page by page. It brings the KubeVirt object with it.
      - V(triggers) are the MachineConfigs by which earlier migrations were started, the configurations of nodes that
        hold them, and the node disruption policies; it brings V(machines) with it.
      - V(kubelets) asks every kubelet for its effective configuration (C(/configz)); it brings V(machines) with it.
      - V(version) is the ClusterVersion with the ClusterOperators, and the acknowledgements that an upgrade may want.
    type: list
    elements: str
    choices: [machines, network, hyperconverged, virtual_machines, triggers, kubelets, version]
    default: [machines, network, hyperconverged]
  max_connections:
    description: How many requests to kubelets run at a time, 1 to 100.
    type: raw
    default: 10
"""

EXAMPLES = r"""
- name: Measure the cluster and every kubelet
  virtscale.tuning.ocp_info:
    gather_subset: [machines, network, kubelets]
  register: measured

- name: Plan a KubeletConfig on it
  virtscale.tuning.kubelet_plan:
    facts: "{{ measured.facts }}"
"""

RETURN = r"""
facts:
  description:
    - What was read, by name. The plan modules of this collection take it whole.
  returned: success
  type: dict
  contains:
    nodes:
      description: Node objects with labels, the machine-config-controller's annotations, capacity and conditions.
      type: list
      elements: dict
      returned: with V(machines), V(triggers) or V(kubelets)
    pools:
      description: MachineConfigPool objects.
      type: list
      elements: dict
      returned: with V(machines), V(triggers) or V(kubelets)
    kubelet_configs:
      description: KubeletConfig objects.
      type: list
      elements: dict
      returned: with V(machines), V(triggers) or V(kubelets)
    network:
      description: The object C(network.config.openshift.io/cluster), or null.
      type: dict
      returned: with V(network)
    hyperconverged:
      description: >-
        The C(object) as it is and the C(api) that serves it - version, path, fields and defaults of its limits; null
        where there is none.
      type: dict
      returned: with V(hyperconverged)
    kubevirt:
      description: The KubeVirt object of the same namespace, or null.
      type: dict
      returned: with V(hyperconverged) or V(virtual_machines)
    virt_api:
      description: The Deployment virt-api, or null.
      type: dict
      returned: with V(hyperconverged)
    virtual_machines:
      description:
        - One entry for each VirtualMachineInstance.
        - C(os) is its operating system without the version (V(rhel), V(fedora), V(windows)), or V(unknown).
          It comes from the annotation C(vm.kubevirt.io/os), the label C(os.template.kubevirt.io/...), the guest agent
          or the name of the preference, in this order.
        - C(eviction_strategy) is its own or the cluster's, empty where neither is set. C(why_not) says why it is not
          C(live_migratable).
        - C(cpu_cores) and C(memory_bytes) are what its pod asks of the node.
        - C(restart_allowed) says that a drain shuts it down by its eviction strategy, and that its VirtualMachine
          starts it again, which only the run strategy C(Always) does.
      type: list
      elements: dict
      returned: with V(virtual_machines)
      sample:
        - name: rhel-001
          namespace: vms
          uid: 0b1c0b9e-5f3f-4b0a-9c57-2a0d0c9f1f55
          node: worker001
          phase: Running
          os: rhel
          live_migratable: true
          why_not: null
          eviction_strategy: LiveMigrate
          cpu_cores: 0.1
          memory_bytes: 4529848320
          restart_allowed: false
    migrations:
      description: The VirtualMachineInstanceMigrations that are neither Succeeded nor Failed.
      type: list
      elements: dict
      returned: with V(virtual_machines)
      sample:
        - {"name": "kubevirt-evacuation-x7k2p", "namespace": "vms", "vmi": "rhel-001", "phase": "Running"}
    node_pods:
      description:
        - By node, C(count) of the pods that a drain evicts - not those of DaemonSets, of the kubelet itself and of
          virtual machines - and C(graces), how many of them have which grace period in seconds.
        - C(pods), C(cpu_cores) and C(memory_bytes) are the number and the requests of all pods there; those with
          C(moving_) before leave out what a drain leaves, and hold the virtual machines' pods.
      type: dict
      returned: with V(virtual_machines)
      sample:
        worker001:
          count: 70
          graces: {"30": 69, "600": 1}
          pods: 112
          cpu_cores: 12.4
          memory_bytes: 139586437120
          moving_pods: 100
          moving_cpu_cores: 11.2
          moving_memory_bytes: 136365211648
    disruption_budgets:
      description:
        - The PodDisruptionBudgets that allow no disruption of pods that a drain would evict, with the names of these
          C(pods) by node, and C(why). Those that KubeVirt makes for single virtual machines are left out.
      type: list
      elements: dict
      returned: with V(virtual_machines)
      sample:
        - name: database
          namespace: shop
          selector: {"matchLabels": {"app": "database"}}
          why: it needs 1 healthy and has 1
          pods: {"worker001": ["database-0"]}
    triggers:
      description: By pool, the MachineConfig that triggers its migration, where there is one.
      type: dict
      returned: with V(triggers)
    rendered_triggers:
      description: By configuration that a node runs, the id of the run whose trigger is in it, or null.
      type: dict
      returned: with V(triggers)
      sample: {"rendered-zone-0-8d1a3c": "20260801T120000Z-migrate", "rendered-worker-f52b10": null}
    disruption_policy:
      description: Whether the cluster has node disruption policies (C(served)), and the C(object) that holds them.
      type: dict
      returned: with V(triggers)
    kubelets:
      description: By node, the C(config) of its kubelet or the C(error) that came instead.
      type: dict
      returned: with V(kubelets)
    cluster_version:
      description: The ClusterVersion object, or null.
      type: dict
      returned: with V(version)
    cluster_operators:
      description: ClusterOperator objects.
      type: list
      elements: dict
      returned: with V(version)
    admin_gates:
      description: By name, what an administrator has to acknowledge before the cluster leaves a minor version.
      type: dict
      returned: with V(version)
    admin_acks:
      description: By the same names, V(true) for what is acknowledged.
      type: dict
      returned: with V(version)
settled:
  description:
    - Whether KubeVirt and virt-api follow what the HyperConverged object says now, no virtual machine is on its way up,
      and the node disruption policy of the trigger is in effect as it is asked for, as far as these were read.
  returned: success
  type: bool
  sample: true
"""

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._adapter import run_module
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.facts import ClusterReader
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import all_started
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.plan import settled
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.adapter import AUTH_SPEC
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.policy import DisruptionPolicy
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int

SUBSETS = ["machines", "network", "hyperconverged", "virtual_machines", "triggers", "kubelets", "version"]

SPEC: dict[str, dict[str, t.Any]] = {
    **AUTH_SPEC,
    "gather_subset": {"type": "list", "elements": "str", "choices": SUBSETS, "default": SUBSETS[:3]},
    "max_connections": {"type": "raw", "default": 10},
}


def compute(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    client = KubeClient.connect(params, parse_int("max_connections", params["max_connections"], maximum=100))
    facts = ClusterReader(client).read(params["gather_subset"])
    done = settled(facts) and all_started(facts) and DisruptionPolicy.of(facts).settled
    return {"changed": False, "facts": facts, "settled": done}


def main() -> t.NoReturn:
    run_module(compute, SPEC)


if __name__ == "__main__":
    main()
