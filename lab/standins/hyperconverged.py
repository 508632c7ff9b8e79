# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the operators of OpenShift Virtualization, as far as tuning sees them.

The HyperConverged operator's part: liveMigrationConfig and the jsonpatch annotation become the KubeVirt
object. virt-operator's part: what the KubeVirt object says of the Deployment virt-api is done to it. Whoever
changes the KubeVirt object or the Deployment by hand is overruled, as by the real ones.
"""

from __future__ import annotations

import argparse
import datetime
import typing as t

from ansible_collections.virtscale.tuning.lab.standins.follow import follow, set_up_logging
from ansible_collections.virtscale.tuning.lab.standins.json_patch import (
    BadPatch,
    apply_json_patch,
    merge_patch_between,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Object, Resource

HYPERCONVERGEDS = Resource("hco.kubevirt.io/v1beta1", "hyperconvergeds")
KUBEVIRTS = Resource("kubevirt.io/v1", "kubevirts")
DEPLOYMENTS = Resource("apps/v1", "deployments")

KUBEVIRT_NAME = "kubevirt-kubevirt-hyperconverged"
VIRT_API = "virt-api"
JSONPATCH_ANNOTATION = "kubevirt.kubevirt.io/jsonpatch"
FIELD_MANAGER = "hyperconverged-operator"

# What KubeVirt 1.6 lets each replica of virt-api ask of the API server, as DefaultVirtAPIQPS and -Burst. An eviction
# costs one request, that of a virtual machine two or three.
VIRT_API_QPS = 5
VIRT_API_BURST = 10


def kubevirt_spec(hyperconverged: Object) -> Object:
    """The spec of the KubeVirt object that a HyperConverged object asks for.

    :raises BadPatch: the jsonpatch annotation cannot be applied.
    """
    asked = hyperconverged["spec"]
    configuration = {
        # The operator's default where there is more than one worker.
        "evictionStrategy": asked.get("evictionStrategy", "LiveMigrate"),
        "migrations": dict(asked.get("liveMigrationConfig", {})),
    }
    kubevirt = {"spec": {"configuration": configuration, "customizeComponents": {}}}
    patch = (hyperconverged["metadata"].get("annotations") or {}).get(JSONPATCH_ANNOTATION)
    if patch:
        kubevirt = apply_json_patch(kubevirt, patch)
    spec: Object = kubevirt["spec"]
    return spec


def virt_api_spec(deployment: Object, spec: Object, replicas: int) -> Object:
    """The spec of virt-api's Deployment under the patches of a KubeVirt object's spec.

    :raises BadPatch: one of them cannot be applied, or is of a type other than json.
    """
    wanted: Object = {"spec": deployment["spec"] | {"replicas": replicas}}
    for patch in spec.get("customizeComponents", {}).get("patches", []):
        if (patch["resourceType"].lower(), patch["resourceName"]) == ("deployment", VIRT_API):
            if patch["type"] != "json":
                raise BadPatch(f"the lab applies patches of type json only, not {patch['type']}")
            wanted = apply_json_patch(wanted, patch["patch"])
    result: Object = wanted["spec"]
    return result


def with_virt_api_rate(spec: Object, replicas: int) -> Object:
    """A KubeVirt object's spec in which the lab's one virt-api may ask as much as all replicas together.

    Whoever has set the rate keeps it. Real ones have theirs from KubeVirt's defaults, unseen.
    """
    rate = {"qps": VIRT_API_QPS * replicas, "burst": VIRT_API_BURST * replicas}
    limiter = {"restClient": {"rateLimiter": {"tokenBucketRateLimiter": rate}}}
    return spec | {"configuration": {"apiConfiguration": limiter} | spec["configuration"]}


def conditions(problem: str | None, tainted: bool, generation: int, present: list[Object]) -> list[Object]:
    """The conditions of a HyperConverged object: reconciled, or degraded by a problem.

    A condition keeps the time of its last transition in ``present`` while its status stays the same.
    """
    good, bad = ("False", "True") if problem else ("True", "False")
    states = {
        "ReconcileComplete": good,
        "Available": good,
        "Progressing": "False",
        "Degraded": bad,
        "Upgradeable": good,
    }
    reason = "ReconcileFailed" if problem else "ReconcileCompleted"
    message = problem or "Reconcile completed successfully"
    found: list[Object] = [
        {"type": kind, "status": state, "reason": reason, "message": message} for kind, state in states.items()
    ]
    if tainted:
        message = f"Unsupported feature was activated via an HCO annotation: {JSONPATCH_ANNOTATION}"
        reason = "UnsupportedFeatureAnnotation"
        found.append({"type": "TaintedConfiguration", "status": "True", "reason": reason, "message": message})
    since = {(old["type"], old["status"]): old["lastTransitionTime"] for old in present}
    for condition in found:
        condition["observedGeneration"] = generation
        condition["lastTransitionTime"] = since.get((condition["type"], condition["status"])) or now()
    return found


class Operators:
    """Both operators, for one HyperConverged object."""

    def __init__(self, client: KubeClient, namespace: str, virt_api_replicas: int, kubevirt_version: str) -> None:
        self._client = client
        self._namespace = namespace
        self._virt_api_replicas = virt_api_replicas
        self._kubevirt_version = kubevirt_version

    def handle(self, hyperconverged: Object) -> None:
        """Bring the KubeVirt object and virt-api to what the HyperConverged object says, and report."""
        problem = None
        try:
            spec = kubevirt_spec(hyperconverged)
            replicas = self._reconcile_virt_api(spec)
            self._reconcile_kubevirt(with_virt_api_rate(spec, replicas))
        except BadPatch as error:
            problem = str(error)
        self._report(hyperconverged, problem)

    def _reconcile_kubevirt(self, spec: Object) -> None:
        kubevirt = self._client.get(KUBEVIRTS, KUBEVIRT_NAME, self._namespace) or {"spec": {}}
        present = kubevirt["spec"]
        # Fields that the API server fills in are left alone.
        managed = {key: present[key] for key in ("configuration", "customizeComponents") if key in present}
        patch = merge_patch_between(managed, spec)
        if patch:
            kubevirt = self._merge(KUBEVIRTS, KUBEVIRT_NAME, {"spec": patch})
        generation = kubevirt["metadata"]["generation"]
        # KubeVirt's programs take up nothing of the configuration before the phase is Deployed.
        status = {
            "phase": "Deployed",
            "observedGeneration": generation,
            "observedKubeVirtVersion": self._kubevirt_version,
            "targetKubeVirtVersion": self._kubevirt_version,
            "defaultArchitecture": "amd64",
        }
        patch = merge_patch_between(kubevirt.get("status") or {}, (kubevirt.get("status") or {}) | status)
        if patch:
            self._merge(KUBEVIRTS, f"{KUBEVIRT_NAME}/status", {"status": patch})

    def _reconcile_virt_api(self, spec: Object) -> int:
        """Bring the Deployment to what the spec says; returns its replicas."""
        deployment = self._client.get(DEPLOYMENTS, VIRT_API, self._namespace)
        if deployment is None:
            return self._virt_api_replicas
        wanted = virt_api_spec(deployment, spec, self._virt_api_replicas)
        patch = merge_patch_between(deployment["spec"], wanted)
        if patch:
            self._merge(DEPLOYMENTS, VIRT_API, {"spec": patch})
        return int(wanted["replicas"])

    def _report(self, hyperconverged: Object, problem: str | None) -> None:
        metadata = hyperconverged["metadata"]
        tainted = JSONPATCH_ANNOTATION in (metadata.get("annotations") or {})
        present = (hyperconverged.get("status") or {}).get("conditions", [])
        wanted = conditions(problem, tainted, metadata["generation"], present)
        if wanted != present:
            status = {"conditions": wanted, "observedGeneration": metadata["generation"]}
            self._merge(HYPERCONVERGEDS, f"{metadata['name']}/status", {"status": status})

    def _merge(self, resource: Resource, name: str, body: t.Mapping[str, t.Any]) -> Object:
        return self._client.merge_patch(
            resource, name, dict(body), field_manager=FIELD_MANAGER, namespace=self._namespace
        )


def now() -> str:
    """The time, as conditions carry it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-in for the operators of OpenShift Virtualization.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--virt-api-replicas", required=True, type=int, help="before a patch says otherwise")
    parser.add_argument("--kubevirt-version", required=True)
    arguments = parser.parse_args()
    set_up_logging()
    client = KubeClient.connect({"kubeconfig": arguments.kubeconfig})
    operators = Operators(client, arguments.namespace, arguments.virt_api_replicas, arguments.kubevirt_version)
    follow(client, HYPERCONVERGEDS, operators.handle)


if __name__ == "__main__":
    main()
