# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts virtual machines and pods on the lab, or takes them away.

    lab/load up --zone-nodes 34 --vms rhel=400,fedora=400,windows=200 --pods 7000
    lab/load status
    lab/load down

``up`` again creates what is missing and waits until all of it runs.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import time
import typing as t
from pathlib import Path

from ansible_collections.virtscale.tuning.lab.load_objects import MARK, deployments, namespaces, virtual_machines
from ansible_collections.virtscale.tuning.lab.standins.lab_client import (
    DEPLOYMENTS,
    NAMESPACES,
    VIRTUAL_MACHINES,
    VMIS,
    LabClient,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._cluster.virtual_machines import operating_system
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import NODES, KubeError, Object, Resource

SELECTOR = f"{MARK}=true"
LOOK_S = 5.0


class Failed(Exception):
    """The message is for the person."""


def main() -> int:
    arguments = parse(sys.argv[1:])
    client = LabClient.connect({"kubeconfig": str(arguments.kubeconfig)}, max_connections=16)
    try:
        return int(arguments.run(client, arguments) or 0)
    except (KubeError, Failed) as error:
        print(error, file=sys.stderr)
        return 1


def parse(words: t.Sequence[str]) -> argparse.Namespace:
    """The command line."""
    cache = Path(os.environ.get("VIRTSCALE_CACHE", "/var/cache/virtscale"))
    parser = argparse.ArgumentParser(prog="lab/load", description="Put virtual machines and pods on the lab.")
    parser.add_argument("--kubeconfig", type=Path, default=cache / "lab/kubeconfig")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds until it gives up (%(default)s)")
    verbs = parser.add_subparsers(required=True)
    create = verbs.add_parser("up", help="create what is missing, and wait until all of it runs")
    where = create.add_mutually_exclusive_group(required=True)
    where.add_argument("--zone-nodes", type=int, metavar="N", help="on the first N workers")
    where.add_argument("--nodes", metavar="NAME,...", help="on these nodes")
    where.add_argument("--selector", metavar="LABELS", help="on the nodes with these labels")
    create.add_argument("--vms", type=systems, default={}, metavar="SYSTEM=N,...", help="such as rhel=400,fedora=400")
    create.add_argument("--pods", type=int, default=0, metavar="N")
    create.add_argument("--namespaces", type=int, default=20, metavar="N", help="to spread them over (%(default)s)")
    create.set_defaults(run=up)
    verbs.add_parser("status", help="say what there is").set_defaults(run=status)
    verbs.add_parser("down", help="remove it, and wait until it is gone").set_defaults(run=down)
    return parser.parse_args(words)


def systems(text: str) -> dict[str, int]:
    """Counts by operating system: ``rhel=400,fedora=400``."""
    found = {}
    for part in text.split(","):
        system, equals, count = part.partition("=")
        if not system.isalpha() or not equals or not count.isdigit():
            raise argparse.ArgumentTypeError(f"{part!r} is not SYSTEM=NUMBER, such as rhel=400")
        found[system] = int(count)
    return found


def up(client: LabClient, arguments: argparse.Namespace) -> None:
    """Create what is missing and wait."""
    nodes = chosen_nodes(client, arguments)
    machines = virtual_machines(arguments.vms, nodes, arguments.namespaces)
    services = deployments(arguments.pods, nodes, arguments.namespaces)
    create_missing(client, NAMESPACES, namespaces(arguments.namespaces))
    create_missing(client, DEPLOYMENTS, services)
    create_missing(client, VIRTUAL_MACHINES, machines)
    until = time.monotonic() + arguments.timeout
    while not progress(client, nodes, len(machines), arguments.pods):
        if time.monotonic() > until:
            raise Failed(f"Not all of it runs after {arguments.timeout:.0f} s.")
        time.sleep(LOOK_S)


def chosen_nodes(client: LabClient, arguments: argparse.Namespace) -> list[str]:
    """The nodes that are to carry the load."""
    there = sorted(node["metadata"]["name"] for node in client.list(NODES, label_selector=arguments.selector).items)
    if arguments.nodes:
        wanted = arguments.nodes.split(",")
        unknown = sorted(set(wanted) - set(there))
        if unknown:
            raise Failed(f"There is no node {', '.join(unknown)}.")
        return wanted
    chosen = there[: arguments.zone_nodes]
    if not chosen or len(chosen) < (arguments.zone_nodes or 0):
        raise Failed(f"Only {len(there)} nodes were found.")
    return chosen


def create_missing(client: LabClient, resource: Resource, bodies: t.Sequence[Object]) -> None:
    """Create objects, but those that exist."""

    def create(body: Object) -> bool:
        try:
            client.create(resource, body)
        except KubeError as error:
            if error.status != 409:
                raise
            return False
        return True

    created = sum(client.for_each(create, bodies))
    print(f"{resource.plural}: {created} created, {len(bodies) - created} were there", flush=True)


def progress(client: LabClient, nodes: t.Collection[str], machines: int, pods: int) -> bool:
    """Say how far it is; returns whether all of it runs."""
    phases, at_home = count_machines(client, nodes)
    ready = ready_pods(client)
    others = ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items()) if phase != "Running")
    print(
        f"{phases['Running']} of {machines} virtual machines run, {at_home} of them on the chosen nodes"
        f"{f' ({others})' if others else ''}; {ready} of {pods} pods",
        flush=True,
    )
    return phases["Running"] >= machines and ready >= pods


def count_machines(client: LabClient, nodes: t.Collection[str]) -> tuple[t.Counter[str], int]:
    """Virtual machines by phase, and how many run on these nodes."""
    phases: t.Counter[str] = collections.Counter()
    at_home = 0
    for vmi in client.list(VMIS, label_selector=SELECTOR).items:
        state = vmi.get("status", {})
        phases[state.get("phase", "Pending")] += 1
        at_home += state.get("phase") == "Running" and state.get("nodeName") in nodes
    return phases, at_home


def ready_pods(client: LabClient) -> int:
    """How many pods of the load's Deployments are ready."""
    found = client.list(DEPLOYMENTS, label_selector=SELECTOR).items
    return sum(item.get("status", {}).get("readyReplicas", 0) for item in found)


def status(client: LabClient, _arguments: argparse.Namespace) -> None:
    """Say what there is."""
    table: dict[str, t.Counter[str]] = collections.defaultdict(collections.Counter)
    nodes: t.Counter[str] = collections.Counter()
    for vmi in client.list(VMIS, label_selector=SELECTOR).items:
        state = vmi.get("status", {})
        table[operating_system(vmi)][state.get("phase", "Pending")] += 1
        nodes[state.get("nodeName", "")] += 1
    for system, phases in sorted(table.items()):
        print(f"{system}: " + ", ".join(f"{count} {phase}" for phase, count in sorted(phases.items())))
    placed = [count for node, count in nodes.items() if node]
    if placed:
        print(f"on {len(placed)} nodes, {min(placed)} to {max(placed)} on each")
    print(f"{ready_pods(client)} pods")


def down(client: LabClient, arguments: argparse.Namespace) -> None:
    """Remove the load."""
    until = time.monotonic() + arguments.timeout

    def delete(item: Object) -> None:
        try:
            client.delete(NAMESPACES, item["metadata"]["name"])
        except KubeError as error:
            if error.status not in (404, 409):
                raise

    while True:
        left = client.list(NAMESPACES, label_selector=SELECTOR).items
        if not left:
            return
        client.for_each(delete, [item for item in left if "deletionTimestamp" not in item["metadata"]])
        print(f"{len(left)} namespaces left", flush=True)
        if time.monotonic() > until:
            raise Failed(f"Not all of it is gone after {arguments.timeout:.0f} s.")
        time.sleep(LOOK_S)


if __name__ == "__main__":
    sys.exit(main())
