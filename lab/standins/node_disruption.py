# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of configuration does to a node, by the node disruption policies of MachineConfiguration/cluster.

The machine-config-operator's part is to put the policies of its spec into its status; its daemons read them
there. The lab has no policies but those that people write: without one, every change is a reboot.
"""

from __future__ import annotations

import enum
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Object, Resource

MACHINE_CONFIGURATIONS = Resource("operator.openshift.io/v1", "machineconfigurations")
MACHINE_CONFIGURATION = "cluster"
FIELD_MANAGER = "machine-config-operator"

Policies = t.Mapping[str, t.Any]


class Disruption(enum.Enum):
    """What a node goes through."""

    NONE = "nothing"
    DRAIN = "drain"
    REBOOT = "drain and reboot"


def disruption(current: Object, desired: Object, policies: Policies) -> Disruption:
    """What the change from one rendered configuration's spec to another asks for.

    Files and units have policies; a change of anything else is a reboot.
    """
    if _rest(current) != _rest(desired):
        return Disruption.REBOOT
    actions: set[str] = set()
    for path in _changed(_files(current), _files(desired)):
        actions |= _file_actions(path, policies.get("files", []))
    for unit in _changed(_units(current), _units(desired)):
        found = [policy for policy in policies.get("units", []) if policy["name"] == unit]
        actions |= {action["type"] for policy in found for action in policy["actions"]} or {"Reboot"}
    if "Reboot" in actions:
        return Disruption.REBOOT
    return Disruption.DRAIN if "Drain" in actions else Disruption.NONE


def publish(client: KubeClient, machine_configuration: Object) -> None:
    """Put the policies of a MachineConfiguration's spec into its status."""
    written = machine_configuration.get("spec", {}).get("nodeDisruptionPolicy") or {}
    status = machine_configuration.get("status") or {}
    wanted = {
        "observedGeneration": machine_configuration["metadata"]["generation"],
        "nodeDisruptionPolicyStatus": {
            "clusterPolicies": {"files": written.get("files", []), "units": written.get("units", [])}
        },
    }
    if any(status.get(key) != value for key, value in wanted.items()):
        name = machine_configuration["metadata"]["name"]
        client.merge_patch(MACHINE_CONFIGURATIONS, f"{name}/status", {"status": wanted}, field_manager=FIELD_MANAGER)


def published(client: KubeClient) -> Policies:
    """The policies that hold now."""
    found = client.get(MACHINE_CONFIGURATIONS, MACHINE_CONFIGURATION) or {}
    policies: Policies = (found.get("status") or {}).get("nodeDisruptionPolicyStatus", {}).get("clusterPolicies", {})
    return policies


def _file_actions(path: str, policies: t.Iterable[Object]) -> set[str]:
    """The actions of the policy that names the file or, of the directories above it, the nearest."""
    above = [policy for policy in policies if f"{path}/".startswith(policy["path"].rstrip("/") + "/")]
    if not above:
        return {"Reboot"}
    nearest = max(above, key=lambda policy: len(policy["path"]))
    return {action["type"] for action in nearest["actions"]}


def _files(spec: Object) -> dict[str, Object]:
    return {entry["path"]: entry for entry in spec["config"].get("storage", {}).get("files", [])}


def _units(spec: Object) -> dict[str, Object]:
    return {entry["name"]: entry for entry in spec["config"].get("systemd", {}).get("units", [])}


def _changed(before: dict[str, Object], after: dict[str, Object]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def _rest(spec: Object) -> Object:
    """A spec without its files and units."""
    config = {key: value for key, value in spec["config"].items() if key not in ("storage", "systemd")}
    storage = {key: value for key, value in spec["config"].get("storage", {}).items() if key != "files"}
    systemd = {key: value for key, value in spec["config"].get("systemd", {}).items() if key != "units"}
    return spec | {"config": config | {"storage": storage, "systemd": systemd}}
