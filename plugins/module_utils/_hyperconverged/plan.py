# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The limits of live migrations and the replicas of virt-api: facts in, writes and rows out."""

from __future__ import annotations

import difflib
import json
import math
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.schema import HyperConvergedApi
from ansible_collections.virtscale.tuning.plugins.module_utils._hyperconverged.virt_api_patch import (
    JSONPATCH_ANNOTATION,
    virt_api_replicas,
    with_virt_api_replicas,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import (
    BEFORE_ANNOTATION,
    Object,
    annotations_of,
    differences,
    merged,
    nested,
    remembered,
    undo,
    value_at,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.plan import KubePlan, status_of
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.server_side_apply import (
    Conflict,
    conflicts,
    declaration,
    refusals,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_int
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

# virt-operator scales virt-api itself since this release of KubeVirt.
_AUTOSCALING_SINCE = (0, 53)
# Its rule: one replica per so many schedulable nodes, at least two where there are several.
_NODES_PER_VIRT_API = 10
_KUBEVIRT_LIMITS = ("spec", "configuration", "migrations")
_REPLICAS_PATH = ("spec", "replicas")
_VIRT_API = "virt-api replicas"
_BEFORE = "the value from before, by the object's own annotation"


@dataclass(frozen=True)
class HyperConvergedWishes:
    """What is wanted: limits by their field names, and virt-api for so many virtual machines."""

    limits: t.Mapping[str, t.Any]
    planned_vms: int
    vms_per_virt_api: int
    # Set the replicas even where virt-operator scales them.
    force_virt_api: bool
    force_conflicts: bool


def plan_hyperconverged(facts: t.Mapping[str, t.Any], wishes: HyperConvergedWishes) -> KubePlan:
    """Return the writes that set the limits and the replicas.

    :raises TuningError: for a limit that the served version does not have, or of a wrong type.
    """
    plan = KubePlan()
    if not facts.get("hyperconverged"):
        why = "the cluster has no HyperConverged object; install OpenShift Virtualization first"
        plan.rows.append(row("HyperConverged", "liveMigrationConfig", status="refused", why=why))
        return plan
    live, api = facts["hyperconverged"]["object"], HyperConvergedApi.from_dict(facts["hyperconverged"]["api"])
    limits = nested(tuple(api.limits_path), check_limits(wishes.limits, api))
    defaults = {(*api.limits_path, name): value for name, value in api.defaults.items()}
    stopped = refusals(conflicts(live, limits, defaults), wishes.force_conflicts)
    plan.rows += _limit_rows(live, api, facts.get("kubevirt"), limits, stopped)
    annotation = _plan_virt_api(plan, live, facts, wishes)
    if not stopped and differences(live, limits):
        body = declaration(live, _with_memory(live, api, limits, annotation, limits))
        plan.definitions.append(_definition(live, api, body))
        # The API counts whoever created the object as the owner of its defaults.
        plan.force_conflicts = bool(conflicts(live, limits))
    if annotation != _annotation(live):
        change = {"metadata": {"annotations": {JSONPATCH_ANNOTATION: annotation}}}
        changed_limits = {} if stopped else limits
        plan.patches.append(_guarded(live, _with_memory(live, api, changed_limits, annotation, change)))
    return plan


def plan_given_back(facts: t.Mapping[str, t.Any]) -> KubePlan:
    """Return the patch that gives back what was there before, from the object's own annotation."""
    plan = KubePlan()
    if not facts.get("hyperconverged"):
        return plan
    live, api = facts["hyperconverged"]["object"], HyperConvergedApi.from_dict(facts["hyperconverged"]["api"])
    before = remembered(live)
    if not before:
        return plan
    patch: Object = {"metadata": {"annotations": {BEFORE_ANNOTATION: None}}}
    where = _where(live)
    limits = before.get("liveMigrationConfig") or {}
    if limits:
        patch = merged(patch, nested(tuple(api.limits_path), limits))
    for name, value in sorted(limits.items()):
        found = value_at(live, (*api.limits_path, name))
        plan.rows.append(
            row(
                where,
                f"liveMigrationConfig.{name}",
                before=found,
                wanted=value,
                effective=found,
                status="would_change",
                why=_BEFORE,
            )
        )
    if "virtApiReplicas" in before:
        old = _annotation(live)
        new = with_virt_api_replicas(old, before["virtApiReplicas"])
        patch = merged(patch, {"metadata": {"annotations": {JSONPATCH_ANNOTATION: new}}})
        plan.rows.append(
            row(
                where,
                _VIRT_API,
                before=virt_api_replicas(old),
                wanted=before["virtApiReplicas"],
                status="would_change",
                why=_BEFORE,
            )
        )
    plan.patches.append(_guarded(live, patch))
    return plan


def check_limits(limits: t.Mapping[str, t.Any], api: HyperConvergedApi) -> Object:
    """Return the limits with numbers as numbers.

    :raises TuningError: for a field that this version would prune without a word.
    :raises InvalidValue: for a value of the wrong type.
    """
    checked: Object = {}
    for name, value in limits.items():
        if name not in api.types:
            near = difflib.get_close_matches(name, api.types, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; it has {', '.join(sorted(api.types))}."
            raise TuningError(f"liveMigrationConfig of {api.api_version} has no field {name}{hint}")
        checked[name] = parse_int(name, value) if api.types[name] == "integer" else value
        if api.types[name] == "boolean" and not isinstance(value, bool):
            raise InvalidValue(name, value, "true or false")
    return checked


def settled(facts: t.Mapping[str, t.Any]) -> bool:
    """Return whether the operators have taken over what the HyperConverged object says now."""
    if not facts.get("hyperconverged") or not facts.get("kubevirt"):
        return True
    live, api = facts["hyperconverged"]["object"], HyperConvergedApi.from_dict(facts["hyperconverged"]["api"])
    asked = value_at(live, tuple(api.limits_path)) or {}
    effective = value_at(facts["kubevirt"], _KUBEVIRT_LIMITS) or {}
    replicas = virt_api_replicas(_annotation(live))
    scaled = not facts.get("virt_api") or replicas in (None, value_at(facts["virt_api"], _REPLICAS_PATH))
    return scaled and all(effective.get(name) == value for name, value in asked.items() if name in effective)


def _limit_rows(
    live: Object, api: HyperConvergedApi, kubevirt: Object | None, limits: Object, stopped: t.Sequence[Conflict]
) -> list[Row]:
    at = tuple(api.limits_path)
    rows = []
    for name, wanted in sorted((value_at(limits, at) or {}).items()):
        before = value_at(live, (*at, name))
        effective = value_at(kubevirt, (*_KUBEVIRT_LIMITS, name)) if kubevirt else None
        status, why = status_of(before == wanted), _default_note(name, wanted, api)
        if before == wanted and kubevirt and effective != wanted:
            status = "overridden"
            why = f"KubeVirt has {effective}: a patch of the KubeVirt object wins, or HyperConverged has not acted yet"
        elif before != wanted and stopped:
            status, why = "refused", "; ".join(str(conflict) for conflict in stopped)
        rows.append(
            row(
                _where(live),
                f"liveMigrationConfig.{name}",
                before=before,
                wanted=wanted,
                effective=effective,
                status=status,
                why=why,
            )
        )
    return rows


def _plan_virt_api(
    plan: KubePlan, live: Object, facts: t.Mapping[str, t.Any], wishes: HyperConvergedWishes
) -> str | None:
    """Add the row of virt-api and return the annotation as it is to be."""
    wanted = math.ceil(wishes.planned_vms / wishes.vms_per_virt_api)
    effective = value_at(facts.get("virt_api") or {}, _REPLICAS_PATH)
    ratio = f"{wishes.planned_vms} planned VMs / {wishes.vms_per_virt_api} a replica"
    scaler = _scaler(facts)
    old = _annotation(live)
    if scaler and not wishes.force_virt_api:
        why = f"not set: {scaler}; the reference architecture's {ratio} gives {wanted}"
        plan.rows.append(row(_where(live), _VIRT_API, before=effective, effective=effective, status="note", why=why))
        return old
    new = with_virt_api_replicas(old, wanted)
    forced = f"; forced although {scaler}" if scaler else ""
    plan.rows.append(
        row(
            _where(live),
            _VIRT_API,
            before=effective,
            wanted=wanted,
            effective=effective,
            status=status_of(new == old and effective in (None, wanted)),
            why=f"{ratio}{forced}; remove the annotation before an upgrade",
        )
    )
    return new


def _scaler(facts: t.Mapping[str, t.Any]) -> str | None:
    """Return what already scales virt-api, or None for a KubeVirt that does not."""
    version = value_at(facts.get("kubevirt") or {}, ("status", "observedKubeVirtVersion")) or ""
    parts = re.match(r"v?(\d+)\.(\d+)", version)
    if parts and (int(parts[1]), int(parts[2])) < _AUTOSCALING_SINCE:
        return None
    nodes = [n for n in facts.get("nodes") or [] if n["metadata"]["labels"].get("kubevirt.io/schedulable") == "true"]
    replicas = 1 if len(nodes) == 1 else max(2, len(nodes) // _NODES_PER_VIRT_API)
    operator = f"virt-operator {version}" if version else "virt-operator, of an unknown version,"
    return f"{operator} scales it to {replicas} for {len(nodes)} schedulable nodes"


def _default_note(name: str, value: t.Any, api: HyperConvergedApi) -> str:
    if name not in api.defaults:
        return f"{api.api_version} has no default"
    default = api.defaults[name]
    return f"the default of {api.api_version}" if default == value else f"default of {api.api_version} today: {default}"


def _with_memory(live: Object, api: HyperConvergedApi, limits: Object, annotation: str | None, body: Object) -> Object:
    """Return ``body`` with what the whole plan changes remembered, under names that hold in every API version."""
    note: Object = {}
    changed = value_at(undo(live, limits), tuple(api.limits_path))
    if changed:
        note["liveMigrationConfig"] = changed
    if annotation != _annotation(live):
        note["virtApiReplicas"] = virt_api_replicas(_annotation(live))
    before = merged(note, remembered(live))
    return merged(body, {"metadata": {"annotations": {BEFORE_ANNOTATION: json.dumps(before, sort_keys=True)}}})


def _annotation(live: Object) -> str | None:
    return annotations_of(live).get(JSONPATCH_ANNOTATION)


def _definition(live: Object, api: HyperConvergedApi, body: Object) -> Object:
    meta = {key: live["metadata"][key] for key in ("name", "namespace")}
    return merged(body, {"apiVersion": api.api_version, "kind": "HyperConverged", "metadata": meta})


def _guarded(live: Object, patch: Object) -> Object:
    """Return a patch that the API refuses when somebody wrote since the object was read."""
    meta = {key: live["metadata"][key] for key in ("name", "namespace", "resourceVersion")}
    return merged(patch, {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": meta})


def _where(live: Object) -> str:
    return f"HyperConverged {live['metadata']['name']}"
