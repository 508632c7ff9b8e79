# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is refused before anything is asked of a cluster, each with one sentence."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LONGEST_LABEL = 63

EVICTION_STRATEGIES = ("External", "LiveMigrate", "LiveMigrateIfPossible", "None")
# These are settled by the fleet for each machine.
_SETTLED = (("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"))


def check_name(parameter: str, name: t.Any, longest: int = _LONGEST_LABEL) -> None:
    """Refuse what Kubernetes would not take as a name; 63 characters where it becomes a label too.

    :raises InvalidValue: with the parameter's name.
    """
    form = _DNS_LABEL if longest <= _LONGEST_LABEL else _DNS_SUBDOMAIN
    if not isinstance(name, str) or len(name) > longest or not form.fullmatch(name):
        raise InvalidValue(parameter, name, f"lower-case letters, digits and dashes, at most {longest}")


def check_labels(parameter: str, labels: t.Mapping[str, t.Any] | None) -> None:
    """Refuse values that are no labels: true and 1 want quotes.

    :raises InvalidValue: with the label's name.
    """
    for key, value in (labels or {}).items():
        if not isinstance(value, str) or len(value) > _LONGEST_LABEL or not _LABEL_VALUE.fullmatch(value):
            raise InvalidValue(f"{parameter}[{key}]", value, "a string that Kubernetes takes as a label's value")


def check_overrides(parameter: str, overrides: t.Any) -> None:
    """Refuse a patch of what is different for each machine.

    :raises InvalidValue: with the field's name.
    """
    if overrides is None:
        return
    if not isinstance(overrides, dict):
        raise InvalidValue(parameter, overrides, "a mapping of fields of a VirtualMachine")
    for path in _SETTLED:
        found = value_at(overrides, path)
        if found is not None:
            raise InvalidValue(f"{parameter}.{'.'.join(path)}", found, "left out; it is settled for each machine")


def check_virtual_machine(parameter: str, manifest: t.Any) -> None:
    """Refuse a manifest in which the rest would not find its way; all else is for the API to judge.

    :param parameter: what the manifest came from, for the message.
    :raises InvalidValue: naming the field.
    """
    if not isinstance(manifest, dict) or manifest.get("kind") != "VirtualMachine":
        raise InvalidValue(parameter, _kind(manifest), "the whole manifest of a VirtualMachine")
    if not str(manifest.get("apiVersion", "")).startswith("kubevirt.io/"):
        raise InvalidValue(f"{parameter}.apiVersion", manifest.get("apiVersion"), "kubevirt.io/v1")
    spec = value_at(manifest, ("spec", "template", "spec"))
    if not isinstance(value_at(spec, ("domain", "devices")), dict):
        raise InvalidValue(f"{parameter}.spec.template.spec.domain.devices", None, "there, as in every VirtualMachine")
    strategy = spec.get("evictionStrategy")
    if strategy is not None and strategy not in EVICTION_STRATEGIES:
        allowed = f"one of {', '.join(EVICTION_STRATEGIES)}"
        raise InvalidValue(f"{parameter}.spec.template.spec.evictionStrategy", strategy, allowed)
    if "running" in manifest["spec"] and "runStrategy" in manifest["spec"]:
        raise InvalidValue(f"{parameter}.spec.running", manifest["spec"]["running"], "left out beside runStrategy")
    _check_names(parameter, spec, manifest["spec"].get("dataVolumeTemplates"))


def _check_names(parameter: str, spec: t.Mapping[str, t.Any], templates: t.Any) -> None:
    volumes = _names(f"{parameter}.spec.template.spec.volumes", spec.get("volumes") or [])
    disks = _names(f"{parameter}.spec.template.spec.domain.devices.disks", spec["domain"]["devices"].get("disks") or [])
    for name in disks:
        if name not in volumes:
            raise InvalidValue(f"{parameter}: the disk", name, f"one of the volumes, {', '.join(volumes) or 'none'}")
    if templates is None:
        return
    if not isinstance(templates, list):
        raise InvalidValue(f"{parameter}.spec.dataVolumeTemplates", templates, "a list")
    for template in templates:
        check_name(f"{parameter}.spec.dataVolumeTemplates", value_at(template, ("metadata", "name")), longest=253)
        if not isinstance(value_at(template, ("spec",)), dict):
            raise InvalidValue(f"{parameter}.spec.dataVolumeTemplates", template, "of entries with a spec")


def _names(parameter: str, items: t.Any) -> list[str]:
    if not isinstance(items, list) or not all(isinstance(item, dict) and item.get("name") for item in items):
        raise InvalidValue(parameter, items, "a list of entries with a name")
    return [item["name"] for item in items]


def _kind(manifest: t.Any) -> t.Any:
    return manifest.get("kind") if isinstance(manifest, dict) else manifest
