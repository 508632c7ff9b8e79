# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How far a golden image is, from what the API shows of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, Resource
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object, labels_of, value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.images import (
    CLAIMS,
    DATA_SOURCES,
    DATA_VOLUMES,
    IMAGE_LABEL,
    Image,
    differing,
)

EVENTS = Resource("v1", "events")
_ENDPOINT = "cdi.kubevirt.io/storage.import.endpoint"


@dataclass(frozen=True)
class Look:
    """One look at an image.

    :param main: the DataVolume or DataImportCron, or the claim where CDI took the finished DataVolume away.
    :param claim: the claim of an image from a URL.
    :param words: where it is in CDI's own words, for a person.
    :param complaint: CDI's message about what goes wrong now.
    :param failures: how often the importer has failed.
    :param lost: nothing will come of it any more.
    :param differs: what the object has other than what is asked for.
    """

    main: Object | None = None
    claim: Object | None = None
    ready: bool = False
    words: str = "not there"
    complaint: str | None = None
    failures: int = 0
    lost: bool = False
    differs: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """Whether this collection made it, and may take it away."""
        return self.main is not None and IMAGE_LABEL in labels_of(self.main)


def look_at(client: KubeClient, image: Image) -> Look:
    """Return how far an image is.

    :raises KubeError: when the API does not answer.
    """
    main = client.get(image.resource, image.name, image.namespace)
    if image.registry:
        return _cron(client, image, main) if main else Look()
    claim = client.get(CLAIMS, image.name, image.namespace)
    if main:
        return look_at_data_volume(main, claim, tuple(differing(image, main)))
    return look_at_claim(image, claim) if claim else Look()


def look_at_data_volume(volume: Object, claim: Object | None = None, differs: tuple[str, ...] = ()) -> Look:
    """Return how far a DataVolume is.

    CDI hardly ever gives up: an importer that fails is started again for ever, and the condition ``Running`` says why.
    Source: containerized-data-importer, pkg/controller/datavolume/conditions.go.
    """
    status = volume.get("status") or {}
    phase, progress = status.get("phase") or "Pending", status.get("progress") or ""
    running, bound = _condition(volume, "Running"), _condition(volume, "Bound")
    failing = running.get("status") == "False" and running.get("reason") == "Error"
    complaint = None
    if failing:
        complaint = running.get("message") or "the importer failed without a message"
    elif phase == "Failed" or (bound.get("status") == "False" and bound.get("reason") not in ("Pending", None)):
        complaint = bound.get("message") or running.get("message") or f"the DataVolume is in phase {phase}"
    return Look(
        main=volume,
        claim=claim,
        ready=phase == "Succeeded",
        words=f"{phase} {progress}" if progress.endswith("%") and phase != "Succeeded" else phase,
        complaint=complaint,
        failures=int(status.get("restartCount") or 0) + failing,
        lost=phase == "Failed",
        differs=differs,
    )


def look_at_claim(image: Image, claim: Object) -> Look:
    """Return how far an image is of which the claim alone is left, as older CDI leaves it behind."""
    phase = value_at(claim, ("status", "phase")) or "Pending"
    endpoint = value_at(claim, ("metadata", "annotations", _ENDPOINT))
    differs = () if endpoint in (None, image.url) else (f"it was imported from {endpoint}, not {image.url}",)
    words = f"claim {phase}, its DataVolume is gone"
    return Look(main=claim, claim=claim, ready=phase == "Bound", words=words, differs=differs)


def look_at_cron(image: Image, cron: Object, source: Object | None, current: Object | None) -> Look:
    """Return how far a DataImportCron is: its DataSource ready, and of the newest import.

    :param current: the DataVolume of the import that it names, where it is still there.
    """
    up_to_date, source_ready = _condition(cron, "UpToDate"), _condition(source or {}, "Ready")
    differs = tuple(differing(image, cron))
    if up_to_date.get("status") == "True" and source_ready.get("status") == "True":
        return Look(main=cron, ready=True, words="up to date", differs=differs)
    inner = look_at_data_volume(current) if current else Look()
    words = up_to_date.get("message") or "waits for its first import"
    if current and not inner.ready:
        words = f"{words}: {inner.words}"
    return Look(
        main=cron,
        words=words,
        complaint=inner.complaint,
        failures=inner.failures,
        lost=inner.lost,
        differs=differs,
    )


def latest_warning(client: KubeClient, image: Image) -> str | None:
    """Return the newest warning about the image's objects, for when CDI's conditions say nothing."""
    warnings = [
        event
        for event in client.list(EVENTS, image.namespace, field_selector="type=Warning").items
        if str(value_at(event, ("involvedObject", "name"))).startswith(image.name)
    ]
    if not warnings:
        return None
    newest = max(warnings, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return f"{newest.get('reason')}: {newest.get('message')}"


def _cron(client: KubeClient, image: Image, cron: Object) -> Look:
    source = client.get(DATA_SOURCES, image.name, image.namespace)
    imports = value_at(cron, ("status", "currentImports")) or []
    name = imports[0].get("DataVolumeName") if imports else None
    current = client.get(DATA_VOLUMES, name, image.namespace) if name else None
    return look_at_cron(image, cron, source, current)


def _condition(item: Object, kind: str) -> dict[str, t.Any]:
    for condition in value_at(item, ("status", "conditions")) or []:
        if condition.get("type") == kind:
            found: dict[str, t.Any] = condition
            return found
    return {}
