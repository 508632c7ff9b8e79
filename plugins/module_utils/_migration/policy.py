# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The node disruption policy by which the trigger drains nodes without a reboot.

The cluster has one list of files, a map by path to server-side apply, so that only our entry is ours. The daemons go
by what the operator made of it in the status.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import (
    NEEDS_DISRUPTION,
    KubePlan,
    status_of,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import is_gitops
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.trigger import TRIGGER_PATH
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import row

_KIND = {"apiVersion": "operator.openshift.io/v1", "kind": "MachineConfiguration", "metadata": {"name": "cluster"}}
_SPEC = ("spec", "nodeDisruptionPolicy", "files")
_STATUS = ("status", "nodeDisruptionPolicyStatus", "clusterPolicies", "files")
_DRAIN = [{"type": "Drain"}]
_WHERE = "MachineConfiguration cluster"
_WHAT = f"nodeDisruptionPolicy {TRIGGER_PATH}"
_NOT_SERVED = "this cluster has no node disruption policies, which OpenShift serves since 4.17"


@dataclass(frozen=True)
class DisruptionPolicy:
    """What happens to a node when the trigger's file changes: asked for, and in effect."""

    served: bool
    asked: t.List[Object] | None
    effective: t.List[Object] | None
    owners: t.Sequence[str]

    @classmethod
    def of(cls, facts: t.Mapping[str, t.Any]) -> DisruptionPolicy:
        """Return the policy by measured facts."""
        found = facts.get("disruption_policy") or {}
        live = found.get("object") or {}
        return cls(bool(found.get("served")), _entry(live, _SPEC), _entry(live, _STATUS), _owners(live))

    @property
    def ours(self) -> bool:
        """Whether nobody but this collection set it."""
        return set(self.owners) == {FIELD_MANAGER}

    @property
    def settled(self) -> bool:
        """Whether the operator has taken over what is asked for; defaults of the cluster name other files."""
        return self.asked == self.effective

    @property
    def drains_only(self) -> bool:
        """Whether a change of the trigger drains a node and does not reboot it."""
        return self.effective is not None and [action.get("type") for action in self.effective] == ["Drain"]


@dataclass
class PolicyPlan(KubePlan):
    """The write, and whether nodes reboot after it."""

    reboots: bool = True


def plan_policy(policy: DisruptionPolicy, drain_only: bool, allowed: bool, force_conflicts: bool) -> PolicyPlan:
    """Return what gives the trigger its policy, or takes it back; a refused row stands against the run."""
    if not drain_only and (policy.asked is None or not policy.ours):
        return _of_others(policy)
    plan = PolicyPlan(reboots=not drain_only)
    wanted = _DRAIN if drain_only else None
    status = status_of(policy.asked == wanted and policy.effective == wanted, allowed)
    why = "the trigger drains the nodes and does not reboot them" if drain_only else "only for triggers that drain"
    others = [name for name in policy.owners if name != FIELD_MANAGER]
    if not policy.served:
        status, why = "refused", _NOT_SERVED
    elif drain_only and policy.asked not in (None, _DRAIN) and others:
        plan.force_conflicts = force_conflicts and not any(map(is_gitops, others))
        if not plan.force_conflicts:
            status, why = "refused", f"set by {_names(policy)}; change it there"
    elif status == "pending":
        why = f"{NEEDS_DISRUPTION}; {why}"
    if policy.asked != wanted and status == "would_change":
        files = [{"path": TRIGGER_PATH, "actions": _DRAIN}]
        # Applying an empty object takes back the one entry that is ours.
        plan.definitions.append({**_KIND, "spec": {"nodeDisruptionPolicy": {"files": files}} if drain_only else {}})
    before, effective = _text(policy.asked), _text(policy.effective)
    plan.rows.append(
        row(_WHERE, _WHAT, before=before, wanted=_text(wanted), effective=effective, status=status, why=why)
    )
    return plan


def _of_others(policy: DisruptionPolicy) -> PolicyPlan:
    """Return the plan that leaves what others have set, and says what it does."""
    plan = PolicyPlan(reboots=not policy.drains_only)
    if policy.asked is not None:
        why = f"set by {_names(policy)}: the trigger does what it says"
        found = _text(policy.effective)
        plan.rows.append(row(_WHERE, _WHAT, before=found, effective=found, status="note", why=why))
    return plan


def serves_policies(crd: t.Mapping[str, t.Any]) -> bool:
    """Return whether the cluster's MachineConfiguration has node disruption policies, by its own definition."""
    path = ("schema", "openAPIV3Schema", "properties", "spec", "properties", "nodeDisruptionPolicy")
    versions = (crd.get("spec") or {}).get("versions") or []
    return any(version.get("served") and value_at(version, path) for version in versions)


def _entry(live: t.Mapping[str, t.Any], path: tuple[str, ...]) -> list[Object] | None:
    for file in value_at(live, path) or []:
        if file.get("path") == TRIGGER_PATH:
            found: list[Object] = file.get("actions") or []
            return found
    return None


def _owners(live: t.Mapping[str, t.Any]) -> list[str]:
    """Return the managers of our entry of the list."""
    key = "k:" + json.dumps({"path": TRIGGER_PATH}, separators=(",", ":"))
    found = []
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        fields = value_at(entry.get("fieldsV1") or {}, tuple(f"f:{name}" for name in _SPEC))
        if isinstance(fields, dict) and key in fields:
            found.append(entry.get("manager", "unknown"))
    return found


def _names(policy: DisruptionPolicy) -> str:
    return " and ".join(policy.owners) or "somebody else"


def _text(actions: t.Sequence[Object] | None) -> str | None:
    return None if actions is None else ", ".join(str(action.get("type")) for action in actions)
