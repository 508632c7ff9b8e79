# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases that the lab's update service knows, as the graph that the real one answers with.

``nodes``, ``edges`` and ``conditionalEdges`` are the format of the update service's protocol. ``payloads`` is the lab's
own part: how many manifests a release has, and its nodes' operating system; None is that of the release before.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import Object

_CHANNELS = "io.openshift.upgrades.graph.release.channels"


@dataclass(frozen=True)
class Payload:
    """What is in the image of a release."""

    version: str
    image: str
    manifests: int
    operating_system: str | None


@dataclass(frozen=True)
class Updates:
    """What a cluster may be updated to; ``problem`` is the reason and message why that is not known."""

    available: list[Object] | None
    conditional: list[Object]
    problem: tuple[str, str] | None = None


class ReleaseGraph:
    """All releases, and which lead to which."""

    def __init__(self, graph: Object) -> None:
        self._nodes: list[Object] = graph["nodes"]
        self._edges = {(self._nodes[one]["version"], self._nodes[other]["version"]) for one, other in graph["edges"]}
        self._conditional: list[Object] = graph["conditionalEdges"]
        self._payloads: Object = graph["payloads"]

    @classmethod
    def read(cls, path: Path) -> ReleaseGraph:
        return cls(json.loads(path.read_text()))

    def payload(self, *, version: str = "", image: str = "") -> Payload | None:
        """The release of this version, or in this image."""
        for node in self._nodes:
            if node["version"] == version or (image and node["payload"] == image):
                own = self._payloads[node["version"]]
                return Payload(node["version"], node["payload"], own["manifests"], own["os"])
        return None

    def release(self, version: str) -> Object:
        """A release as a ClusterVersion names it; of one that nobody knows only the version."""
        for node in self._nodes:
            if node["version"] == version:
                channels = node["metadata"][_CHANNELS].split(",")
                url = node["metadata"]["url"]
                return {"version": version, "image": node["payload"], "channels": channels, "url": url}
        return {"version": version, "image": f"registry.invalid/ocp-release:{version}"}

    def updates(self, version: str, channel: str, now: str) -> Updates:
        """What a channel offers to a cluster of this version."""
        if not channel:
            return Updates(None, [], ("NoChannel", "The update channel has not been configured."))
        there = {node["version"] for node in self._nodes if channel in node["metadata"][_CHANNELS].split(",")}
        if version not in there:
            message = (
                f"Unable to retrieve available updates: currently reconciling cluster version {version} not found in "
                f'the "{channel}" channel'
            )
            return Updates(None, [], ("VersionNotFound", message))
        available = [self.release(to) for since, to in sorted(self._edges) if since == version and to in there]
        conditional = [
            _conditional_update(self.release(edge["to"]), entry["risks"], now)
            for entry in self._conditional
            for edge in entry["edges"]
            if edge["from"] == version and edge["to"] in there
        ]
        return Updates(available, conditional)


def _conditional_update(release: Object, risks: t.Sequence[Object], now: str) -> Object:
    """An update with risks that concern every cluster."""
    return {
        "release": release,
        "risks": list(risks),
        "conditions": [
            {
                "type": "Recommended",
                "status": "False",
                "reason": risks[0]["name"] if len(risks) == 1 else "MultipleReasons",
                "message": "\n\n".join(f"{risk['message']} {risk['url']}" for risk in risks),
                "lastTransitionTime": now,
            }
        ],
    }
