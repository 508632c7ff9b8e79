# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the operators that a release brings: each reports its version, takes its time, and may be in trouble.

All do nothing but one: machine-config hands the release over to the real machine-config-controller, which renders
and rolls the pools by it, and reports the version when the pool of the control plane runs it.

The annotation ``lab.virtscale/trouble`` on a ClusterOperator makes trouble until it is taken away: ``slow`` never
reaches a new version, ``degraded: <why>`` and ``unavailable: <why>`` report that.
"""

from __future__ import annotations

import subprocess
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.lab_client import LabClient
from ansible_collections.virtscale.tuning.lab.standins.release_graph import Payload
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    MACHINE_CONFIGS,
    Object,
    Resource,
)

CLUSTER_OPERATORS = Resource("config.openshift.io/v1", "clusteroperators")
CONTROLLER_CONFIGS = Resource("machineconfiguration.openshift.io/v1", "controllerconfigs")
FEATURE_GATES = Resource("config.openshift.io/v1", "featuregates")

TROUBLE = "lab.virtscale/trouble"
MACHINE_CONFIG = "machine-config"
# In the order in which a release updates them.
OPERATORS = (
    "config-operator",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "authentication",
    "console",
    "ingress",
    "monitoring",
    "storage",
    "network",
    "dns",
    MACHINE_CONFIG,
)
_RELEASE_VERSION = "machineconfiguration.openshift.io/release-image-version"


@dataclass(frozen=True)
class Health:
    """What the version operator finds of an operator: the reason and the summary of what is wrong, or nothing."""

    reason: str = ""
    summary: str = ""
    passes: bool = False


def health(operator: Object, version: str) -> Health:
    """How an operator stands against a version, by the rules of the real version operator."""
    name = operator["metadata"]["name"]
    status = operator.get("status") or {}
    found = {one["type"]: one["status"] for one in status.get("conditions") or []}
    versions = {one["name"]: one["version"] for one in status.get("versions") or []}
    if found.get("Available") != "True":
        return Health("ClusterOperatorNotAvailable", f"Cluster operator {name} is not available")
    if found.get("Degraded") != "False":
        return Health("ClusterOperatorDegraded", f"Cluster operator {name} is degraded", passes=True)
    if versions.get("operator") != version:
        return Health("ClusterOperatorUpdating", f"Cluster operator {name} is updating versions", passes=True)
    return Health()


def status_of(version: str, towards: str, trouble: str, present: t.Sequence[Object], now: str) -> Object:
    """The status that an operator reports of itself.

    :param towards: the version that it updates to, or the one that it has.
    :param trouble: what the annotation says.
    """
    kind, _colon, why = trouble.partition(":")
    states = {
        "Available": ("False" if kind == "unavailable" else "True", why.strip()),
        "Progressing": ("True" if version != towards else "False", f"Working towards {towards}"),
        "Degraded": ("True" if kind == "degraded" else "False", why.strip()),
        "Upgradeable": ("False" if kind == "not-upgradeable" else "True", why.strip()),
    }
    as_expected = {"Available": "True", "Progressing": "False", "Degraded": "False", "Upgradeable": "True"}
    since = {(one["type"], one["status"]): one["lastTransitionTime"] for one in present}
    conditions = [
        {
            "type": name,
            "status": state,
            "reason": "AsExpected" if state == as_expected[name] else f"Lab_{name}",
            "message": "" if state == as_expected[name] else message,
            "lastTransitionTime": since.get((name, state), now),
        }
        for name, (state, message) in states.items()
    ]
    return {"conditions": conditions, "versions": [{"name": "operator", "version": version}], "relatedObjects": []}


class ClusterOperators:
    """All of them; each takes ``seconds`` to reach a version."""

    def __init__(self, client: LabClient, machine_config: MachineConfig) -> None:
        self._client = client
        self._machine_config = machine_config
        self._began: dict[tuple[str, str], float] = {}

    def look(self, version: str, now: str) -> dict[str, Object]:
        """Let each report how it is, and return all; those that are missing are made with this version."""
        found = {item["metadata"]["name"]: item for item in self._client.list(CLUSTER_OPERATORS).items}
        for name in OPERATORS:
            if name not in found:
                body = {"apiVersion": "config.openshift.io/v1", "kind": "ClusterOperator", "metadata": {"name": name}}
                found[name] = self._client.create(CLUSTER_OPERATORS, {**body, "spec": {}})
            mine = version_of(found[name]) or version
            towards = next((to for (one, to) in self._began if one == name and to != mine), mine)
            found[name] = self._report(found[name], mine, towards, now)
        return found

    def update(self, operator: Object, payload: Payload, seconds: float, now: str) -> None:
        """Bring an operator further towards the version of a release."""
        name, key = operator["metadata"]["name"], (operator["metadata"]["name"], payload.version)
        if key not in self._began:
            self._began = {one: at for one, at in self._began.items() if one[0] != name}
            self._began[key] = time.monotonic()
            if name == MACHINE_CONFIG:
                self._machine_config.take(payload)
        stays = trouble_of(operator).partition(":")[0] in ("slow", "degraded", "unavailable")
        if stays or time.monotonic() - self._began[key] < seconds:
            return
        if name != MACHINE_CONFIG or self._machine_config.control_plane_runs(payload.version):
            self._report(operator, payload.version, payload.version, now)

    def set_all(self, payload: Payload, now: str) -> None:
        """Let all have had this version for long."""
        self._began = {}
        for operator in self.look(payload.version, now).values():
            self._report(operator, payload.version, payload.version, now)
        self._machine_config.take(payload)

    def _report(self, operator: Object, version: str, towards: str, now: str) -> Object:
        present = (operator.get("status") or {}).get("conditions") or []
        wanted = status_of(version, towards, trouble_of(operator), present, now)
        if {**wanted, "extension": None} == {"extension": None, **(operator.get("status") or {})}:
            return operator
        return self._client.replace_status(CLUSTER_OPERATORS, {**operator, "status": wanted})


class MachineConfig:
    """The part of the machine-config-operator that hands a release over to its controller."""

    def __init__(self, client: LabClient, payload_version: Path, restart: t.Sequence[str]) -> None:
        """Take the file that names the controller's release, and the command that restarts the controller."""
        self._client = client
        self._payload_version = payload_version
        self._restart = restart

    def take(self, payload: Payload) -> None:
        """Start the controller of a release, with the configuration of that release."""
        gates = self._client.get(FEATURE_GATES, "cluster")
        if gates is None:
            raise RuntimeError("the lab has no FeatureGate")
        known = gates["status"]["featureGates"]
        if payload.version not in [one["version"] for one in known]:
            gates["status"]["featureGates"] = [{**known[0], "version": payload.version}, *known]
            self._client.replace_status(FEATURE_GATES, gates)
        if self._payload_version.read_text().strip() != payload.version:
            new = self._payload_version.with_suffix(".new")
            new.write_text(f"{payload.version}\n")
            new.rename(self._payload_version)
            subprocess.run(self._restart, check=True, capture_output=True)
        spec = {"releaseImage": payload.image}
        if payload.operating_system:
            spec["baseOSContainerImage"] = f"registry.invalid/rhel-coreos:{payload.operating_system}"
        body = {"metadata": {"annotations": {_RELEASE_VERSION: payload.version}}, "spec": spec}
        self._client.merge_patch(
            CONTROLLER_CONFIGS, "machine-config-controller", body, field_manager="machine-config-operator"
        )

    def control_plane_runs(self, version: str) -> bool:
        """Whether the master pool has rendered a release, and its nodes run it."""
        pool = self._client.get(MACHINE_CONFIG_POOLS, "master") or {"spec": {}, "status": {}}
        rendered = pool["spec"].get("configuration", {}).get("name", "")
        config = self._client.get(MACHINE_CONFIGS, rendered) if rendered else None
        made_for = ((config or {}).get("metadata", {}).get("annotations") or {}).get(_RELEASE_VERSION)
        updated = [one["status"] for one in pool["status"].get("conditions", []) if one["type"] == "Updated"]
        reached = pool["status"].get("configuration", {}).get("name") == rendered
        return made_for == version and reached and updated == ["True"]


def version_of(operator: Object) -> str:
    """The version that an operator reports."""
    versions = (operator.get("status") or {}).get("versions") or []
    return next((one["version"] for one in versions if one["name"] == "operator"), "")


def trouble_of(operator: Object) -> str:
    """What is made to be wrong with an operator."""
    return str((operator["metadata"].get("annotations") or {}).get(TROUBLE, ""))
