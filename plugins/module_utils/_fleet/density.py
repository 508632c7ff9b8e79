# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The idle pods that fill the nodes beside the machines: one Deployment in each namespace.

The reference architecture made 21,400 bare pods. Deployments take as many requests as there are namespaces; their pods
are made by the cluster itself, are spread by a constraint, and come back after the node that they were on was drained:
a bare pod is gone then, and plain ``kubectl drain`` refuses the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.marks import (
    DEPLOYMENTS,
    GROUP_LABEL,
    PODS,
    PODS_GROUP,
    is_ours,
    marks,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._fleet.request import FleetRequest
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.bulk import BulkClient
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import value_at
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER
from ansible_collections.virtscale.tuning.plugins.module_utils._templates.surroundings import pause_pod

Json = t.Dict[str, t.Any]
Say = t.Callable[[str], None]
_LINE_S = 5.0
_TICK_S = 0.25


def deployments(request: FleetRequest) -> list[Object]:
    """Return the Deployments that hold the pods of a request, each in its namespace."""
    found, spaces = [], request.namespaces
    for place, namespace in enumerate(spaces):
        replicas = request.pods * (place + 1) // len(spaces) - request.pods * place // len(spaces)
        if replicas:
            found.append(_deployment(request, namespace, replicas))
    return found


def _deployment(request: FleetRequest, namespace: str, replicas: int) -> Object:
    labels, name = marks(request.name, PODS_GROUP), f"{request.name}-{PODS_GROUP}"
    pod = pause_pod(name=name, namespace=namespace, labels=labels, overrides=request.pod_overrides)
    alike = {"matchLabels": {GROUP_LABEL: PODS_GROUP, **labels}}
    pod["spec"].setdefault(
        "topologySpreadConstraints",
        [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": alike,
            }
        ],
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": replicas,
            "revisionHistoryLimit": 0,
            "selector": alike,
            "template": {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]},
        },
    }


class Density:
    """Makes the pods of a request and measures how long that takes, by the counts in the Deployments' status."""

    def __init__(self, api: BulkClient, request: FleetRequest, say: Say, clock: t.Callable[[], float]) -> None:
        self._api, self._request, self._say, self._clock = api, request, say, clock
        self._created: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self.changed = False

    async def run(self, began: float, *, continued: bool) -> Json:
        """Make them, or as many as the request says now, and wait until all run.

        :param began: when they were first asked for.
        :param continued: whether that was in a run that was interrupted.
        :return: ``pods``, ``running`` and ``reason``; ``created_s`` and ``running_s`` are the seconds until the last,
            null where it never came or all were there.
        """
        wanted = {f"{one['metadata']['namespace']}": one for one in deployments(self._request)}
        for namespace, body in wanted.items():
            await self._ensure(namespace, body)
        measured = self.changed or continued
        following = asyncio.create_task(self._follow(wanted))
        created_s: float | None = None
        shown_at = moved_at = time.monotonic()
        last: tuple[int, int] = (0, 0)
        try:
            while True:
                await asyncio.sleep(_TICK_S)
                if following.done():
                    following.result()
                now = time.monotonic()
                seen = sum(self._created.values()), sum(self._running.values())
                if seen != last or self._api.silence is not None:
                    last, moved_at = seen, now
                if created_s is None and seen[0] >= self._request.pods and measured:
                    created_s = round(self._clock() - began, 3)
                if seen[1] >= self._request.pods:
                    return self._told(seen[1], created_s, round(self._clock() - began, 3) if measured else None)
                if now - moved_at > self._request.stall_s:
                    why = await self._why()
                    self._say(f"pods: {seen[1]:,} of {self._request.pods:,} run: {why}")
                    return self._told(seen[1], created_s, None, why)
                if now - shown_at > _LINE_S:
                    shown_at = now
                    self._say(f"pods: {seen[0]:,} created and {seen[1]:,} running of {self._request.pods:,}")
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _told(self, running: int, created_s: float | None, running_s: float | None, reason: str = "") -> Json:
        return {
            "pods": self._request.pods,
            "running": running,
            "created_s": created_s,
            "running_s": running_s,
            "reason": reason,
        }

    async def _ensure(self, namespace: str, body: Object) -> None:
        name = body["metadata"]["name"]

        def mine(item: Object) -> bool:
            return is_ours(item, self._request.name)

        found, made = await self._api.create(DEPLOYMENTS, name, body, namespace, field_manager=FIELD_MANAGER, mine=mine)
        self.changed = self.changed or made
        replicas = body["spec"]["replicas"]
        if not made and found["spec"]["replicas"] != replicas:
            patch = {"spec": {"replicas": replicas}}
            await self._api.merge_patch(DEPLOYMENTS, name, patch, namespace, field_manager=FIELD_MANAGER)
            self.changed = True

    async def _follow(self, wanted: t.Mapping[str, Object]) -> None:
        selector = ",".join(f"{key}={value}" for key, value in marks(self._request.name, PODS_GROUP).items())
        async with contextlib.aclosing(self._api.watch(DEPLOYMENTS, None, selector)) as heard:
            async for event, item in heard:
                namespace = item["metadata"].get("namespace")
                if event == "SYNCED" or namespace not in wanted:
                    continue
                status = item.get("status") or {}
                gone = event == "DELETED"
                self._created[namespace] = 0 if gone else status.get("replicas") or 0
                self._running[namespace] = 0 if gone else status.get("readyReplicas") or 0

    async def _why(self) -> str:
        """Return why a pod does not run, in the words of the cluster."""
        selector = ",".join(f"{key}={value}" for key, value in marks(self._request.name, PODS_GROUP).items())
        async for item in self._api.items(DEPLOYMENTS, None, selector):
            for condition in value_at(item, ("status", "conditions")) or []:
                if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                    return str(condition.get("message"))
        async for item in self._api.items(PODS, None, selector):
            for condition in value_at(item, ("status", "conditions")) or []:
                if condition.get("status") == "False" and condition.get("message"):
                    return f"{item['metadata']['name']}: {condition['message']}"
        return "the cluster gives no reason"
