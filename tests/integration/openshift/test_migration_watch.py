# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains followed through the real virt-controller: what is recorded is what the API says, whatever happens."""

from __future__ import annotations

import json
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.lab.standins.vmi_protocol import FAILING_MIGRATIONS
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import KubeClient
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.feed import INSTANCES, MIGRATIONS
from ansible_collections.virtscale.tuning.plugins.module_utils._migration.times import Migration, facts_of_migration

from .conftest import CHECKOUT, LAB, Command
from .drill import Drill, Kubectl, machine_config

pytestmark = [pytest.mark.lab, pytest.mark.long]

POOL = "drill-vms"
VMS = 12
LOAD = (str(CHECKOUT / "lab/load"), "--kubeconfig", str(LAB / "kubeconfig"))
# virt-controller waits 20, 40, 80, 160 and 320 s between the attempts of one evacuation.
RUN_S = 1500


class Watch(Command):
    """The module migration_watch by itself, with a directory for its records that other runs share."""

    def __init__(self, directory: Path, artifacts: Path, migration_id: str) -> None:
        self.journal = artifacts / migration_id / "migrations.jsonl"
        options = {"pools": [POOL], "max_disrupted_share": 1, "migration_id": migration_id}
        module = ("--module-name", "virtscale.tuning.migration_watch", "--args", json.dumps(options))
        extra = ("--extra-vars", json.dumps({"virtscale_artifacts_dir": str(artifacts)}))
        command = ("ansible", "localhost", "--inventory", "localhost,", *module, *extra)
        super().__init__(directory, *command, K8S_AUTH_KUBECONFIG=str(LAB / "kubeconfig"))

    def wait_for_moved(self, number: int) -> None:
        """Return as soon as so many migrations have succeeded, as far as the journal says."""
        until = time.monotonic() + RUN_S
        while not self.journal.exists() or self.journal.read_text().count('"phase":"Succeeded"') < number:
            assert time.monotonic() < until, self.output[-4000:]
            time.sleep(0.2)

    def result(self) -> dict[str, t.Any]:
        """Return what the module returned."""
        failed = self.wait(RUN_S) != 0
        _head, arrow, answer = self.output.partition(" => ")
        assert arrow, self.output[-4000:]
        return {**json.loads(answer), "failed": failed}


@pytest.fixture(scope="module")
def drill(client: KubeClient, kubectl: Kubectl, untouched: dict[str, t.Any]) -> t.Iterator[Drill]:
    with Drill(client, kubectl, drill_vms=3) as drill:
        yield drill
    subprocess.run([*LOAD, "down"], check=True)


@pytest.fixture
def loaded(drill: Drill) -> None:
    """Machines on the nodes of the pool: those of an earlier test have left it."""
    subprocess.run([*LOAD, "down"], check=True)
    vms = f"rhel={VMS // 2},fedora={VMS // 4},windows={VMS // 4}"
    nodes = ",".join(drill.nodes[POOL])
    subprocess.run([*LOAD, "up", "--nodes", nodes, "--vms", vms, "--pods", "6", "--namespaces", "3"], check=True)


@pytest.fixture
def start(drill: Drill, loaded: None, tmp_path: Path) -> t.Iterator[t.Callable[[], Watch]]:
    """Hold the pool, give it something new, and start to roll it as often as one likes."""
    migration_id = tmp_path.name
    drill.hold(POOL, maxUnavailable=2)
    drill.kubectl.apply(machine_config("99-drill-vms", POOL, "/etc/drill-file", migration_id))
    started: list[Watch] = []

    def begin() -> Watch:
        directory = tmp_path / str(len(started))
        directory.mkdir()
        started.append(Watch(directory, tmp_path, migration_id))
        return started[-1]

    yield begin
    for one in started:
        one.kill()


def of_the_api(client: KubeClient, nodes: t.Sequence[str]) -> dict[str, list[Migration]]:
    """Return the migrations off these nodes as the cluster itself tells them, by machine."""
    found: dict[str, list[Migration]] = {}
    for item in client.list(MIGRATIONS).items:
        migration = Migration(item["metadata"]["uid"])
        migration.learn(facts_of_migration(item, None))
        if migration.source in nodes:
            found.setdefault(migration.vm, []).append(migration)
    return found


def check(client: KubeClient, drill: Drill, stats: dict[str, t.Any]) -> None:
    """Compare the statistics with the API's own timestamps, each machine and the sums."""
    known = of_the_api(client, drill.nodes[POOL])
    told = {vm["vm"]: vm for vm in stats["vms"]}
    assert set(told) == set(known)
    assert len(told) == len(stats["vms"]) == VMS
    for vm, migrations in known.items():
        for part in ("queued_s", "prepare_s", "run_s", "total_s"):
            assert told[vm][part] == sum(getattr(migration, part) for migration in migrations)
        assert told[vm]["moves"] == told[vm]["attempts"] == len(migrations)
        assert (told[vm]["outcome"], told[vm]["times"]) == ("succeeded", "api")
    total_s = sum(migration.total_s or 0 for migrations in known.values() for migration in migrations)
    assert stats["total"]["sum_s"] == total_s
    assert {name: entry["vms"] for name, entry in stats["by_os"].items()} == {"rhel": 6, "fedora": 3, "windows": 3}
    assert not any(limit["passed"] for limit in stats["limits"].values())
    assert all(limit["max_seen"] > 0 for limit in stats["limits"].values())
    assert (stats["restarted"], stats["not_running"], stats["failures"]) == ([], [], [])
    assert sorted(node["node"] for node in stats["nodes"]) == sorted(drill.nodes[POOL])
    assert sum(node["vms"] for node in stats["nodes"]) == sum(map(len, known.values()))


def test_a_killed_run_is_taken_over_with_every_machines_record(
    client: KubeClient, drill: Drill, start: t.Callable[[], Watch]
) -> None:
    first = start()
    first.wait_for_moved(3)
    first.kill()
    second = start().result()
    assert not second["failed"]
    check(client, drill, second["migrations"])


def test_a_restart_of_the_api_server_loses_no_machine(
    client: KubeClient, drill: Drill, start: t.Callable[[], Watch], restart_api_server: t.Callable[[], None]
) -> None:
    run = start()
    run.wait_for_moved(2)
    restart_api_server()
    result = run.result()
    assert not result["failed"]
    check(client, drill, result["migrations"])
    assert all(node["total_s"] for node in result["migrations"]["nodes"])


def test_a_machine_whose_migration_always_fails_is_named_and_the_next_run_finishes(
    client: KubeClient, drill: Drill, kubectl: Kubectl, start: t.Callable[[], Watch]
) -> None:
    ours = [item for item in client.list(INSTANCES).items if item["status"].get("nodeName") in drill.nodes[POOL]]
    meta = ours[0]["metadata"]
    vm = ("vmi", meta["name"], "--namespace", meta["namespace"])
    kubectl("annotate", *vm, f"{FAILING_MIGRATIONS}=5")
    failed = start().result()
    assert failed["failed"]
    name, node = f"{meta['namespace']}/{meta['name']}", ours[0]["status"]["nodeName"]
    assert failed["msg"].startswith(
        f"VM {name} cannot leave node {node}: 5 live migrations failed one after the other, the last one with: "
    )
    result = start().result()
    assert not result["failed"]
    (failure,) = result["migrations"]["failures"]
    assert (failure["vm"], failure["failed"], failure["attempts"], failure["moved_at_last"]) == (name, 5, 6, True)
    assert (result["migrations"]["retries"], result["migrations"]["totals"]["vms_moved"]) == (5, VMS)
