# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for the machine-config-daemon of every node.

It answers the real machine-config-controller in the node's annotations as the daemon does: asks for a drain,
"reboots" (the node is not Ready for a while), boots with the new configuration, asks for an uncordon, reports
Done. Where the node disruption policies say so, the reboot or the drain falls away. Of a MachineConfig it
applies what the lab shows: kubelet.conf, which it writes to the node's simulated disk for the kubelet's
stand-in, and the number of pods that follows from it.
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.standins.follow import follow, set_up_logging
from ansible_collections.virtscale.tuning.lab.standins.ignition import BadConfig, kubelet_conf, max_pods
from ansible_collections.virtscale.tuning.lab.standins.kubelet_pods import KubeletPods
from ansible_collections.virtscale.tuning.lab.standins.node_disruption import (
    MACHINE_CONFIGURATIONS,
    Disruption,
    disruption,
    publish,
    published,
)
from ansible_collections.virtscale.tuning.lab.standins.node_protocol import (
    CURRENT,
    NEVER_COMES_BACK,
    REASON,
    REBOOTING,
    Annotate,
    Boot,
    Done,
    FirstBoot,
    Reboot,
    Step,
    next_step,
)
from ansible_collections.virtscale.tuning.lab.standins.times import Times
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    MACHINE_CONFIG_POOLS,
    MACHINE_CONFIGS,
    NODES,
    KubeClient,
    KubeError,
    Object,
)

FIELD_MANAGER = "machine-config-daemon"
FIRST_POOL = "worker"

log = logging.getLogger("standin")


class Daemons:
    """The daemons of all nodes."""

    def __init__(self, client: KubeClient, nodes_dir: Path, times: Times) -> None:
        self._client = client
        self._nodes_dir = nodes_dir
        self._times = times
        self._rebooting: set[str] = set()
        self._configs: dict[str, Object] = {}

    def handle(self, node: Object) -> None:
        """Take the node's next step, if it is the node's turn."""
        name = node["metadata"]["name"]
        if name in self._rebooting:
            return
        annotations = node["metadata"].get("annotations") or {}
        step = next_step(annotations)
        if step is None or (REBOOTING in annotations and NEVER_COMES_BACK in annotations):
            return
        try:
            self._take(node, step)
        except BadConfig as error:
            log.error("%s is degraded: %s", name, error)
            if annotations.get(REASON) != str(error):
                self._annotate(name, Annotate.degraded(str(error)).annotations)

    def _take(self, node: Object, step: Step) -> None:
        name = node["metadata"]["name"]
        if isinstance(step, FirstBoot):
            self._first_boot(name)
        elif isinstance(step, Boot):
            annotations = node["metadata"]["annotations"]
            if REBOOTING in annotations or self._disruption(annotations[CURRENT], step.config) is Disruption.REBOOT:
                self._reboot(node, step)
            else:
                self._boot_with(name, step.config)
                self._annotate(name, step.annotations)
                log.info("%s takes up %s without a reboot", name, step.config)
        elif isinstance(step, Reboot):
            kubelet_conf(self._config(step.to))  # a configuration that cannot be read is found before the drain
            nothing = self._disruption(step.current, step.to) is Disruption.NONE
            self._annotate(name, Done(step.to).annotations if nothing else step.annotations)
        else:
            self._annotate(name, step.annotations)
        if isinstance(step, Done):
            log.info("%s is done with %s", name, step.config)

    def wait_for_pool(self) -> None:
        """Return when the first pool has rendered what a new node boots with."""
        while not self._pool_config():
            time.sleep(0.5)

    def _pool_config(self) -> str:
        pool = self._client.get(MACHINE_CONFIG_POOLS, FIRST_POOL) or {}
        return str(pool.get("spec", {}).get("configuration", {}).get("name", ""))

    def _first_boot(self, name: str) -> None:
        config = self._pool_config()
        self._boot_with(name, config)
        self._annotate(name, FirstBoot.annotations_for(config))
        log.info("%s booted first, with %s", name, config)

    def _reboot(self, node: Object, step: Boot) -> None:
        """Take the node down now, and bring it up again when the reboot time has passed."""
        name = node["metadata"]["name"]
        # What the watch told may be older than the end of a reboot: ask again before taking a node down.
        node = self._client.get(NODES, name) or node
        if next_step(node["metadata"].get("annotations") or {}) != step:
            return
        self._rebooting.add(name)
        try:
            self._annotate(name, {REBOOTING: step.config})
            conditions = [
                condition | {"status": "False", "reason": "KubeletNotReady", "message": "The node reboots."}
                if condition["type"] == "Ready"
                else condition
                for condition in node["status"].get("conditions", [])
            ]
            self._patch_status(name, {"conditions": conditions})
        except KubeError:
            self._rebooting.discard(name)
            raise
        log.info("%s reboots into %s", name, step.config)
        timer = threading.Timer(self._times.reboot_s(), self._come_up, (name, step))
        timer.daemon = True
        timer.start()

    def _come_up(self, name: str, step: Boot) -> None:
        while True:
            try:
                node = self._client.get(NODES, name) or {"metadata": {}}
                if NEVER_COMES_BACK in (node["metadata"].get("annotations") or {}):
                    log.info("%s does not come back", name)
                    self._rebooting.discard(name)
                    return
                self._boot_with(name, step.config)
                self._annotate(name, step.annotations)
                self._rebooting.discard(name)
                return
            except KubeError as error:
                log.warning("%s cannot come up yet: %s", name, error)
                time.sleep(1)

    def _boot_with(self, name: str, config: str) -> None:
        """Put a configuration on the node's disk and let its kubelet start with it."""
        text = kubelet_conf(self._config(config))
        directory = self._nodes_dir / name
        directory.mkdir(parents=True, exist_ok=True)
        new = directory / "kubelet.conf.new"
        new.write_text(text)
        new.rename(directory / "kubelet.conf")
        pods = str(max_pods(text))
        self._patch_status(name, {"capacity": {"pods": pods}, "allocatable": {"pods": pods}})

    def _disruption(self, current: str, to: str) -> Disruption:
        return disruption(self._config(current)["spec"], self._config(to)["spec"], published(self._client))

    def _config(self, name: str) -> Object:
        """A rendered MachineConfig; they never change, so each is read once."""
        if name not in self._configs:
            config = self._client.get(MACHINE_CONFIGS, name)
            if config is None:
                raise BadConfig(f'machineconfig.machineconfiguration.openshift.io "{name}" not found')
            self._configs[name] = config
        return self._configs[name]

    def _annotate(self, name: str, annotations: t.Mapping[str, str | None]) -> None:
        self._client.merge_patch(NODES, name, {"metadata": {"annotations": annotations}}, field_manager=FIELD_MANAGER)

    def _patch_status(self, name: str, status: Object) -> None:
        self._client.merge_patch(NODES, f"{name}/status", {"status": status}, field_manager=FIELD_MANAGER)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stand-in for the machine-config-daemon of every node.")
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--nodes-dir", required=True, type=Path)
    parser.add_argument("--times", required=True, type=Path)
    arguments = parser.parse_args()
    set_up_logging()
    client = KubeClient.connect({"kubeconfig": arguments.kubeconfig})
    daemons = Daemons(client, arguments.nodes_dir, Times(arguments.times))
    kubelets = KubeletPods(client)

    def handle(node: Object) -> None:
        kubelets.node_seen(node)
        daemons.handle(node)

    def follow_policies() -> None:
        follow(client, MACHINE_CONFIGURATIONS, lambda one: publish(client, one))

    threading.Thread(target=follow_policies, daemon=True).start()
    daemons.wait_for_pool()
    follow(client, NODES, handle)


if __name__ == "__main__":
    main()
