# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ClusterVersions and ClusterOperators for the tests of an upgrade, in the words of the real operators."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import merged
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import (
    ClusterVersion,
    Operator,
    parse_cluster_version,
    parse_operator,
)

Object = t.Dict[str, t.Any]
STARTED, ENDED = "2026-08-01T12:00:00Z", "2026-08-01T12:35:00Z"


def image(version: str) -> str:
    return f"quay.io/ocp/release@sha256:{version.replace('.', ''):0>8}"


def release(version: str, *channels: str) -> Object:
    return {"version": version, "image": image(version), **({"channels": list(channels)} if channels else {})}


def condition(kind: str, status: str, message: str = "", reason: str = "") -> Object:
    return {"type": kind, "status": status, "message": message, "reason": reason, "lastTransitionTime": STARTED}


def entry(version: str, state: str = "Completed", **more: t.Any) -> Object:
    ended = ENDED if state == "Completed" else None
    return {
        "version": version,
        "image": image(version),
        "state": state,
        "startedTime": STARTED,
        "completionTime": ended,
        **more,
    }


def conditional(version: str, status: str = "False") -> Object:
    risk = {"name": "SlowDrains", "message": "Drains may\ntake long.", "url": "https://issues/1", "matchingRules": []}
    return {
        "release": release(version),
        "risks": [risk],
        "conditions": [condition("Recommended", status, "Drains.", "SlowDrains")],
    }


def cluster_version(*versions: str, conditions: t.Sequence[Object] = (), **status: t.Any) -> Object:
    """A cluster with this history, the newest version first; each was completed."""
    history = [entry(version) for version in versions or ("4.9.15",)]
    usual = [condition("Failing", "False"), condition("Progressing", "False"), condition("Upgradeable", "True")]
    given = {one["type"] for one in conditions}
    base: Object = {
        "apiVersion": "config.openshift.io/v1",
        "kind": "ClusterVersion",
        "metadata": {"name": "version", "generation": 3, "resourceVersion": "7"},
        "spec": {"channel": "stable-4.9", "clusterID": "x"},
        "status": {
            "desired": release(history[0]["version"], "candidate-4.9", "stable-4.9"),
            "history": history,
            "observedGeneration": 3,
            "availableUpdates": None,
            "conditions": [*conditions, *(one for one in usual if one["type"] not in given)],
        },
    }
    return merged(base, {"status": status})


def parsed(*versions: str, **more: t.Any) -> ClusterVersion:
    return parse_cluster_version(cluster_version(*versions, **more))


def cluster_operator(name: str, version: str = "4.9.15", **conditions: str) -> Object:
    states = {"Available": "True", "Degraded": "False", **conditions}
    told = [condition(kind, *state.split(":", 1)) for kind, state in states.items()]
    return {
        "metadata": {"name": name},
        "status": {"versions": [{"name": "operator", "version": version}], "conditions": told},
    }


def operator(name: str, version: str = "4.9.15", **conditions: str) -> Operator:
    return parse_operator(cluster_operator(name, version, **conditions))
