# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the cluster-version operator and for the update service that it asks.

It accepts what ``spec.desiredUpdate`` names as the real one does, walks through the manifests of the release, waits
at each of its operators, and says so in history and conditions with the real one's words. It keeps how far it is in
memory, as the real one does: a restart begins the walk again.

The annotation ``lab.virtscale/installed: <version>`` on the ClusterVersion makes the cluster one that was installed
with this version; its nodes stay as they are.
"""

from __future__ import annotations

import argparse
import logging
import re
import time
import typing as t
from dataclasses import replace
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.cluster_operators import (
    OPERATORS,
    ClusterOperators,
    Health,
    MachineConfig,
    health,
)
from ansible_collections.virtscale.tuning.lab.standins.cluster_version_status import (
    Walk,
    accepted,
    history_with,
    progress_conditions,
    upgradeable,
    with_conditions,
)
from ansible_collections.virtscale.tuning.lab.standins.follow import set_up_logging
from ansible_collections.virtscale.tuning.lab.standins.hyperconverged import now as timestamp
from ansible_collections.virtscale.tuning.lab.standins.lab_client import LabClient
from ansible_collections.virtscale.tuning.lab.standins.release_graph import Payload, ReleaseGraph
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeError, Object, Resource

CLUSTER_VERSIONS = Resource("config.openshift.io/v1", "clusterversions")
CONFIG_MAPS = Resource("v1", "configmaps")
INSTALLED = "lab.virtscale/installed"
_TICK_S = 0.3
# From a change of the channel until the update service has answered.
_ANSWERS_AFTER_S = 1.0

log = logging.getLogger("standin")


class ClusterVersionOperator:
    """One tick after the other, each from the objects as they are."""

    def __init__(self, client: LabClient, graph: ReleaseGraph, operators: ClusterOperators, times: Times) -> None:
        self._client = client
        self._graph = graph
        self._operators = operators
        self._times = times
        self._walk: Walk | None = None
        self._channel_since: tuple[str, float] = ("", 0.0)

    def tick(self) -> None:
        """Look, go on, and report."""
        version = self._client.get(CLUSTER_VERSIONS, "version")
        if version is None or "status" not in version:
            return
        now = timestamp()
        installed = (version["metadata"].get("annotations") or {}).get(INSTALLED)
        if installed:
            self._install(version, installed, now)
            return
        status = dict(version["status"])
        operators = self._operators.look(status["history"][0]["version"], now)
        conditions = [*self._updates(version, status, now), upgradeable(version, operators, *self._acks())]
        conditions += self._follow_spec(version, status, conditions, now)
        conditions += self._go_on(status, self._payload(status["desired"]["version"]), operators, now)
        status["observedGeneration"] = version["metadata"]["generation"]
        status["conditions"] = with_conditions(status.get("conditions") or [], conditions, now)
        if status != version["status"]:
            self._client.replace_status(CLUSTER_VERSIONS, {**version, "status": status})

    def _install(self, version: Object, installed: str, now: str) -> None:
        """Make it a cluster that was installed with this version."""
        release = self._graph.release(installed)
        self._operators.set_all(replace(self._payload(installed), operating_system=None), now)
        self._walk = None
        entry = {"state": "Completed", "startedTime": now, "completionTime": now, "verified": False}
        status = {
            **version["status"],
            "desired": release,
            "history": [{**entry, "version": installed, "image": release["image"]}],
            "availableUpdates": None,
            "conditions": [],
        }
        status.pop("conditionalUpdates", None)
        version = self._client.replace_status(CLUSTER_VERSIONS, {**version, "status": status})
        body = {"metadata": {"annotations": {INSTALLED: None}}, "spec": {"desiredUpdate": None}}
        self._client.merge_patch(CLUSTER_VERSIONS, "version", body, field_manager="lab")
        log.info("the cluster is one that was installed with %s", installed)

    def _payload(self, version: str) -> Payload:
        """The payload of the release that the cluster has, or updates to."""
        found = self._graph.payload(version=version)
        return found or Payload(version, self._graph.release(version)["image"], 1, None)

    def _updates(self, version: Object, status: Object, now: str) -> list[Object]:
        """Ask the update service, and put what it offers into the status."""
        channel = version["spec"].get("channel", "")
        if channel != self._channel_since[0]:
            self._channel_since = (channel, time.monotonic())
        if time.monotonic() - self._channel_since[1] < _ANSWERS_AFTER_S:
            return []
        current = status["history"][0]["version"]
        found = self._graph.updates(current, channel, now)
        status["availableUpdates"] = found.available or None
        status["conditionalUpdates"] = _keep_times(found.conditional, status.get("conditionalUpdates") or [])
        status["desired"] = self._graph.release(status["desired"]["version"])
        reason, message = found.problem or ("", "")
        return [
            {
                "type": "RetrievedUpdates",
                "status": "False" if found.problem else "True",
                "reason": reason,
                "message": message,
            }
        ]

    def _acks(self) -> tuple[Object, Object]:
        gates = self._client.get(CONFIG_MAPS, "admin-gates", "openshift-config-managed") or {}
        acks = self._client.get(CONFIG_MAPS, "admin-acks", "openshift-config") or {}
        return gates.get("data") or {}, acks.get("data") or {}

    def _follow_spec(self, version: Object, status: Object, conditions: t.Sequence[Object], now: str) -> list[Object]:
        """Begin the update that is asked for, unless it is refused; the conditions that say which."""
        asked = version["spec"].get("desiredUpdate") or {}
        current = status["history"][0]
        if not asked or asked.get("version", "") == current["version"] or asked.get("image") == current["image"]:
            return [accepted(current["version"], self._graph.release(current["version"])["image"])]
        payload, refusal = self._load(asked, status)
        if payload is None:
            return [refusal]
        blocked = next((one for one in conditions if one["type"] == "Upgradeable" and one["status"] == "False"), None)
        minor = _minor(payload.version) > _minor(current["version"])
        risks = ""
        if blocked is not None and minor:
            because = f'"{blocked["reason"]}": {blocked["message"]}'
            risks = f'Precondition "ClusterVersionUpgradeable" failed because of {because}'
            if not asked.get("force"):
                return [accepted(payload.version, payload.image, ("PreconditionChecks", risks))]
            risks = f"Forced through blocking failures: {risks}"
        offered = [one["version"] for one in status.get("availableUpdates") or []]
        if payload.version not in offered:
            risks = risks or "The target was not among the recommended updates."
        status["desired"] = self._graph.release(payload.version)
        status["history"] = history_with(status["history"], payload, now, bool(asked.get("force")), risks)
        log.info("begins to update to %s", payload.version)
        return [accepted(payload.version, payload.image)]

    def _load(self, asked: Object, status: Object) -> tuple[Payload | None, Object]:
        """The payload that is asked for, or the condition that says why there is none."""
        image, version = asked.get("image", ""), asked.get("version", "")
        if not image:
            updates = [*(status.get("availableUpdates") or [])]
            updates += [one["release"] for one in status.get("conditionalUpdates") or []]
            image = next((one["image"] for one in updates if one["version"] == version), "")
        if not image:
            message = (
                f'The cluster version is invalid: spec.desiredUpdate.version: Invalid value: "{version}": when image '
                "is empty the update must be a previous version or an available update"
            )
            return None, {"type": "Invalid", "status": "True", "reason": "InvalidClusterVersion", "message": message}
        payload = self._graph.payload(image=image)
        if payload is None:
            failure = ("RetrievePayload", "Unable to download and prepare the update: the image cannot be pulled")
            return None, accepted(version, image, failure)
        if version and payload.version != version:
            failure = ("VerifyPayloadVersion", f"release image version {payload.version} does not match the expected")
            return None, accepted(version, image, failure)
        return payload, {}

    def _go_on(self, status: Object, payload: Payload, operators: t.Mapping[str, Object], now: str) -> list[Object]:
        """Walk on through the manifests, up to the first operator that is not done; the conditions that say so."""
        last = dict(status["history"][0])
        reconciling = last["state"] == "Completed"
        waits = Health()
        if reconciling:
            states = [health(operators[name], payload.version) for name in OPERATORS]
            waits = next((one for one in states if one.reason and not one.reason.endswith("Updating")), Health())
            return progress_conditions(payload, None, waits, "", 0.0)
        if self._walk is None or self._walk.payload != payload:
            self._walk = Walk(payload, self._times.upgrade_s(), OPERATORS)
        name = self._walk.step(lambda one: not health(operators[one], payload.version).reason)
        waited = 0.0
        if name is not None:
            self._operators.update(operators[name], payload, self._walk.operator_s, now)
            waits, waited = health(operators[name], payload.version), self._walk.waited_s
        elif self._walk.done == payload.manifests:
            status["history"] = [{**last, "state": "Completed", "completionTime": now}, *status["history"][1:]]
            self._walk = None
            log.info("has updated to %s", payload.version)
            return progress_conditions(payload, None, Health(), "", 0.0)
        patience = self._times.operator_patience_s()
        return progress_conditions(payload, self._walk.done, waits, name or "", waited / patience)


def _keep_times(found: list[Object], present: t.Sequence[Object]) -> list[Object]:
    """Conditional updates with the times that their conditions had before."""
    times = {one["release"]["version"]: one["conditions"][0]["lastTransitionTime"] for one in present}
    for update in found:
        condition = update["conditions"][0]
        condition["lastTransitionTime"] = times.get(update["release"]["version"], condition["lastTransitionTime"])
    return found


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-in for the cluster-version operator.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--releases", required=True, type=Path)
    parser.add_argument("--times", required=True, type=Path)
    parser.add_argument("--payload-version", required=True, type=Path, help="file that names the controller's release")
    parser.add_argument("restart", nargs="+", help="command that restarts the machine-config-controller")
    arguments = parser.parse_args()
    set_up_logging()
    client = LabClient.connect({"kubeconfig": arguments.kubeconfig})
    machine_config = MachineConfig(client, arguments.payload_version, arguments.restart)
    operators = ClusterOperators(client, machine_config)
    operator = ClusterVersionOperator(client, ReleaseGraph.read(arguments.releases), operators, Times(arguments.times))
    while True:
        try:
            operator.tick()
        except KubeError as error:
            log.warning("%s", error)
            time.sleep(1)
        time.sleep(_TICK_S)


if __name__ == "__main__":
    main()
