# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubelet does for its pods when its node is Ready again, and kwok leaves out.

The node controller marks the pods of a node that is not Ready as not Ready themselves. A kubelet that is back
reports those that run.
"""

from __future__ import annotations

from ansible_collections.virtscale.tuning.lab.standins.follow import log
from ansible_collections.virtscale.tuning.lab.standins.lab_client import PODS
from ansible_collections.virtscale.tuning.lab.standins.virt_handler_nodes import is_ready
from ansible_collections.virtscale.tuning.lab.standins.work_queue import WorkQueue
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient, KubeError, Object

# The node controller looks at nodes every five seconds, and marks a pod again that changes before it has looked.
PATIENCE_S = 8.0
RETRY_S = 2.0


class KubeletPods:
    """The kubelets of all nodes, as far as this goes."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._ready: set[str] = set()
        self._queue: WorkQueue[str] = WorkQueue(self._attempt, workers=2)

    def node_seen(self, node: Object) -> None:
        """Take notice of a node that became Ready, or that is at the first look."""
        name = node["metadata"]["name"]
        if not is_ready(node):
            self._ready.discard(name)
        elif name not in self._ready:
            self._ready.add(name)
            self._queue.add(name, PATIENCE_S)

    def _attempt(self, node: str) -> None:
        if node not in self._ready:
            return
        try:
            if self._report(node):
                self._queue.add(node, PATIENCE_S)  # to see whether it lasts
        except KubeError as error:
            log.warning("the pods of %s: %s", node, error)
            self._queue.add(node, RETRY_S)

    def _report(self, node: str) -> int:
        """Report the node's running pods as Ready; returns how many were not."""
        pods = self._client.list(PODS, field_selector=f"spec.nodeName={node},status.phase=Running").items
        wrong = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"] and not is_ready(pod)]
        for pod in wrong:
            conditions = [
                {key: value for key, value in condition.items() if key not in ("reason", "message")}
                | ({"status": "True"} if condition["type"] == "Ready" else {})
                for condition in pod["status"]["conditions"]
            ]
            metadata = pod["metadata"]
            self._client.merge_patch(
                PODS,
                f"{metadata['name']}/status",
                {"status": {"conditions": conditions}},
                field_manager="kubelet",
                namespace=metadata["namespace"],
            )
        if wrong:
            log.info("%d pods of %s are Ready again", len(wrong), node)
        return len(wrong)
