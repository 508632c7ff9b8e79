# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The manifests of a fleet: virtual machines from the reference architecture's templates or a person's own, and
what they need around them.

A manifest is built in one order, whatever it began as: the template, what differs (an RFC 7386 merge patch), then the
name, the namespace and the labels, which a patch therefore cannot take away.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, merged, patched
from ansible_collections.virtscale.tuning.plugins.module_utils._templates import guests
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.check import (
    check_labels,
    check_name,
    check_overrides,
    check_virtual_machine,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.disks import (
    Disk,
    Source,
    dedicate_io_thread,
    rename_data_volumes,
    use_source,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.guests import Login, Network

KINDS = ("rhel", "fedora", "windows")
RUN_STRATEGIES = ("Always", "Halted", "Manual", "Once", "RerunOnFailure")


def virtual_machine(
    kind: str,
    *,
    name: str,
    namespace: str,
    labels: t.Mapping[str, str] | None = None,
    source: Source | None = None,
    overrides: t.Mapping[str, t.Any] | None = None,
    run_strategy: str | None = None,
    disk: Disk | None = None,
    network: Network | None = None,
    login: Login | None = None,
    image: str | None = None,
    dedicated_io_thread: bool = False,
) -> Object:
    """Return a VirtualMachine as the reference architecture made them.

    :param kind: ``rhel`` and ``windows`` clone ``source``; ``fedora`` runs from a container image and keeps nothing.
    :param labels: of the VirtualMachine, and of its instances and their pods.
    :param overrides: an RFC 7386 merge patch of the manifest; a list in it replaces the whole list.
    :param run_strategy: by default ``Halted`` for those with a disk of their own, ``Always`` for Fedora.
    :param network: by default the attachment ``linux-bridge`` in the machine's own namespace, for Fedora the pod
        network.
    :param login: who may log in through cloud-init; by default what the reference architecture's template says.
    :param image: the container disk of ``fedora``.
    :raises InvalidValue: for anything that KubeVirt would not take, as far as that can be known here.
    """
    if kind not in KINDS:
        raise InvalidValue("kind", kind, f"one of {', '.join(KINDS)}")
    if kind == "fedora":
        if source is not None:
            raise InvalidValue("source", source, "left out for fedora, which runs from a container image")
        manifest = guests.fedora(image or guests.FEDORA_IMAGE, network, login)
    else:
        if image is not None:
            raise InvalidValue("image", image, f"left out for {kind}, which clones a golden image")
        if source is None:
            raise InvalidValue("source", source, f"a golden image for {kind} to clone")
        manifest = guests.rhel(network, login) if kind == "rhel" else guests.windows(network, login)
        use_source(manifest, source, disk or Disk())
    if dedicated_io_thread:
        dedicate_io_thread(manifest)
    return _finished(manifest, name, namespace, labels, overrides, run_strategy)


def own_virtual_machine(
    template: t.Mapping[str, t.Any],
    *,
    name: str,
    namespace: str,
    labels: t.Mapping[str, str] | None = None,
    source: Source | None = None,
    overrides: t.Mapping[str, t.Any] | None = None,
    run_strategy: str | None = None,
    dedicated_io_thread: bool = False,
) -> Object:
    """Return a VirtualMachine from a person's own manifest.

    Its data volumes get names of their own for each machine: ``<template>-root`` becomes ``<name>-root``.

    :param source: what its first data volume clones instead of what the manifest says.
    :raises InvalidValue: as for :func:`virtual_machine`, and for a manifest that is no VirtualMachine.
    """
    check_virtual_machine("template", template)
    manifest = merged(template, {})
    manifest.pop("status", None)
    if source is not None:
        use_source(manifest, source, None)
    if dedicated_io_thread:
        dedicate_io_thread(manifest)
    return _finished(manifest, name, namespace, labels, overrides, run_strategy)


def _finished(
    manifest: Object,
    name: str,
    namespace: str,
    labels: t.Mapping[str, str] | None,
    overrides: t.Mapping[str, t.Any] | None,
    run_strategy: str | None,
) -> Object:
    check_name("name", name)
    check_name("namespace", namespace)
    check_labels("labels", labels)
    check_overrides("overrides", overrides)
    result = patched(manifest, overrides or {})
    check_virtual_machine("overrides", result)
    rename_data_volumes(result, name)
    _set_run_strategy(result["spec"], run_strategy)
    own = {"kubevirt.io/vm": name}
    # Who names it here wants one name and these labels, whatever the template was copied from.
    for unwanted in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "ownerReferences"):
        result.get("metadata", {}).pop(unwanted, None)
    marks = {**own, **(labels or {})}
    for volume in result["spec"].get("dataVolumeTemplates") or []:
        # CDI hands them on to the claim.
        volume["metadata"]["labels"] = {**(volume["metadata"].get("labels") or {}), **marks}
    result = merged(result, {"metadata": {"name": name, "namespace": namespace, "labels": marks}})
    return merged(result, {"spec": {"template": {"metadata": {"labels": marks}}}})


def _set_run_strategy(spec: Object, run_strategy: str | None) -> None:
    """Say whether it runs in the one field for it; ``running`` beside it is refused by KubeVirt."""
    running = spec.pop("running", None)
    if run_strategy is not None:
        spec["runStrategy"] = run_strategy
    elif "runStrategy" not in spec:
        spec["runStrategy"] = "Always" if running else "Halted"
    if spec["runStrategy"] not in RUN_STRATEGIES:
        raise InvalidValue("run_strategy", spec["runStrategy"], f"one of {', '.join(RUN_STRATEGIES)}")
